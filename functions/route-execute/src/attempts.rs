//! The attempts of one call: bounded over the whole chain, covered before each, priced after each.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use domain::{
    NanoUsd,
    budget::CallState,
    catalog::Catalog,
    routing::{Candidate, Route},
    tokens,
};
use ports::{
    Billing, ExecuteResponse, Finish, MessageRole, ModelAnswer, ModelMessage, ModelRequest, NextMove, Outcome,
    ProviderError, TokenCounts,
};
use rand::RngExt as _;
use service::Problem;
use workflow::{Account, AttemptDoc, OpenedCall, Settlement};

use crate::{AppState, call::Asked, structured};

/// Tries of one model.
const TRIES: u32 = 2;
/// Attempts over the whole chain, repairs included: never retries times fallbacks.
const MOST_ATTEMPTS: usize = 4;
/// Backoff ceiling of the first retry; it doubles.
const BACKOFF_MS: u64 = 500;
/// An attempt that could not finish is not begun.
const LEAST_MS: i64 = 500;

/// What is known of the attempts so far, also when they are cut off in the middle.
#[derive(Default)]
pub(crate) struct Progress(Mutex<Vec<AttemptDoc>>);

impl Progress {
    fn attempts(&self) -> Vec<AttemptDoc> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn charged(&self) -> NanoUsd {
        self.attempts().iter().map(|attempt| attempt.cost).sum()
    }

    /// Notes an attempt before it is made, at its bound: if nothing more is heard of it, that is its charge.
    fn begin(&self, candidate: &Candidate) {
        let attempt = AttemptDoc {
            model: candidate.model.id.clone(),
            outcome: "cut".into(),
            usage: None,
            cost: candidate.bound,
            unknown: true,
            latency_ms: 0,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(attempt);
    }

    fn finish(&self, change: impl FnOnce(&mut AttemptDoc)) {
        if let Some(last) = self.0.lock().unwrap_or_else(PoisonError::into_inner).last_mut() {
            change(last);
        }
    }
}

/// How the attempts ended.
pub(crate) enum Ended {
    /// A model answered.
    Answered {
        /// What it said.
        answer: Box<ModelAnswer>,
        /// Who was asked.
        candidate: Box<Candidate>,
        /// The answer as JSON, where a schema was asked for and kept.
        parsed: Option<serde_json::Value>,
        /// Whether it keeps to the schema, if there is one.
        is_valid: bool,
        /// Whether the provider makes answers up.
        simulated: bool,
    },
    /// No model answered.
    Failed(Problem),
    /// Cancelled, or its client hung up.
    Cut,
}

/// Tries the models of a route until one answers.
pub(crate) async fn run(
    state: &AppState,
    asked: &Asked,
    account: &Account,
    route: &Route,
    call: &mut OpenedCall,
    progress: &Progress,
) -> Ended {
    let schema = asked.request.response_schema.as_ref();
    for candidate in &route.chain {
        let mut candidate = candidate.clone();
        let mut messages = asked.request.messages.clone();
        let (mut failures, mut repaired) = (0, false);
        while failures < TRIES && progress.attempts().len() < MOST_ATTEMPTS {
            let left_ms = call.call_until().ms_since(state.clock.now());
            if left_ms < LEAST_MS {
                return exhausted("the deadline has passed", progress);
            }
            if let Err(error) = state.ledger.cover(account, call, progress.charged(), candidate.bound).await {
                return Ended::Failed(error.into());
            }
            let Some(provider) = state.providers.get(&candidate.model.provider) else { break };
            let (model, bound) = (&candidate.model.id, candidate.max_output_tokens);
            let request = ModelRequest {
                effort: candidate.effort,
                schema: schema.cloned(),
                cache_key: asked.task.as_ref().map(ToString::to_string),
                timeout: Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)),
                ..ModelRequest::new(model, &asked.request.task_type, messages.clone(), bound)
            };
            progress.begin(&candidate);
            let started = state.clock.now();
            let generated = provider.generate(&request).await;
            let latency_ms = u64::try_from(state.clock.now().ms_since(started)).unwrap_or(0);
            match generated {
                Ok(answer) => {
                    let (cost, unknown) = price(&state.ledger.rules().catalog, &candidate, &answer);
                    progress.finish(|attempt| {
                        attempt.outcome = "ok".into();
                        (attempt.usage, attempt.cost, attempt.unknown) = (answer.usage, cost, unknown);
                        attempt.latency_ms = latency_ms;
                    });
                    let checked = schema.map(|schema| structured::check(&schema.schema, &answer.text));
                    let is_done = answer.finish != Finish::Stop || checked.as_ref().is_none_or(Result::is_ok);
                    if !is_done && !repaired && progress.attempts().len() < MOST_ATTEMPTS {
                        repaired = true;
                        progress.finish(|attempt| attempt.outcome = "invalid_output".into());
                        let complaint = checked.and_then(Result::err).unwrap_or_default();
                        repair(&mut messages, &mut candidate, &answer.text, &complaint);
                        continue;
                    }
                    let is_valid = checked.as_ref().is_none_or(Result::is_ok);
                    return Ended::Answered {
                        answer: answer.into(),
                        candidate: candidate.into(),
                        parsed: checked.and_then(Result::ok),
                        is_valid,
                        simulated: provider.simulated(),
                    };
                }
                Err(error) => {
                    note_failure(progress, &error, latency_ms);
                    failures += 1;
                    match error.next {
                        NextMove::Stop => return rejected(&error, progress),
                        NextMove::NextModel => break,
                        NextMove::Retry { after } if failures < TRIES => back_off(after, failures).await,
                        NextMove::Retry { .. } => {}
                    }
                }
            }
        }
    }
    exhausted("every model failed", progress)
}

