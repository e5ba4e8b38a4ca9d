//! `POST /v1/embeddings`: OpenAI's shape; the cost goes through the ledger like any other call.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{
    BusinessId, CallId, NanoUsd,
    budget::CallState,
    catalog::{Model, ModelKind, Role},
    digest, tokens,
    usage::Usage,
};
use ledger::{Account, Error, OpenCall, Opened, Settlement, documents::AttemptDoc};
use ports::{Billing, Embeddings};
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::{Caller, IdempotencyKey, Problem};
use utoipa::ToSchema;

use crate::{AppState, call::origin, chat::openai_error, execute::task_of};

/// The header by which an admin or a service names the business that pays.
const BUSINESS_HEADER: &str = "x-raptorflow-business";
/// The header that carries the exact cost of an answer.
const COST_HEADER: &str = "x-raptorflow-cost-nano-usd";
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

/// The business that pays: the token's own, or for admins and services the one the header names.
pub(crate) fn business_of(headers: &HeaderMap, caller: &Caller) -> Result<BusinessId, Problem> {
    let named = headers.get(BUSINESS_HEADER).map(|value| {
        let id = value.to_str().ok().and_then(|text| BusinessId::new(text).ok());
        id.ok_or_else(|| Problem::invalid_field(BUSINESS_HEADER, "is not a business id"))
    });
    let business = named.transpose()?.or_else(|| caller.business.clone());
    let business = business.ok_or_else(|| {
        Problem::invalid_field(BUSINESS_HEADER, "the token names no business: send this header")
    })?;
    caller.may_act_for(&business)?;
    Ok(business)
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
    let bound = model.price.bound(tokens::upper_bound(texts.iter().map(String::as_str)), 0, 0);
    let id = match &key {
        Some(key) => CallId::derive(&business, &origin(task.as_ref()), key, 0),
        None => {
            CallId::new(state.ids.next()).map_err(|error| Problem::internal(&error.to_string()))?
        }
    };
    let open = OpenCall {
        id,
        task,
        task_type: "embedding".into(),
        request_hash: digest(&[
            &model.id,
            &digest(&texts.iter().map(String::as_str).collect::<Vec<_>>()),
        ]),
        hold: bound,
        call_until: state.clock.now().plus_seconds(i64::try_from(DEADLINE.as_secs()).unwrap_or(60)),
        is_new: key.is_none(),
        look_first: false,
        is_last_offer: true,
    };
    // A task of its own, so that a client's hanging up cannot leave a hold without an owner or lose
    // the settlement.
    let work = Work { state: state.clone(), account, open, model, texts, bound, encoding };
    let driven = service::spawn(work.done());
    driven
        .await
        .unwrap_or_else(|error| Err(Problem::internal(&format!("a call's task died: {error}"))))
}

/// One call for embeddings, ready to be made.
struct Work {
    state: Arc<AppState>,
    account: Account,
    open: OpenCall,
    model: Arc<Model>,
    texts: Vec<String>,
    bound: NanoUsd,
    encoding: Encoding,
}

impl Work {
    async fn done(self) -> Result<Response, Problem> {
        let Self { state, account, open, model, texts, bound, encoding } = self;
        let call = match state.ledger.open_call(&account, &open).await? {
            Opened::New(call) => call,
            Opened::Running | Opened::Adrift(_) => return Err(Error::InProgress.into()),
            Opened::Stored(answer) => {
                let stored = serde_json::from_str(&answer.0)
                    .map_err(|error| Problem::internal(&error.to_string()))?;
                return Ok(answered(&model, &stored, NanoUsd::ZERO, encoding));
            }
        };
        let started = state.clock.now();
        let generated = state.embedder.embed(&model.id, &texts, DEADLINE).await;
        let latency_ms = u64::try_from(state.clock.now().ms_since(started)).unwrap_or(0);
        let (attempt, result) = priced(&model, bound, generated, latency_ms);
        let cost = attempt.cost;
        let stored = result.as_ref().ok().and_then(|stored| serde_json::to_string(stored).ok());
        let settlement = Settlement {
            state: match (&result, cost) {
                (Ok(_), _) => CallState::Done,
                (Err(_), NanoUsd::ZERO) => CallState::Failed,
                (Err(_), _) => CallState::Unknown,
            },
            attempts: vec![attempt],
            answer: stored,
            model_used: Some(model.id.clone()),
            provider_response_id: None,
            fallback_used: false,
            latency_ms,
        };
        state.ledger.settle(&account, &call, &settlement).await?;
        result.map(|stored| answered(&model, &stored, cost, encoding))
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

fn priced(
    model: &Model,
    bound: NanoUsd,
    generated: Result<Embeddings, ports::ProviderError>,
    latency_ms: u64,
) -> (AttemptDoc, Result<Stored, Problem>) {
    let attempt = |outcome: &str, usage: Option<Usage>, cost: NanoUsd, unknown: bool| AttemptDoc {
        model: model.id.clone(),
        outcome: outcome.into(),
        usage,
        cost,
        unknown,
        latency_ms,
    };
    match generated {
        Ok(embeddings) => {
            let usage = embeddings.input_tokens.map(|input| Usage::of(input, 0));
            let cost = usage.map_or(bound, |usage| model.price.cost(&usage));
            let input_tokens = embeddings.input_tokens.unwrap_or(0);
            let stored = Stored { vectors: embeddings.vectors, input_tokens };
            (attempt("ok", usage, cost, usage.is_none()), Ok(stored))
        }
        Err(error) => {
            let unknown = error.billing == Billing::Unknown;
            let cost = if unknown { bound } else { NanoUsd::ZERO };
            let problem =
                Problem::new(StatusCode::BAD_GATEWAY, "embedding_failed", error.message.clone());
            (attempt(&error.code, None, cost, unknown), Err(problem))
        }
    }
}

fn answered(model: &Model, stored: &Stored, cost: NanoUsd, encoding: Encoding) -> Response {
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
