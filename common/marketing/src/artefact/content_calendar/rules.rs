//! The rules C1 to C11. What concerns a single block is checked there, before the other blocks are
//! finished.

mod coverage;

use std::ops::RangeInclusive;

use super::{
    CalendarBlock, ContentCalendar, HEROES_PER_BLOCK, Item, Purpose, WEEKS_PER_BLOCK, Week,
    items_per_week, monday, platform, start_date,
};
use crate::artefact::{
    Finding, PriorArtefacts,
    finding::Findings,
    grounds::{Grounds, refer},
    marketing_7ps::Race,
    similarity::{same_channel, share},
    wording,
};

/// The largest share of promotional items.
const MAX_PROMO: f64 = 0.30;

pub(super) fn check_block(block: &CalendarBlock, prior: &PriorArtefacts) -> Vec<Finding> {
    let mut findings = Findings::default();
    wording::check(&mut findings, block);
    let first = block.weeks.first().map_or(1, |week| week.week);
    let aligned = first % WEEKS_PER_BLOCK == 1 && first <= 9;
    if !aligned || !in_order(&block.weeks, first, WEEKS_PER_BLOCK) {
        findings.error("C1", "weeks", "must be the four weeks asked for, each once and in order");
    }
    check_weeks(&mut findings, &block.weeks, prior);
    check_mix(&mut findings, "weeks", &block.weeks);
    let heroes = block.weeks.iter().flat_map(|week| &week.items).filter(|item| item.hero).count();
    findings.count("B3", "weeks", heroes, HEROES_PER_BLOCK);
    if block.experiment.is_none() {
        findings.warning("C11", "experiment", "add one experiment to these four weeks");
    }
    findings.into_vec()
}

pub(super) fn check_calendar(calendar: &ContentCalendar, prior: &PriorArtefacts) -> Vec<Finding> {
    let mut findings = Findings::default();
    wording::check(&mut findings, calendar);
    if !in_order(&calendar.weeks, 1, 12) {
        findings.error("C1", "weeks", "must be 1 to 12, each once and in order");
    }
    if calendar.start_date.weekday() != jiff::civil::Weekday::Monday {
        findings.error("C1", "start_date", "must be a Monday");
    }
    if calendar.start_date <= prior.today && calendar.start_date != start_date(prior.today) {
        findings.error("G7", "start_date", "has passed");
    }
    check_dates(&mut findings, calendar);
    check_weeks(&mut findings, &calendar.weeks, prior);
    for block in calendar.weeks.chunks(WEEKS_PER_BLOCK as usize) {
        let path =
            format!("weeks[{}]", block.first().map_or(0, |week| week.week.saturating_sub(1)));
        check_mix(&mut findings, &path, block);
    }
    coverage::check(&mut findings, calendar, prior);
    if calendar.experiments.len() < 3 {
        findings.warning("C11", "experiments", "plan one experiment in every four weeks");
    }
    findings.into_vec()
}

fn in_order(weeks: &[Week], first: u32, number: u32) -> bool {
    weeks.iter().map(|week| week.week).eq(first..first + number)
}

/// C1: each date lies in its week.
fn check_dates(findings: &mut Findings, calendar: &ContentCalendar) {
    for (path, week, item) in each(&calendar.weeks) {
        let monday = monday(calendar.start_date, week.week);
        let days = domain::time::days_between(monday, item.date);
        if !(0..7).contains(&days) {
            findings.error(
                "C1",
                format!("{path}.date"),
                format!("{} is not in week {}", item.date, week.week),
            );
        }
    }
}

/// C2, C4 and C5, and the effort of C10: requirements of weeks and items.
fn check_weeks(findings: &mut Findings, weeks: &[Week], prior: &PriorArtefacts) {
    let (fewest, most) = items_per_week(prior);
    let per_week: RangeInclusive<usize> = (fewest as usize)..=(most as usize);
    let objectives = prior.objective_ids();
    for (i, week) in weeks.iter().enumerate() {
        let path = format!("weeks[{i}]");
        findings.count("C2", format!("{path}.items"), week.items.len(), per_week.clone());
        refer(
            findings,
            &format!("{path}.objective_ref"),
            &week.objective_ref,
            objectives.as_ref(),
            "objective",
        );
        let effort: f64 = week.items.iter().map(|item| item.effort_h).sum();
        if prior.weekly_hours().is_some_and(|hours| effort > hours) {
            findings.warning(
                "C10",
                path,
                format!("takes {effort:.1} hours, more than the team has in a week"),
            );
        }
    }
    let grounds = Grounds::new(prior, &[]);
    for (path, _, item) in each(weeks) {
        grounds.resolve(findings, &format!("{path}.proof"), &item.proof);
        check_item(findings, &path, item, prior);
    }
    let topics: Vec<(String, &Item)> =
        each(weeks).into_iter().map(|(path, _, item)| (path, item)).collect();
    check_topics(findings, &topics);
}

