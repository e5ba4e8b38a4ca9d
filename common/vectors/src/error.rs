//! Why vectors were not kept, moved or found, shaped by what the caller can do about it.

use ports::{GatewayError, StoreError, VectorError};

use crate::ItemOutcome;

/// An error of this crate.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum Error {
    /// The business was not admitted, others kept winning the race, or the store failed.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The embedding was refused or failed.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The index did not change.
    #[error(transparent)]
    Index(#[from] VectorError),
    /// The index did not answer a search.
    #[error(transparent)]
    Search(VectorError),
    /// The index holds vectors of a model that embeds no more: no text can join them.
    #[error(
        "the index holds vectors of `{0}`, which has ended, so that no text can join them: move \
         them to another model with `reembed`, or delete them"
    )]
    ModelEnded(String),
    /// The index holds vectors of a model that embeds no more: no text can be compared with them.
    #[error(
        "the vectors were made with `{0}`, which has ended, so that no text can be compared with \
         them: move them to another model with `reembed`"
    )]
    QueryModelEnded(String),
    /// The index holds vectors of another model than the one that was named.
    #[error(
        "the index holds vectors of `{0}`: send embeddings of that model, or delete them first"
    )]
    ModelMismatch(String),
    /// The name is not that of an embedding model in force.
    #[error("name an embedding model in force: GET /v1/models lists them")]
    NoEmbeddingModel,
    /// An embedding of a client's own cannot be moved along, and must not come between.
    #[error(
        "the vectors are on their way to another model: send texts without embeddings, or go on \
         with `reembed` until it is done"
    )]
    OwnEmbeddingDuringMove {
        /// The first item with an embedding, unless the move began while they were being kept.
        item: Option<usize>,
    },
    /// Vectors are being replaced by such of another model than the one to move to.
    #[error("the vectors are being replaced by such of `{0}`: finish that move first")]
    MovingElsewhere(String),
    /// There are vectors of two models, and the distance between such means nothing.
    #[error(
        "the vectors are being replaced by such of another model: ask again when `reembed` is \
         done, or go on with it where it stopped"
    )]
    Switching,
    /// Vectors without a text stand in the way of a move, and may not be removed.
    #[error(
        "vectors without a text cannot be embedded anew ({count} here, such as `{}`): send their \
         texts with /v1/vectors/upsert, or have them removed with delete_without_text",
        .examples.join("`, `")
    )]
    WithoutText {
        /// How many the page holds.
        count: usize,
        /// Ids of the first few.
        examples: Vec<String>,
    },
    /// Some items were kept, and the rest was not.
    #[error("{cause}")]
    PartlyKept {
        /// Why the rest was not.
        cause: Box<Error>,
        /// Every item with what became of it.
        items: Vec<ItemOutcome>,
    },
    /// Something answered what it must not; a defect.
    #[error("{0}")]
    Internal(&'static str),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Ledger(error.into())
    }
}

/// Results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
