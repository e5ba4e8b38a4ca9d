//! Gemini's form of the reasoning effort: a budget in tokens up to 2.5, a level from 3 on.

use domain::catalog::Effort;
use serde_json::{Value, json};

use super::is_second_generation;

/// The `thinkingConfig` for an effort that was already clamped to what the model accepts.
pub(super) fn config(model: &str, effort: Effort, max_output_tokens: u64) -> Value {
    if is_second_generation(model) {
        return json!({ "thinkingBudget": budget(model, effort, max_output_tokens) });
    }
    let level = match effort {
        Effort::None | Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::Xhigh | Effort::Max => "high",
    };
    json!({ "thinkingLevel": level })
}

/// Google's token budgets for the levels. Thoughts count against the output bound, so they get at
/// most half of it: otherwise an answer could consist of paid thoughts alone.
fn budget(model: &str, effort: Effort, max_output_tokens: u64) -> u64 {
    let (least, can_be_none) = if model.contains("-pro") {
        (128, false)
    } else if model.contains("-flash-lite") {
        (512, true)
    } else {
        (1, true)
    };
    let wanted: u64 = match effort {
        Effort::None => 0,
        Effort::Minimal => 128.max(least),
        Effort::Low => 1_024,
        Effort::Medium => 8_192,
        Effort::High | Effort::Xhigh | Effort::Max => 24_576,
    };
    let budget = wanted.min(max_output_tokens / 2);
    if budget < least && can_be_none { 0 } else { budget.max(least) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effort_maps_to_the_models_own_setting() {
        let check = |model: &str, effort, max_output_tokens, expect: Value| {
            assert_eq!(config(model, effort, max_output_tokens), expect, "{model} {effort:?}");
        };
        let budget = |tokens: u64| json!({ "thinkingBudget": tokens });
        check("gemini-2.5-pro", Effort::None, 8_000, budget(128));
        check("gemini-2.5-pro", Effort::Low, 100, budget(128));
        check("gemini-2.5-pro", Effort::Max, 65_536, budget(24_576));
        check("gemini-2.5-flash", Effort::None, 8_000, budget(0));
        check("gemini-2.5-flash", Effort::Minimal, 8_000, budget(128));
        check("gemini-2.5-flash", Effort::Medium, 8_000, budget(4_000));
        check("gemini-2.5-flash-lite", Effort::Minimal, 8_000, budget(512));
        check("gemini-2.5-flash-lite", Effort::Low, 600, budget(0));
        check("gemini-3.8-flash", Effort::Minimal, 8_000, json!({ "thinkingLevel": "minimal" }));
        check("gemini-4-argon", Effort::Xhigh, 8_000, json!({ "thinkingLevel": "high" }));
    }
}