fn check_item(findings: &mut Findings, path: &str, item: &Item, prior: &PriorArtefacts) {
    findings.length(format!("{path}.topic"), &item.topic, 10..=140);
    findings.length(format!("{path}.hook"), &item.hook, 1..=120);
    findings.length(format!("{path}.copy"), &item.copy, 20..=600);
    findings.number(format!("{path}.effort_h"), item.effort_h, 0.0..=80.0);
    refer(
        findings,
        &format!("{path}.theme_ref"),
        &item.theme_ref,
        prior.theme_ids().as_ref(),
        "value theme",
    );
    let metrics = prior.metric_ids();
    if metrics.is_some_and(|metrics| !metrics.contains(item.metric.metric_id.as_str())) {
        let message =
            format!("`{}` is no metric of the objectives or the north star", item.metric.metric_id);
        findings.error("C4", format!("{path}.metric.metric_id"), message);
    }
    if let Some(refusal) = platform::refusal(item) {
        findings.error("C5", format!("{path}.copy"), refusal);
    }
    let Some(icps) = &prior.icps else { return };
    match icps.icps.iter().find(|icp| icp.id == item.icp_id) {
        None => findings.error(
            "C4",
            format!("{path}.icp_id"),
            format!("`{}` is no customer profile", item.icp_id),
        ),
        Some(icp) => {
            let named =
                icp.channels.iter().any(|known| same_channel(&known.channel, &item.channel));
            if !named && item.channel_reason.is_none() {
                let channels: Vec<&str> =
                    icp.channels.iter().map(|known| known.channel.as_str()).collect();
                let message = format!(
                    "`{}` is not on {}; use {}, or give a reason",
                    icp.id,
                    item.channel,
                    channels.join(", ")
                );
                findings.error("C5", format!("{path}.channel"), message);
            }
        }
    }
}

/// C8: no topic is repeated unless on purpose.
fn check_topics(findings: &mut Findings, items: &[(String, &Item)]) {
    for (j, (path, item)) in
        items.iter().enumerate().filter(|(_, (_, item))| item.repurpose_of.is_none())
    {
        let earlier = items[..j].iter().find(|(_, other)| {
            other.repurpose_of.is_none() && wording::repeats(&other.topic, &item.topic)
        });
        if let Some((other, _)) = earlier {
            let message =
                format!("repeats {other}.topic; choose another topic, or set `repurpose_of`");
            findings.error("C8", format!("{path}.topic"), message);
        }
    }
}

/// C6, and C7 within four weeks: some promotion, but not too much.
fn check_mix(findings: &mut Findings, path: &str, weeks: &[Week]) {
    let items: Vec<&Item> = weeks.iter().flat_map(|week| &week.items).collect();
    let promotes = |item: &&&Item| item.purpose == Purpose::Promote;
    let promo = items.iter().filter(promotes).count();
    if share(promo, items.len()) > MAX_PROMO {
        let message = format!("{promo} of {} items promote; keep it to 30 %", items.len());
        findings.error("C6", path, message);
    }
    if !items.iter().any(|item| item.race == Race::Convert) {
        findings.error(
            "C7",
            path,
            "no item of these four weeks converts; make at least one ask for the sale",
        );
    }
    let early: Vec<&Item> =
        weeks.iter().filter(|week| week.week <= 2).flat_map(|week| &week.items).collect();
    if share(early.iter().filter(promotes).count(), early.len()) > 0.5 {
        findings.error("C7", path, "more than half of weeks 1 and 2 promotes; give before asking");
    }
}

