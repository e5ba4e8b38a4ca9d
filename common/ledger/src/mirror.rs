//! Copies settled calls to the usage mirror, off the request path, each at least once.
//!
//! Every commit that books a call's money also sets its `mirror_at`; a pass sends what is due and
//! removes the mark under the version it sent. So a call corrected meanwhile keeps its new mark, an
//! outage leaves every mark in place, and a wrong clock cannot cause a call to be skipped, as it
//! could with a cursor over times.

use domain::{CallId, Time, budget::CallState, usage::Usage};
use ports::{
    Document, MirrorError, Precondition, Query, StoreError, UsageMirror, UsageRow, Version, Write,
    documents::{Comparison, Direction},
};

use super::Ledger;
use crate::{
    documents::{CallDoc, call_key},
    error::Result,
};

/// Rows sent in one batch, and marks taken away in one commit.
const PAGE: usize = 200;
/// The most one pass looks at: it shares a request of five minutes with the sweep, and a batch may
/// take ten seconds.
const MOST_PAGES: usize = 20;
/// A call that the mirror refuses is offered again after this long; the refusal is in the log.
const REFUSED_FOR_SECONDS: i64 = 24 * 3600;

/// What a pass did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Mirrored {
    /// Calls that the mirror holds as they are now.
    pub calls: usize,
    /// Calls that it refused; each is in the log, and offered again in a day.
    pub refused: usize,
}

impl Ledger {
    /// Sends the calls that were settled or corrected since they were last sent, oldest first,
    /// 4,000 at most.
    ///
    /// When the mirror is unavailable the pass ends with [`Error::Unavailable`](crate::Error) and
    /// the next one goes on where it was.
    pub async fn mirror_usage(&self, mirror: &dyn UsageMirror) -> Result<Mirrored> {
        let mut mirrored = Mirrored::default();
        if !mirror.is_on().await? {
            return Ok(mirrored);
        }
        let mut query = Query::collection("calls")
            .filter("mirror_at", Comparison::LessOrEqual, self.ports.clock.now().to_string())
            .order("mirror_at", Direction::Ascending)
            .limit(PAGE);
        for _ in 0..MOST_PAGES {
            let page = self.ports.documents.query(&query).await?;
            self.mirror_page(mirror, &page, &mut mirrored).await?;
            let Some(next) = query.next_page(&page) else { break };
            query = next;
        }
        Ok(mirrored)
    }

    async fn mirror_page(
        &self,
        mirror: &dyn UsageMirror,
        page: &[Document],
        mirrored: &mut Mirrored,
    ) -> Result<()> {
        let later = self.ports.clock.now().plus_seconds(REFUSED_FOR_SECONDS);
        let mut marks = Vec::with_capacity(page.len());
        let mut rows = Vec::with_capacity(page.len());
        for document in page {
            match row(document) {
                Ok(row) => rows.push(row),
                Err(reason) => {
                    tracing::error!(call.id = %document.key.id, %reason, "call {} cannot be mirrored", document.key.id);
                    let write =
                        Write::merge(document.key.clone(), Precondition::Version(document.version));
                    marks.push(write.set("mirror_at", later.to_string()));
                    mirrored.refused += 1;
                }
            }
        }
        let sent = send(mirror, &rows, later, &mut marks, mirrored).await;
        // Accepted rows are marked even when the rest could not be sent.
        self.commit_marks(marks).await?;
        Ok(sent?)
    }

    /// Commits marks, each for itself if a call was changed meanwhile: that one will be sent again.
    async fn commit_marks(&self, marks: Vec<Write>) -> Result<()> {
        if marks.is_empty() {
            return Ok(());
        }
        match self.ports.documents.commit(marks.clone()).await {
            Err(StoreError::Conflict(_)) => {}
            done => return Ok(done.map(|_| ())?),
        }
        for mark in marks {
            match self.ports.documents.commit(vec![mark]).await {
                Ok(_) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Sends rows, and notes for each what becomes of its mark. A refused batch is halved until the row
/// at fault is alone.
async fn send(
    mirror: &dyn UsageMirror,
    rows: &[UsageRow],
    later: Time,
    marks: &mut Vec<Write>,
    mirrored: &mut Mirrored,
) -> std::result::Result<(), MirrorError> {
    let mut parts = if rows.is_empty() { Vec::new() } else { vec![rows] };
    while let Some(part) = parts.pop() {
        match (mirror.upsert(part).await, part) {
            (Ok(()), _) => {
                marks.extend(part.iter().map(|row| mark(row).unset("mirror_at")));
                mirrored.calls += part.len();
            }
            (Err(MirrorError::Refused(reason)), [row]) => {
                tracing::error!(call.id = %row.call_id, %reason, "the usage mirror refused call {}", row.call_id);
                marks.push(mark(row).set("mirror_at", later.to_string()));
                mirrored.refused += 1;
            }
            (Err(MirrorError::Refused(_)), _) => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
            (Err(error @ MirrorError::Unavailable(_)), _) => return Err(error),
        }
    }
    Ok(())
}

/// A change of the very state that a row was made from.
fn mark(row: &UsageRow) -> Write {
    Write::merge(call_key(&row.call_id), Precondition::Version(Version(row.revision)))
}

fn row(document: &Document) -> std::result::Result<UsageRow, String> {
    let call: CallDoc = document.read().map_err(|error| error.to_string())?;
    if call.state == CallState::Reserved {
        return Err("it is not settled".into());
    }
    let mut usage = Usage::default();
    for part in call.attempts.iter().filter_map(|attempt| attempt.usage) {
        usage.input += part.input;
        usage.cached_input += part.cached_input;
        usage.cache_write += part.cache_write;
        usage.output += part.output;
        usage.reasoning += part.reasoning;
        usage.searches += part.searches;
    }
    Ok(UsageRow {
        call_id: CallId::new(document.key.id.clone()).map_err(|error| error.to_string())?,
        business: call.business,
        task: call.task,
        task_type: call.task_type,
        state: call.state,
        model: call.model_used,
        day: call.period.day,
        cost: call.charged,
        usage,
        fallback_used: call.fallback_used,
        latency_ms: call.latency_ms,
        price_version: call.price_version,
        called_at: call.created_at,
        revision: document.version.0,
    })
}
