//! Tests of which model is chosen, and with which reason.

use super::*;
use crate::tier::{Tier, Tiers};

struct Case<'a> {
    task_type: &'a str,
    model: Option<&'a str>,
    complexity: Option<Complexity>,
    tier: Tier,
    allow_downgrade: bool,
    input_tokens: u64,
    today: &'a str,
}

const TYPED: Case<'_> = Case {
    task_type: "icp_generation",
    model: None,
    complexity: None,
    tier: Tier::Enterprise,
    allow_downgrade: false,
    input_tokens: 1_000,
    today: "2026-11-22",
};

fn routed(case: &Case<'_>) -> Result<Route, RouteError> {
    let rules = Rulebook::bundled().unwrap();
    let tiers = Tiers::bundled().unwrap();
    route(&rules, &request(case, &tiers))
}

fn request<'a>(case: &Case<'a>, tiers: &'a Tiers) -> RouteRequest<'a> {
    RouteRequest {
        task_type: case.task_type,
        model: case.model,
        complexity: case.complexity,
        terms: tiers.terms(case.tier),
        allow_downgrade: case.allow_downgrade,
        input_tokens: case.input_tokens,
        counted_tokens: None,
        max_output_tokens: None,
        effort: None,
        needs: &[Capability::StructuredOutput],
        max_searches: 0,
        evidence: Evidence::default(),
        today: case.today.parse().unwrap(),
    }
}

fn check(case: &Case<'_>, expect: &[&str]) {
    let route = routed(case).unwrap();
    let models: Vec<_> = route.chain.iter().map(|candidate| candidate.model.id.as_str()).collect();
    assert_eq!(models, expect, "{}", route.reason);
}

#[test]
fn each_type_is_routed_to_its_class_role() {
    let rules = Rulebook::bundled().unwrap();
    for today in ["2026-11-22", "2026-12-11"] {
        for row in rules.task_types.iter().filter(|row| row.max_output_tokens > 0) {
            assert_eq!(
                best_role(&rules, row, today.parse().unwrap()),
                row.class.role(),
                "{} {today}",
                row.name
            );
        }
    }
}

/// If every type is asked for equally often, the chosen roles keep the target share of the
/// strongest role's quality.
#[test]
fn the_table_meets_its_quality_target() {
    let rules = Rulebook::bundled().unwrap();
    for today in ["2026-11-22", "2026-12-11"] {
        let (mut kept, mut strongest) = (0.0, 0.0);
        for row in rules.task_types.iter().filter(|row| row.max_output_tokens > 0) {
            kept += row.quality.of(best_role(&rules, row, today.parse().unwrap()));
            strongest += row.quality.full;
        }
        assert!(
            kept / strongest >= rules.task_types.choice().target,
            "{today}: {}",
            kept / strongest
        );
    }
}

#[test]
fn a_dearer_role_must_be_worth_its_cost() {
    let rules = Rulebook::bundled().unwrap();
    let today = "2026-11-22".parse().unwrap();
    // Planned calls cost $0.003165, $0.015025 and $0.079125; the roles are right in 85, 95.5 and 97
    // of 100 answers. So the next role costs $0.113 and $4.273 per additional right answer.
    let row = rules.task_types.get("icp_generation").unwrap();
    for (worth_usd, role) in
        [(0.112, Role::Nano), (0.114, Role::Mini), (4.27, Role::Mini), (4.28, Role::Full)]
    {
        let row = TaskType { worth_usd: Some(worth_usd), ..row.clone() };
        assert_eq!(best_role(&rules, &row, today), role, "${worth_usd}");
    }
}

#[test]
fn the_callers_effort_overrides_that_of_the_type() {
    let rules = Rulebook::bundled().unwrap();
    let effort = |task_type: &str, model: Option<&str>, today: &str| {
        routed(&Case { task_type, model, today, ..TYPED }).unwrap().chain[0].effort
    };
    assert_eq!(effort("icp_generation", None, "2026-11-22"), Some(Effort::Low));
    assert_eq!(effort("icp_generation", Some("full"), "2026-11-22"), Some(Effort::Medium));
    assert_eq!(effort("sentence_summary", None, "2026-11-22"), Some(Effort::Minimal));
    // GPT-6 does not support minimal effort.
    assert_eq!(effort("sentence_summary", None, "2026-12-11"), Some(Effort::None));
    let own = rules.catalog.model("gpt-5.4").unwrap().default_effort;
    assert_eq!(effort("icp_generation", Some("gpt-5.4"), "2026-11-22"), own);
}

