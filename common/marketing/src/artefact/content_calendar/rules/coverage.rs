//! The rules C3, C7, C9 and C10, which need the whole calendar.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{ContentCalendar, Item, JourneyStage};
use crate::artefact::{PriorArtefacts, finding::Findings, marketing_7ps::Race, similarity::share};

pub(super) fn check(findings: &mut Findings, calendar: &ContentCalendar, prior: &PriorArtefacts) {
    let items: Vec<&Item> = calendar.items().collect();
    check_profiles(findings, &items, prior);
    check_stages(findings, &items);
    check_themes(findings, calendar, &items, prior);
    check_balance(findings, calendar, &items);
}

/// C3: every profile is addressed, and the primary one most often.
fn check_profiles(findings: &mut Findings, items: &[&Item], prior: &PriorArtefacts) {
    let Some(icps) = &prior.icps else { return };
    let primary = icps.primary().map(|icp| icp.id.as_str());
    for icp in &icps.icps {
        let count = items.iter().filter(|item| item.icp_id == icp.id).count();
        let (wanted, percent) =
            if Some(icp.id.as_str()) == primary { (0.40, 40) } else { (0.08, 8) };
        // With nine profiles the shares cannot all be met, so one item for each of the others is
        // enough.
        let possible = icps.icps.len() <= 8;
        if count == 0 || (possible && share(count, items.len()) < wanted) {
            let message = format!(
                "`{}` has {count} of {} items; give it at least {percent} %",
                icp.id,
                items.len()
            );
            findings.error("C3", "weeks", message);
        }
    }
}

/// C7: items cover every stage of the buyer's journey.
fn check_stages(findings: &mut Findings, items: &[&Item]) {
    let stages: BTreeSet<JourneyStage> = items.iter().map(|item| item.journey_stage).collect();
    let race: BTreeSet<Race> = items.iter().map(|item| item.race).collect();
    if stages.len() < 5 && race.len() < 4 {
        let message = "covers neither every journey stage nor every stage of reach, act, convert, engage; fill one of them";
        findings.error("C7", "weeks", message);
    }
}

/// C9: items cover every value theme and every objective.
fn check_themes(
    findings: &mut Findings,
    calendar: &ContentCalendar,
    items: &[&Item],
    prior: &PriorArtefacts,
) {
    for theme in prior.theme_ids().unwrap_or_default() {
        let count = items.iter().filter(|item| item.theme_ref == theme).count();
        if count < 3 {
            findings.error(
                "C9",
                "weeks",
                format!(
                    "the value theme `{theme}` is used {count} times; use it at least three times"
                ),
            );
        }
    }
    for objective in prior.sostac.iter().flat_map(|plan| &plan.objectives) {
        let by_week = calendar
            .weeks
            .iter()
            .any(|week| week.objective_ref == objective.id && !week.items.is_empty());
        let by_metric = items.iter().any(|item| item.metric.metric_id == objective.metric_id);
        if !by_week && !by_metric {
            findings.error(
                "C9",
                "weeks",
                format!("no item works on `{}`; give it a week or an item", objective.id),
            );
        }
    }
}

/// C10: no channel carries everything, and no day has three formats.
fn check_balance(findings: &mut Findings, calendar: &ContentCalendar, items: &[&Item]) {
    let mut by_channel: BTreeMap<String, usize> = BTreeMap::new();
    for item in items {
        *by_channel.entry(item.channel.to_lowercase()).or_default() += 1;
    }
    for (channel, count) in by_channel {
        if share(count, items.len()) > 0.4 {
            findings.warning(
                "C10",
                "weeks",
                format!("{count} of {} items are on {channel}; spread them", items.len()),
            );
        }
    }
    for (i, week) in calendar.weeks.iter().enumerate() {
        let mut formats: BTreeMap<(&str, jiff::civil::Date), BTreeSet<&str>> = BTreeMap::new();
        for item in &week.items {
            formats.entry((&item.owner_role, item.date)).or_default().insert(&item.format);
        }
        for ((owner, date), formats) in formats.into_iter().filter(|(_, formats)| formats.len() > 2)
        {
            let message =
                format!("{owner} makes {} formats on {date}; two are enough", formats.len());
            findings.warning("C10", format!("weeks[{i}]"), message);
        }
    }
}
