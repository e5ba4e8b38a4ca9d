//! The thread that writes: everything that waits shares one transaction, and so one fsync.

use std::{
    iter,
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use ports::StoreError;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::unavailable;

/// The most jobs in one transaction, so that a long queue does not delay its first answer.
const GROUP: usize = 256;

/// Does its work in a transaction that others share, and returns how to answer once the fate of that is known.
type Job = Box<dyn FnOnce(Result<&mut Transaction<'_>, StoreError>) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), StoreError>)>;

/// The way to the writing thread, which ends when this is dropped.
pub(super) struct Writer {
    queue: Sender<Job>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel();
        thread::Builder::new().name("store-writer".into()).spawn(move || run(connection, &jobs))?;
        Ok(Self { queue })
    }

    /// Runs `work` in the next transaction. When it succeeded, `ended` is told whether that is on disk (or nobody knows)
    /// before the answer is sent: on the writing thread, so that a caller who has stopped waiting cannot prevent it.
    pub(super) async fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        ended: impl FnOnce(&T, bool) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let outcome = transaction.and_then(|transaction| in_savepoint(transaction, work));
            Box::new(move |durable| {
                let outcome = outcome.and_then(|value| {
                    ended(&value, durable.is_ok());
                    durable.map(|()| value)
                });
                // Nobody listens any more when the caller gave up; the work is done all the same.
                let _ = sender.send(outcome);
            })
        });
        let ended = || StoreError::Unavailable("the writing thread has ended".into());
        self.queue.send(job).map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

fn run(mut connection: Connection, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let group = iter::once(first).chain(jobs.try_iter()).take(GROUP);
        commit_group(&mut connection, group);
    }
}

fn commit_group(connection: &mut Connection, mut jobs: impl Iterator<Item = Job>) {
    let mut transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => {
            let error = unavailable(error);
            return jobs.for_each(|job| job(Err(error.clone()))(Ok(())));
        }
    };
    let mut answers = Vec::new();
    let mut durable = Ok(());
    for job in jobs.by_ref() {
        answers.push(job(Ok(&mut transaction)));
        // SQLite undoes a whole transaction by itself when the disk is full or fails. What came before is lost, and
        // what still waits takes the next transaction.
        if transaction.is_autocommit() {
            durable = Err(StoreError::Unavailable("the transaction was undone: the disk is full or fails".into()));
            break;
        }
    }
    let durable = durable.and_then(|()| transaction.commit().map_err(unavailable));
    for answer in answers {
        answer(durable.clone());
    }
}

/// Runs `work` so that its failure undoes its own changes and no others.
fn in_savepoint<T>(
    transaction: &mut Transaction<'_>,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let savepoint = transaction.savepoint().map_err(unavailable)?;
    let value = work(&savepoint)?;
    savepoint.commit().map_err(unavailable)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (x INTEGER UNIQUE)").unwrap();
        Writer::start(connection).unwrap()
    }

    async fn insert(writer: &Writer, x: i64) -> Result<(), StoreError> {
        let work = move |connection: &Connection| {
            connection.execute("INSERT INTO t VALUES (?)", [x]).map_err(unavailable).map(|_| ())
        };
        writer.submit(work, |(), _| {}).await
    }

    async fn count(writer: &Writer) -> i64 {
        let count = |connection: &Connection| {
            connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).map_err(unavailable)
        };
        writer.submit(count, |_, _| {}).await.unwrap()
    }

    #[tokio::test]
    async fn a_failing_job_does_not_fail_the_others_of_its_group() {
        let writer = writer();
        let outcomes = futures::future::join_all([1, 2, 1, 3].map(|x| insert(&writer, x))).await;
        assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, true]);
        assert_eq!(count(&writer).await, 3);
    }

    #[tokio::test]
    async fn a_transaction_that_sqlite_undid_is_no_success() {
        let writer = writer();
        // The way SQLite behaves on a full disk, brought about by hand.
        let undo = |connection: &Connection| connection.execute_batch("ROLLBACK").map_err(unavailable);
        let (first, undone) = futures::future::join(insert(&writer, 1), writer.submit(undo, |(), _| {})).await;
        assert!(undone.is_err(), "{undone:?}");
        assert_eq!(count(&writer).await, i64::from(first.is_ok()));
        assert_eq!(insert(&writer, 2).await, Ok(()));
    }

    #[tokio::test]
    async fn a_full_disk_is_named_and_passes() {
        let writer = writer();
        let limit = |pages: i64| {
            move |connection: &Connection| connection.pragma_update(None, "max_page_count", pages).map_err(unavailable)
        };
        let fill = |connection: &Connection| {
            connection.execute("CREATE TABLE blob AS SELECT zeroblob(1000000)", []).map_err(unavailable)
        };
        writer.submit(limit(10), |(), _| {}).await.unwrap();
        let error = writer.submit(fill, |_, _| {}).await.unwrap_err();
        assert!(error.to_string().contains("the disk is full"), "{error}");
        writer.submit(limit(10_000), |(), _| {}).await.unwrap();
        assert_eq!(insert(&writer, 1).await, Ok(()));
    }
}
