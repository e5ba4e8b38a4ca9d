//! The vectors of a business: what is stored of them, how they are kept, with which embedding
//! model, how they move to another, and how they are searched.

pub mod documents;
mod embed;
mod error;
mod item;
mod keep;
mod model;
mod reembed;
mod search;

use std::sync::Arc;

use ledger::Ledger;
use ports::{Clock, Documents, Gateway, VectorIndex};

pub use error::{Error, Result};
pub use item::{Content, Item, ItemOutcome, Outcome};
pub use keep::Kept;
pub use model::Settled;
pub use reembed::{Counted, Progress};
pub use search::{Found, Nearest, Search, Target};

/// How often a change that lost a race is decided again.
const TRIES: usize = 5;

/// The vectors of all businesses, over the ports that they are kept in; clones share everything.
#[derive(Clone)]
pub struct Vectors {
    /// Subscriptions, emergency stops, and the catalogue of models.
    pub ledger: Ledger,
    /// Texts and metadata.
    pub documents: Arc<dyn Documents>,
    /// The vector index.
    pub index: Arc<dyn VectorIndex>,
    /// Paid embeddings.
    pub gateway: Arc<dyn Gateway>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}
