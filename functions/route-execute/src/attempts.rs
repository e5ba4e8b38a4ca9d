//! The attempts of one call: limited over the whole chain, each covered before and priced after it.

mod conclude;
mod one;
mod progress;

use std::time::Duration;

use domain::{
    budget::Refusal,
    catalog::ServiceTier,
    routing::{Candidate, Route},
    tokens,
};
use ledger::{Error, OpenedCall};
use ports::{
    Billing, Finish, MessageRole, ModelAnswer, ModelMessage, ModelProvider, ModelRequest, NextMove,
    ProviderError,
};
use service::Problem;

pub(crate) use conclude::{conclude, cut};
pub(crate) use one::{abandon, fetch};
pub(crate) use progress::Progress;

use crate::{context::Context, structured};

/// Tries of one model.
const TRIES: u32 = 2;
/// Limit of attempts over the whole chain, repairs included, so that retries and fallbacks do not
/// multiply.
const MOST_ATTEMPTS: usize = 4;
/// Backoff ceiling of the first retry; it doubles.
const BACKOFF_MS: u64 = 500;
/// A model that does not answer in this time counts as failing; one that had less time does not.
const PATIENT_MS: i64 = 60_000;
/// With less time than this no attempt is started, because it could not finish.
const LEAST_MS: i64 = 500;

/// How the attempts ended.
pub(crate) enum Ended {
    /// A model answered.
    Answered {
        /// The model's answer.
        answer: Box<ModelAnswer>,
        /// The candidate that answered.
        candidate: Box<Candidate>,
        /// The answer as JSON, where a schema was asked for and kept.
        parsed: Option<serde_json::Value>,
        /// Whether it keeps to the schema, if there is one.
        is_valid: bool,
        /// Whether the provider is simulated.
        simulated: bool,
    },
    /// No model answered.
    Failed(Problem),
    /// Cancelled, or its client disconnected.
    Cut,
}

/// What follows an attempt.
enum Sequel {
    Again,
    NextModel,
    End(Ended),
}

/// Everything the attempts of a call share.
struct Attempts<'a> {
    context: &'a Context<'a>,
    progress: &'a Progress,
}

/// Tries the models of a route until one answers.
pub(crate) async fn run(
    context: &Context<'_>,
    route: &Route,
    call: &mut OpenedCall,
    progress: &Progress,
) -> Ended {
    let state = context.state;
    let attempts = Attempts { context, progress };
    // First the models whose breaker allows a try. If there is none, all: a breaker only prefers
    // other models, it never refuses a call.
    let mut refused = None;
    let heeding = route.chain.iter().map(|candidate| (true, candidate));
    let turns: Vec<(bool, &Candidate)> =
        heeding.chain(route.chain.iter().map(|candidate| (false, candidate))).collect();
    for (heeds_breakers, candidate) in turns {
        if progress.count() >= MOST_ATTEMPTS
            || (!heeds_breakers && (progress.count() > 0 || refused.is_some()))
        {
            break;
        }
        // Flex is refused when the provider is busy, which says nothing about the model.
        let is_flex = candidate.service_tier == ServiceTier::Flex;
        if heeds_breakers
            && !is_flex
            && !state.memory.breakers.admits(&candidate.model.id, state.clock.now())
        {
            continue;
        }
        if progress.count() > 0
            && let Err(problem) = attempts.still_allowed(route).await
        {
            return Ended::Failed(problem);
        }
        match attempts.try_model(call, candidate).await {
            Ok(Some(ended)) => return ended,
            Ok(None) => {}
            Err(refusal) => refused = Some(refusal),
        }
    }
    match refused {
        // The budget covers none of the remaining models; earlier failures are in the attempts.
        Some(refusal) => Ended::Failed(Error::Refused(refusal).into()),
        None => exhausted("every model failed", progress),
    }
}

