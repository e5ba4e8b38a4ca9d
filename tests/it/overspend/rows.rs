//! The rows: what is asked, and how the provider behaves.

use domain::{NanoUsd, catalog::Price, tokens};
use serde_json::{Value, json};

use super::world::catalog;
use crate::upstream::{ENDLESS, Manners};

const FIRST: &str = "gpt-5-nano";
const FALLBACK: &str = "gemini-3.5-flash-lite";
const UNKNOWN: &str = "gpt-99";
/// What an answer of this type may hold, where its request does not say.
const UNBOUNDED: u64 = 500;

/// One way to overspend.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(super) name: &'static str,
    pub(crate) manners: Manners,
    /// What is asked by name.
    model: &'static str,
    /// The dearest model that may answer.
    dearest: &'static str,
    /// Bound on the output that the request gives.
    most_output: Option<u64>,
    pub(super) is_streamed: bool,
    /// Whether the nth client hangs up once it was shown words.
    pub(super) hangs_up: fn(u64) -> bool,
    /// What a call may fail with beside a refusal for money.
    pub(super) may_fail: Option<&'static str>,
    /// How much of the budget is really used, at least.
    pub(super) used_percent: f64,
}

const WELL: Manners = Manners { says: half_or_more, is_down: |_| false, named: None };
const PLAIN: Row = Row {
    name: "bounded answers",
    manners: WELL,
    model: "nano",
    dearest: FIRST,
    most_output: Some(400),
    is_streamed: false,
    hangs_up: |_| false,
    may_fail: None,
    used_percent: 90.0,
};

/// Between half of what is allowed and all of it.
fn half_or_more(nth: u64, most: u64) -> u64 {
    most * (50 + nth * 37 % 51) / 100
}

impl Row {
    pub(crate) fn bounded_answers() -> Self {
        PLAIN
    }

    pub(crate) fn answers_nobody_bounded() -> Self {
        // It says as much as it is let.
        let manners = Manners { says: |_, most| most, ..WELL };
        Self { name: "answers nobody bounded", manners, most_output: None, ..PLAIN }
    }

    pub(crate) fn streams() -> Self {
        Self { name: "streams", is_streamed: true, ..PLAIN }
    }

    pub(crate) fn an_answer_without_a_price() -> Self {
        let manners = Manners { named: Some(UNKNOWN), ..WELL };
        Self { name: "an answer without a price", manners, used_percent: 0.0, ..PLAIN }
    }

    pub(crate) fn clients_that_hang_up() -> Self {
        Self { name: "clients that hang up", is_streamed: true, hangs_up: |n| n % 4 != 0, ..PLAIN }
    }

    pub(crate) fn a_provider_that_fails() -> Self {
        let manners = Manners { is_down: |nth| nth % 3 != 0, ..WELL };
        let may_fail = Some("all_models_failed");
        Self {
            name: "a provider that fails",
            manners,
            dearest: FALLBACK,
            may_fail,
            used_percent: 0.0,
            ..PLAIN
        }
    }

    pub(crate) fn a_dearer_fallback() -> Self {
        let manners = Manners { is_down: |_| true, ..WELL };
        Self { name: "a dearer fallback", manners, dearest: FALLBACK, used_percent: 0.0, ..PLAIN }
    }

    pub(super) fn unknown_model() -> Self {
        Self { model: UNKNOWN, may_fail: Some("unknown_model"), ..PLAIN }
    }

    pub(super) fn dearest_price(&self) -> Price {
        catalog().model(self.dearest).unwrap().price
    }

    /// What a call may cost at most.
    pub(super) fn bound(&self) -> NanoUsd {
        let input = tokens::upper_bound([self.prompt(1).as_str()]);
        self.dearest_price().bound(input, self.most_output.unwrap_or(UNBOUNDED), 0)
    }

    fn prompt(&self, n: u64) -> String {
        let ending = if (self.hangs_up)(n) { ENDLESS } else { "to its end" };
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
