//! A stub provider whose answers are good but whose connections are not: one request in ten fails.
//! It stores every generated answer with its price, and returns it to requests by id.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{NanoUsd, catalog::Catalog};
use ports::{Finish, MessageRole, ModelMessage, ModelProvider as _, ModelRequest, OutputSchema};
use serde_json::{Value, json};
use simulation::{Faults, Simulated};

use super::http::{self, Reply, Request};
use crate::upstream::{AnswerContent, OPENAI, RequestSchema, response};

/// How long a stalled connection stays silent before it breaks.
const STALL: Duration = Duration::from_secs(2);

/// A fault of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ConnectionFault {
    /// 503 before generation began.
    Unavailable,
    /// The connection breaks before generation began.
    Broken,
    /// The answer is generated, and the connection breaks before it is sent.
    Lost,
    /// The same after a silence.
    Stalled,
}

/// An answer that was generated and billed.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct PaidAnswer {
    /// The task that it was generated for.
    pub(super) task: String,
    pub(super) cost: NanoUsd,
    body: Value,
}

/// The running stub.
#[derive(Clone)]
pub(super) struct Provider(Arc<State>);

struct State {
    catalog: Catalog,
    model: Simulated,
    described: RequestSchema,
    /// Requests so far: those that begin an answer, and the others.
    begun: AtomicU64,
    others: AtomicU64,
    mishaps: AtomicU64,
    paid: Mutex<BTreeMap<String, PaidAnswer>>,
}

impl Provider {
    /// Serves until the process ends; returns its address as well.
    pub(super) async fn serve() -> (Self, String) {
        let provider = Self(Arc::new(State {
            catalog: Catalog::bundled().unwrap(),
            model: Simulated::new("openai", Duration::ZERO, 11, Faults::default()),
            described: RequestSchema::by(OPENAI),
            begun: AtomicU64::default(),
            others: AtomicU64::default(),
            mishaps: AtomicU64::default(),
            paid: Mutex::default(),
        }));
        let served = provider.clone();
        let url = http::serve(move |request| {
            let provider = served.clone();
            async move { provider.answer(request).await }
        });
        (provider, url.await)
    }

    /// Every generated answer, by id.
    pub(super) fn paid(&self) -> BTreeMap<String, PaidAnswer> {
        self.0.paid.lock().unwrap().clone()
    }

    /// The number of requests, and of failed ones.
    pub(super) fn counts(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.0.begun) + read(&self.0.others), read(&self.0.mishaps))
    }

    /// Requests that do not match the provider's description.
    pub(super) fn complaints(&self) -> Vec<String> {
        self.0.described.complaints()
    }

    async fn answer(&self, request: Request) -> Reply {
        // Both kinds of requests are counted apart, so that each loses one in ten.
        let count =
            if request.line == "POST /v1/responses" { &self.0.begun } else { &self.0.others };
        let nth = count.fetch_add(1, Ordering::Relaxed);
        let kinds = [
            ConnectionFault::Lost,
            ConnectionFault::Unavailable,
            ConnectionFault::Stalled,
            ConnectionFault::Broken,
        ];
        let mishap = nth.is_multiple_of(10).then(|| kinds[usize::try_from(nth / 10 % 4).unwrap()]);
        self.0.mishaps.fetch_add(u64::from(mishap.is_some()), Ordering::Relaxed);
        match mishap {
            Some(ConnectionFault::Unavailable) => return Some(error(503, "overloaded")),
            Some(ConnectionFault::Broken) => return None,
            Some(ConnectionFault::Lost | ConnectionFault::Stalled) | None => {}
        }
        let reply = match request.line.as_str() {
            "POST /v1/responses" => self.begin(&format!("answer_{nth}"), &request.body).await,
            line => match line.split_once("/v1/responses/") {
                Some((_, rest)) => Some(self.stored_answer(rest.trim_end_matches("/cancel"))),
                // The fallback's models do not exist here.
                None => Some(error(404, "NOT_FOUND")),
            },
        };
        if mishap == Some(ConnectionFault::Stalled) {
            tokio::time::sleep(STALL).await;
        }
        reply.filter(|_| mishap.is_none())
    }

    /// Generates an answer, which is billed from now on, and reports it as in progress.
    async fn begin(&self, id: &str, body: &[u8]) -> Reply {
        let body: Value = serde_json::from_slice(body).unwrap();
        if !self.0.described.admits(&body) {
            return Some(error(400, "invalid_request_error"));
        }
        let request = request(&body);
        let said = self.0.model.generate(&request).await.unwrap();
        let usage = said.usage.unwrap();
        let cost = self.0.catalog.model(&request.model).unwrap().price.cost(&usage);
        let is_cut = said.finish == Finish::Length;
        let body = response(&AnswerContent {
            id: id.into(),
            model: request.model,
            text: said.text,
            usage,
            is_cut,
        });
        let task = request.cache_key.unwrap_or_default();
        self.0.paid.lock().unwrap().insert(id.into(), PaidAnswer { task, cost, body });
        Some((
            200,
            json!({ "id": id, "object": "response", "status": "queued", "output": [] }).to_string(),
        ))
    }

    fn stored_answer(&self, id: &str) -> (u16, String) {
        let paid = self.0.paid.lock().unwrap();
        paid.get(id).map_or_else(|| error(404, "not_found"), |paid| (200, paid.body.to_string()))
    }
}

fn error(status: u16, code: &str) -> (u16, String) {
    (status, json!({ "error": { "code": code, "message": code } }).to_string())
}

/// The request in the form that the simulation takes.
fn request(body: &Value) -> ModelRequest {
    let system =
        body["instructions"].as_str().map(|text| ModelMessage::text(MessageRole::System, text));
    let said = body["input"].as_array().unwrap().iter().map(|message| {
        let role =
            if message["role"] == "assistant" { MessageRole::Assistant } else { MessageRole::User };
        ModelMessage::text(role, message["content"].as_str().unwrap())
    });
    let messages = system.into_iter().chain(said).collect();
    let format = &body["text"]["format"];
    ModelRequest {
        schema: format["name"]
            .as_str()
            .map(|name| OutputSchema { name: name.into(), schema: format["schema"].clone() }),
        effort: serde_json::from_value(body["reasoning"]["effort"].clone()).unwrap(),
        cache_key: body["prompt_cache_key"].as_str().map(Into::into),
        ..ModelRequest::new(
            body["model"].as_str().unwrap(),
            "",
            messages,
            body["max_output_tokens"].as_u64().unwrap(),
        )
    }
}
