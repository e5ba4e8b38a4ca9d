//! Which model answers a call: a pure decision that returns the role, the ordered chain of models, and why.

mod evidence;
mod thrift;

use jiff::civil::Date;

use crate::{
    NanoUsd,
    catalog::{Capability, Complexity, Effort, Model, ModelKind, Role, ServiceTier},
    rulebook::Rulebook,
    task_type::{TaskType, UNTYPED, UnknownTaskType},
    tier::Terms,
    usage::Usage,
};

pub use evidence::Evidence;
pub use thrift::{step_down, with_flex};

/// OpenAI refuses a smaller bound on output tokens; a caller who asks for less gets this much.
const LEAST_OUTPUT: u64 = 16;

/// What is known about a call when it is routed.
#[derive(Clone, Copy, Debug)]
pub struct RouteRequest<'a> {
    /// What it is for.
    pub task_type: &'a str,
    /// A model or role by name.
    pub model: Option<&'a str>,
    /// A class by name.
    pub complexity: Option<Complexity>,
    /// What the tier allows.
    pub terms: &'a Terms,
    /// Take the best allowed model instead of refusing.
    pub allow_downgrade: bool,
    /// Upper bound of the input tokens, whatever the tokenizer.
    pub input_tokens: u64,
    /// Upper bound of the input tokens of models whose tokenizer is known, if they were counted.
    pub counted_tokens: Option<u64>,
    /// Bound on output tokens; the task type's when absent.
    pub max_output_tokens: Option<u64>,
    /// How hard to think.
    pub effort: Option<Effort>,
    /// What the model must be able to do.
    pub needs: &'a [Capability],
    /// Most searches.
    pub max_searches: u64,
    /// What the messages look like, for calls without a type.
    pub evidence: Evidence,
    /// The day, which decides the models in force.
    pub today: Date,
}

impl RouteRequest<'_> {
    /// Upper bound of the input tokens as a model counts them.
    fn input_of(&self, model: &Model) -> u64 {
        match self.counted_tokens {
            Some(counted) if model.tokenizer.is_some() => counted.min(self.input_tokens),
            _ => self.input_tokens,
        }
    }
}

/// One model to try.
#[derive(Clone, PartialEq, Debug)]
pub struct Candidate {
    /// The model.
    pub model: Model,
    /// Effort it will be asked for.
    pub effort: Option<Effort>,
    /// Upper bound of the input tokens that `bound` is priced on.
    pub input_tokens: u64,
    /// Output bound it will be sent.
    pub max_output_tokens: u64,
    /// Service it will be asked for.
    pub service_tier: ServiceTier,
    /// Upper bound of what the attempt can cost.
    pub bound: NanoUsd,
}

/// The decision.
#[derive(Clone, PartialEq, Debug)]
pub struct Route {
    /// Class it is served as.
    pub complexity: Complexity,
    /// Role that serves it; `None` for a named model outside the roles.
    pub role: Option<Role>,
    /// Models to try, in order; never empty.
    pub chain: Vec<Candidate>,
    /// Whether the tier capped the class.
    pub downgraded: bool,
    /// How hard the call looks: what the cheapest role is expected to lose against the strongest, moved by the length
    /// and structure of the messages. Ranks calls; no probability, and it decides nothing.
    pub difficulty: f64,
    /// Why.
    pub reason: String,
}

/// Why no model may answer.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum RouteError {
    /// No such task type.
    #[error(transparent)]
    UnknownTaskType(#[from] UnknownTaskType),
    /// The task type is computed in code and calls no model.
    #[error("`{0}` is computed in code; it needs no model call")]
    LocalTask(String),
    /// No such model, or it has ended.
    #[error("unknown model `{0}`: name a role (nano, mini, full) or an id from GET /v1/models that has not ended")]
    UnknownModel(String),
    /// The class is above the tier.
    #[error(
        "this tier allows models up to class `{allowed:?}`, the call needs `{required:?}`; set allow_downgrade to use `{suggested_model}`"
    )]
    TierRestricted {
        /// Class the call needs.
        required: Complexity,
        /// Dearest class the tier allows.
        allowed: Complexity,
        /// Model that would serve it after a downgrade.
        suggested_model: String,
    },
    /// No model in the chain reads this much.
    #[error("the input may hold {tokens} tokens; the largest model for it reads {limit}: shorten the messages")]
    InputTooLarge {
        /// Upper bound of the input.
        tokens: u64,
        /// Largest context.
        limit: u64,
    },
    /// No model in the chain can do it.
    #[error("no model in force for `{0}` can do what the call needs")]
    NotCapable(String),
}

