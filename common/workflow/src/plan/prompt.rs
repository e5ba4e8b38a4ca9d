//! How large a step's prompt is before any artefact exists: the real prompt, rendered and measured.

use domain::tokens;
use marketing::artefact::Upstream;
use marketing::prompts::Prompt;

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
        "evidence" => measure(&marketing::prompts::evidence(upstream)),
        "situation_analysis" => measure(&marketing::prompts::situation_analysis(upstream)),
        "competitor_ladder" => measure(&marketing::prompts::competitor_ladder(upstream)),
        "sostac_opening" => measure(&marketing::prompts::sostac_opening(upstream)),
        "positioning" => measure(&marketing::prompts::positioning(upstream)),
        "icps" => measure(&marketing::prompts::icps(upstream)),
        "north_star" => measure(&marketing::prompts::north_star(upstream)),
        "marketing_7ps" => measure(&marketing::prompts::marketing_7ps(upstream)),
        "sostac_plan" => measure(&marketing::prompts::sostac_plan(upstream)),
        "content_calendar" => measure(&marketing::prompts::content_calendar(upstream, 0)),
        "asset_briefs" => measure(&marketing::prompts::asset_briefs(upstream)),
        "amec" => measure(&marketing::prompts::amec(upstream)),
        _ => Size::default(),
    }
}

fn measure<D>(prompt: &Prompt<D>) -> Size {
    Size {
        turns: prompt.turns.iter().map(|turn| turn.text.len() as u64).sum(),
        schema: prompt.schema.to_string().len() as u64,
    }
}
