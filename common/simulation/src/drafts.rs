//! Drafts of the steps of an analysis, each written from the brief and from what earlier steps
//! produced.

mod amec;
mod asset_briefs;
mod calendar;
mod evidence;
mod icps;
mod ladder;
mod marketing_mix;
mod north_star;
mod positioning;
mod situation;
mod sostac;
mod story;
mod wording;

use serde::Serialize;
use serde_json::Value;

use super::{chance::Chance, context::Context};
use story::Story;

/// Writes the draft that a step's schema asks for; `None` when no step has this name.
pub(super) fn write(step: &str, context: &Context, chance: Chance) -> Option<Value> {
    let story = Story::new(step, context, chance);
    match step {
        "evidence" => json(&evidence::draft(&story)),
        "situation_analysis" => json(&situation::draft(&story)),
        "competitor_ladder" => json(&ladder::draft(&story)),
        "sostac_opening" => json(&sostac::opening(&story)),
        "positioning" => json(&positioning::draft(&story)),
        "icps" => json(&icps::draft(&story)),
        "north_star" => json(&north_star::draft(&story)),
        "marketing_7ps" => json(&marketing_mix::draft(&story)),
        "sostac_plan" => json(&sostac::plan(&story)),
        "content_calendar" => json(&calendar::draft(&story)),
        "asset_briefs" => json(&asset_briefs::draft(&story)),
        "amec" => json(&amec::draft(&story)),
        _ => None,
    }
}

fn json(draft: &impl Serialize) -> Option<Value> {
    serde_json::to_value(draft).ok()
}

#[cfg(test)]
mod tests;
