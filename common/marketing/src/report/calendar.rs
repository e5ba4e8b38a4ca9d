//! The calendar for spreadsheets (CSV, RFC 4180) and calendar programs (ICS, RFC 5545).

use domain::spreadsheet;
use jiff::ToSpan;

use super::{ReportHead, SIMULATED};
use crate::artefact::{
    PriorArtefacts,
    content_calendar::{Item, Week},
};

/// The longest line of ICS in bytes, without its line break.
const MAX_LINE_BYTES: usize = 75;

/// The columns of the CSV.
const COLUMNS: [&str; 19] = [
    "week",
    "date",
    "id",
    "channel",
    "format",
    "icp_id",
    "journey_stage",
    "race",
    "purpose",
    "topic",
    "hook",
    "copy",
    "cta",
    "metric_id",
    "metric_target",
    "owner_role",
    "effort_h",
    "brief_id",
    "utm",
];

/// The calendar as CSV, one item per line.
pub fn csv(prior: &PriorArtefacts, head: &ReportHead) -> String {
    let mark = head.simulated.then(|| vec![SIMULATED.into()]);
    let items = items(prior).map(|(week, item)| columns(week, item).to_vec());
    let rows = mark.into_iter().chain([COLUMNS.map(String::from).to_vec()]).chain(items);
    spreadsheet::csv(rows)
}

fn columns(week: &Week, item: &Item) -> [String; 19] {
    [
        week.week.to_string(),
        item.date.to_string(),
        item.id.clone(),
        item.channel.clone(),
        item.format.clone(),
        item.icp_id.clone(),
        name(&item.journey_stage),
        name(&item.race),
        name(&item.purpose),
        item.topic.clone(),
        item.hook.clone(),
        item.copy.clone(),
        item.cta.text.clone(),
        item.metric.metric_id.clone(),
        item.metric.target.to_string(),
        item.owner_role.clone(),
        item.effort_h.to_string(),
        item.brief_id.clone().unwrap_or_default(),
        item.utm.clone(),
    ]
}

/// The name of an enum value in JSON.
fn name(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(_) | Err(_) => String::new(),
    }
}

/// The calendar as ICS, one all-day event per item.
pub fn ics(prior: &PriorArtefacts, head: &ReportHead) -> String {
    let mut lines = vec![
        "BEGIN:VCALENDAR".into(),
        "VERSION:2.0".into(),
        "PRODID:-//RaptorFlow//Content calendar//EN".into(),
        "CALSCALE:GREGORIAN".into(),
    ];
    let mark = if head.simulated { "Simulated: " } else { "" };
    lines.push(format!(
        "X-WR-CALNAME:{mark}{}",
        value(&format!("Content calendar of {}", prior.brief.name))
    ));
    if head.simulated {
        lines.push(format!("X-WR-CALDESC:{}", value(SIMULATED)));
    }
    for (_, item) in items(prior) {
        lines.extend(event(item, head));
    }
    lines.push("END:VCALENDAR".into());
    lines.iter().map(|line| folded(line)).collect()
}

fn event(item: &Item, head: &ReportHead) -> [String; 9] {
    let stamp: String =
        head.generated_at.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    // RFC 5545 has no fractions of a second, so they are removed from the stored form.
    let stamp = stamp.get(..15).map_or_else(|| stamp.clone(), |seconds| format!("{seconds}Z"));
    let day =
        |date: jiff::civil::Date| format!("{:04}{:02}{:02}", date.year(), date.month(), date.day());
    let description = format!("{}\n{}\n{}", item.hook, item.copy, item.cta.text);
    [
        "BEGIN:VEVENT".into(),
        format!("UID:{}@{}", value(&item.id), head.task_id),
        format!("DTSTAMP:{stamp}"),
        format!("DTSTART;VALUE=DATE:{}", day(item.date)),
        format!("DTEND;VALUE=DATE:{}", day(item.date.saturating_add(1.day()))),
        format!("SUMMARY:{}", value(&format!("{}: {}", item.channel, item.topic))),
        format!("DESCRIPTION:{}", value(&description)),
        format!("CATEGORIES:{}", value(&item.format)),
        "END:VEVENT".into(),
    ]
}

fn items(prior: &PriorArtefacts) -> impl Iterator<Item = (&Week, &Item)> {
    let weeks = prior.content_calendar.iter().flat_map(|calendar| &calendar.weeks);
    weeks.flat_map(|week| week.items.iter().map(move |item| (week, item)))
}

/// Escapes a text as a property value.
fn value(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Folds a line into pieces of at most 75 bytes, never inside a character; each piece after the
/// first begins with a space, which counts.
fn folded(line: &str) -> String {
    let mut text = String::with_capacity(line.len() + line.len() / MAX_LINE_BYTES * 3 + 2);
    let mut used = 0;
    for c in line.chars() {
        if used + c.len_utf8() > MAX_LINE_BYTES {
            text.push_str("\r\n ");
            used = 1;
        }
        text.push(c);
        used += c.len_utf8();
    }
    text.push_str("\r\n");
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_escaped() {
        assert_eq!(value("a;b,c\\d\r\ne"), "a\\;b\\,c\\\\d\\ne");
    }

    proptest! {
        #[test]
        fn folding_keeps_lines_short_and_can_be_undone(line in "\\PC{0,300}") {
            let text = folded(&line);
            prop_assert!(text.split("\r\n").all(|piece| piece.len() <= MAX_LINE_BYTES));
            let unfolded = text.replace("\r\n ", "");
            prop_assert_eq!(unfolded.strip_suffix("\r\n"), Some(line.as_str()));
        }
    }
}