struct Choice {
    role: Option<Role>,
    class: Complexity,
    models: Vec<Model>,
    effort: Option<Effort>,
    reason: String,
}

/// Decides which models may answer, in which order.
pub fn route(rules: &Rulebook, request: &RouteRequest<'_>) -> Result<Route, RouteError> {
    let task_type = rules.task_types.get(request.task_type)?;
    if task_type.max_output_tokens == 0 {
        return Err(RouteError::LocalTask(task_type.name.clone()));
    }
    let choice = choose(rules, request, task_type)?;
    let (choice, downgraded) = cap_to_tier(rules, request, choice)?;
    let asked = request.max_output_tokens.unwrap_or(task_type.max_output_tokens).max(LEAST_OUTPUT);
    let capable: Vec<&Model> =
        choice.models.iter().filter(|model| request.needs.iter().all(|need| model.can(*need))).collect();
    if capable.is_empty() {
        return Err(RouteError::NotCapable(task_type.name.clone()));
    }
    let chain: Vec<Candidate> = capable
        .iter()
        .filter(|model| request.input_of(model) <= model.max_input)
        .map(|model| {
            let max_output_tokens = asked.min(model.max_output);
            let (input_tokens, bound) = match request.max_searches {
                0 => (request.input_of(model), model.price.bound(request.input_of(model), max_output_tokens, 0)),
                searches => (model.max_input, searched(model, request, max_output_tokens, searches)),
            };
            // A model named outside the roles thinks as its provider has it think.
            let planned = choice.role.map(|role| task_type.effort.of(role)).or(model.default_effort);
            Candidate {
                model: (*model).clone(),
                effort: choice.effort.or(planned).and_then(|effort| model.clamp_effort(effort)),
                input_tokens,
                max_output_tokens,
                service_tier: ServiceTier::Standard,
                bound,
            }
        })
        .collect();
    if chain.is_empty() {
        let limit = capable.iter().map(|model| model.max_input).max().unwrap_or(0);
        let tokens = capable.iter().map(|model| request.input_of(model)).min().unwrap_or(request.input_tokens);
        return Err(RouteError::InputTooLarge { tokens, limit });
    }
    let difficulty = difficulty(task_type, request.evidence);
    Ok(Route { complexity: choice.class, role: choice.role, chain, downgraded, difficulty, reason: choice.reason })
}

fn difficulty(task_type: &TaskType, evidence: Evidence) -> f64 {
    task_type.quality.full - task_type.quality.nano + evidence.strain()
}

/// The bound of an answer that searches: what is found comes back as input, at most all that the model reads. A model
/// that cannot search and keep to a schema at once is called twice.
fn searched(model: &Model, request: &RouteRequest<'_>, max_output_tokens: u64, searches: u64) -> NanoUsd {
    let once = model.price.bound(model.max_input, max_output_tokens, searches);
    let is_shaped = [Capability::StructuredOutput, Capability::Tools].iter().any(|need| request.needs.contains(need));
    let twice = is_shaped && !model.can(Capability::SearchWithSchema);
    if twice { once + model.price.bound(model.max_input, max_output_tokens, 0) } else { once }
}

fn choose(rules: &Rulebook, request: &RouteRequest<'_>, task_type: &TaskType) -> Result<Choice, RouteError> {
    let by_role = |role: Role, reason: String| Choice {
        role: Some(role),
        class: role.class(),
        models: models_of(rules, role, request.today),
        effort: request.effort,
        reason,
    };
    if let Some(name) = request.model.filter(|name| *name != "auto") {
        if let Some(role) = Role::CHAT.into_iter().find(|role| role.as_str() == name) {
            return Ok(by_role(role, format!("role {name} asked for")));
        }
        let model = rules.catalog.model(name);
        let usable = model.filter(|model| model.kind == ModelKind::Chat && model.in_force(request.today));
        let model = usable.ok_or_else(|| RouteError::UnknownModel(name.chars().take(80).collect()))?;
        let role = rules.catalog.role_of(model, request.today, rules.lead_days);
        return Ok(Choice {
            role,
            // A model outside the roles is treated as the dearest class: unknown never means cheap.
            class: role.map_or(Complexity::Complex, Role::class),
            models: vec![model.clone()],
            effort: request.effort,
            reason: format!("model {name} asked for"),
        });
    }
    if let Some(class) = request.complexity {
        return Ok(by_role(class.role(), format!("class {class:?} asked for").to_lowercase()));
    }
    if task_type.name == UNTYPED {
        let class = request.evidence.class(margin(rules, task_type, request.today));
        return Ok(by_role(class.role(), format!("no task type; {}", request.evidence.reason())));
    }
    let role = best_role(rules, task_type, request.today);
    Ok(by_role(role, format!("{} is best served by {}", task_type.name, role.as_str())))
}