/// All items with their paths and weeks.
fn each(weeks: &[Week]) -> Vec<(String, &Week, &Item)> {
    let numbered = weeks.iter().enumerate();
    numbered
        .flat_map(|(i, week)| {
            week.items
                .iter()
                .enumerate()
                .map(move |(j, item)| (format!("weeks[{i}].items[{j}]"), week, item))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::artefact::{
        Draft,
        content_calendar::{CalendarBlockDraft, ContentCalendar, items_per_week, start_date},
        fixture::{self, check_artefact},
    };

    fn check(pointer: &str, to: Value, rule: &str) {
        fixture::check::<CalendarBlockDraft>("content_calendar_1", pointer, to, rule);
    }

    #[test]
    fn a_block_is_checked_on_its_own() {
        check("/weeks/1/week", json!(1), "C1");
        check("/weeks/0/week", json!(9), "C1");
        check("/weeks/0/items", json!([]), "C2");
        check("/weeks/0/items/0/icp_id", json!("icp_nobody"), "C4");
        check("/weeks/0/items/0/metric/metric_id", json!("met_unknown"), "C4");
        check("/weeks/0/items/0/channel", json!("TikTok"), "C5");
        check(
            "/weeks/0/items/1/topic",
            json!("The sound the pump makes a week before it dies"),
            "C8",
        );
        check("/weeks/0/items/0/theme_ref", json!("thm_insured"), "G1");
        check("/weeks/0/items/0/proof", json!(["clm_unknown"]), "G1");
        check("/weeks/0/items/0/topic", json!("Short"), "shape");
        check("/weeks/0/items/0/effort_h", json!(18.0), "C10");
        check("/weeks/1/items/0/hero", json!(false), "B3");
        check("/experiment", json!(null), "C11");
    }

    #[test]
    fn a_block_may_not_only_sell() {
        let change_all = |field: &str, to: &str| {
            let mut block = fixture::draft("content_calendar_1");
            for item in block["weeks"]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .flat_map(|w| w["items"].as_array_mut().unwrap())
            {
                item[field] = json!(to);
            }
            block
        };
        check("", change_all("purpose", "promote"), "C6");
        check("", change_all("purpose", "promote"), "C7");
        check("", change_all("race", "reach"), "C7");
    }

    #[test]
    fn platforms_have_limits() {
        let on_x = |copy: String| {
            let mut block = fixture::draft("content_calendar_1");
            let item = &mut block["weeks"][0]["items"][0];
            item["channel"] = json!("X");
            item["channel_reason"] = json!("Owners read it on Sundays.");
            item["copy"] = json!(copy);
            block
        };
        check("", on_x("long ".repeat(60)), "C5");
        check("", on_x("A pump that sings #espresso #porto #coffee".into()), "C5");
    }

    #[test]
    fn the_whole_calendar_is_checked() {
        check_artefact::<ContentCalendar>("/weeks/3/week", json!(5), "C1");
        check_artefact::<ContentCalendar>("/weeks/3/items/0/date", json!("2026-11-30"), "C1");
        check_artefact::<ContentCalendar>("/start_date", json!("2026-12-01"), "C1");
        check_artefact::<ContentCalendar>("/experiments", json!([]), "C11");
    }

    #[test]
    fn coverage_is_checked_over_all_weeks() {
        let all = |field: &str, to: Value| {
            let mut calendar =
                fixture::world().get_json(crate::artefact::Kind::ContentCalendar).unwrap();
            for item in calendar["weeks"]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .flat_map(|w| w["items"].as_array_mut().unwrap())
            {
                item[field] = to.clone();
            }
            calendar
        };
        check_artefact::<ContentCalendar>("", all("icp_id", json!("icp_chain")), "C3");
        check_artefact::<ContentCalendar>("", all("theme_ref", json!("thm_calm")), "C9");
        check_artefact::<ContentCalendar>("", all("channel", json!("email")), "C10");
        let mut one_stage = all("journey_stage", json!("most"));
        for (i, week) in one_stage["weeks"].as_array_mut().unwrap().iter_mut().enumerate() {
            week["objective_ref"] = json!("obj_machines");
            for item in week["items"].as_array_mut().unwrap() {
                item["race"] = if i % 4 == 0 { json!("convert") } else { json!("reach") };
            }
        }
        check_artefact::<ContentCalendar>("", one_stage.clone(), "C7");
        check_artefact::<ContentCalendar>("", one_stage, "C9");
    }

    #[test]
    fn it_starts_on_the_first_monday_after_today() {
        for (today, start) in [
            ("2026-11-22", "2026-11-23"),
            ("2026-11-23", "2026-11-30"),
            ("2026-11-28", "2026-11-30"),
            ("2026-12-29", "2027-01-04"),
        ] {
            assert_eq!(start_date(today.parse().unwrap()).to_string(), start, "from {today}");
        }
    }

    #[test]
    fn the_number_of_items_follows_the_teams_hours() {
        let mut world = fixture::world();
        for (hours, expect) in [
            (None, (3, 7)),
            (Some(1.0), (2, 2)),
            (Some(4.5), (3, 3)),
            (Some(20.0), (3, 13)),
            (Some(99.0), (3, 14)),
        ] {
            world.brief.team_hours_per_week = hours;
            assert_eq!(items_per_week(&world), expect, "{hours:?}");
        }
    }

    #[test]
    fn blocks_that_use_the_same_ids_can_be_joined() {
        let world = fixture::world();
        let mut draft = fixture::draft("content_calendar_1");
        draft["weeks"][0]["items"][1]["repurpose_of"] = json!("cal_0");
        let block = serde_json::from_value::<CalendarBlockDraft>(draft).unwrap().build(&world);
        let item = &block.weeks[0].items[1];
        assert_eq!(
            (item.id.as_str(), item.repurpose_of.as_deref()),
            ("cal_w01_2", Some("cal_w01_1"))
        );
        assert_eq!(item.date.to_string(), "2026-12-02");
        assert_eq!(
            item.utm,
            "utm_source=instagram&utm_medium=post&utm_campaign=crema-care&utm_content=cal_w01_2"
                .replace("instagram", &item.channel.to_lowercase())
        );
    }

    #[test]
    fn briefs_are_linked_to_their_hero_items() {
        let calendar = fixture::world().content_calendar.unwrap();
        let linked: Vec<_> = calendar.items().filter_map(|item| item.brief_id.as_deref()).collect();
        assert_eq!(linked, ["brf_sound", "brf_plan", "brf_letter"]);
        assert!(calendar.heroes().all(|item| item.brief_id.is_some()));
    }
}
