//! `POST /v1/embeddings`: OpenAI's shape; the cost goes through the ledger like any other call.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use client::COST_HEADER;
use domain::{
    CallId, NanoUsd,
    budget::CallState,
    catalog::{Model, ModelKind, Role, ServiceTier},
    digest,
    routing::Candidate,
    tokens,
};
use ledger::{Account, Error, OpenCall, Opened, OpenedCall, Settlement};
use ports::{Billing, Embeddings};
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::{Caller, IdempotencyKey, Problem};
use utoipa::ToSchema;

use super::error::openai_error;
use crate::{
    AppState,
    attempts::{Progress, cut},
    call::{fresh, wait},
    call_request::origin,
    owner::{kept_alive, settled},
    payer::{business_of, task_of},
};

/// OpenAI's own limits on one request.
const MOST_TEXTS: usize = 2048;
const DEADLINE: Duration = Duration::from_mins(1);

/// OpenAI's request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmbeddingsRequest {
    /// The embedding model; `auto` or absent for the configured one.
    model: Option<String>,
    #[schema(value_type = Object)]
    input: Input,
    /// Only 1536 is served.
    dimensions: Option<usize>,
    /// `float`, or `base64` of little-endian 32-bit floats, which OpenAI's own clients ask for.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    encoding_format: Encoding,
    user: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Encoding {
    #[default]
    Float,
    Base64,
}

impl Encoding {
    fn render(self, vector: &[f32]) -> serde_json::Value {
        match self {
            Self::Float => vector.into(),
            Self::Base64 => {
                let bytes: Vec<u8> =
                    vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                STANDARD.encode(bytes).into()
            }
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
}

/// What is stored of a paid answer.
#[derive(Serialize, Deserialize)]
struct Stored {
    vectors: Vec<Vec<f32>>,
    input_tokens: u64,
}

/// OpenAI-compatible embeddings inside the caller's budget.
#[utoipa::path(post, path = "/v1/embeddings", tag = "route-execute", request_body = EmbeddingsRequest,
    responses((status = 200, description = "OpenAI's list of embeddings")))]
pub(crate) async fn embeddings(
    State(state): State<Arc<AppState>>,
    headers: HeaderMap,
    caller: Result<Caller, Problem>,
    key: Result<IdempotencyKey, Problem>,
    body: Result<service::Json<EmbeddingsRequest>, Problem>,
) -> Response {
    let handled = async {
        let service::Json(request) = body?;
        embed(&state, &headers, &caller?, key?.0, request).await
    };
    handled.await.unwrap_or_else(|problem| openai_error(&problem))
}

async fn embed(
    state: &Arc<AppState>,
    headers: &HeaderMap,
    caller: &Caller,
    key: Option<String>,
    request: EmbeddingsRequest,
) -> Result<Response, Problem> {
    let business = business_of(headers, caller)?;
    let task = task_of(headers, caller)?;
    let model = model_for(state, request.model.as_deref())?;
    let texts = check(&request, &model)?;
    let encoding = request.encoding_format;
    let account = state.ledger.admit(&business).await?;
    let input_tokens = tokens::upper_bound(texts.iter().map(String::as_str));
    let candidate = Candidate {
        bound: model.price.bound(input_tokens, 0, 0),
        model,
        effort: None,
        input_tokens,
        max_output_tokens: 0,
        service_tier: ServiceTier::Standard,
    };
    let id = match &key {
        Some(key) => CallId::derive(&business, &origin(task.as_ref()), key, 0),
        None => fresh(state)?,
    };
    let open = OpenCall {
        id,
        task,
        task_type: "embedding".into(),
        request_hash: digest(&[
            &candidate.model.id,
            &digest(&texts.iter().map(String::as_str).collect::<Vec<_>>()),
        ]),
        hold: candidate.bound,
        call_until: state.clock.now().plus_seconds(i64::try_from(DEADLINE.as_secs()).unwrap_or(60)),
        is_new: key.is_none(),
        look_first: false,
        is_last_offer: true,
    };
    // A task of its own: a client that disconnects can neither leave a hold without an owner nor
    // lose the settlement.
    let work = Work { state: state.clone(), account, open, candidate, texts };
    let (model, answered) = (work.candidate.model.clone(), service::spawn(work.answer()).await);
    let (stored, cost) = answered
        .unwrap_or_else(|error| Err(Problem::internal(&format!("a call's task died: {error}"))))?;
    Ok(rendered(&model, &stored, cost, encoding))
}

/// One call for embeddings, ready to be made.
struct Work {
    state: Arc<AppState>,
    account: Account,
    open: OpenCall,
    candidate: Candidate,
    texts: Vec<String>,
}

impl Work {
    /// The embeddings and what they cost now: nothing when they are stored already.
    async fn answer(self) -> Result<(Stored, NanoUsd), Problem> {
        loop {
            match self.state.ledger.open_call(&self.account, &self.open).await? {
                Opened::New(call) => return self.make(*call).await,
                Opened::Stored(answer) => {
                    let stored = serde_json::from_str(&answer.0);
                    let stored = stored.map_err(|error| Problem::internal(&error.to_string()))?;
                    return Ok((stored, NanoUsd::ZERO));
                }
                Opened::Running => wait(&self.state, &self.open).await?,
                // Embeddings are not made in the background, so nobody leaves one there.
                Opened::Adrift(_) => return Err(Error::InProgress.into()),
            }
        }
    }