impl Attempts<'_> {
    /// Checks again that the business may make a call of this class: before a fallback an emergency
    /// stop may have been set or the tier lowered.
    async fn still_allowed(&self, route: &Route) -> Result<(), Problem> {
        let now = self.context.state.ledger.admit(&self.context.call.request.business_id).await?;
        if route.complexity > now.terms.highest_class {
            let detail = "the tier was lowered while the call was made";
            return Err(Problem::new(
                axum::http::StatusCode::PAYMENT_REQUIRED,
                "model_tier_restricted",
                detail,
            ));
        }
        Ok(())
    }

    /// Tries one model. `Ok(None)` leaves the call to the next one, also after a refusal by the
    /// budget: the next may be cheaper.
    async fn try_model(
        &self,
        call: &mut OpenedCall,
        candidate: &Candidate,
    ) -> Result<Option<Ended>, Box<Refusal>> {
        let Some(provider) = self.context.state.providers.get(&candidate.model.provider) else {
            return Ok(None);
        };
        let mut candidate = candidate.clone();
        let mut messages = self.context.call.request.messages.clone();
        let (mut failures, mut is_repair) = (0, false);
        while failures < TRIES && self.progress.count() < MOST_ATTEMPTS {
            if call.background().is_some()
                && let Err(error) = self.context.state.ledger.note_background(call, None).await
            {
                return Ok(Some(Ended::Failed(error.into())));
            }
            // The last check of the store before money is spent, then of the clock: an instance
            // that was suspended finds that it no longer owns the call, or that its time is up.
            match self
                .context
                .state
                .ledger
                .cover(self.context.account, call, self.progress.charged(), candidate.bound)
                .await
            {
                Ok(()) => {}
                Err(Error::Refused(refusal)) if refusal.code.is_for_money() => return Err(refusal),
                Err(error) => return Ok(Some(Ended::Failed(error.into()))),
            }
            let left_ms = call.call_until().ms_since(self.context.state.clock.now());
            if left_ms < LEAST_MS {
                return Ok(Some(exhausted("the deadline has passed", self.progress)));
            }
            let request = self.request(&candidate, messages.clone(), left_ms);
            self.progress.begin(&candidate);
            let started = self.context.state.clock.now();
            let generated =
                one::generate(self, provider.as_ref(), call, &candidate, &request).await;
            self.progress.took(self.context.state.clock.now().ms_since(started));
            let next = match generated {
                Ok(answer) => {
                    self.context.state.memory.breakers.succeeded(&candidate.model.id);
                    let catalog = &self.context.state.ledger.rules().catalog;
                    self.progress.answered(catalog, &candidate, &answer);
                    let can_repair = !is_repair
                        && !self.context.live.has_shown()
                        && self.progress.count() < MOST_ATTEMPTS;
                    match self.judge(&answer, can_repair) {
                        Ok((parsed, is_valid)) => Sequel::End(answered(
                            answer,
                            &candidate,
                            provider.as_ref(),
                            parsed,
                            is_valid,
                        )),
                        Err(complaint) => {
                            self.progress.rename("invalid_output");
                            is_repair = true;
                            repair(&mut messages, &mut candidate, &answer.text, &complaint);
                            continue;
                        }
                    }
                }
                Err(error) => {
                    failures += 1;
                    self.failed(&candidate, &error, failures, left_ms).await
                }
            };
            match next {
                Sequel::Again => {}
                Sequel::NextModel => break,
                Sequel::End(ended) => return Ok(Some(ended)),
            }
        }
        Ok(None)
    }

    fn request(
        &self,
        candidate: &Candidate,
        messages: Vec<ModelMessage>,
        left_ms: i64,
    ) -> ModelRequest {
        let asked = &self.context.call.request;
        let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
        let is_flex = candidate.service_tier == ServiceTier::Flex;
        ModelRequest {
            effort: candidate.effort,
            schema: asked.response_schema.clone(),
            max_searches: asked.max_searches,
            tools: asked.tools.clone(),
            tool_choice: asked.tool_choice.clone(),
            service_tier: candidate.service_tier,
            cache_key: self.context.call.session.clone(),
            // Half the time is kept for standard service: a flex answer may never come.
            timeout: if is_flex && !self.context.live.is_on() { left / 2 } else { left },
            ..ModelRequest::new(
                &candidate.model.id,
                &asked.task_type,
                messages,
                candidate.max_output_tokens,
            )
        }
    }

    /// The answer as JSON and whether it is as asked; or what to tell the model, when it may try
    /// once more.
    fn judge(
        &self,
        answer: &ModelAnswer,
        can_repair: bool,
    ) -> Result<(Option<serde_json::Value>, bool), String> {
        let Some(schema) = &self.context.call.request.response_schema else {
            return Ok((None, true));
        };
        if !answer.tool_calls.is_empty() {
            return Ok((None, true));
        }
        match structured::check(&schema.schema, &answer.text) {
            Ok(parsed) => Ok((Some(parsed), true)),
            Err(complaint) if can_repair && answer.finish == Finish::Stop => Err(complaint),
            Err(_) => Ok((None, answer.finish != Finish::Stop)),
        }
    }

    /// Notes a failure and decides what follows it.
    async fn failed(
        &self,
        candidate: &Candidate,
        error: &ProviderError,
        failures: u32,
        left_ms: i64,
    ) -> Sequel {
        tracing::warn!(
            error.code = error.code,
            gen_ai.request.model = candidate.model.id,
            "an attempt failed: {}",
            error.code
        );
        self.progress.failed(&error.code, error.billing == Billing::Unknown, candidate.bound);
        if self.context.live.has_shown() {
            return Sequel::End(cut_off(error, self.progress));
        }
        if candidate.service_tier == ServiceTier::Flex && error.next != NextMove::Stop {
            return Sequel::NextModel;
        }
        // A short deadline of the caller says nothing about the model either.
        let is_hasty = error.code == "timeout" && left_ms < PATIENT_MS;
        if error.next != NextMove::Stop && !is_hasty {
            self.context
                .state
                .memory
                .breakers
                .failed(&candidate.model.id, self.context.state.clock.now());
        }
        match error.next {
            NextMove::Stop => Sequel::End(rejected(error, self.progress)),
            NextMove::Retry { after } if failures < TRIES => {
                let pause = back_off(after, failures);
                if i64::try_from(pause.as_millis()).unwrap_or(i64::MAX) + LEAST_MS > left_ms {
                    return Sequel::NextModel;
                }
                tokio::time::sleep(pause).await;
                Sequel::Again
            }
            NextMove::NextModel | NextMove::Retry { .. } => Sequel::NextModel,
        }
    }
}