fn models_of(rules: &Rulebook, role: Role, today: Date) -> Vec<Model> {
    rules.catalog.chain(role, today, rules.lead_days).into_iter().cloned().collect()
}

/// What a role's planned call of a type costs today as a share of the dearest role's, reasoning included.
fn cost_shares(rules: &Rulebook, task_type: &TaskType, today: Date) -> [f64; 3] {
    let costs = Role::CHAT.map(|role| {
        let thought = rules.task_types.reasoning(task_type.effort.of(role));
        let usage = Usage::of(task_type.input_tokens, task_type.output_tokens + thought);
        let chain = rules.catalog.chain(role, today, rules.lead_days);
        chain.first().map_or(NanoUsd::MAX, |model| model.price.cost(&usage)).as_usd_f64()
    });
    let dearest = costs.into_iter().fold(f64::MIN_POSITIVE, f64::max);
    costs.map(|cost| cost / dearest)
}

/// The role with the largest `q̂ − λ · cost share` on the task type's planning figures; the role of its class when
/// another is no better.
fn best_role(rules: &Rulebook, task_type: &TaskType, today: Date) -> Role {
    let (shares, lambda) = (cost_shares(rules, task_type, today), rules.task_types.choice().lambda);
    let value = |role: Role| {
        let share = Role::CHAT.iter().position(|it| *it == role).map_or(1.0, |place| shares[place]);
        task_type.quality.of(role) - lambda * share
    };
    let mut best = task_type.class.role();
    for role in Role::CHAT {
        if value(role) > value(best) {
            best = role;
        }
    }
    best
}

/// How much more the middle role may lose on an untyped call before the strongest is worth its price.
fn margin(rules: &Rulebook, untyped: &TaskType, today: Date) -> f64 {
    let [_, middle, strongest] = cost_shares(rules, untyped, today);
    rules.task_types.choice().lambda * (strongest - middle) - (untyped.quality.full - untyped.quality.mini)
}

/// A class above the tier is refused, or with `allow_downgrade` served by the best allowed role at a higher effort.
fn cap_to_tier(rules: &Rulebook, request: &RouteRequest<'_>, choice: Choice) -> Result<(Choice, bool), RouteError> {
    let allowed = request.terms.highest_class;
    if choice.class <= allowed {
        return Ok((choice, false));
    }
    let role = allowed.role();
    let models = models_of(rules, role, request.today);
    if !request.allow_downgrade {
        let suggested_model = models.first().map(|model| model.id.clone()).unwrap_or_default();
        return Err(RouteError::TierRestricted { required: choice.class, allowed, suggested_model });
    }
    let reason = format!("{}; the tier caps it to {} with higher effort", choice.reason, role.as_str());
    let effort = Some(request.effort.unwrap_or(Effort::Medium).max(Effort::High));
    Ok((Choice { role: Some(role), class: allowed, models, effort, reason }, true))
}

#[cfg(test)]
mod tests {
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
    fn each_type_goes_to_the_role_of_its_class_today_and_after_the_successors_take_over() {
        let rules = Rulebook::bundled().unwrap();
        for today in ["2026-11-22", "2026-12-11"] {
            for row in rules.task_types.iter().filter(|row| row.max_output_tokens > 0) {
                assert_eq!(best_role(&rules, row, today.parse().unwrap()), row.class.role(), "{} {today}", row.name);
            }
        }
    }

    /// The promise of the table: with every type asked for equally often, the roles it chooses keep the target share of
    /// the strongest role's quality.
    #[test]
    fn the_table_keeps_its_quality_target_today_and_after_the_successors_take_over() {
        let rules = Rulebook::bundled().unwrap();
        for today in ["2026-11-22", "2026-12-11"] {
            let (mut kept, mut strongest) = (0.0, 0.0);
            for row in rules.task_types.iter().filter(|row| row.max_output_tokens > 0) {
                kept += row.quality.of(best_role(&rules, row, today.parse().unwrap()));
                strongest += row.quality.full;
            }
            assert!(kept / strongest >= rules.task_types.choice().target, "{today}: {}", kept / strongest);
        }
    }

