//! Selects the model for a call: a pure decision that returns the role, the ordered chain of
//! models, and the reason.

mod evidence;
mod thrift;

use std::sync::Arc;

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

/// The least bound on output tokens that OpenAI accepts; a smaller one is raised to it.
const LEAST_OUTPUT: u64 = 16;

/// What the router knows about a call.
#[derive(Clone, Copy, Debug)]
pub struct RouteRequest<'a> {
    /// The name of the task type.
    pub task_type: &'a str,
    /// A model or role that the caller named.
    pub model: Option<&'a str>,
    /// A class that the caller named.
    pub complexity: Option<Complexity>,
    /// The terms of the business's tier.
    pub terms: &'a Terms,
    /// Whether to use the best allowed model instead of refusing.
    pub allow_downgrade: bool,
    /// Upper bound of the input tokens for any tokenizer.
    pub input_tokens: u64,
    /// Upper bound of the input tokens for models with a known tokenizer, if they were counted.
    pub counted_tokens: Option<u64>,
    /// Bound on output tokens; that of the task type when absent.
    pub max_output_tokens: Option<u64>,
    /// The reasoning effort that the caller asked for.
    pub effort: Option<Effort>,
    /// Capabilities that the model must have.
    pub needs: &'a [Capability],
    /// The most web searches.
    pub max_searches: u64,
    /// Length and structure of the messages, for calls without a type.
    pub evidence: Evidence,
    /// The current day, which decides the models in force.
    pub today: Date,
}

impl RouteRequest<'_> {
    /// Upper bound of the input tokens as `model` counts them.
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
    /// The model to call.
    pub model: Arc<Model>,
    /// The reasoning effort to ask for.
    pub effort: Option<Effort>,
    /// Upper bound of the input tokens that `bound` is priced on.
    pub input_tokens: u64,
    /// The output bound to send, in tokens.
    pub max_output_tokens: u64,
    /// The service tier to ask for.
    pub service_tier: ServiceTier,
    /// Upper bound of the cost of the attempt.
    pub bound: NanoUsd,
}

/// The router's decision.
#[derive(Clone, PartialEq, Debug)]
pub struct Route {
    /// The class that the call is served as.
    pub complexity: Complexity,
    /// The role that serves it; `None` for a named model outside the roles.
    pub role: Option<Role>,
    /// Models to try, in this order; never empty.
    pub chain: Vec<Candidate>,
    /// Whether the tier lowered the class.
    pub downgraded: bool,
    /// How difficult the call looks: the expected quality loss of the cheapest role against the
    /// strongest, adjusted by the length and structure of the messages. It ranks calls; it is not a
    /// probability and decides nothing.
    pub difficulty: f64,
    /// The reason for the choice, for the caller.
    pub reason: String,
}

/// Why no model can answer.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum RouteError {
    /// The task type does not exist.
    #[error(transparent)]
    UnknownTaskType(#[from] UnknownTaskType),
    /// The task type is computed in code and calls no model.
    #[error("`{0}` is computed in code; it needs no model call")]
    LocalTask(String),
    /// The model does not exist or has ended.
    #[error(
        "unknown model `{0}`: name a role (nano, mini, full) or an id from GET /v1/models that has not ended"
    )]
    UnknownModel(String),
    /// The tier does not include the class.
    #[error(
        "this tier allows models up to class `{allowed:?}`, the call needs `{required:?}`; set allow_downgrade to use `{suggested_model}`"
    )]
    TierRestricted {
        /// The class that the call needs.
        required: Complexity,
        /// The highest class that the tier allows.
        allowed: Complexity,
        /// The model that would serve the call after a downgrade.
        suggested_model: String,
    },
    /// No model in the chain accepts an input of this size.
    #[error(
        "the input may hold {tokens} tokens; the largest model for it reads {limit}: shorten the messages"
    )]
    InputTooLarge {
        /// Upper bound of the input in tokens.
        tokens: u64,
        /// The largest input that a model in the chain accepts, in tokens.
        limit: u64,
    },
    /// No model in the chain has the needed capabilities.
    #[error("no model in force for `{0}` can do what the call needs")]
    NotCapable(String),
}

struct Choice {
    role: Option<Role>,
    class: Complexity,
    models: Vec<Arc<Model>>,
    effort: Option<Effort>,
    reason: String,
}