fn answered(
    answer: ModelAnswer,
    candidate: &Candidate,
    provider: &dyn ModelProvider,
    parsed: Option<serde_json::Value>,
    is_valid: bool,
) -> Ended {
    let simulated = provider.simulated();
    Ended::Answered {
        answer: answer.into(),
        candidate: candidate.clone().into(),
        parsed,
        is_valid,
        simulated,
    }
}

/// Shows the model its answer and what is wrong with it; the bound grows with the conversation.
fn repair(
    messages: &mut Vec<ModelMessage>,
    candidate: &mut Candidate,
    text: &str,
    complaint: &str,
) {
    let complaint = format!(
        "Your answer does not follow the schema: {complaint}. Answer again with the whole corrected JSON object and nothing else."
    );
    let added = tokens::upper_bound([text, complaint.as_str()]);
    messages.push(ModelMessage::text(MessageRole::Assistant, text));
    messages.push(ModelMessage::text(MessageRole::User, complaint));
    // Priced anew as a whole: a longer conversation may move into the dearer band. A search is
    // bounded by the context.
    let before =
        candidate.model.price.bound(candidate.input_tokens, candidate.max_output_tokens, 0);
    candidate.input_tokens = (candidate.input_tokens + added).min(candidate.model.max_input);
    let after = candidate.model.price.bound(candidate.input_tokens, candidate.max_output_tokens, 0);
    candidate.bound += after - before;
}

/// Full jitter, after what the provider asked for.
fn back_off(after: Option<Duration>, failures: u32) -> Duration {
    let ceiling_ms = BACKOFF_MS << failures.min(6);
    after.unwrap_or_default() + Duration::from_millis(fastrand::u64(0..=ceiling_ms))
}

fn failure(
    progress: &Progress,
    status: axum::http::StatusCode,
    code: &'static str,
    detail: String,
) -> Ended {
    let attempts = serde_json::to_value(progress.outcomes()).unwrap_or_default();
    Ended::Failed(Problem::new(status, code, detail).with("attempts", attempts))
}

fn exhausted(why: &str, progress: &Progress) -> Ended {
    failure(
        progress,
        axum::http::StatusCode::BAD_GATEWAY,
        "all_models_failed",
        format!("{why}: see attempts"),
    )
}

fn rejected(error: &ProviderError, progress: &Progress) -> Ended {
    let detail = format!("the provider refused the request ({}): {}", error.code, error.message);
    failure(progress, axum::http::StatusCode::BAD_REQUEST, "rejected_by_provider", detail)
}

/// Words were streamed already and another model would start anew, so the client is told that this
/// answer is incomplete.
fn cut_off(error: &ProviderError, progress: &Progress) -> Ended {
    let detail = format!(
        "the provider broke off in the middle of the answer ({}); it is not whole",
        error.code
    );
    failure(progress, axum::http::StatusCode::BAD_GATEWAY, "stream_cut", detail)
}