    #[test]
    fn each_role_thinks_as_hard_as_the_type_says_unless_the_caller_does() {
        let rules = Rulebook::bundled().unwrap();
        let effort = |task_type: &str, model: Option<&str>, today: &str| {
            routed(&Case { task_type, model, today, ..TYPED }).unwrap().chain[0].effort
        };
        assert_eq!(effort("icp_generation", None, "2026-11-22"), Some(Effort::Low));
        assert_eq!(effort("icp_generation", Some("full"), "2026-11-22"), Some(Effort::Medium));
        assert_eq!(effort("sentence_summary", None, "2026-11-22"), Some(Effort::Minimal));
        // GPT-6 knows no minimal effort.
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
    fn untyped_calls_go_to_the_middle_role_and_long_or_intricate_ones_to_the_strongest() {
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
            // The successors' middle role costs half as much as their strongest, so the strongest is chosen sooner.
            (7_000, 0, "2026-12-11", Role::Full),
        ] {
            assert_eq!(routed(Evidence { chars, marks }, today), Some(expect), "{chars} {marks} {today}");
        }
    }

    #[test]
    fn names_outrank_classes_and_classes_outrank_types() {
        check(&TYPED, &["gpt-5-mini", "gemini-2.5-flash"]);
        check(&Case { complexity: Some(Complexity::Complex), ..TYPED }, &["gpt-5", "gemini-2.5-pro"]);
        check(
            &Case { model: Some("nano"), complexity: Some(Complexity::Complex), ..TYPED },
            &["gpt-5-nano", "gemini-2.5-flash-lite"],
        );
        check(&Case { model: Some("gpt-5.4"), ..TYPED }, &["gpt-5.4"]);
        check(&Case { model: Some("auto"), ..TYPED }, &["gpt-5-mini", "gemini-2.5-flash"]);
        check(&Case { model: Some("full"), today: "2026-12-11", ..TYPED }, &["gpt-6.1-sol", "gemini-3.8-flash"]);
    }

    #[test]
    fn a_class_above_the_tier_is_refused_or_capped_with_higher_effort() {
        let complex = Case { task_type: "positioning_strategy", tier: Tier::Pro, ..TYPED };
        let refused = routed(&complex).unwrap_err();
        assert!(
            matches!(refused, RouteError::TierRestricted { suggested_model, .. } if suggested_model == "gpt-5-mini")
        );
        let capped = routed(&Case { allow_downgrade: true, ..complex }).unwrap();
        assert!(capped.downgraded);
        assert_eq!(capped.chain[0].model.id, "gpt-5-mini");
        assert_eq!(capped.chain[0].effort, Some(Effort::High));
        // A dear model cannot be reached by naming it.
        assert!(routed(&Case { model: Some("gpt-6-astra"), tier: Tier::Basic, ..TYPED }).is_err());
    }

    #[test]
    fn what_cannot_be_served_is_refused_by_name() {
        assert!(matches!(routed(&Case { task_type: "poetry", ..TYPED }), Err(RouteError::UnknownTaskType(_))));
        assert!(matches!(routed(&Case { task_type: "json_validation", ..TYPED }), Err(RouteError::LocalTask(_))));
        assert!(matches!(routed(&Case { model: Some("gpt-9"), ..TYPED }), Err(RouteError::UnknownModel(_))));
        let ended = Case { model: Some("gpt-5"), today: "2026-12-11", ..TYPED };
        assert!(matches!(routed(&ended), Err(RouteError::UnknownModel(_))));
        let embedding = Case { model: Some("text-embedding-3-small"), ..TYPED };
        assert!(matches!(routed(&embedding), Err(RouteError::UnknownModel(_))));
    }

    #[test]
    fn models_that_cannot_read_the_input_are_skipped_until_none_is_left() {
        check(&Case { input_tokens: 300_000, ..TYPED }, &["gemini-2.5-flash"]);
        let too_large = routed(&Case { input_tokens: 2_000_000, ..TYPED }).unwrap_err();
        assert_eq!(too_large, RouteError::InputTooLarge { tokens: 2_000_000, limit: 1_048_576 });
    }
}
