//! Models, prices and lifecycles: which model serves a role on a given day, and the exact cost of a
//! call.
//!
//! The data is in `data/models.toml`, checked when it is loaded; a deployment can replace the file.
//! An unknown price is an absent value, and code that needs it refuses the call: nothing is free
//! because its price is unknown.

mod listing;
mod load;
mod price;

use std::{collections::BTreeMap, sync::Arc};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use listing::Warning;
pub use load::InvalidCatalog;
pub use price::{LongContext, Price, PriceTier, UsdPerMillion};

use crate::time::days_between;

/// How many days before its end a warning about a model is given.
pub const WARN_DAYS: i64 = 30;

/// The class of model that a task needs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// Short, mechanical work.
    Simple,
    /// Everyday writing and structuring.
    Balanced,
    /// Reasoning over many facts.
    Complex,
}

impl Complexity {
    /// The role that serves the class by default.
    pub fn role(self) -> Role {
        match self {
            Self::Simple => Role::Nano,
            Self::Balanced => Role::Mini,
            Self::Complex => Role::Full,
        }
    }
}

/// Reasoning effort, in ascending order; it is clamped to what the current model accepts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// No reasoning.
    None,
    /// The least the model can do.
    Minimal,
    /// Less than the default.
    Low,
    /// The default of most providers.
    Medium,
    /// More than the default.
    High,
    /// More than `High`.
    Xhigh,
    /// The most the model can do.
    Max,
}

/// The part a model plays in routing; code asks for a role instead of a model's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The cheapest chat role.
    Nano,
    /// The middle chat role.
    Mini,
    /// The strongest chat role.
    Full,
    /// Text embeddings.
    Embedding,
}

impl Role {
    /// The chat roles, cheapest first.
    pub const CHAT: [Self; 3] = [Self::Nano, Self::Mini, Self::Full];

    /// The role's name in requests and data files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nano => "nano",
            Self::Mini => "mini",
            Self::Full => "full",
            Self::Embedding => "embedding",
        }
    }

    /// The class of work that the role serves.
    pub fn class(self) -> Complexity {
        match self {
            Self::Nano | Self::Embedding => Complexity::Simple,
            Self::Mini => Complexity::Balanced,
            Self::Full => Complexity::Complex,
        }
    }
}

/// What a model produces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// Answers to messages.
    Chat,
    /// Vectors for texts.
    Embedding,
}

/// The provider's service tier, which decides speed and price.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ServiceTier {
    /// The provider's standard service.
    #[default]
    Standard,
    /// Cheaper and slower; refused when the provider is busy.
    Flex,
    /// More expensive and faster.
    Priority,
}

/// What a model can do beyond plain text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Answers that follow a JSON schema.
    StructuredOutput,
    /// Searches the web.
    WebSearch,
    /// Searches the web and follows a JSON schema in one call.
    SearchWithSchema,
    /// Calls functions (tools).
    Tools,
    /// Reads images.
    Vision,
}

/// The tokenizer that a model counts with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tokenizer {
    /// OpenAI's vocabulary since GPT-4o.
    O200kBase,
}

/// When a model ends and which model replaces it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lifecycle {
    /// The first day on which the model no longer serves.
    pub shutdown: Date,
    /// The id of the model that replaces it.
    pub replacement: Option<String>,
    /// Address of the announcement.
    pub source: String,
}

/// One model of one provider.
#[derive(Clone, PartialEq, Debug)]
pub struct Model {
    /// The model's id at the provider.
    pub id: String,
    /// `openai` or `gemini`.
    pub provider: String,
    /// Whether it answers messages or makes embeddings.
    pub kind: ModelKind,
    /// The most input tokens.
    pub max_input: u64,
    /// The most output tokens, reasoning included; 0 for embeddings.
    pub max_output: u64,
    /// Prices per token, per search and by service tier.
    pub price: Price,
    /// Its capabilities beyond plain text.
    pub capabilities: Vec<Capability>,
    /// Reasoning efforts that it accepts, ascending.
    pub efforts: Vec<Effort>,
    /// The effort it uses when the request names none.
    pub default_effort: Option<Effort>,
    /// Its tokenizer, if known for certain; otherwise each byte is counted as a token.
    pub tokenizer: Option<Tokenizer>,
    /// When it ends, if announced.
    pub lifecycle: Option<Lifecycle>,
    pub dimensions: Option<u32>,
    /// Address of the price list.
    pub source: String,
}

impl Model {
    /// Whether it has a capability.
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// The accepted effort nearest to `wanted`, the lower of two equally near; `None` for models
    /// without reasoning.
    pub fn clamp_effort(&self, wanted: Effort) -> Option<Effort> {
        let distance = |effort: &Effort| (*effort as i8 - wanted as i8).abs();
        self.efforts.iter().copied().min_by_key(|effort| (distance(effort), *effort))
    }

    pub fn ending_in(&self, today: Date) -> Option<i64> {
        let days = days_between(today, self.lifecycle.as_ref()?.shutdown);
        (days <= WARN_DAYS).then_some(days)
    }

    /// Whether it can still be called on `today`.
    pub fn in_force(&self, today: Date) -> bool {
        self.lifecycle.as_ref().is_none_or(|lifecycle| today < lifecycle.shutdown)
    }
}

/// The models of a role before lifecycles are applied.
#[derive(Clone, PartialEq, Debug)]
struct RoleModels {
    first: String,
    fallbacks: Vec<String>,
}

/// The catalogue: all models and roles.
#[derive(Clone, PartialEq, Debug)]
pub struct Catalog {
    models: BTreeMap<String, Arc<Model>>,
    roles: BTreeMap<Role, RoleModels>,
    version: String,
}

