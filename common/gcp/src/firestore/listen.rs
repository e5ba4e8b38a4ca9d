//! Follows a query across reconnects: what matches now, then each change.
//!
//! Google closes listen streams from time to time. The stream is then opened again and reports
//! everything again; documents that were already delivered in the same version are skipped.

use std::{cmp::Ordering, collections::HashMap, time::Duration};

use domain::backoff::{Backoff, jitter};
use futures::{Stream, channel::mpsc, stream};
use gcloud_sdk::google::firestore::v1::{
    ListenRequest, ListenResponse, Target, listen_request, listen_response::ResponseType, target,
    target_change::TargetChangeType,
};
use ports::{
    Document, Key, Query, StoreError, Version,
    documents::{Batch, Direction},
};
use rand::RngExt as _;
use tonic::{Code, Status, Streaming};

use super::{connection::Connection, failure, query};

/// The id of the only target of each stream.
const TARGET: i32 = 1;
/// Consecutive connections without any answer after which the watcher gets an error.
const TRIES: u32 = 5;
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(200), longest: Duration::from_millis(1_600) };
/// The longest wait for the end of a listen that was closed.
const GOODBYE: Duration = Duration::from_secs(5);

/// Follows `query`.
pub(super) fn watch(
    connection: Connection,
    query: Query,
) -> impl Stream<Item = Batch> + Send + 'static {
    let follower =
        Follower { connection, query, seen: HashMap::new(), opened: None, told: false, failed: 0 };
    stream::unfold(Some(follower), |follower| async move {
        let mut follower = follower?;
        match follower.next().await {
            Ok(batch) => Some((Ok(batch), Some(follower))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

struct Follower {
    connection: Connection,
    query: Query,
    /// The latest delivered version of each document, because the emulator and every new connection
    /// report all documents again.
    seen: HashMap<String, Version>,
    opened: Option<Opened>,
    /// Whether the first batch was delivered.
    told: bool,
    failed: u32,
}

struct Opened {
    answers: Answers,
    /// Whether this connection has reported everything that matched when it was opened.
    current: bool,
    first: Vec<Document>,
    /// Whether a query for writes during the opening of this connection was made.
    checked: bool,
}

/// A stream of answers that is closed properly: on the emulator, a listen that is just cut off
/// makes another client's next commit fail.
struct Answers {
    stream: Option<Streaming<ListenResponse>>,
    /// Kept open, because Google ends a listen whose request stream ends.
    requests: mpsc::Sender<ListenRequest>,
    database: String,
    is_emulator: bool,
}

impl Drop for Answers {
    fn drop(&mut self) {
        let (Some(mut stream), Ok(runtime)) =
            (self.stream.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (mut requests, database) = (self.requests.clone(), std::mem::take(&mut self.database));
        let is_emulator = self.is_emulator;
        let goodbye = async move {
            let target_change = Some(listen_request::TargetChange::RemoveTarget(TARGET));
            let removed = requests.try_send(ListenRequest {
                database,
                target_change,
                ..ListenRequest::default()
            });
            while removed.is_ok() {
                match stream.message().await {
                    Ok(Some(answer)) if is_removal(&answer) => break,
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return,
                }
            }
            if !is_emulator {
                requests.close_channel();
            }
            while let Ok(Some(_)) = stream.message().await {}
        };
        // The emulator loses a change for other listeners when a stream is closed at that moment,
        // so there a stream without a target stays open until the process ends.
        let patience = if is_emulator { Duration::MAX } else { GOODBYE };
        runtime.spawn(tokio::time::timeout(patience, goodbye));
    }
}

fn is_removal(answer: &ListenResponse) -> bool {
    match &answer.response_type {
        Some(ResponseType::TargetChange(change)) => {
            change.target_change_type() == TargetChangeType::Remove
        }
        _ => false,
    }
}

impl Follower {
    async fn next(&mut self) -> Batch {
        loop {
            match self.step().await {
                Ok(Some(batch)) => return Ok(batch),
                Ok(None) => {}
                Err(status) => self.failed(&status).await?,
            }
        }
    }

    /// Handles one answer; `None` if there is nothing to deliver.
    async fn step(&mut self) -> Result<Option<Vec<Document>>, Status> {
        let opened = match &mut self.opened {
            Some(opened) => opened,
            closed @ None => closed.insert(open(&self.connection, &self.query).await?),
        };
        let stream =
            opened.answers.stream.as_mut().ok_or_else(|| Status::internal("the listen is over"))?;
        let answer =
            stream.message().await?.ok_or_else(|| Status::unavailable("the listen ended"))?;
        match answer.response_type {
            Some(ResponseType::TargetChange(change)) => match change.target_change_type() {
                TargetChangeType::Current => {
                    opened.current = true;
                    let mut matching = std::mem::take(&mut opened.first);
                    if self.connection.is_emulator()
                        && !std::mem::replace(&mut opened.checked, true)
                    {
                        matching = everything(&self.connection, &self.query).await?;
                    }
                    self.failed = 0;
                    Ok(self.hand_out_first(matching))
                }
                TargetChangeType::Remove => {
                    let cause = change.cause.map_or_else(String::new, |cause| cause.message);
                    Err(Status::unavailable(format!("the listen was removed: {cause}")))
                }
                // All matches follow again, then the state `current`: the emulator does this at
                // every change.
                TargetChangeType::Reset => {
                    opened.current = false;
                    opened.first.clear();
                    Ok(None)
                }
                TargetChangeType::NoChange | TargetChangeType::Add => Ok(None),
            },
            Some(ResponseType::DocumentChange(change)) if change.target_ids.contains(&TARGET) => {
                let document = change
                    .document
                    .ok_or_else(|| Status::data_loss("a change without its document"))?;
                let document = self.connection.document(document)?;
                if opened.current {
                    return Ok(self.hand_out(vec![document]));
                }
                opened.first.push(document);
                Ok(None)
            }
            Some(
                ResponseType::DocumentChange(_)
                | ResponseType::DocumentDelete(_)
                | ResponseType::DocumentRemove(_)
                | ResponseType::Filter(_),
            )
            | None => Ok(None),
        }
    }

    /// The first batch has the query's order, page and limit; after a reconnect only new documents
    /// are delivered.
    fn hand_out_first(&mut self, mut matching: Vec<Document>) -> Option<Vec<Document>> {
        matching.sort_by(|a, b| compare(&self.query, a, b));
        let fresh = self.hand_out(matching);
        if self.told {
            return fresh;
        }
        self.told = true;
        let mut first = fresh.unwrap_or_default();
        if let Some(after) = &self.query.after {
            let behind = first
                .iter()
                .position(|document| document.key.id == after.id)
                .map_or(0, |at| at + 1);
            first.drain(..behind);
        }
        first.truncate(self.query.limit);
        Some(first)
    }

    fn hand_out(&mut self, documents: Vec<Document>) -> Option<Vec<Document>> {
        let is_new = |document: &Document| {
            let latest = self.seen.entry(document.key.id.clone()).or_insert(Version(0));
            std::mem::replace(latest, document.version.max(*latest)) < document.version
        };
        let fresh: Vec<Document> = documents.into_iter().filter(is_new).collect();
        (!fresh.is_empty()).then_some(fresh)
    }

    /// Waits before the next connection, or returns the error.
    async fn failed(&mut self, status: &Status) -> Result<(), StoreError> {
        self.opened = None;
        self.failed += 1;
        let is_hopeless = matches!(
            status.code(),
            Code::InvalidArgument | Code::PermissionDenied | Code::NotFound
        );
        if is_hopeless || self.failed >= TRIES {
            return Err(failure(&Key::new(&self.query.collection, ""), status));
        }
        tracing::debug!(%status, "a listen is opened again");
        let longest = BACKOFF.ceiling(self.failed);
        let pause = jitter(longest / 2, longest, |range| rand::rng().random_range(range));
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

async fn open(connection: &Connection, query: &Query) -> Result<Opened, Status> {
    let select = query::select(connection, query)
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    let (parent, _) = connection.parent(&query.collection);
    let target = target::QueryTarget {
        parent,
        query_type: Some(target::query_target::QueryType::StructuredQuery(select)),
    };
    let request = ListenRequest {
        database: connection.database(),
        target_change: Some(listen_request::TargetChange::AddTarget(Target {
            target_id: TARGET,
            target_type: Some(target::TargetType::Query(target)),
            ..Target::default()
        })),
        ..ListenRequest::default()
    };
    let (mut requests, outgoing) = mpsc::channel(2);
    requests
        .try_send(request)
        .map_err(|_| Status::internal("the listen's own channel is closed"))?;
    let answers = connection.listener().await?.listen(outgoing).await?.into_inner();
    Ok(Opened {
        answers: Answers {
            stream: Some(answers),
            requests,
            database: connection.database(),
            is_emulator: connection.is_emulator(),
        },
        current: false,
        first: Vec::new(),
        checked: false,
    })
}

/// All current matches. The emulator registers a new listener only after it has read its first
/// answers, so writes in between reach neither (Firestore has no such gap).
async fn everything(connection: &Connection, query: &Query) -> Result<Vec<Document>, Status> {
    let request = query::everything(connection, query)
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    connection.query(&request).await.map_err(|error| Status::unavailable(error.to_string()))
}

/// Compares by the query's field, then by id, in the query's direction.
fn compare(query: &Query, a: &Document, b: &Document) -> Ordering {
    let by_id = a.key.id.cmp(&b.key.id);
    let Some((field, direction)) = &query.order else { return by_id };
    let (left, right) = (a.body.get(field), b.body.get(field));
    let by_value =
        match (left.and_then(serde_json::Value::as_i64), right.and_then(serde_json::Value::as_i64))
        {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => left
                .and_then(serde_json::Value::as_str)
                .cmp(&right.and_then(serde_json::Value::as_str)),
        };
    match direction {
        Direction::Ascending => by_value.then(by_id),
        Direction::Descending => by_value.then(by_id).reverse(),
    }
}
