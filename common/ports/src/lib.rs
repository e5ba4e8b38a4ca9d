//! What the rules and workflows need from the outside, as narrow traits.
//!
//! `workflow` and the functions speak only to these; `embedded`, `providers` and the cloud adapters
//! implement them and hold no rules. A missing or failing outside is an error value shaped by what
//! the caller can do about it.

mod bus;
mod clock;
pub mod documents;
pub mod gateway;
mod model;
mod retriever;
mod stores;
mod tokens;
mod usage;
mod vectors;

pub use bus::{BusError, EventBus, Message};
pub use clock::{Clock, Ids};
pub use documents::{Document, Documents, Key, Precondition, Query, StoreError, Version, Write};
pub use gateway::{
    EmbedRequest, EmbedResponse, ExecuteBudget, ExecuteRequest, ExecuteResponse, Gateway,
    GatewayError, GatewayRefusal, KeyedCall, Outcome, Role as MessageRole, TokenCounts, Urgency,
};
pub use model::{
    BackgroundCalls, Billing, Citation, Embedder, Embeddings, Finish, IDLE_TIMEOUT, ListedModel,
    Message as ModelMessage, ModelAnswer, ModelProvider, ModelRequest, NextMove, OutputSchema,
    Piece, Pieces, ProviderError, Tool, ToolCall, ToolChoice, whole,
};
pub use retriever::Retriever;
pub use stores::{
    ArtifactStore, Secret, SecretError, SecretSource, Subscription, SubscriptionStatus,
    Subscriptions, TokenSource,
};
pub use tokens::TokenCounter;
pub use usage::{MirrorError, UsageMirror, UsageRow};
pub use vectors::{Neighbour, VectorError, VectorIndex, VectorItem, VectorQuery};
