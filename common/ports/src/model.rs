//! Model providers: one request and one answer shape for all of them.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    catalog::{Effort, ServiceTier},
    usage::Usage,
};
use futures::stream::BoxStream;
use jiff::civil::Date;
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
    /// What is said. What the web, a document or a tool said is data to the model, never an
    /// instruction.
    #[serde(default)]
    pub content: String,
    /// Functions the model asked for; assistant messages only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call that this message answers; tool messages only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

impl Message {
    /// Plain words.
    pub fn text(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), tool_calls: Vec::new(), tool_call_id: None }
    }
}

/// A function the model may ask the caller to run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Name, `^[A-Za-z0-9_-]{1,64}$`.
    pub name: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON schema of its arguments.
    pub parameters: Value,
    /// Whether the arguments must follow the schema to the letter.
    #[serde(default)]
    pub strict: bool,
}

/// A function the model wants run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The model's id of the call, which the result names.
    pub id: String,
    /// The function.
    pub name: String,
    /// Its arguments as JSON text, as the model wrote them.
    pub arguments: String,
}

/// Whether the model must ask for a function.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// None at all.
    None,
    /// At least one.
    Required,
    /// This one.
    Function(String),
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
    /// Hard bound on output tokens, reasoning included. Always sent: the budget hold was priced on
    /// it.
    pub max_output_tokens: u64,
    /// Reasoning effort, already clamped to what the model accepts; `None` for models without.
    pub effort: Option<Effort>,
    /// Structured output.
    pub schema: Option<OutputSchema>,
    /// Web searches allowed; 0 offers no search.
    pub max_searches: u32,
    /// Functions the model may ask for.
    pub tools: Vec<Tool>,
    /// Whether it must; `None` is the provider's default, `auto`.
    pub tool_choice: Option<ToolChoice>,
    /// The service that is paid for.
    pub service_tier: ServiceTier,
    /// Groups calls that share a prompt prefix, for the provider's prompt cache.
    pub cache_key: Option<String>,
    /// When to give up.
    pub timeout: Duration,
    /// The longest silence of a stream, its first piece included; the attempt has failed after it.
    pub idle_timeout: Duration,
}

/// The longest silence of a stream unless a caller says otherwise: reasoning models think before
/// their first word.
pub const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

impl ModelRequest {
    /// A plain request at standard service: no reasoning, schema, search or tools.
    pub fn new(
        model: &str,
        task_type: &str,
        messages: Vec<Message>,
        max_output_tokens: u64,
    ) -> Self {
        Self {
            model: model.into(),
            task_type: task_type.into(),
            messages,
            max_output_tokens,
            effort: None,
            schema: None,
            max_searches: 0,
            tools: Vec::new(),
            tool_choice: None,
            service_tier: ServiceTier::Standard,
            cache_key: None,
            timeout: Duration::from_mins(4),
            idle_timeout: IDLE_TIMEOUT,
        }
    }
}

/// Why the model stopped.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum Finish {
    /// The model finished its answer.
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
    /// What it consumed; `None` when the provider did not say, and then the hold is charged in
    /// full.
    pub usage: Option<Usage>,
    /// Why it stopped.
    pub finish: Finish,
    /// Functions it asked for.
    #[serde(default)]
    pub tool_calls: Vec<ToolCall>,
    /// Where its statements come from; data, not part of the text.
    #[serde(default)]
    pub citations: Vec<Citation>,
    /// The service that the provider says it was: billed by this one.
    #[serde(default)]
    pub service_tier: ServiceTier,
    /// The provider's id of this answer.
    pub provider_response_id: Option<String>,
}

impl ModelAnswer {
    /// A finished plain answer at standard service.
    pub fn text(model_served: &str, text: impl Into<String>, usage: Option<Usage>) -> Self {
        Self {
            text: text.into(),
            model_served: model_served.into(),
            usage,
            finish: Finish::Stop,
            tool_calls: Vec::new(),
            citations: Vec::new(),
            service_tier: ServiceTier::Standard,
            provider_response_id: None,
        }
    }
}

/// A source that a part of an answer cites.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Citation {
    /// Address of the page.
    pub url: String,
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// First character of the cited part of the answer.
    pub start: u64,
    /// The character after its last.
    pub end: u64,
}

/// A piece of an answer while it is generated.
#[derive(Clone, PartialEq, Debug)]
pub enum Piece {
    /// More text.
    Text(String),
    /// More of what the model says instead of an answer.
    Refusal(String),
    /// What was consumed so far: what an answer that is cut off here has cost.
    Usage(Usage),
    /// The whole answer; always the last piece.
    Answer(Box<ModelAnswer>),
}

/// Pieces of one answer, ending with [`Piece::Answer`] or an error; a stream that just ends was
/// cut. Dropping it abandons the attempt.
pub type Pieces = BoxStream<'static, Result<Piece, ProviderError>>;

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

    /// Whether this service can be asked for. Where it cannot, it is not priced either.
    fn offers(&self, service: ServiceTier) -> bool {
        service == ServiceTier::Standard
    }

    /// Makes one attempt. Dropping the future abandons it.
    async fn generate(&self, request: &ModelRequest) -> Result<ModelAnswer, ProviderError>;

    /// Makes one attempt and shows the answer while it comes.
    async fn stream(&self, request: &ModelRequest) -> Result<Pieces, ProviderError>;

    /// Calls that outlive their connection, where the provider offers them.
    fn background(&self) -> Option<&dyn BackgroundCalls> {
        None
    }

    /// The models that the provider says it serves; `None` where it cannot say.
    async fn listed(&self) -> Result<Option<Vec<ListedModel>>, ProviderError> {
        Ok(None)
    }
}

/// The pieces of an answer that came whole.
pub fn whole(answer: ModelAnswer) -> Pieces {
    let text = (!answer.text.is_empty()).then(|| Ok(Piece::Text(answer.text.clone())));
    Box::pin(futures::stream::iter(text.into_iter().chain([Ok(Piece::Answer(answer.into()))])))
}

/// Calls that go on at the provider while nobody is connected: what was paid can be fetched by its
/// id after a crash.
#[async_trait]
pub trait BackgroundCalls: Send + Sync {
    /// Starts a call and returns the provider's id of it.
    async fn begin(&self, request: &ModelRequest) -> Result<String, ProviderError>;

    /// Its answer; `None` while it is at work.
    async fn fetch(&self, id: &str) -> Result<Option<ModelAnswer>, ProviderError>;

    /// Ends it. The answer so far, with its usage, where the provider tells.
    async fn cancel(&self, id: &str) -> Result<Option<ModelAnswer>, ProviderError>;
}

/// A model as its provider lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedModel {
    /// The provider's id of the model.
    pub id: String,
    /// The day it stops serving, if the provider says so.
    pub shutdown: Option<Date>,
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
    /// Embeds texts with a model that is fixed per index: there is no fallback, for vectors of two
    /// models do not compare.
    async fn embed(
        &self,
        model: &str,
        texts: &[String],
        timeout: Duration,
    ) -> Result<Embeddings, ProviderError>;
}
