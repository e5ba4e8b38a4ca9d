//! Models, prices and lifecycles: which model serves a role on a given day, and what a call costs
//! exactly.
//!
//! Facts live in `data/models.toml`, checked at load; a deployment can replace the file. A price
//! that is unknown is an absent value, and whoever needs it refuses: nothing is ever free because
//! nobody knew.

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

/// A model is announced as ending this many days ahead.
pub const WARN_DAYS: i64 = 30;

/// Class of model a task needs.
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
    /// The role that serves the class when nothing speaks against it.
    pub fn role(self) -> Role {
        match self {
            Self::Simple => Role::Nano,
            Self::Balanced => Role::Mini,
            Self::Complex => Role::Full,
        }
    }
}

/// How hard a reasoning model thinks: an ordinal that is clamped to what the model of the day
/// accepts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// No reasoning.
    None,
    /// As little as the model can.
    Minimal,
    /// Little.
    Low,
    /// The provider's default.
    Medium,
    /// Much.
    High,
    /// More.
    Xhigh,
    /// All it can.
    Max,
}

/// What code asks for instead of a model's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Cheapest.
    Nano,
    /// Middle.
    Mini,
    /// Strongest.
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

    /// The class of work the role is for.
    pub fn class(self) -> Complexity {
        match self {
            Self::Nano | Self::Embedding => Complexity::Simple,
            Self::Mini => Complexity::Balanced,
            Self::Full => Complexity::Complex,
        }
    }
}

/// What a model is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// Answers messages.
    Chat,
    /// Turns text into vectors.
    Embedding,
}

/// How an answer is served, and at which prices.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ServiceTier {
    /// As usual.
    #[default]
    Standard,
    /// Cheaper, slower, and refused when the provider is busy.
    Flex,
    /// Dearer and faster.
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
    /// Calls functions.
    Tools,
    /// Reads images.
    Vision,
}

/// How a model counts tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tokenizer {
    /// OpenAI's vocabulary since GPT-4o.
    O200kBase,
}

/// When a model ends and what follows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lifecycle {
    /// The day it stops serving.
    pub shutdown: Date,
    /// The model that takes over.
    pub replacement: Option<String>,
    /// Where this was announced.
    pub source: String,
}

/// One model of one provider.
#[derive(Clone, PartialEq, Debug)]
pub struct Model {
    /// Id as the provider knows it.
    pub id: String,
    /// `openai` or `gemini`.
    pub provider: String,
    /// What it is for.
    pub kind: ModelKind,
    /// Most input tokens.
    pub max_input: u64,
    /// Most output tokens, reasoning included; 0 for embeddings.
    pub max_output: u64,
    /// Prices.
    pub price: Price,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// Reasoning efforts it accepts, ascending.
    pub efforts: Vec<Effort>,
    /// The effort it uses when none is asked for.
    pub default_effort: Option<Effort>,
    /// How it counts tokens, where that is known for certain; otherwise every byte is taken for
    /// one.
    pub tokenizer: Option<Tokenizer>,
    /// When it ends, if that is known.
    pub lifecycle: Option<Lifecycle>,
    /// Dimensions of its vectors; embeddings only.
    pub dimensions: Option<u32>,
    /// Where the prices were read.
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

    /// Days until it ends, when it ends within [`WARN_DAYS`] or has ended (then negative).
    pub fn ending_in(&self, today: Date) -> Option<i64> {
        let days = days_between(today, self.lifecycle.as_ref()?.shutdown);
        (days <= WARN_DAYS).then_some(days)
    }

    /// Whether it may still be called: its last day has not come.
    pub fn in_force(&self, today: Date) -> bool {
        self.lifecycle.as_ref().is_none_or(|lifecycle| today < lifecycle.shutdown)
    }
}

/// A role's models before lifecycles are applied.
#[derive(Clone, PartialEq, Debug)]
struct RoleModels {
    first: String,
    fallbacks: Vec<String>,
}

/// All models and roles.
#[derive(Clone, PartialEq, Debug)]
pub struct Catalog {
    models: BTreeMap<String, Arc<Model>>,
    roles: BTreeMap<Role, RoleModels>,
    version: String,
}

impl Catalog {
    /// The model of an exact id.
    pub fn model(&self, id: &str) -> Option<&Arc<Model>> {
        self.models.get(id)
    }

    /// The model that a provider's answer names: an exact id, or one with a snapshot date
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

    /// Every model, by id.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.values().map(AsRef::as_ref)
    }

    /// Identifies the price list a call was priced with.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The models that serve a role on `today`, first choice first. Each model that ends within
    /// `lead_days` gives way to its replacement; a model without one serves to its last day.
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

    /// The chat role that `model` serves on `today`, if any: how an explicitly named model is
    /// classed.
    pub fn role_of(&self, model: &Model, today: Date, lead_days: i64) -> Option<Role> {
        Role::CHAT
            .into_iter()
            .find(|role| self.chain(*role, today, lead_days).iter().any(|m| m.id == model.id))
    }

    fn current(&self, id: &str, today: Date, lead_days: i64) -> Option<&Arc<Model>> {
        let mut model = self.model(id)?;
        // Load checked that replacements exist and form no circle, so this ends.
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
