//! What routing an analysis saves compared with running it all on one role, at today's prices and
//! at the successors'.

use std::fmt::Write as _;

use domain::{
    NanoUsd,
    catalog::Role,
    rulebook::Rulebook,
    tier::{Terms, Tier},
};
use jiff::civil::Date;
use serde_json::{Map, Value};
use workflow::{documents::TaskInput, plan};

use crate::Result;

/// The day the prices were read, and the day GPT-5 ends.
const DAYS: [&str; 2] = ["2026-11-22", "2026-12-11"];
const BRIEF: &str = include_str!("../../it/briefs/software.json");

fn input() -> Result<TaskInput> {
    let mut body: Map<String, Value> = serde_json::from_str(BRIEF)?;
    body.remove("business_id");
    let brief = serde_json::from_value(Value::Object(body))?;
    Ok(TaskInput {
        brief,
        icp_count: 5,
        positioning_option: None,
        regenerate: None,
        regenerate_part: None,
    })
}

/// The expected cost of the analysis, every step on one role or routed.
fn cost(rules: &Rulebook, terms: &Terms, today: Date, role: Option<Role>) -> Result<NanoUsd> {
    Ok(plan::estimate_on(rules, terms, &input()?, today, role)?.total().expected)
}

/// The share that `cost` saves against `whole`, in percent.
fn saved(cost: NanoUsd, whole: NanoUsd) -> f64 {
    100.0 - cost.percent_of(whole)
}

pub(crate) fn table() -> Result<String> {
    let rules = Rulebook::bundled()?;
    let mut text = String::from(
        "A whole analysis (the software brief, five profiles), expected cost in USD:\n\n",
    );
    writeln!(
        text,
        "| day | tier | routed | all on Full | all on Mini | saved against Full | with repeats cached |"
    )?;
    writeln!(text, "|---|---|---|---|---|---|---|")?;
    // Enterprise allows every role, so its terms are used for the comparisons.
    let open = rules.tiers.terms(Tier::Enterprise);
    for day in DAYS {
        let today = day.parse()?;
        let (full, mini) = (
            cost(&rules, open, today, Some(Role::Full))?,
            cost(&rules, open, today, Some(Role::Mini))?,
        );
        for (name, tier) in [("Enterprise", Tier::Enterprise), ("Basic, Pro", Tier::Pro)] {
            let plan = plan::estimate(&rules, rules.tiers.terms(tier), &input()?, today)?;
            let routed = plan.total().expected;
            let usd = NanoUsd::as_usd_f64;
            writeln!(
                text,
                "| {day} | {name} | {:.3} | {:.3} | {:.3} | {:.1} % | {:.1} % |",
                usd(routed),
                usd(full),
                usd(mini),
                saved(routed, full),
                saved(plan.cached(), full)
            )?;
        }
    }
    writeln!(
        text,
        "\nEach step of a routed Enterprise analysis:\n\n| step | model on {} | model on {} |",
        DAYS[0], DAYS[1]
    )?;
    writeln!(text, "|---|---|---|")?;
    let [before, after] =
        DAYS.map(|day| -> Result<_> { Ok(plan::estimate(&rules, open, &input()?, day.parse()?)?) });
    for (before, after) in before?.steps.iter().zip(&after?.steps) {
        let cell = |it: &plan::StepEstimate| {
            let cost = it.cost.expected.as_usd_f64();
            format!(
                "{} {} + {} tokens, {} x, ${cost:.4}",
                it.call.model, it.call.input_tokens, it.call.output_tokens, it.calls
            )
        };
        writeln!(text, "| {} | {} | {} |", before.step, cell(before), cell(after))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routing_saves_a_third_against_all_full() {
        let rules = Rulebook::bundled().unwrap();
        let terms = rules.tiers.terms(Tier::Enterprise);
        for (day, least) in DAYS.into_iter().zip([45.0, 30.0]) {
            let today = day.parse().unwrap();
            let full = cost(&rules, terms, today, Some(Role::Full)).unwrap();
            let saved = saved(cost(&rules, terms, today, None).unwrap(), full);
            assert!(saved >= least, "{day}: {saved:.1} %");
        }
    }

    #[test]
    fn a_capped_analysis_saves_30_percent() {
        let rules = Rulebook::bundled().unwrap();
        let open = rules.tiers.terms(Tier::Enterprise);
        for day in DAYS {
            let today = day.parse().unwrap();
            let full = cost(&rules, open, today, Some(Role::Full)).unwrap();
            for tier in [Tier::Basic, Tier::Pro] {
                let saved =
                    saved(cost(&rules, rules.tiers.terms(tier), today, None).unwrap(), full);
                assert!(saved >= 30.0, "{day}, {tier:?}: {saved:.1} %");
            }
        }
    }

    #[test]
    fn enterprise_complex_steps_use_the_strongest_role() {
        let rules = Rulebook::bundled().unwrap();
        for day in DAYS {
            let today: Date = day.parse().unwrap();
            let full = &rules.catalog.chain(Role::Full, today, rules.lead_days)[0].id;
            let plan = plan::estimate(
                &rules,
                rules.tiers.terms(Tier::Enterprise),
                &input().unwrap(),
                today,
            )
            .unwrap();
            let on_full: Vec<&str> = plan
                .steps
                .iter()
                .filter(|step| step.call.model == *full)
                .map(|step| step.step.name())
                .collect();
            let complex = [
                "situation_analysis",
                "competitor_ladder",
                "sostac_opening",
                "positioning",
                "sostac_plan",
                "amec",
            ];
            assert_eq!(on_full, complex, "{day}");
        }
    }
}
