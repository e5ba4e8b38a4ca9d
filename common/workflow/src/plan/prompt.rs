//! How large a step's prompt is before any artefact exists: the real prompt, rendered and measured.

use domain::{artefact::Upstream, tokens};
use prompts::Prompt;

/// Bytes of a prompt.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Size {
    turns: u64,
    schema: u64,
}

impl Size {
    /// Expected tokens of the turns. The schema is left out: providers do not say whether it is
    /// billed.
    pub(super) fn expected(self) -> u64 {
        tokens::expected(self.turns)
    }

    /// No tokenizer makes more tokens of turns and schema: one for each byte.
    pub(super) fn bound(self) -> u64 {
        self.turns + self.schema
    }
}

/// The prompt of a step as far as the brief and its documents make it; nothing for a step that
/// calls no model.
pub(super) fn size(step: &str, upstream: &Upstream) -> Size {
    match step {
        "evidence" => measure(&prompts::evidence(upstream)),
        "situation_analysis" => measure(&prompts::situation_analysis(upstream)),
        "competitor_ladder" => measure(&prompts::competitor_ladder(upstream)),
        "sostac_opening" => measure(&prompts::sostac_opening(upstream)),
        "positioning" => measure(&prompts::positioning(upstream)),
        "icps" => measure(&prompts::icps(upstream)),
        "north_star" => measure(&prompts::north_star(upstream)),
        "marketing_7ps" => measure(&prompts::marketing_7ps(upstream)),
        "sostac_plan" => measure(&prompts::sostac_plan(upstream)),
        "content_calendar" => measure(&prompts::content_calendar(upstream, 0)),
        "asset_briefs" => measure(&prompts::asset_briefs(upstream)),
        "amec" => measure(&prompts::amec(upstream)),
        _ => Size::default(),
    }
}

fn measure<D>(prompt: &Prompt<D>) -> Size {
    Size {
        turns: prompt.turns.iter().map(|turn| turn.text.len() as u64).sum(),
        schema: prompt.schema.to_string().len() as u64,
    }
}
