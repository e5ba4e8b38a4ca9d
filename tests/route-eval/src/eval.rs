//! Routes each row with the function that routes production calls; for rows with scores, also what
//! the decisions would have saved and kept.

mod summary;

use std::{collections::BTreeMap, io::Write};

use domain::{
    catalog::{Complexity, Role},
    routing::{Evidence, RouteError, RouteRequest, route},
    rulebook::Rulebook,
    task_type::UNTYPED,
    tier::Tier,
    tokens,
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Result;
use summary::Summary;

/// The day whose models and prices are used, fixed so that the results do not depend on the current
/// day.
const TODAY: Date = jiff::civil::date(2026, 11, 22);

/// A labelled prompt. Only `id` and `prompt` are required.
#[derive(Deserialize)]
struct Row {
    id: Value,
    prompt: String,
    system: Option<String>,
    task_type: Option<String>,
    /// The benchmarks' name for the type; used without a `task_type`.
    task_family: Option<String>,
    set: Option<String>,
    /// The quality of each grade's answer. The router never sees it.
    #[serde(default)]
    scores: BTreeMap<Grade, f64>,
    /// Input and output tokens of each grade's answer.
    #[serde(default)]
    tokens: BTreeMap<Grade, (u64, u64)>,
}

/// The labelled sets' names of the roles.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Grade {
    Cheap,
    Mid,
    Strong,
}

impl Grade {
    fn of(role: Role) -> Self {
        match role {
            Role::Nano | Role::Embedding => Self::Cheap,
            Role::Mini => Self::Mid,
            Role::Full => Self::Strong,
        }
    }

    fn role(self) -> Role {
        match self {
            Self::Cheap => Role::Nano,
            Self::Mid => Role::Mini,
            Self::Strong => Role::Full,
        }
    }
}

/// A line of the output.
#[derive(Serialize)]
struct Decision<'a> {
    id: &'a Value,
    tier: Grade,
    /// The grade as one of our roles.
    role: Role,
    complexity: Complexity,
    /// Grows with the expected difficulty.
    score: f64,
    reason: String,
}

/// Writes a decision for each row and summarises those with scores.
pub(crate) fn eval(rules: &Rulebook, rows: &str, out: &mut impl Write) -> Result<Summary> {
    let mut summary = Summary::default();
    for (number, line) in rows.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row: Row =
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))?;
        let task_type = task_type(rules, &row);
        let decision = decide(rules, &row, task_type);
        serde_json::to_writer(&mut *out, &decision)?;
        out.write_all(b"\n")?;
        summary.add(rules, &row, task_type != UNTYPED, decision.tier);
    }
    Ok(summary)
}

/// The row's type if the rules know it, otherwise the untyped one.
fn task_type<'a>(rules: &'a Rulebook, row: &Row) -> &'a str {
    let named = [&row.task_type, &row.task_family, &row.set].into_iter().flatten();
    let mut known =
        named.filter_map(|name| rules.task_types.get(name).ok()).map(|known| known.name.as_str());
    known.find(|name| *name != UNTYPED).unwrap_or(UNTYPED)
}

fn decide<'a>(rules: &Rulebook, row: &'a Row, task_type: &str) -> Decision<'a> {
    let texts = || row.system.as_deref().into_iter().chain([row.prompt.as_str()]);
    let request = RouteRequest {
        task_type,
        model: None,
        complexity: None,
        terms: rules.tiers.terms(Tier::Enterprise),
        allow_downgrade: false,
        input_tokens: tokens::upper_bound(texts()),
        counted_tokens: None,
        max_output_tokens: None,
        effort: None,
        needs: &[],
        max_searches: 0,
        evidence: Evidence::of(texts()),
        today: TODAY,
    };
    let (role, score, reason) = match route(rules, &request) {
        Ok(route) => (route.role.unwrap_or(Role::Full), route.difficulty, route.reason),
        // Computed in code, which is cheaper than any model.
        Err(error @ RouteError::LocalTask(_)) => (Role::Nano, 0.0, error.to_string()),
        Err(error) => (Role::Full, 1.0, error.to_string()),
    };
    Decision { id: &row.id, tier: Grade::of(role), role, complexity: role.class(), score, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families;

    fn check(rows: &str, expect: &[(&str, &str)]) {
        let mut out = Vec::new();
        eval(&families::rulebook().unwrap(), rows, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        let decisions: Vec<Value> =
            out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let seen: Vec<_> = decisions
            .iter()
            .map(|it| (it["id"].as_str().unwrap(), it["tier"].as_str().unwrap()))
            .collect();
        assert_eq!(seen, expect, "{out}");
        for decision in &decisions {
            assert!(
                decision["score"].is_f64() && !decision["reason"].as_str().unwrap().is_empty(),
                "{decision}"
            );
        }
    }

    #[test]
    fn rows_are_routed_like_production_calls() {
        let rows = r#"{"id": "a", "prompt": "Shorten this.", "task_type": "sentence_summary"}
            {"id": "b", "prompt": "Profile our buyers.", "task_type": "icp_generation", "system": "Be brief."}
            {"id": "c", "prompt": "Where do we stand?", "task_type": "positioning_analysis", "set": "own"}"#;
        check(rows, &[("a", "cheap"), ("b", "mid"), ("c", "strong")]);
    }

    #[test]
    fn an_unknown_type_is_routed_as_untyped() {
        let long = "word ".repeat(4_000);
        let rows = format!(
            "{{\"id\": \"a\", \"prompt\": \"Hi.\", \"task_type\": \"poetry\"}}\n{{\"id\": \"b\", \"prompt\": \"Hi.\"}}\n\n\
             {{\"id\": \"c\", \"prompt\": \"{long}\"}}\n"
        );
        check(&rows, &[("a", "mid"), ("b", "mid"), ("c", "strong")]);
    }

    #[test]
    fn an_unreadable_row_is_named() {
        let rules = families::rulebook().unwrap();
        let error = eval(&rules, "{\"id\": 1, \"prompt\": \"x\"}\n{\"id\": 2}\n", &mut Vec::new())
            .err()
            .unwrap();
        assert!(error.to_string().starts_with("line 2: "), "{error}");
    }

    #[test]
    fn scored_rows_are_summed_up_typed_and_untyped_apart() {
        let row = |task_type: &str, scores: &str| {
            format!(
                "{{\"id\": 1, \"prompt\": \"x\", \"task_type\": \"{task_type}\", \"scores\": {scores}, \
                 \"tokens\": {{\"cheap\": [100, 100], \"mid\": [100, 100], \"strong\": [100, 100]}}}}\n"
            )
        };
        let rows = row("sentence_summary", r#"{"cheap": 1, "mid": 1, "strong": 1}"#)
            + &row("sostac_analysis", r#"{"cheap": 0, "mid": 0, "strong": 1}"#)
            + &row("poetry", r#"{"cheap": 0, "mid": 1, "strong": 1}"#);
        let summary =
            eval(&families::rulebook().unwrap(), &rows, &mut Vec::new()).unwrap().to_string();
        // One of two typed rows costs 4 % of the strong model; a mix of the same quality would use
        // the strong model throughout.
        assert!(summary.contains("typed: 2 rows, 48.0 % saved at 100.00 %"), "{summary}");
        assert!(summary.contains("no type: 1 rows, 80.0 % saved at 100.00 %"), "{summary}");
    }
}