/// What an answer cost: by the model that served it. Without usage, or by a model without a price, its bound.
fn price(catalog: &Catalog, candidate: &Candidate, answer: &ModelAnswer) -> (NanoUsd, bool) {
    match (answer.usage, catalog.served(&answer.model_served)) {
        (Some(usage), Some(served)) => {
            if served.id != candidate.model.id {
                tracing::warn!(
                    gen_ai.request.model = candidate.model.id,
                    gen_ai.response.model = answer.model_served,
                    "another model served than was asked"
                );
            }
            (served.price.cost(&usage), false)
        }
        _ => (candidate.bound, true),
    }
}

fn note_failure(progress: &Progress, error: &ProviderError, latency_ms: u64) {
    let unknown = error.billing == Billing::Unknown;
    tracing::warn!(error.code = error.code, "an attempt failed: {}", error.code);
    progress.finish(|attempt| {
        attempt.outcome.clone_from(&error.code);
        attempt.unknown = unknown;
        attempt.latency_ms = latency_ms;
        if !unknown {
            attempt.cost = NanoUsd::ZERO;
        }
    });
}

/// Shows the model its answer and what is wrong with it; the bound grows with the conversation.
fn repair(messages: &mut Vec<ModelMessage>, candidate: &mut Candidate, text: &str, complaint: &str) {
    let complaint = format!(
        "Your answer does not follow the schema: {complaint}. Answer again with the whole corrected JSON object and nothing else."
    );
    let added = tokens::upper_bound([text, complaint.as_str()]);
    messages.push(ModelMessage::text(MessageRole::Assistant, text));
    messages.push(ModelMessage::text(MessageRole::User, complaint));
    // The first input is inside the old bound; what was added comes on top, at the dearest input price there is.
    candidate.bound += candidate.model.price.bound(added + candidate.model.max_input, 0, 0)
        - candidate.model.price.bound(candidate.model.max_input, 0, 0);
}

async fn back_off(after: Option<Duration>, failures: u32) {
    let ceiling_ms = BACKOFF_MS << failures.min(6);
    let jitter = Duration::from_millis(rand::rng().random_range(0..=ceiling_ms));
    tokio::time::sleep(after.unwrap_or_default() + jitter).await;
}

