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

use domain::step::Step;
use serde::Serialize;
use serde_json::Value;

use super::{chance::Chance, context::Context};
use story::Story;

/// Writes the draft that a step's schema asks for; `None` for a step that calls no model.
pub(super) fn write(step: Step, context: &Context, chance: Chance) -> Option<Value> {
    let story = Story::new(step.name(), context, chance);
    match step {
        Step::Evidence => json(&evidence::draft(&story)),
        Step::SituationAnalysis => json(&situation::draft(&story)),
        Step::CompetitorLadder => json(&ladder::draft(&story)),
        Step::SostacOpening => json(&sostac::opening(&story)),
        Step::Positioning => json(&positioning::draft(&story)),
        Step::Icps => json(&icps::draft(&story)),
        Step::NorthStar => json(&north_star::draft(&story)),
        Step::Marketing7ps => json(&marketing_mix::draft(&story)),
        Step::SostacPlan => json(&sostac::plan(&story)),
        Step::ContentCalendar => json(&calendar::draft(&story)),
        Step::AssetBriefs => json(&asset_briefs::draft(&story)),
        Step::Amec => json(&amec::draft(&story)),
        Step::Intake | Step::Clv | Step::RouteBack | Step::Report => None,
    }
}

fn json(draft: &impl Serialize) -> Option<Value> {
    serde_json::to_value(draft).ok()
}

#[cfg(test)]
mod tests;