#[test]
fn harder_types_and_longer_prompts_rank_higher() {
    let difficulty = |task_type: &str, chars: u64| {
        let rules = Rulebook::bundled().unwrap();
        difficulty(rules.task_types.get(task_type).unwrap(), Evidence { chars, marks: 0 })
    };
    let ascending = [
        difficulty("sentence_summary", 500),
        difficulty("sentence_summary", 5_000),
        difficulty("icp_generation", 500),
        difficulty("positioning_strategy", 500),
    ];
    assert!(ascending.is_sorted_by(|a, b| a < b), "{ascending:?}");
}

#[test]
fn untyped_calls_are_routed_by_length_and_structure() {
    let routed = |evidence: Evidence, today: &str| {
        let rules = Rulebook::bundled().unwrap();
        let case = Case { task_type: UNTYPED, today, ..TYPED };
        route(&rules, &RouteRequest { evidence, ..request(&case, &rules.tiers) }).unwrap().role
    };
    for (chars, marks, today, expect) in [
        (0, 0, "2026-11-22", Role::Mini),
        (60, 0, "2026-12-11", Role::Mini),
        (6_000, 2, "2026-11-22", Role::Mini),
        (15_000, 0, "2026-11-22", Role::Full),
        (2_000, 14, "2026-11-22", Role::Full),
        // The successors' middle role costs half as much as their strongest, so the strongest is
        // chosen sooner.
        (7_000, 0, "2026-12-11", Role::Full),
    ] {
        assert_eq!(
            routed(Evidence { chars, marks }, today),
            Some(expect),
            "{chars} {marks} {today}"
        );
    }
}

#[test]
fn a_name_overrides_a_class_and_both_a_type() {
    check(&TYPED, &["gpt-5-mini", "gemini-2.5-flash"]);
    check(&Case { complexity: Some(Complexity::Complex), ..TYPED }, &["gpt-5", "gemini-2.5-pro"]);
    check(
        &Case { model: Some("nano"), complexity: Some(Complexity::Complex), ..TYPED },
        &["gpt-5-nano", "gemini-2.5-flash-lite"],
    );
    check(&Case { model: Some("gpt-5.4"), ..TYPED }, &["gpt-5.4"]);
    check(&Case { model: Some("auto"), ..TYPED }, &["gpt-5-mini", "gemini-2.5-flash"]);
    check(
        &Case { model: Some("full"), today: "2026-12-11", ..TYPED },
        &["gpt-6.1-sol", "gemini-3.8-flash"],
    );
}

#[test]
fn a_class_above_the_tier_is_refused_or_capped() {
    let complex = Case { task_type: "positioning_strategy", tier: Tier::Pro, ..TYPED };
    let refused = routed(&complex).unwrap_err();
    assert!(
        matches!(refused, RouteError::TierRestricted { suggested_model, .. } if suggested_model == "gpt-5-mini")
    );
    let capped = routed(&Case { allow_downgrade: true, ..complex }).unwrap();
    assert!(capped.downgraded);
    assert_eq!(capped.chain[0].model.id, "gpt-5-mini");
    assert_eq!(capped.chain[0].effort, Some(Effort::High));
    // An expensive model cannot be reached by naming it.
    assert!(routed(&Case { model: Some("gpt-6-astra"), tier: Tier::Basic, ..TYPED }).is_err());
}

#[test]
fn an_unservable_call_is_refused_with_the_reason() {
    assert!(matches!(
        routed(&Case { task_type: "poetry", ..TYPED }),
        Err(RouteError::UnknownTaskType(_))
    ));
    assert!(matches!(
        routed(&Case { task_type: "json_validation", ..TYPED }),
        Err(RouteError::LocalTask(_))
    ));
    assert!(matches!(
        routed(&Case { model: Some("gpt-9"), ..TYPED }),
        Err(RouteError::UnknownModel(_))
    ));
    let ended = Case { model: Some("gpt-5"), today: "2026-12-11", ..TYPED };
    assert!(matches!(routed(&ended), Err(RouteError::UnknownModel(_))));
    let embedding = Case { model: Some("text-embedding-3-small"), ..TYPED };
    assert!(matches!(routed(&embedding), Err(RouteError::UnknownModel(_))));
}

#[test]
fn models_that_cannot_read_the_input_are_skipped() {
    check(&Case { input_tokens: 300_000, ..TYPED }, &["gemini-2.5-flash"]);
    let too_large = routed(&Case { input_tokens: 2_000_000, ..TYPED }).unwrap_err();
    assert_eq!(too_large, RouteError::InputTooLarge { tokens: 2_000_000, limit: 1_048_576 });
}
