//! The writing thread: all waiting jobs share one transaction, and so one fsync.

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

type Job = Box<
    dyn FnOnce(Result<&mut Transaction<'_>, StoreError>) -> (Answer, Result<(), StoreError>) + Send,
>;
type Answer = Box<dyn FnOnce(Result<(), StoreError>)>;

/// The handle of the writing thread, which ends when this is dropped.
pub(super) struct Writer {
    queue: Sender<Job>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel();
        thread::Builder::new().name("store-writer".into()).spawn(move || run(connection, &jobs))?;
        Ok(Self { queue })
    }

    /// Runs `work` in the next transaction; a failure rolls back its own changes only. After a
    /// success, `ended` is called before the answer is sent, with whether the change is on disk or
    /// its outcome is unknown. It is called on the writing thread, so that it runs even if the
    /// caller stopped waiting.
    pub(super) async fn submit<T: Send + 'static, A: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        ended: impl FnOnce(T, bool) -> A + Send + 'static,
    ) -> Result<A, StoreError> {
        self.run(move |transaction| (in_savepoint(transaction, work), Ok(())), ended).await
    }

    /// Runs `decide`, which only reads, and then `apply`, which writes what was decided. This needs
    /// no savepoint, which would cost every commit a copy of the pages it changes: when `decide`
    /// fails nothing was written, and `apply` fails only with the disk, which fails the whole
    /// transaction.
    pub(super) async fn submit_decided<D, T: Send + 'static, A: Send + 'static>(
        &self,
        decide: impl FnOnce(&Connection) -> Result<D, StoreError> + Send + 'static,
        apply: impl FnOnce(&Connection, D) -> Result<T, StoreError> + Send + 'static,
        ended: impl FnOnce(T, bool) -> A + Send + 'static,
    ) -> Result<A, StoreError> {
        let work = move |transaction: &mut Transaction<'_>| match decide(transaction) {
            Err(error) => (Err(error), Ok(())),
            Ok(decided) => match apply(transaction, decided) {
                Ok(applied) => (Ok(applied), Ok(())),
                Err(error) => (Err(error.clone()), Err(error)),
            },
        };
        self.run(work, ended).await
    }

    /// Runs `work`, which returns its outcome and whether the transaction can go on.
    async fn run<T: Send + 'static, A: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> (Result<T, StoreError>, Result<(), StoreError>)
        + Send
        + 'static,
        ended: impl FnOnce(T, bool) -> A + Send + 'static,
    ) -> Result<A, StoreError> {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let (outcome, goes_on) = match transaction {
                Ok(transaction) => work(transaction),
                Err(error) => (Err(error), Ok(())),
            };
            let answer: Answer = Box::new(move |durable| {
                let outcome = outcome.and_then(|value| {
                    let value = ended(value, durable.is_ok());
                    durable.map(|()| value)
                });
                // The caller may have stopped waiting; the work is done all the same.
                let _ = sender.send(outcome);
            });
            (answer, goes_on)
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
    let mut transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate)
    {
        Ok(transaction) => transaction,
        Err(error) => {
            let error = unavailable(error);
            return jobs.for_each(|job| job(Err(error.clone())).0(Ok(())));
        }
    };
    let mut answers = Vec::new();
    let mut durable = Ok(());
    for job in jobs.by_ref() {
        let (answer, goes_on) = job(Ok(&mut transaction));
        answers.push(answer);
        // SQLite rolls back the whole transaction by itself when the disk is full or fails. Earlier
        // jobs are lost, and waiting jobs go into the next transaction.
        durable = goes_on;
        if durable.is_ok() && transaction.is_autocommit() {
            durable = Err(StoreError::Unavailable(
                "the transaction was undone: the disk is full or fails".into(),
            ));
        }
        if durable.is_err() {
            break;
        }
    }
    // A transaction that is not committed is rolled back when it is dropped, before any caller is
    // answered.
    let durable = match durable {
        Ok(()) => transaction.commit().map_err(unavailable),
        Err(error) => {
            drop(transaction);
            Err(error)
        }
    };
    for answer in answers {
        answer(durable.clone());
    }
}

/// Runs `work` in a savepoint, so that its failure rolls back its own changes only.
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
        writer.submit(work, |(), _| ()).await
    }

    async fn count(writer: &Writer) -> i64 {
        let count = |connection: &Connection| {
            connection
                .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
                .map_err(unavailable)
        };
        writer.submit(count, |count, _| count).await.unwrap()
    }

    #[tokio::test]
    async fn a_failing_job_does_not_fail_its_group() {
        let writer = writer();
        let outcomes = futures::future::join_all([1, 2, 1, 3].map(|x| insert(&writer, x))).await;
        assert_eq!(
            outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(),
            [true, true, false, true]
        );
        assert_eq!(count(&writer).await, 3);
    }

    #[tokio::test]
    async fn a_half_written_commit_rolls_back_its_transaction() {
        let writer = writer();
        let conflict = StoreError::Conflict(ports::Key::new("c", "a"));
        let refusal = conflict.clone();
        let refused =
            writer.submit_decided(move |_| Err::<(), _>(refusal), |_, ()| Ok(()), |(), _| ());
        let outcomes =
            futures::future::join3(insert(&writer, 1), refused, insert(&writer, 2)).await;
        assert_eq!(outcomes, (Ok(()), Err(conflict), Ok(())));

        let half = |connection: &Connection, ()| {
            connection.execute("INSERT INTO t VALUES (9)", []).map_err(unavailable)?;
            Err::<(), _>(StoreError::Unavailable("the disk fails".into()))
        };
        let broken = writer.submit_decided(|_| Ok(()), half, |(), _| ());
        let (before, broken, after) =
            futures::future::join3(insert(&writer, 3), broken, insert(&writer, 4)).await;
        assert!(broken.is_err());
        // The other jobs shared its transaction or had one of their own; each answer matches what
        // is stored.
        assert_eq!(count(&writer).await, 2 + i64::from(before.is_ok()) + i64::from(after.is_ok()));
        assert_eq!(insert(&writer, 9).await, Ok(()));
    }

    #[tokio::test]
    async fn a_rolled_back_transaction_is_not_a_success() {
        let writer = writer();
        // What SQLite does on a full disk, caused by hand.
        let undo =
            |connection: &Connection| connection.execute_batch("ROLLBACK").map_err(unavailable);
        let (first, undone) =
            futures::future::join(insert(&writer, 1), writer.submit(undo, |(), _| ())).await;
        assert!(undone.is_err(), "{undone:?}");
        assert_eq!(count(&writer).await, i64::from(first.is_ok()));
        assert_eq!(insert(&writer, 2).await, Ok(()));
    }

    #[tokio::test]
    async fn a_full_disk_is_reported_until_space_returns() {
        let writer = writer();
        let limit = |pages: i64| {
            move |connection: &Connection| {
                connection.pragma_update(None, "max_page_count", pages).map_err(unavailable)
            }
        };
        let fill = |connection: &Connection| {
            connection
                .execute("CREATE TABLE blob AS SELECT zeroblob(1000000)", [])
                .map_err(unavailable)
        };
        writer.submit(limit(10), |(), _| ()).await.unwrap();
        let error = writer.submit(fill, |_, _| ()).await.unwrap_err();
        assert!(error.to_string().contains("the disk is full"), "{error}");
        writer.submit(limit(10_000), |(), _| ()).await.unwrap();
        assert_eq!(insert(&writer, 1).await, Ok(()));
    }
}