impl Catalog {
    /// The model with exactly this id.
    pub fn model(&self, id: &str) -> Option<&Arc<Model>> {
        self.models.get(id)
    }

    /// The model that a provider's answer names: by its exact id, or by its id with a snapshot date
    /// (`gpt-5-2025-08-07`).
    pub fn served(&self, name: &str) -> Option<&Arc<Model>> {
        let name = name.strip_prefix("models/").unwrap_or(name);
        let is_snapshot = |id: &str| {
            let rest = name.strip_prefix(id).and_then(|rest| rest.strip_prefix('-'));
            rest.is_some_and(|date| {
                date.len() >= 4 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-')
            })
        };
        self.model(name).or_else(|| self.models.values().find(|model| is_snapshot(&model.id)))
    }

    /// Every model, ordered by id.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.values().map(AsRef::as_ref)
    }

    /// Version of the price list, stored with every call that was priced by it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The models that serve a role on `today`, in order of preference. A model that ends within
    /// `lead_days` is replaced by its successor; one without a successor serves to its last day.
    /// Duplicates are dropped.
    pub fn chain(&self, role: Role, today: Date, lead_days: i64) -> Vec<&Arc<Model>> {
        let mut chain: Vec<&Arc<Model>> = Vec::new();
        if let Some(models) = self.roles.get(&role) {
            for id in std::iter::once(&models.first).chain(&models.fallbacks) {
                if let Some(model) = self.current(id, today, lead_days)
                    && !chain.iter().any(|earlier| earlier.id == model.id)
                {
                    chain.push(model);
                }
            }
        }
        chain
    }

    /// The chat role that `model` serves on `today`, if any; it gives the class of an explicitly
    /// named model.
    pub fn role_of(&self, model: &Model, today: Date, lead_days: i64) -> Option<Role> {
        Role::CHAT
            .into_iter()
            .find(|role| self.chain(*role, today, lead_days).iter().any(|m| m.id == model.id))
    }

    fn current(&self, id: &str, today: Date, lead_days: i64) -> Option<&Arc<Model>> {
        let mut model = self.model(id)?;
        // Loading checked that replacements exist and form no cycle, so this loop ends.
        while let Some(lifecycle) = &model.lifecycle
            && days_between(today, lifecycle.shutdown) <= lead_days
            && let Some(next) = lifecycle.replacement.as_ref().and_then(|id| self.model(id))
        {
            model = next;
        }
        model.in_force(today).then_some(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundled() -> Catalog {
        Catalog::bundled().unwrap()
    }

    fn check_chain(role: Role, today: &str, expect: &[&str]) {
        let catalog = bundled();
        let chain = catalog.chain(role, today.parse().unwrap(), 7);
        assert_eq!(
            chain.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(),
            expect,
            "{role:?} on {today}"
        );
    }

    #[test]
    fn roles_follow_the_lifecycles_by_date() {
        check_chain(Role::Nano, "2026-11-22", &["gpt-5-nano", "gemini-2.5-flash-lite"]);
        check_chain(Role::Mini, "2026-11-22", &["gpt-5-mini", "gemini-2.5-flash"]);
        check_chain(Role::Full, "2026-11-22", &["gpt-5", "gemini-2.5-pro"]);
        // Seven days before Gemini 2.5 Pro and Flash end on 2026-12-01.
        check_chain(Role::Mini, "2026-11-24", &["gpt-5-mini", "gemini-3.5-flash-lite"]);
        check_chain(Role::Full, "2026-11-24", &["gpt-5", "gemini-3.8-flash"]);
        // Seven days before GPT-5 ends on 2026-12-11.
        check_chain(Role::Nano, "2026-12-03", &["gpt-5-nano", "gemini-2.5-flash-lite"]);
        check_chain(Role::Nano, "2026-12-04", &["gpt-6-luna", "gemini-2.5-flash-lite"]);
        check_chain(Role::Mini, "2026-12-11", &["gpt-6.1-terra", "gemini-3.5-flash-lite"]);
        check_chain(Role::Full, "2026-12-11", &["gpt-6.1-sol", "gemini-3.8-flash"]);
    }

    #[test]
    fn a_model_near_its_end_says_so() {
        let catalog = bundled();
        let days = |today: &str| catalog.model("gpt-5").unwrap().ending_in(today.parse().unwrap());
        assert_eq!(
            (days("2026-11-10"), days("2026-11-22"), days("2026-12-12")),
            (None, Some(19), Some(-1))
        );
        assert!(!catalog.model("gpt-5").unwrap().in_force("2026-12-11".parse().unwrap()));
    }

    #[test]
    fn effort_is_clamped_to_what_the_model_accepts() {
        let catalog = bundled();
        let clamp = |model: &str, effort| catalog.model(model).unwrap().clamp_effort(effort);
        assert_eq!(clamp("gpt-5", Effort::None), Some(Effort::Minimal));
        assert_eq!(clamp("gpt-6-luna", Effort::Minimal), Some(Effort::None));
        assert_eq!(clamp("gpt-5", Effort::Max), Some(Effort::High));
        assert_eq!(clamp("text-embedding-3-small", Effort::Low), None);
    }

    #[test]
    fn a_served_snapshot_is_priced_as_its_model() {
        let catalog = bundled();
        let served = |name: &str| catalog.served(name).map(|model| model.id.clone());
        assert_eq!(served("gpt-5-mini-2025-08-07").as_deref(), Some("gpt-5-mini"));
        assert_eq!(served("gpt-5-2025-08-07").as_deref(), Some("gpt-5"));
        assert_eq!(served("models/gemini-2.5-pro").as_deref(), Some("gemini-2.5-pro"));
        assert_eq!(served("gpt-5-mega"), None);
    }
}
