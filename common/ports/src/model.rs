//! Model providers: one request and one answer shape for all of them.

use std::time::Duration;

use async_trait::async_trait;
use domain::{catalog::Effort, usage::Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::gateway::Role;

/// One message of a conversation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// The JSON schema an answer must follow.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputSchema {
    /// Name, `^[A-Za-z0-9_-]{1,64}$`.
    pub name: String,
    /// JSON schema; an object at its root.
    pub schema: Value,
}

/// One attempt at one model.
#[derive(Clone, PartialEq, Debug)]
pub struct ModelRequest {
    /// Model id as the provider knows it.
    pub model: String,
    /// What the call is for, such as `positioning_strategy`.
    pub task_type: String,
    /// The conversation; system messages first.
    pub messages: Vec<Message>,
    /// Hard bound on output tokens, reasoning included. Always sent: the budget hold was priced on it.
    pub max_output_tokens: u64,
    /// Reasoning effort, already clamped to what the model accepts; `None` for models without.
    pub effort: Option<Effort>,
    /// Structured output.
    pub schema: Option<OutputSchema>,
    /// Web searches allowed; 0 offers no search.
    pub max_searches: u32,
    /// Groups calls that share a prompt prefix, for the provider's prompt cache.
    pub cache_key: Option<String>,
    /// When to give up.
    pub timeout: Duration,
}

/// Why the model stopped.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum Finish {
    /// It was done.
    Stop,
    /// It reached `max_output_tokens`.
    Length,
    /// It declined, in its own words.
    Refusal(String),
    /// The provider blocked the answer.
    Safety(String),
}

/// A paid answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ModelAnswer {
    /// The text; JSON when a schema was asked for.
    pub text: String,
    /// The model that the provider says served it: billed by this one.
    pub model_served: String,
    /// What it consumed; `None` when the provider did not say, and then the hold is charged in full.
    pub usage: Option<Usage>,
    /// Why it stopped.
    pub finish: Finish,
    /// The provider's id of this answer.
    pub provider_response_id: Option<String>,
}

/// Whether a failed attempt may have cost money.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Billing {
    /// Nothing was billed: refused before generation, or never reached the provider.
    None,
    /// It may have been billed: the attempt is charged its upper bound and marked.
    Unknown,
}

/// What the caller may do after a failed attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextMove {
    /// Try the same model again, not before `after`.
    Retry {
        /// The provider's Retry-After, if it sent one.
        after: Option<Duration>,
    },
    /// Go to the next model of the chain at once.
    NextModel,
    /// Tell the caller: the request itself is wrong.
    Stop,
}

/// A failed attempt.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct ProviderError {
    /// Stable code for logs and `attempts[]`, such as `rate_limited` or `insufficient_quota`.
    pub code: String,
    /// What happened, without prompts, answers or keys.
    pub message: String,
    /// What may be done about it.
    pub next: NextMove,
    /// Whether it may have cost money.
    pub billing: Billing,
}

/// A provider of language models.
#[async_trait]
pub trait ModelProvider: Send + Sync {
    /// The provider's name in the catalogue: `openai`, `gemini`.
    fn name(&self) -> &str;

    /// Whether answers are made up by the simulation, to be labelled as such.
    fn simulated(&self) -> bool {
        false
    }

    /// Makes one attempt. Dropping the future abandons it.
    async fn generate(&self, request: &ModelRequest) -> Result<ModelAnswer, ProviderError>;
}

/// Embeddings of some texts.
#[derive(Clone, PartialEq, Debug)]
pub struct Embeddings {
    /// One vector a text, in their order.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens billed, if the provider said so.
    pub input_tokens: Option<u64>,
}

/// A provider of embeddings.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// Embeds texts with a model that is fixed per index: there is no fallback, for vectors of two models do not compare.
    async fn embed(&self, model: &str, texts: &[String], timeout: Duration) -> Result<Embeddings, ProviderError>;
}
