//! A pool of reading connections, used on blocking threads.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ports::StoreError;
use rusqlite::Connection;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{connection, unavailable};

/// The most connections. More would not read faster: the file is in memory, and decoding needs the
/// CPU.
const CONNECTIONS: usize = 8;

/// Connections are opened on demand and kept.
pub(super) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Arc::default(), permits: Arc::new(Semaphore::new(CONNECTIONS)) }
    }

    /// Runs `work` in a read transaction, so that all its reads see one state of the database.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = |_| StoreError::Unavailable("the store was closed".into());
        let permit = self.permits.clone().acquire_owned().await.map_err(closed)?;
        let (path, idle) = (self.path.clone(), self.idle.clone());
        let reading = spawn_blocking(move || {
            // Held until the work ends, which continues when the caller stops waiting.
            let _permit = permit;
            let mut connection = take(&path, &idle)?;
            let outcome = in_transaction(&mut connection, work);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            outcome
        });
        reading
            .await
            .map_err(|error| StoreError::Unavailable(format!("a read was cut short: {error}")))?
    }
}

fn take(path: &Path, idle: &Mutex<Vec<Connection>>) -> Result<Connection, StoreError> {
    let idle = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    idle.map_or_else(|| connection::reading(path).map_err(unavailable), Ok)
}

fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = connection.transaction().map_err(unavailable)?;
    work(&transaction)
}
