//! The rows: requests, and the provider's behaviour.

use domain::{NanoUsd, catalog::Price, tokens};
use serde_json::{Value, json};

use super::world::catalog;
use crate::upstream::{Behaviour, ENDLESS};

const FIRST: &str = "gpt-5-nano";
const FALLBACK: &str = "gemini-3.5-flash-lite";
const UNKNOWN: &str = "gpt-99";
/// Output bound of the task type, for requests without one.
const UNBOUNDED: u64 = 500;

/// One way to overspend.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(super) name: &'static str,
    pub(crate) behaviour: Behaviour,
    /// The model that is requested by name.
    model: &'static str,
    /// The most expensive model that may answer.
    dearest: &'static str,
    /// Output bound in the request.
    most_output: Option<u64>,
    pub(super) is_streamed: bool,
    /// Whether the nth client disconnects after it has received text.
    pub(super) disconnects: fn(u64) -> bool,
    /// An error code besides a budget refusal that a call may end with.
    pub(super) may_fail: Option<&'static str>,
    /// The least share of the budget that is really used, in percent.
    pub(super) used_percent: f64,
}

const WELL: Behaviour = Behaviour { says: half_or_more, is_down: |_| false, named: None };
const PLAIN: Row = Row {
    name: "bounded answers",
    behaviour: WELL,
    model: "nano",
    dearest: FIRST,
    most_output: Some(400),
    is_streamed: false,
    disconnects: |_| false,
    may_fail: None,
    used_percent: 90.0,
};

/// A length between half the bound and the bound.
fn half_or_more(nth: u64, most: u64) -> u64 {
    most * (50 + nth * 37 % 51) / 100
}

impl Row {
    pub(crate) fn bounded_answers() -> Self {
        PLAIN
    }

    pub(crate) fn answers_nobody_bounded() -> Self {
        // Answers are as long as their bound.
        let behaviour = Behaviour { says: |_, most| most, ..WELL };
        Self { name: "answers nobody bounded", behaviour, most_output: None, ..PLAIN }
    }

    pub(crate) fn streams() -> Self {
        Self { name: "streams", is_streamed: true, ..PLAIN }
    }

    pub(crate) fn an_answer_without_a_price() -> Self {
        let behaviour = Behaviour { named: Some(UNKNOWN), ..WELL };
        Self { name: "an answer without a price", behaviour, used_percent: 0.0, ..PLAIN }
    }

    pub(crate) fn clients_that_disconnect() -> Self {
        Self {
            name: "clients that disconnect",
            is_streamed: true,
            disconnects: |n| n % 4 != 0,
            ..PLAIN
        }
    }

    pub(crate) fn a_provider_that_fails() -> Self {
        let behaviour = Behaviour { is_down: |nth| nth % 3 != 0, ..WELL };
        let may_fail = Some("all_models_failed");
        Self {
            name: "a provider that fails",
            behaviour,
            dearest: FALLBACK,
            may_fail,
            used_percent: 0.0,
            ..PLAIN
        }
    }

    pub(crate) fn a_dearer_fallback() -> Self {
        let behaviour = Behaviour { is_down: |_| true, ..WELL };
        Self { name: "a dearer fallback", behaviour, dearest: FALLBACK, used_percent: 0.0, ..PLAIN }
    }

    pub(super) fn unknown_model() -> Self {
        Self { model: UNKNOWN, may_fail: Some("unknown_model"), ..PLAIN }
    }

    pub(super) fn dearest_price(&self) -> Price {
        catalog().model(self.dearest).unwrap().price
    }

    /// The most that a call may cost.
    pub(super) fn bound(&self) -> NanoUsd {
        let input = tokens::upper_bound([self.prompt(1).as_str()]);
        self.dearest_price().bound(input, self.most_output.unwrap_or(UNBOUNDED), 0)
    }

    fn prompt(&self, n: u64) -> String {
        let ending = if (self.disconnects)(n) { ENDLESS } else { "to its end" };
        format!("Call {n:06}: tell of the town by the sea {ending}.")
    }

    /// The nth client's request.
    pub(super) fn request(&self, n: u64) -> Value {
        let mut request = crate::app::execute_request(super::world::BUSINESS, &self.prompt(n));
        (request["model"], request["stream"]) = (self.model.into(), self.is_streamed.into());
        if let Some(most) = self.most_output {
            request["max_output_tokens"] = json!(most);
        }
        request
    }
}
