//! The gateway to paid model calls: what `route-execute` offers, as the other functions call it.
//!
//! These are the bodies of `POST /v1/execute` and `POST /v1/embeddings`, shared by the handler and
//! by every client of it.

use async_trait::async_trait;
use domain::{
    BusinessId, NanoUsd, TaskId,
    catalog::{Complexity, Effort, ServiceTier},
    money::usd,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::model::{Citation, Message, OutputSchema, Tool, ToolCall, ToolChoice};

/// Who speaks in a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions.
    System,
    /// The caller.
    User,
    /// The model's earlier words.
    Assistant,
    /// The result of a function the model asked for.
    Tool,
}

/// A model call: the body of `POST /v1/execute`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecuteRequest {
    /// Who pays.
    #[schema(value_type = String)]
    pub business_id: BusinessId,
    /// What it is for; see `tasks.toml`.
    pub task_type: String,
    /// The conversation.
    pub messages: Vec<Message>,
    /// Class of model; overrides the task type's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub complexity: Option<Complexity>,
    /// How hard to think, clamped to the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reasoning_effort: Option<Effort>,
    /// `low` takes the provider's half-price tier where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    /// A model or role by name; overrides the routing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Bound on output tokens; the task type's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// Schema the answer must follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_schema: Option<OutputSchema>,
    /// Web searches the model may make; 0 offers none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_searches: u32,
    /// Functions the model may ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Whether it must ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// Take an answer to the very same request that is at most this many seconds old, free of
    /// charge; 0 always asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_ttl_s: Option<u32>,
    /// Take the best allowed model instead of refusing when the tier is too low.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// Answer as server-sent events.
    #[serde(default)]
    pub stream: bool,
    /// Give up after this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

impl ExecuteRequest {
    /// A request that leaves everything to the router.
    pub fn new(business_id: BusinessId, task_type: &str, messages: Vec<Message>) -> Self {
        Self {
            business_id,
            task_type: task_type.into(),
            messages,
            complexity: None,
            reasoning_effort: None,
            urgency: None,
            model: None,
            max_output_tokens: None,
            response_schema: None,
            max_searches: 0,
            tools: Vec::new(),
            tool_choice: None,
            cache_ttl_s: None,
            allow_downgrade: false,
            stream: false,
            deadline_ms: None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How soon the answer is needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// As soon as possible.
    Normal,
    /// Whenever it is cheapest.
    Low,
}

/// Tokens of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenCounts {
    /// Input tokens, cached ones included.
    pub input: u64,
    /// Of these, read from the prompt cache.
    pub cached_input: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// Of these, reasoning.
    pub reasoning: u64,
}

/// One attempt at a provider, as reported.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    /// Model asked.
    pub model: String,
    /// `ok`, or the failure's code.
    pub outcome: String,
    /// What it was charged.
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    pub cost_usd: NanoUsd,
    /// How long it took.
    pub latency_ms: u64,
}

/// The day's budget after the call.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExecuteBudget {
    /// Limit of the day.
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    pub daily_limit_usd: NanoUsd,
    /// Spent today.
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    pub today_spent_usd: NanoUsd,
    /// Limit − spent − reserved.
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    pub today_remaining_usd: NanoUsd,
}

/// A paid answer: the response of `POST /v1/execute`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of one answer, each a field of the contract"
)]
pub struct ExecuteResponse {
    /// The call in the ledger.
    pub call_id: String,
    /// The model's text.
    pub response: String,
    /// The text as JSON, when a schema was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parsed: Option<Value>,
    /// The model that served it.
    pub model_used: String,
    /// Its provider.
    pub provider: String,
    /// The class it was routed as.
    #[schema(value_type = String)]
    pub complexity: Complexity,
    /// Why this model.
    pub reason: String,
    /// What it cost.
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    pub cost_usd: NanoUsd,
    /// What it consumed.
    pub tokens: TokenCounts,
    /// From request to answer.
    pub latency_ms: u64,
    /// Functions the model asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Sources of a searched answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation>,
    /// The service it was billed as.
    #[serde(default)]
    #[schema(value_type = String)]
    pub service_tier: ServiceTier,
    /// Whether it came from the response cache, free of charge.
    #[serde(default)]
    pub cached: bool,
    /// Every attempt at a provider.
    pub attempts: Vec<Outcome>,
    /// Whether another than the first model answered.
    pub fallback_used: bool,
    /// Why the model stopped: `stop`, `length`, `refusal`, `safety`, or `invalid_output` when the
    /// text does not follow the schema even after a repair round.
    #[serde(default)]
    pub finish: String,
    /// Whether the simulated provider made the answer up.
    #[serde(default)]
    pub simulated: bool,
    /// Whether the tier capped the model.
    #[serde(default)]
    pub downgraded: bool,
    /// The budget afterwards; absent on a replayed answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<ExecuteBudget>,
}

/// Texts to embed: the gateway's own form of `POST /v1/embeddings`.
#[derive(Clone, PartialEq, Debug)]
pub struct EmbedRequest {
    /// The business that pays.
    pub business_id: BusinessId,
    /// Model; the default embedding model when absent.
    pub model: Option<String>,
    /// Texts, none empty.
    pub texts: Vec<String>,
}

/// Embedded texts.
#[derive(Clone, PartialEq, Debug)]
pub struct EmbedResponse {
    /// One vector a text.
    pub vectors: Vec<Vec<f32>>,
    /// The model that made them.
    pub model: String,
    /// What it cost.
    pub cost: NanoUsd,
}

/// How a keyed call is identified in the ledger. The same business, task and key name the same
/// call: it is paid once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyedCall {
    /// The task whose grant pays; `None` draws on the business's budget directly.
    pub task: Option<TaskId>,
    /// The key, unique within the task (or the business).
    pub key: String,
}

/// A refusal or failure that the gateway's answer described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayRefusal {
    /// HTTP status.
    pub status: u16,
    /// Stable code.
    pub code: String,
    /// The reason in words.
    pub detail: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum GatewayError {
    /// The budget, the tier or a kill switch refused it: 402, 404, 503 `emergency_shutdown`.
    #[error("refused ({}): {}", .0.code, .0.detail)]
    Refused(GatewayRefusal),
    /// The same call runs elsewhere: ask again later.
    #[error("the call is in progress")]
    InProgress,
    /// The request is wrong, or every model failed on it; repeating it as it is may not help.
    #[error("failed ({}): {}", .0.code, .0.detail)]
    Failed(GatewayRefusal),
    /// The gateway cannot be reached; the call may have been made, and asking again with its key is
    /// safe.
    #[error("the gateway is unavailable: {0}")]
    Unavailable(String),
}

/// Paid model calls on behalf of a business.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// Makes the call, or returns its stored answer when it was made before.
    async fn execute(
        &self,
        call: &KeyedCall,
        request: &ExecuteRequest,
    ) -> Result<ExecuteResponse, GatewayError>;

    /// Embeds texts. With a key, a repeat costs nothing.
    async fn embed(
        &self,
        call: &KeyedCall,
        request: &EmbedRequest,
    ) -> Result<EmbedResponse, GatewayError>;

    /// Asks for a running call to end; one that is over is left alone.
    async fn cancel(&self, business: &BusinessId, call: &KeyedCall) -> Result<(), GatewayError>;
}
