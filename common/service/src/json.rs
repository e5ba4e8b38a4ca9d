//! Request bodies and query strings, with errors that name the field and the remedy.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::Problem;

/// A JSON body. Unknown fields are refused where the type says so.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                let detail = "the body is larger than this route takes: send less, or in parts";
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
            } else {
                Problem::new(
                    StatusCode::BAD_REQUEST,
                    "unreadable_body",
                    "the body could not be read to its end",
                )
            }
        })?;
        parse(&body).map(Self)
    }
}

/// Reads a body; see [`Json`].
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // serde would accept an array for a struct, field by field.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::invalid_field("body", "the body must be a JSON object, not a list"));
    }
    // Tracking the path of an error costs more than parsing, so only an invalid body is parsed that
    // way.
    if let Ok(parsed) = serde_json::from_slice(body) {
        return Ok(parsed);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        match cause.classify() {
            serde_json::error::Category::Data => data_problem(&path, &cause.to_string()),
            serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof
            | serde_json::error::Category::Io => malformed(&cause),
        }
    })?;
    deserializer.end().map_err(|cause| malformed(&cause))?;
    Ok(parsed)
}

pub fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        data_problem(&path, &error.into_inner().to_string())
    })
}

fn malformed(cause: &serde_json::Error) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_json",
        format!("the body is not JSON: {cause}"),
    )
}

/// The problem for a value of the wrong shape; serde's message names the field and the expected
/// type.
fn data_problem(path: &str, cause: &str) -> Problem {
    // serde reports an unknown field only in its message: "unknown field `x`, expected …".
    if let Some(field) =
        cause.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next())
    {
        let detail = format!("{cause}; remove it or correct its name");
        return Problem::new(StatusCode::BAD_REQUEST, "unknown_field", detail).with("field", field);
    }
    let field = cause
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next())
        .unwrap_or(path);
    Problem::invalid_field(field, cause)
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A query string.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|query| Self(query.0))
            .map_err(|rejection| Problem::invalid_field("query", rejection.body_text()))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(rename = "n")]
        _n: u32,
    }

    fn check(body: &str, code: &str, field: Option<&str>) {
        let problem = parse::<Body>(body.as_bytes()).unwrap_err();
        let named = problem.fields.get("field").and_then(|field| field.as_str());
        assert_eq!((problem.code.as_str(), named), (code, field), "{body}: {}", problem.detail);
    }

    #[test]
    fn a_bad_body_names_the_field_and_fault() {
        check("{", "malformed_json", None);
        check("{} x", "invalid_field", Some("n"));
        check("{\"n\": 1} x", "malformed_json", None);
        check("{\"n\": 1, \"m\": 2}", "unknown_field", Some("m"));
        check("{\"n\": \"one\"}", "invalid_field", Some("n"));
        check("{\"n\": -1}", "invalid_field", Some("n"));
        check("{}", "invalid_field", Some("n"));
        check("[]", "invalid_field", Some("body"));
        check(" [1]", "invalid_field", Some("body"));
    }
}
