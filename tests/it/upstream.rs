//! A provider of these tests' own. It speaks OpenAI's Responses API and Gemini's, refuses what
//! their descriptions do not know, and keeps the truth: what it really served, at the catalogue's
//! prices.

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

/// In a prompt: the answer is never over, and is generated to its bound whoever listens.
pub(crate) const ENDLESS: &str = "without end";
/// What may be sent to OpenAI's Responses API.
pub(crate) const OPENAI: &str =
    include_str!("../../common/providers/fixtures/schemas/openai_responses.json");
/// Tokens that frame a message.
const FRAME: u64 = 3;

/// How it behaves.
#[derive(Clone, Copy)]
pub(crate) struct Manners {
    /// Output tokens of an answer: of the nth request, with this bound.
    pub(crate) says: fn(u64, u64) -> u64,
    /// Whether OpenAI's side answers the nth request with 503.
    pub(crate) is_down: fn(u64) -> bool,
    /// The model that it says served an answer, if not the one that was asked.
    pub(crate) named: Option<&'static str>,
}

/// One answer that was generated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Served {
    /// What it cost; `None` when nobody knows a price.
    pub(crate) cost: Option<NanoUsd>,
    /// What it would have cost, had the model that was asked served it.
    pub(crate) at_the_asked_price: NanoUsd,
    /// Whether its asker could read it to the end.
    pub(crate) is_whole: bool,
}

/// The running provider.
pub(crate) struct Upstream {
    /// Its address, without a path.
    pub(crate) url: String,
    state: Arc<State>,
}

struct State {
    catalog: Catalog,
    manners: Manners,
    has_recovered: AtomicBool,
    asked: AtomicU64,
    served: Mutex<BTreeMap<String, Served>>,
    openai: Described,
    gemini: Described,
}

impl Upstream {
    /// Serves on a port of its own.
    pub(crate) async fn serve(catalog: Catalog, manners: Manners) -> Self {
        let state = Arc::new(State {
            catalog,
            manners,
            has_recovered: AtomicBool::default(),
            asked: AtomicU64::default(),
            served: Mutex::default(),
            openai: Described::by(OPENAI),
            gemini: Described::by(include_str!(
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

    /// Every answer that was generated, by its id.
    pub(crate) fn served(&self) -> BTreeMap<String, Served> {
        self.state.served.lock().unwrap().clone()
    }

    /// How many requests came.
    pub(crate) fn asked(&self) -> u64 {
        self.state.asked.load(Ordering::Relaxed)
    }

    /// What was asked otherwise than the provider describes.
    pub(crate) fn complaints(&self) -> Vec<String> {
        [self.state.openai.complaints(), self.state.gemini.complaints()].concat()
    }

    /// From now on it fails no more, and says truly who served.
    pub(crate) fn recover(&self) {
        self.state.has_recovered.store(true, Ordering::Relaxed);
    }
}

/// What a provider's description says of bodies, and what was asked otherwise.
pub(crate) struct Described {
    by: Validator,
    complaints: Mutex<Vec<String>>,
}

impl Described {
    /// By one of the schemas that `providers` is tested with.
    pub(crate) fn by(schema: &str) -> Self {
        let by = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
        Self { by, complaints: Mutex::default() }
    }

    /// Whether a body is as described; if not, it is noted.
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

/// What an answer says.
pub(crate) struct Said {
    pub(crate) id: String,
    /// The model that it names.
    pub(crate) model: String,
    pub(crate) text: String,
    pub(crate) usage: Usage,
    /// Whether it came to its bound before its end.
    pub(crate) is_cut: bool,
}

impl State {
    /// Takes a request that follows its description, generates the answer and counts it, and says
    /// whether it is endless; or refuses.
    fn take(
        &self,
        body: &Value,
        described: &Described,
        asked: (&str, u64),
        texts: &[&str],
        can_fail: bool,
    ) -> Result<(Said, bool), Refused> {
        let nth = self.asked.fetch_add(1, Ordering::Relaxed);
        if !described.admits(body) {
            return Err(Refused(
                StatusCode::BAD_REQUEST,
                "invalid_request_error",
                "not as described",
            ));
        }
        let has_recovered = self.has_recovered.load(Ordering::Relaxed);
        if can_fail && !has_recovered && (self.manners.is_down)(nth) {
            return Err(Refused(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "come back later"));
        }
        let (asked, most) = asked;
        let is_endless = texts.iter().any(|text| text.contains(ENDLESS));
        // Every word is a token at least, so that no honest count is below this one.
        let input = texts.iter().map(|text| text.split_whitespace().count() as u64 + FRAME).sum();
        let usage = Usage::of(
            input,
            if is_endless { most } else { (self.manners.says)(nth, most).clamp(1, most) },
        );
        let model = self.manners.named.filter(|_| !has_recovered).unwrap_or(asked);
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
            Said { id, model: model.into(), text, usage, is_cut: usage.output == most },
            is_endless,
        ))
    }
}

/// A request that is not answered: status, code, message. Both providers report it alike as far as
/// it is read.
struct Refused(StatusCode, &'static str, &'static str);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, code, message) = self;
        (status, Json(json!({ "error": { "code": code, "type": code, "message": message } })))
            .into_response()
    }
}
