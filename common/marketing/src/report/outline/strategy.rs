//! The strategy part of the report: positioning, customers, plan.

use super::{Block, heading, list};
use crate::artefact::{PriorArtefacts, positioning::PositioningOption, sostac::Sostac};

pub(super) fn positioning(blocks: &mut Vec<Block>, prior: &PriorArtefacts) {
    let Some(positioning) = &prior.positioning else { return };
    blocks.push(heading(2, "Positioning"));
    if positioning.needs_user_choice {
        let lead = positioning.margin;
        blocks.push(Block::Note(format!(
            "The best option leads by only {lead:.2}: the choice between them is yours."
        )));
    }
    if let Some(option) = positioning.selected_option() {
        selected(blocks, option);
    }
    let rows = positioning.options.iter().map(|option| {
        let mark = if option.id == positioning.selected { "selected" } else { "" };
        vec![
            option.name.clone(),
            option.category.name.clone(),
            option.word_to_own.clone(),
            format!("{:.2}", option.score),
            mark.into(),
        ]
    });
    blocks.push(Block::Table(vec!["Option", "Category", "Word", "Score", ""], rows.collect()));
}

fn selected(blocks: &mut Vec<Block>, option: &PositioningOption) {
    blocks.push(heading(3, option.name.clone()));
    blocks.push(Block::Paragraph(option.statement.clone()));
    blocks.push(list(option.value_themes.iter().map(|theme| theme.benefit.clone())));
    let given_up =
        option.sacrifices.iter().map(|sacrifice| format!("Given up: {}", sacrifice.stop));
    blocks.push(list(given_up));
    let test = &option.validation_test;
    blocks.push(Block::Paragraph(format!(
        "Test within {} days: {} ({}). Passed at: {}.",
        test.days, test.method, test.sample, test.pass_threshold
    )));
}

pub(super) fn icps(blocks: &mut Vec<Block>, prior: &PriorArtefacts) {
    let Some(icps) = &prior.icps else { return };
    blocks.push(heading(2, "Ideal customers"));
    for icp in &icps.icps {
        blocks.push(heading(3, format!("{}. {}", icp.rank, icp.name)));
        blocks.push(Block::Paragraph(format!("{} Priority {:.2}.", icp.one_line, icp.priority)));
        let pains = icp.pains.iter().map(|pain| {
            let unserved = if pain.theme_ref.is_none() {
                " (not eased by the selected positioning)"
            } else {
                ""
            };
            format!("Pain: {}{unserved}", pain.text)
        });
        let triggers = icp.triggers.iter().map(|trigger| {
            format!("Trigger: {}, seen as {}", trigger.event, trigger.observable_signal)
        });
        let channels: Vec<&str> =
            icp.channels.iter().map(|channel| channel.channel.as_str()).collect();
        let reached = format!("Reached by {}", channels.join(", "));
        blocks.push(list(
            pains.chain(triggers).chain([reached, format!("Message: {}", icp.positioning_message)]),
        ));
    }
}

pub(super) fn plan(blocks: &mut Vec<Block>, prior: &PriorArtefacts) {
    let Some(plan) = &prior.sostac else { return };
    blocks.push(heading(2, "Plan"));
    blocks.push(Block::Paragraph(plan.situation.summary.clone()));
    objectives(blocks, plan);
    if let Some(strategy) = &plan.strategy {
        blocks.push(heading(3, "Strategy"));
        blocks.push(Block::Paragraph(strategy.value_proposition.clone()));
        blocks.push(list(&strategy.sequence));
        blocks.push(list(strategy.trade_offs.iter().map(|trade_off| format!("Not: {trade_off}"))));
    }
    tactics(blocks, plan, &prior.brief.currency);
    mix(blocks, prior);
}

fn objectives(blocks: &mut Vec<Block>, plan: &Sostac) {
    blocks.push(heading(3, "Objectives"));
    let rows = plan.objectives.iter().map(|objective| {
        let baseline =
            objective.baseline.map_or_else(|| "unknown".into(), |baseline| baseline.to_string());
        let target = format!("{} {}", objective.target, objective.unit);
        vec![objective.statement.clone(), baseline, target, objective.deadline.clone()]
    });
    blocks.push(Block::Table(vec!["Objective", "Today", "Target", "By"], rows.collect()));
}

fn tactics(blocks: &mut Vec<Block>, plan: &Sostac, currency: &str) {
    if plan.tactics().is_empty() {
        return;
    }
    blocks.push(heading(3, "Tactics"));
    let rows = plan.tactics().iter().map(|tactic| {
        let cost = format!("{:.0} {currency}", tactic.cost_per_month);
        let hours = format!("{:.1}", tactic.hours_per_week);
        vec![
            tactic.description.clone(),
            tactic.channel.clone(),
            cost,
            hours,
            tactic.expected_effect.clone(),
        ]
    });
    let head = vec!["Tactic", "Channel", "Cost a month", "Hours a week", "Expected effect"];
    blocks.push(Block::Table(head, rows.collect()));
}

fn mix(blocks: &mut Vec<Block>, prior: &PriorArtefacts) {
    let Some(mix) = &prior.marketing_7ps else { return };
    blocks.push(heading(3, "Marketing mix"));
    let rows = mix.decisions().into_iter().map(|(name, decision)| {
        let changes: Vec<&str> =
            decision.changes.iter().map(|change| change.action.as_str()).collect();
        vec![name.replace('_', " "), decision.decision.clone(), changes.join("; ")]
    });
    blocks.push(Block::Table(vec!["P", "Decision", "Changes"], rows.collect()));
}
