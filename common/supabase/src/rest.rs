//! Sends requests to PostgREST with the project's key and a timeout, and classifies failures.

use std::{sync::Arc, time::Duration};

use ports::SecretSource;
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::project::Project;

/// Attempts of an idempotent request.
const TRIES: u32 = 2;

/// Why a request failed.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The data violates a rule of the table; a retry would fail too.
    #[error("{0}")]
    Refused(String),
    /// Any other failure: no answer, a refused key, a missing table.
    #[error("{0}")]
    Unavailable(String),
}

/// What a request does.
pub(crate) enum RequestKind<'a> {
    /// Reads rows.
    Read,
    /// Inserts rows or replaces existing ones; the body is a JSON array.
    Upsert(&'a str),
}

/// PostgREST's error body.
#[derive(Deserialize, Default)]
struct ErrorBody {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// The REST interface of the project that the secrets name.
pub(crate) struct Rest {
    secrets: Arc<dyn SecretSource>,
    /// Locked while the secrets are read, so that they are read once.
    project: Mutex<Option<Arc<Project>>>,
}

impl Rest {
    pub(crate) fn new(secrets: Arc<dyn SecretSource>) -> Self {
        Self { secrets, project: Mutex::new(None) }
    }

    /// Sends an idempotent request and returns the text of the answer.
    ///
    /// A transient failure (no answer, 502 to 504) is retried once. A refused key is read again
    /// once, because it may have been changed.
    pub(crate) async fn send(
        &self,
        ask: &RequestKind<'_>,
        table: &str,
        query: &str,
        timeout: Duration,
    ) -> Result<String, Failure> {
        let mut project = self.project().await?;
        let mut renewed = false;
        let mut tries = 1;
        loop {
            match exchange(&project, ask, table, query, timeout).await {
                Ok(text) => return Ok(text),
                Err((Some(StatusCode::UNAUTHORIZED), failure)) if !renewed => {
                    project = self.renewed(&project).await?.ok_or(failure)?;
                    renewed = true;
                }
                Err((status, _)) if tries < TRIES && is_passing(status) => tries += 1,
                Err((_, failure)) => return Err(failure),
            }
        }
    }

    async fn project(&self) -> Result<Arc<Project>, Failure> {
        let mut known = self.project.lock().await;
        if let Some(project) = known.as_ref() {
            return Ok(project.clone());
        }
        let project = Arc::new(self.read_project().await?);
        *known = Some(project.clone());
        Ok(project)
    }

    /// The project that the secrets name now; `None` if they have not changed since `refused` was
    /// read.
    async fn renewed(&self, refused: &Project) -> Result<Option<Arc<Project>>, Failure> {
        let mut known = self.project.lock().await;
        if let Some(project) = known.as_ref().filter(|project| !project.is(refused)) {
            return Ok(Some(project.clone()));
        }
        let project = Arc::new(self.read_project().await?);
        let changed = !project.is(refused);
        *known = Some(project.clone());
        Ok(changed.then_some(project))
    }

    async fn read_project(&self) -> Result<Project, Failure> {
        let unset = || Failure::Unavailable("the secret `supabase_url` is not set".into());
        Project::read(self.secrets.as_ref()).await?.ok_or_else(unset)
    }
}

/// Whether an immediate retry may succeed. 429 is excluded, because a retry would make it worse.
fn is_passing(status: Option<StatusCode>) -> bool {
    matches!(
        status,
        None | Some(
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        )
    )
}

async fn exchange(
    project: &Project,
    ask: &RequestKind<'_>,
    table: &str,
    query: &str,
    timeout: Duration,
) -> Result<String, (Option<StatusCode>, Failure)> {
    let url = project.table(table, query);
    let request = match ask {
        RequestKind::Read => project.client().get(url),
        RequestKind::Upsert(rows) => project
            .client()
            .post(url)
            .header("content-type", "application/json")
            .header("prefer", "resolution=merge-duplicates,return=minimal")
            .body((*rows).to_owned()),
    };
    let unanswered = |error: reqwest::Error| {
        (
            None,
            Failure::Unavailable(format!(
                "{table} was not answered: {}",
                reason(&error.without_url())
            )),
        )
    };
    let answer: Response = request.timeout(timeout).send().await.map_err(unanswered)?;
    let status = answer.status();
    let text = answer.text().await.map_err(unanswered)?;
    if status.is_success() { Ok(text) } else { Err((Some(status), failure(status, table, &text))) }
}

/// An error with its causes; the outer one alone only says that sending failed.
fn reason(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Classifies an error answer. Only SQLSTATE classes 22 (data exception) and 23 (integrity
/// constraint) concern the rows; a missing table or column also gives 400 or 404, and the rows must
/// not be dropped for it.
fn failure(status: StatusCode, table: &str, text: &str) -> Failure {
    let ErrorBody { code, message } = serde_json::from_str(text).unwrap_or_default();
    let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
    let said = format!("{table} answered {} {code} {message}", status.as_u16());
    let about_data = code.len() == 5 && (code.starts_with("22") || code.starts_with("23"));
    if status.is_client_error() && about_data {
        Failure::Refused(said)
    } else {
        Failure::Unavailable(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, code: &str, refused: bool) {
        let text = format!(r#"{{"code":"{code}","message":"why","details":null,"hint":null}}"#);
        let found = failure(StatusCode::from_u16(status).unwrap(), "ai_usage", &text);
        assert_eq!(matches!(found, Failure::Refused(_)), refused, "{status} {code}: {found:?}");
    }

    #[test]
    fn only_row_errors_count_as_refusals() {
        check(400, "23514", true);
        check(409, "23505", true);
        check(400, "22P02", true);
        check(400, "42703", false);
        check(404, "PGRST205", false);
        check(401, "PGRST301", false);
        check(500, "23514", false);
        check(503, "", false);
    }
}
