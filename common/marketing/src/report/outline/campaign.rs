//! The campaign part of the report: calendar, creative briefs, measurement.

use super::{Block, heading, list};
use crate::artefact::{PriorArtefacts, amec::Measure, clv::Clv};

pub(super) fn calendar(blocks: &mut Vec<Block>, prior: &PriorArtefacts) {
    let Some(calendar) = &prior.content_calendar else { return };
    blocks.push(heading(2, "Content calendar"));
    blocks.push(Block::Paragraph(format!("Twelve weeks from {}.", calendar.start_date)));
    let rows = calendar.weeks.iter().flat_map(|week| &week.items).map(|item| {
        let hero = if item.hero { "yes" } else { "" };
        vec![
            item.date.to_string(),
            item.channel.clone(),
            item.format.clone(),
            item.topic.clone(),
            hero.into(),
        ]
    });
    blocks.push(Block::Table(vec!["Date", "Channel", "Format", "Topic", "Hero"], rows.collect()));
    let Some(briefs) = &prior.asset_briefs else { return };
    blocks.push(heading(3, "Creative briefs"));
    blocks.push(list(
        briefs
            .briefs
            .iter()
            .map(|brief| format!("{}: {}", brief.title, brief.single_minded_proposition)),
    ));
}

pub(super) fn measurement(blocks: &mut Vec<Block>, prior: &PriorArtefacts) {
    if prior.north_star.is_none() && prior.amec.is_none() && prior.clv.is_none() {
        return;
    }
    blocks.push(heading(2, "Measurement"));
    if let Some(star) = &prior.north_star {
        blocks.push(heading(3, "North star"));
        blocks.push(Block::Paragraph(format!("{}: {}", star.metric.name, star.metric.definition)));
        let targets = star.targets;
        blocks.push(Block::Paragraph(format!(
            "Targets: {} in three months, {} in six, {} in twelve ({}).",
            targets.m3, targets.m6, targets.m12, star.metric.unit
        )));
        blocks.push(list(
            star.input_metrics
                .iter()
                .map(|input| format!("{}: {}", input.name, input.levers.join("; "))),
        ));
    }
    amec(blocks, prior);
    if let Some(value) = &prior.clv {
        clv(blocks, value);
    }
}

fn amec(blocks: &mut Vec<Block>, prior: &PriorArtefacts) {
    let Some(amec) = &prior.amec else { return };
    blocks.push(heading(3, "From activity to impact"));
    let row = |step: &str, measure: &Measure| {
        let target = format!("{} {}", measure.target, measure.unit);
        vec![
            step.to_owned(),
            measure.definition.clone(),
            target,
            measure.date.clone(),
            measure.data_source.clone(),
        ]
    };
    let outputs = amec.outputs.iter().map(|measure| row("output", measure));
    let outtakes = amec.outtakes.iter().map(|measure| row("outtake", measure));
    let outcomes = amec.outcomes.iter().map(|measure| row("outcome", measure));
    let impact = amec.impact.iter().map(|impact| row("impact", &impact.measure));
    let rows = outputs.chain(outtakes).chain(outcomes).chain(impact).collect();
    blocks.push(Block::Table(vec!["Step", "Measure", "Target", "By", "Source"], rows));
}

fn clv(blocks: &mut Vec<Block>, clv: &Clv) {
    blocks.push(heading(3, "Customer value"));
    let money = |figure: Option<f64>| figure.map(|figure| format!("{figure:.2} {}", clv.currency));
    let plain = |figure: Option<f64>| figure.map(|figure| format!("{figure:.2}"));
    let value = &clv.value;
    let figures = [
        ("Margin per period", money(value.margin_per_period)),
        ("Value, undiscounted", money(value.simple)),
        ("Value, discounted, first margin after one period", money(value.discounted_end)),
        ("Value of 36 months", money(value.within_36_months)),
        ("Discounted value to cost of winning a customer", plain(value.ltv_to_cac)),
        ("Periods until winning is paid, with churn", plain(value.payback_with_churn_periods)),
        ("Most that winning a customer may cost", money(value.max_allowable_cac)),
    ];
    let rows = figures
        .map(|(name, figure)| vec![name.to_owned(), figure.unwrap_or_else(|| "not known".into())]);
    blocks.push(Block::Table(vec!["Figure", "Value"], rows.to_vec()));
    if let Some(range) = clv.range {
        blocks.push(Block::Note(format!(
            "An estimate, since not every input was measured: the discounted value lies between {:.2} and {:.2} {}.",
            range.low, range.high, clv.currency
        )));
    }
    if !clv.missing.is_empty() {
        blocks.push(list(
            clv.missing
                .iter()
                .map(|missing| format!("Not known: {}. {}", missing.name, missing.ask)),
        ));
    }
}
