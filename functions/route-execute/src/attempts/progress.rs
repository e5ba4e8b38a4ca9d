//! The state of a call's attempts, available even when they are cut off in the middle.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::{NanoUsd, catalog::Catalog, routing::Candidate, usage::Usage};
use ledger::documents::AttemptDoc;
use ports::{ModelAnswer, Outcome};

/// The attempts so far.
#[derive(Default)]
pub(crate) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    attempts: Vec<AttemptDoc>,
    /// The text so far of an answer that is being streamed.
    words: String,
    /// The attempt that goes on in the background.
    background: Option<usize>,
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self, change: impl FnOnce(&mut AttemptDoc)) {
        if let Some(last) = self.state().attempts.last_mut() {
            change(last);
        }
    }

    /// Every attempt, oldest first.
    pub(crate) fn attempts(&self) -> Vec<AttemptDoc> {
        self.state().attempts.clone()
    }

    /// How many there were.
    pub(crate) fn count(&self) -> usize {
        self.state().attempts.len()
    }

    /// What all of them are charged.
    pub(crate) fn charged(&self) -> NanoUsd {
        self.state().attempts.iter().map(|attempt| attempt.cost).sum()
    }

    /// What was streamed of the last one.
    pub(crate) fn words(&self) -> String {
        self.state().words.clone()
    }

    /// The attempts as they are reported.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        let outcome = |attempt: &AttemptDoc| Outcome {
            model: attempt.model.clone(),
            outcome: attempt.outcome.clone(),
            cost_usd: attempt.cost,
            latency_ms: attempt.latency_ms,
        };
        self.state().attempts.iter().map(outcome).collect()
    }

    /// Notes an attempt before it is made, at its bound, which is its charge unless its result is
    /// noted.
    pub(crate) fn begin(&self, candidate: &Candidate) {
        let mut state = self.state();
        state.words.clear();
        state.attempts.push(AttemptDoc {
            model: candidate.model.id.clone(),
            outcome: "cut".into(),
            usage: None,
            cost: candidate.bound,
            unknown: true,
            latency_ms: 0,
        });
    }

    /// Takes over the attempts that an earlier owner paid before its orphaned one.
    pub(crate) fn inherit(&self, earlier: Vec<AttemptDoc>) {
        self.state().attempts = earlier;
    }

    /// Attempts before the one that is under way.
    pub(crate) fn before_last(&self) -> Vec<AttemptDoc> {
        let mut attempts = self.attempts();
        attempts.pop();
        attempts
    }

    /// The attempt goes on in the background.
    pub(crate) fn went_to_background(&self) {
        let mut state = self.state();
        state.background = state.attempts.len().checked_sub(1);
    }

    /// The result of the background attempt, while another may be under way.
    pub(crate) fn settled_in_background(
        &self,
        catalog: &Catalog,
        candidate: &Candidate,
        answer: &ModelAnswer,
    ) {
        let priced = priced(catalog, answer);
        let mut state = self.state();
        let Some(index) = state.background else { return };
        let Some(attempt) = state.attempts.get_mut(index) else { return };
        attempt.usage = answer.usage;
        (attempt.cost, attempt.unknown) = (priced.unwrap_or(candidate.bound), priced.is_none());
    }

    /// More words of the attempt arrived.
    pub(crate) fn said(&self, words: &str) {
        self.state().words.push_str(words);
    }

    /// What it has consumed so far: its charge, if it is broken off here on our side.
    pub(crate) fn consumed(&self, candidate: &Candidate, usage: Usage) {
        // The service is known only at the end; half the price applies only if the answer says so.
        let cost = candidate.model.price.cost(&usage).min(candidate.bound);
        self.last(|attempt| {
            attempt.usage = Some(usage);
            (attempt.cost, attempt.unknown) = (cost, false);
        });
    }

    /// How long it took.
    pub(crate) fn took(&self, ms: i64) {
        self.last(|attempt| attempt.latency_ms = u64::try_from(ms).unwrap_or(0));
    }

    /// It answered: priced by the model and the service that the answer names. Without usage, or
    /// without a price for what served it, it is charged its bound.
    pub(crate) fn answered(&self, catalog: &Catalog, candidate: &Candidate, answer: &ModelAnswer) {
        let served = catalog.served(&answer.model_served);
        if served.is_none_or(|served| served.id != candidate.model.id) {
            tracing::warn!(
                gen_ai.request.model = candidate.model.id,
                gen_ai.response.model = answer.model_served,
                "another model served than was asked"
            );
        }
        let priced = priced(catalog, answer);
        self.last(|attempt| {
            attempt.outcome = "ok".into();
            attempt.usage = answer.usage;
            (attempt.cost, attempt.unknown) = (priced.unwrap_or(candidate.bound), priced.is_none());
        });
    }

    /// It embedded texts: priced by the tokens that the provider counted, at its bound without
    /// them.
    pub(crate) fn embedded(&self, candidate: &Candidate, input_tokens: Option<u64>) {
        let usage = input_tokens.map(|input| Usage::of(input, 0));
        let cost = usage.map(|usage| candidate.model.price.cost(&usage));
        self.last(|attempt| {
            attempt.outcome = "ok".into();
            attempt.usage = usage;
            (attempt.cost, attempt.unknown) = (cost.unwrap_or(candidate.bound), cost.is_none());
        });
    }

    /// Replaces the outcome of the last attempt by a more precise one.
    pub(crate) fn rename(&self, outcome: &str) {
        self.last(|attempt| attempt.outcome = outcome.into());
    }

    /// The attempt failed: free if it is known not to be billed; otherwise charged its bound,
    /// however little arrived.
    pub(crate) fn failed(&self, code: &str, is_unknown: bool, bound: NanoUsd) {
        self.last(|attempt| {
            attempt.outcome = code.into();
            attempt.usage = None;
            (attempt.cost, attempt.unknown) =
                if is_unknown { (bound, true) } else { (NanoUsd::ZERO, false) };
        });
    }
}

/// What an answer cost, by the model and the service that it names.
fn priced(catalog: &Catalog, answer: &ModelAnswer) -> Option<NanoUsd> {
    catalog.served(&answer.model_served)?.price.cost_at(&answer.usage?, answer.service_tier)
}
