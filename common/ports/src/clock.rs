//! Time and chance, passed in so that decisions can be replayed.

use domain::Time;

/// The wall clock.
pub trait Clock: Send + Sync {
    /// The current instant.
    fn now(&self) -> Time;
}

/// Fresh unique identifiers.
pub trait Ids: Send + Sync {
    /// A new id, unique over all instances (a UUID in production), valid as a document key.
    fn next(&self) -> String;
}