    /// Makes an opened call and settles it, whatever happens.
    async fn make(&self, mut call: OpenedCall) -> Result<(Stored, NanoUsd), Problem> {
        let (id, holder) = (call.id.clone(), call.holder().to_owned());
        let (started, progress) = (self.state.clock.now(), Progress::default());
        let attempt = self.attempt(&mut call, &progress);
        let ended = kept_alive(&self.state, (&id, &holder), None, attempt).await;
        let latency_ms = u64::try_from(self.state.clock.now().ms_since(started)).unwrap_or(0);
        progress.took(self.state.clock.now().ms_since(started));
        let cost = progress.charged();
        let state = match &ended {
            Some(Ok(_)) => CallState::Done,
            Some(Err(_)) if cost == NanoUsd::ZERO => CallState::Failed,
            Some(Err(_)) => CallState::Unknown,
            None => CallState::Cut,
        };
        let result = ended.unwrap_or_else(|| Err(cut()));
        let settlement = Settlement {
            state,
            attempts: progress.attempts(),
            answer: result.as_ref().ok().and_then(|stored| serde_json::to_string(stored).ok()),
            model_used: Some(self.candidate.model.id.clone()),
            provider_response_id: None,
            fallback_used: false,
            latency_ms,
        };
        let stored = settled(&self.state, &self.account, &call, (settlement, result)).await?;
        Ok((stored, cost))
    }

    /// The one attempt: covered, sent, priced.
    async fn attempt(&self, call: &mut OpenedCall, progress: &Progress) -> Result<Stored, Problem> {
        let Self { state, account, candidate, texts, .. } = self;
        // The last look at the store, then at the clock, before money is spent.
        state.ledger.cover(account, call, NanoUsd::ZERO, candidate.bound).await?;
        let left_ms = call.call_until().ms_since(state.clock.now());
        let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
        if left.is_zero() {
            let detail = "the deadline has passed; asking again is safe";
            return Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded", detail));
        }
        progress.begin(candidate);
        match state.embedder.embed(&candidate.model.id, texts, left).await {
            Ok(Embeddings { vectors, input_tokens }) => {
                progress.embedded(candidate, input_tokens);
                Ok(Stored { vectors, input_tokens: input_tokens.unwrap_or(0) })
            }
            Err(error) => {
                let is_unknown = error.billing == Billing::Unknown;
                progress.failed(&error.code, is_unknown, candidate.bound);
                let status = StatusCode::BAD_GATEWAY;
                Err(Problem::new(status, "embedding_failed", error.message))
            }
        }
    }
}

fn model_for(state: &AppState, name: Option<&str>) -> Result<Arc<Model>, Problem> {
    let rules = state.ledger.rules();
    let today = state.clock.now().date();
    let model = match name.filter(|name| *name != "auto") {
        Some(name) => rules.catalog.model(name),
        None => rules.catalog.chain(Role::Embedding, today, rules.lead_days).first().copied(),
    };
    let usable = model.filter(|model| model.kind == ModelKind::Embedding && model.in_force(today));
    let detail = "name an embedding model from GET /v1/models, or auto";
    usable.cloned().ok_or_else(|| {
        Problem::new(StatusCode::BAD_REQUEST, "unknown_model", detail).with("field", "model")
    })
}

fn check(request: &EmbeddingsRequest, model: &Model) -> Result<Vec<String>, Problem> {
    let invalid = |field: &str, detail: &str| Err(Problem::invalid_field(field, detail));
    let texts = match &request.input {
        Input::One(text) => vec![text.clone()],
        Input::Many(texts) => texts.clone(),
    };
    if texts.is_empty() || texts.len() > MOST_TEXTS {
        return invalid("input", "input must hold 1 to 2048 texts");
    }
    if let Some(index) = texts.iter().position(|text| text.trim().is_empty()) {
        return invalid(&format!("input[{index}]"), "an empty text cannot be embedded");
    }
    let too_long = |text: &String| tokens::expected(text.chars().count() as u64) > model.max_input;
    if let Some(index) = texts.iter().position(too_long) {
        return invalid(
            &format!("input[{index}]"),
            "the text is longer than the model reads: split it",
        );
    }
    if request.dimensions.is_some_and(|dimensions| dimensions != domain::vector::DIMENSIONS) {
        return invalid("dimensions", "only 1536 dimensions are served");
    }
    // Accepted for the sake of clients that always send it.
    let _ = &request.user;
    Ok(texts)
}

fn rendered(model: &Model, stored: &Stored, cost: NanoUsd, encoding: Encoding) -> Response {
    let rows = stored.vectors.iter().enumerate();
    let data: Vec<_> = rows
        .map(|(index, vector)| json!({ "object": "embedding", "index": index, "embedding": encoding.render(vector) }))
        .collect();
    let usage =
        json!({ "prompt_tokens": stored.input_tokens, "total_tokens": stored.input_tokens });
    let body = json!({ "object": "list", "model": model.id, "data": data, "usage": usage });
    let mut response = axum::Json(body).into_response();
    response.headers_mut().insert(COST_HEADER, HeaderValue::from(cost.0));
    response
}
