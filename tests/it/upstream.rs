//! A stub of the providers for these tests. It implements OpenAI's Responses API and Gemini's,
//! refuses what their descriptions do not allow, and records what it really served, at the
//! catalogue's prices.

mod gemini;
mod openai;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use domain::{NanoUsd, catalog::Catalog, usage::Usage};
use jsonschema::Validator;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) use openai::response;

/// A prompt with this text gets an answer that never ends and is generated up to its bound, even
/// without a reader.
pub(crate) const ENDLESS: &str = "without end";
/// The schema of OpenAI's Responses API.
pub(crate) const OPENAI: &str =
    include_str!("../../common/providers/fixtures/schemas/openai_responses.json");
/// Tokens that frame a message.
const FRAME: u64 = 3;

/// The stub's behaviour.
#[derive(Clone, Copy)]
pub(crate) struct Behaviour {
    /// Output tokens of the nth answer, given its bound.
    pub(crate) says: fn(u64, u64) -> u64,
    /// Whether OpenAI's side answers the nth request with 503.
    pub(crate) is_down: fn(u64) -> bool,
    /// The model that it claims served an answer, if not the requested one.
    pub(crate) named: Option<&'static str>,
}

/// One answer that was generated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Served {
    /// Its cost; `None` if its price is unknown.
    pub(crate) cost: Option<NanoUsd>,
    /// The cost at the requested model's price.
    pub(crate) at_the_asked_price: NanoUsd,
    /// Whether the client could read it to the end.
    pub(crate) is_whole: bool,
}

/// The running stub.
pub(crate) struct Upstream {
    /// Its address without a path.
    pub(crate) url: String,
    state: Arc<State>,
}

struct State {
    catalog: Catalog,
    behaviour: Behaviour,
    has_recovered: AtomicBool,
    asked: AtomicU64,
    served: Mutex<BTreeMap<String, Served>>,
    openai: RequestSchema,
    gemini: RequestSchema,
}

impl Upstream {
    /// Serves on a port of its own.
    pub(crate) async fn serve(catalog: Catalog, behaviour: Behaviour) -> Self {
        let state = Arc::new(State {
            catalog,
            behaviour,
            has_recovered: AtomicBool::default(),
            asked: AtomicU64::default(),
            served: Mutex::default(),
            openai: RequestSchema::by(OPENAI),
            gemini: RequestSchema::by(include_str!(
                "../../common/providers/fixtures/schemas/gemini.json"
            )),
        });
        let router = Router::new()
            .route("/v1/responses", post(openai::respond))
            .route("/v1beta/models/{call}", post(gemini::generate))
            .with_state(state.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state }
    }

    /// Every generated answer, by id.
    pub(crate) fn served(&self) -> BTreeMap<String, Served> {
        self.state.served.lock().unwrap().clone()
    }

    /// The number of requests.
    pub(crate) fn asked(&self) -> u64 {
        self.state.asked.load(Ordering::Relaxed)
    }

    /// Requests that do not match the providers' descriptions.
    pub(crate) fn complaints(&self) -> Vec<String> {
        [self.state.openai.complaints(), self.state.gemini.complaints()].concat()
    }

    /// From now on it never fails, and names the model that really served.
    pub(crate) fn recover(&self) {
        self.state.has_recovered.store(true, Ordering::Relaxed);
    }
}

/// A provider's description of request bodies, and the bodies that did not match it.
pub(crate) struct RequestSchema {
    by: Validator,
    complaints: Mutex<Vec<String>>,
}

impl RequestSchema {
    /// Uses one of the schemas that `providers` is tested with.
    pub(crate) fn by(schema: &str) -> Self {
        let by = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
        Self { by, complaints: Mutex::default() }
    }

    /// Whether a body matches the description; if not, it is recorded.
    pub(crate) fn admits(&self, body: &Value) -> bool {
        let wrong: Vec<String> =
            self.by.iter_errors(body).map(|it| format!("{}: {it}", it.instance_path())).collect();
        let admits = wrong.is_empty();
        self.complaints.lock().unwrap().extend(wrong);
        admits
    }

    pub(crate) fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap().clone()
    }
}

/// The content of an answer.
pub(crate) struct AnswerContent {
    pub(crate) id: String,
    /// The model that it names.
    pub(crate) model: String,
    pub(crate) text: String,
    pub(crate) usage: Usage,
    /// Whether it was cut at its bound.
    pub(crate) is_cut: bool,
}

impl State {
    /// Checks a request, generates the answer, counts it, and returns whether it is endless; or
    /// refuses the request.
    fn take(
        &self,
        body: &Value,
        described: &RequestSchema,
        asked: (&str, u64),
        texts: &[&str],
        can_fail: bool,
    ) -> Result<(AnswerContent, bool), Refused> {
        let nth = self.asked.fetch_add(1, Ordering::Relaxed);
        if !described.admits(body) {
            return Err(Refused(
                StatusCode::BAD_REQUEST,
                "invalid_request_error",
                "not as described",
            ));
        }
        let has_recovered = self.has_recovered.load(Ordering::Relaxed);
        if can_fail && !has_recovered && (self.behaviour.is_down)(nth) {
            return Err(Refused(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "come back later"));
        }
        let (asked, most) = asked;
        let is_endless = texts.iter().any(|text| text.contains(ENDLESS));
        // Every word is at least one token, so no correct count is below this one.
        let input = texts.iter().map(|text| text.split_whitespace().count() as u64 + FRAME).sum();
        let usage = Usage::of(
            input,
            if is_endless { most } else { (self.behaviour.says)(nth, most).clamp(1, most) },
        );
        let model = self.behaviour.named.filter(|_| !has_recovered).unwrap_or(asked);
        let price = |model: &str| self.catalog.model(model).map(|model| model.price.cost(&usage));
        let served = Served {
            cost: price(model),
            at_the_asked_price: price(asked).unwrap(),
            is_whole: !is_endless,
        };
        let id = format!("answer_{nth}");
        self.served.lock().unwrap().insert(id.clone(), served);
        let text = "word ".repeat(usize::try_from(usage.output).unwrap());
        Ok((
            AnswerContent { id, model: model.into(), text, usage, is_cut: usage.output == most },
            is_endless,
        ))
    }
}

/// A refused request: status, code, message. Both providers report it alike in the fields that are
/// read.
struct Refused(StatusCode, &'static str, &'static str);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, code, message) = self;
        (status, Json(json!({ "error": { "code": code, "type": code, "message": message } })))
            .into_response()
    }
}
