//! Turns recorded outcomes into a new table for review and a report of the changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use domain::{
    catalog::Role,
    learning::{Tallies, Verdict, learned, place},
    task_type::{Quality, TaskType},
};
use serde::Deserialize;

use crate::{Result, table};

/// A line of `GET /v1/routing/outcomes`; other fields are ignored.
#[derive(Deserialize)]
struct Line {
    task_type: String,
    role: Role,
    outcome: Verdict,
}

/// The old and new quality of a type.
pub(crate) struct Change {
    name: String,
    before: Quality,
    after: Quality,
    outcomes: Tallies,
}

/// The updated table.
pub(crate) struct Learned {
    /// The new text.
    pub(crate) text: String,
    /// Rows that changed.
    pub(crate) changes: Vec<Change>,
    /// Outcomes that were read.
    count: u64,
    /// Task types of outcomes that are missing in the table.
    unknown: BTreeSet<String>,
}

/// Updates a table. The prior has the weight of `strength` outcomes.
pub(crate) fn learn(table: &str, outcomes: &str, strength: f64) -> Result<Learned> {
    let rows = table::rows(table)?;
    let mut tallies: BTreeMap<&str, Tallies> = BTreeMap::new();
    let (mut count, mut unknown) = (0, BTreeSet::new());
    for (number, line) in outcomes.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let outcome: Line =
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))?;
        count += 1;
        let is_named = |row: &&TaskType| {
            row.name == outcome.task_type || row.aliases.contains(&outcome.task_type)
        };
        match (rows.iter().find(is_named), place(outcome.role)) {
            (Some(row), Some(place)) => {
                tallies.entry(&row.name).or_default()[place].add(outcome.outcome);
            }
            _ => {
                unknown.insert(outcome.task_type);
            }
        }
    }
    let (mut text, mut changes) = (table.to_owned(), Vec::new());
    for row in &rows {
        let Some(outcomes) = tallies.get(row.name.as_str()) else { continue };
        let after = learned(row, outcomes, strength);
        if after != row.quality {
            text = table::with_quality(&text, &row.name, &after)?;
            changes.push(Change {
                name: row.name.clone(),
                before: row.quality,
                after,
                outcomes: *outcomes,
            });
        }
    }
    Ok(Learned { text, changes, count, unknown })
}

impl fmt::Display for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} outcomes changed {} task types", self.count, self.changes.len())?;
        for Change { name, before, after, outcomes } in &self.changes {
            writeln!(f, "  {name}")?;
            for (role, tally) in Role::CHAT.into_iter().zip(outcomes) {
                let (was, is) = (before.of(role), after.of(role));
                let moved = if (was - is).abs() < f64::EPSILON { ' ' } else { '*' };
                let seen = format!("{} of {} passed", tally.passed, tally.total);
                writeln!(f, "    {moved} {:<5} {was:.3} -> {is:.3}   {seen}", role.as_str())?;
            }
        }
        if !self.unknown.is_empty() {
            let names: Vec<&str> = self.unknown.iter().map(String::as_str).collect();
            writeln!(f, "passed over, not in the table: {}", names.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::task_type::TaskTypes;

    use super::*;

    fn lines(task_type: &str, role: &str, outcomes: &[(&str, usize)]) -> String {
        let line = |outcome: &str| {
            format!(
                "{{\"call_id\":\"c\",\"task_type\":\"{task_type}\",\"role\":\"{role}\",\"outcome\":\"{outcome}\"}}\n"
            )
        };
        outcomes.iter().map(|(outcome, count)| line(outcome).repeat(*count)).collect()
    }

    #[test]
    fn outcomes_change_their_rows_and_nothing_else() {
        let outcomes =
            lines("icp_generation", "mini", &[("pass", 120), ("repair", 20), ("fail", 10)])
                + &lines("positioning_analysis", "full", &[("pass", 50)])
                + &lines("poetry", "mini", &[("pass", 1)]);
        let learned = learn(TaskTypes::BUNDLED, &outcomes, 50.0).unwrap();
        let after = TaskTypes::parse(&learned.text).unwrap();
        // mini (120 + 50 · 0.955) / 200 = 0.839, pooled with nano's 0.85 with weight 50; an alias
        // counts for its type.
        assert_eq!(
            after.get("icp_generation").unwrap().quality,
            Quality { nano: 0.841, mini: 0.841, full: 0.97 }
        );
        assert!((after.get("positioning_strategy").unwrap().quality.full - 0.975).abs() < 1e-9);
        let before = TaskTypes::bundled().unwrap();
        let differ = before.iter().filter(|row| after.get(&row.name).unwrap() != *row).count();
        assert_eq!((differ, learned.changes.len()), (2, 2));
        let report = learned.to_string();
        for expect in [
            "201 outcomes changed 2",
            "* mini  0.955 -> 0.841   120 of 150",
            "not in the table: poetry",
        ] {
            assert!(report.contains(expect), "{report}");
        }
    }

    #[test]
    fn an_invalid_outcome_line_is_named() {
        let outcomes = lines("icp_generation", "mini", &[("pass", 1)])
            + "{\"task_type\":\"icp_generation\"}\n";
        assert!(
            learn(TaskTypes::BUNDLED, &outcomes, 50.0)
                .err()
                .unwrap()
                .to_string()
                .starts_with("line 2: ")
        );
    }
}