fn outcomes(attempts: &[AttemptDoc]) -> Vec<Outcome> {
    let outcome = |attempt: &AttemptDoc| Outcome {
        model: attempt.model.clone(),
        outcome: attempt.outcome.clone(),
        cost_usd: attempt.cost,
        latency_ms: attempt.latency_ms,
    };
    attempts.iter().map(outcome).collect()
}

fn exhausted(why: &str, progress: &Progress) -> Ended {
    let attempts = serde_json::to_value(outcomes(&progress.attempts())).unwrap_or_default();
    let problem =
        Problem::new(axum::http::StatusCode::BAD_GATEWAY, "all_models_failed", format!("{why}: see attempts"));
    Ended::Failed(problem.with("attempts", attempts))
}

fn rejected(error: &ProviderError, progress: &Progress) -> Ended {
    let attempts = serde_json::to_value(outcomes(&progress.attempts())).unwrap_or_default();
    let detail = format!("the provider refused the request ({}): {}", error.code, error.message);
    let problem = Problem::new(axum::http::StatusCode::BAD_REQUEST, "rejected_by_provider", detail);
    Ended::Failed(problem.with("attempts", attempts))
}

/// What the ledger books and what the caller is told.
pub(crate) fn conclude(
    ended: Ended,
    progress: &Progress,
    route: &Route,
    call: &OpenedCall,
    latency_ms: u64,
) -> (Settlement, Result<ExecuteResponse, Problem>) {
    let attempts = progress.attempts();
    let charged = progress.charged();
    let mut settlement = Settlement {
        state: if charged == NanoUsd::ZERO { CallState::Failed } else { CallState::Unknown },
        attempts: attempts.clone(),
        answer: None,
        model_used: None,
        provider_response_id: None,
        fallback_used: false,
        latency_ms,
    };
    let (answer, candidate, parsed, is_valid, simulated) = match ended {
        Ended::Answered { answer, candidate, parsed, is_valid, simulated } => {
            (answer, candidate, parsed, is_valid, simulated)
        }
        Ended::Failed(problem) => return (settlement, Err(problem)),
        Ended::Cut => {
            settlement.state = CallState::Cut;
            let detail = "the call was cancelled; what may have been generated is charged";
            let status = axum::http::StatusCode::CONFLICT;
            return (settlement, Err(Problem::new(status, "cancelled", detail)));
        }
    };
    let usage = answer.usage.unwrap_or_default();
    let first = route.chain.first().map(|first| &first.model.id);
    let fallback_used = first != Some(&candidate.model.id);
    let response = ExecuteResponse {
        tool_calls: answer.tool_calls,
        citations: answer.citations,
        service_tier: answer.service_tier,
        cached: false,
        call_id: call.id.to_string(),
        finish: finish(&answer.finish, is_valid).into(),
        response: answer.text,
        parsed,
        model_used: answer.model_served.clone(),
        provider: candidate.model.provider.clone(),
        complexity: route.complexity,
        reason: route.reason.clone(),
        cost_usd: charged,
        tokens: TokenCounts {
            input: usage.input,
            cached_input: usage.cached_input,
            output: usage.output,
            reasoning: usage.reasoning,
        },
        latency_ms,
        attempts: outcomes(&attempts),
        fallback_used,
        simulated,
        downgraded: route.downgraded,
        budget: None,
    };
    settlement.state = CallState::Done;
    settlement.answer = serde_json::to_string(&response).ok();
    settlement.model_used = Some(answer.model_served);
    settlement.provider_response_id = answer.provider_response_id;
    settlement.fallback_used = fallback_used;
    (settlement, Ok(response))
}

fn finish(finish: &Finish, is_valid: bool) -> &'static str {
    match finish {
        Finish::Stop if is_valid => "stop",
        Finish::Stop => "invalid_output",
        Finish::Length => "length",
        Finish::Refusal(_) => "refusal",
        Finish::Safety(_) => "safety",
    }
}