pub fn route(rules: &Rulebook, request: &RouteRequest<'_>) -> Result<Route, RouteError> {
    let task_type = rules.task_types.get(request.task_type)?;
    if task_type.max_output_tokens == 0 {
        return Err(RouteError::LocalTask(task_type.name.clone()));
    }
    let choice = choose(rules, request, task_type)?;
    let (choice, downgraded) = cap_to_tier(rules, request, choice)?;
    let asked = request.max_output_tokens.unwrap_or(task_type.max_output_tokens).max(LEAST_OUTPUT);
    let capable: Vec<&Arc<Model>> = choice
        .models
        .iter()
        .filter(|model| request.needs.iter().all(|need| model.can(*need)))
        .collect();
    if capable.is_empty() {
        return Err(RouteError::NotCapable(task_type.name.clone()));
    }
    let chain: Vec<Candidate> = capable
        .iter()
        .filter(|model| request.input_of(model) <= model.max_input)
        .map(|model| {
            let max_output_tokens = asked.min(model.max_output);
            let (input_tokens, bound) = match request.max_searches {
                0 => (
                    request.input_of(model),
                    model.price.bound(request.input_of(model), max_output_tokens, 0),
                ),
                searches => {
                    (model.max_input, searched(model, request, max_output_tokens, searches))
                }
            };
            // A model named outside the roles uses its provider's default effort.
            let planned =
                choice.role.map(|role| task_type.effort.of(role)).or(model.default_effort);
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
        let tokens = capable
            .iter()
            .map(|model| request.input_of(model))
            .min()
            .unwrap_or(request.input_tokens);
        return Err(RouteError::InputTooLarge { tokens, limit });
    }
    let difficulty = difficulty(task_type, request.evidence);
    Ok(Route {
        complexity: choice.class,
        role: choice.role,
        chain,
        downgraded,
        difficulty,
        reason: choice.reason,
    })
}

fn difficulty(task_type: &TaskType, evidence: Evidence) -> f64 {
    task_type.quality.full - task_type.quality.nano + evidence.strain()
}

/// The bound of an answer with web search: search results count as input, at most as much as the
/// model accepts. A model that cannot combine search and a schema is called twice.
fn searched(
    model: &Model,
    request: &RouteRequest<'_>,
    max_output_tokens: u64,
    searches: u64,
) -> NanoUsd {
    let once = model.price.bound(model.max_input, max_output_tokens, searches);
    let is_shaped = [Capability::StructuredOutput, Capability::Tools]
        .iter()
        .any(|need| request.needs.contains(need));
    let twice = is_shaped && !model.can(Capability::SearchWithSchema);
    if twice { once + model.price.bound(model.max_input, max_output_tokens, 0) } else { once }
}

fn choose(
    rules: &Rulebook,
    request: &RouteRequest<'_>,
    task_type: &TaskType,
) -> Result<Choice, RouteError> {
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
        let usable =
            model.filter(|model| model.kind == ModelKind::Chat && model.in_force(request.today));
        let model =
            usable.ok_or_else(|| RouteError::UnknownModel(name.chars().take(80).collect()))?;
        let role = rules.catalog.role_of(model, request.today, rules.lead_days);
        return Ok(Choice {
            role,
            // A model outside the roles counts as the highest class: an unknown model is never
            // treated as cheap.
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

fn models_of(rules: &Rulebook, role: Role, today: Date) -> Vec<Arc<Model>> {
    rules.catalog.chain(role, today, rules.lead_days).into_iter().cloned().collect()
}

/// The cost in USD of each role's planned call of a type on `today`, reasoning included.
fn costs(rules: &Rulebook, task_type: &TaskType, today: Date) -> [f64; 3] {
    Role::CHAT.map(|role| {
        let thought = rules.task_types.reasoning(task_type.effort.of(role));
        let usage = Usage::of(task_type.input_tokens, task_type.output_tokens + thought);
        let chain = rules.catalog.chain(role, today, rules.lead_days);
        chain.first().map_or(NanoUsd::MAX, |model| model.price.cost(&usage)).as_usd_f64()
    })
}

/// The same costs as shares of the most expensive role's.
fn cost_shares(rules: &Rulebook, task_type: &TaskType, today: Date) -> [f64; 3] {
    let costs = costs(rules, task_type, today);
    let dearest = costs.into_iter().fold(f64::MIN_POSITIVE, f64::max);
    costs.map(|cost| cost / dearest)
}

/// The role with the largest `q̂ − λ · cost` for the task type's planned usage; the role of its
/// class if no other is better. Cost is a share of the most expensive role's cost, or of the
/// answer's worth where that is known.
fn best_role(rules: &Rulebook, task_type: &TaskType, today: Date) -> Role {
    let weighed = match task_type.worth_usd {
        Some(worth) => costs(rules, task_type, today).map(|cost| cost / worth),
        None => cost_shares(rules, task_type, today)
            .map(|share| rules.task_types.choice().lambda * share),
    };
    let value = |role: Role| {
        let place = Role::CHAT.iter().position(|it| *it == role);
        place.map_or(f64::NEG_INFINITY, |place| task_type.quality.of(role) - weighed[place])
    };
    let mut best = task_type.class.role();
    for role in Role::CHAT {
        if value(role) > value(best) {
            best = role;
        }
    }
    best
}

/// The quality that the middle role may lose on an untyped call before the strongest role is worth
/// its price.
fn margin(rules: &Rulebook, untyped: &TaskType, today: Date) -> f64 {
    let [_, middle, strongest] = cost_shares(rules, untyped, today);
    rules.task_types.choice().lambda * (strongest - middle)
        - (untyped.quality.full - untyped.quality.mini)
}

/// Refuses a class above the tier, or with `allow_downgrade` serves it by the best allowed role at
/// a higher effort.
fn cap_to_tier(
    rules: &Rulebook,
    request: &RouteRequest<'_>,
    choice: Choice,
) -> Result<(Choice, bool), RouteError> {
    let allowed = request.terms.highest_class;
    if choice.class <= allowed {
        return Ok((choice, false));
    }
    let role = allowed.role();
    let models = models_of(rules, role, request.today);
    if !request.allow_downgrade {
        let suggested_model = models.first().map(|model| model.id.clone()).unwrap_or_default();
        return Err(RouteError::TierRestricted {
            required: choice.class,
            allowed,
            suggested_model,
        });
    }
    let reason =
        format!("{}; the tier caps it to {} with higher effort", choice.reason, role.as_str());
    let effort = Some(request.effort.unwrap_or(Effort::Medium).max(Effort::High));
    Ok((Choice { role: Some(role), class: allowed, models, effort, reason }, true))
}

#[cfg(test)]
mod tests;
