//! Parses the catalogue and refuses an invalid one.
//!
//! The checks would have caught real mistakes in published price lists: a service tier at fifty
//! times the standard price, output that costs nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{
    Capability, Catalog, Effort, Lifecycle, LongContext, Model, ModelKind, Price, PriceTier, Role,
    RoleModels, Tokenizer, UsdPerMillion,
};
use crate::{NanoUsd, digest};

/// Why a catalogue is refused; the message names the row.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum InvalidCatalog {
    /// It is not TOML of the expected shape.
    #[error("the model catalogue cannot be read: {0}")]
    Syntax(String),
    /// A row contradicts itself or other rows.
    #[error("model catalogue, `{row}`: {reason}")]
    Row {
        /// The model's id or the role.
        row: String,
        /// Why the catalogue is invalid.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    as_of: toml::value::Datetime,
    roles: BTreeMap<Role, RoleRow>,
    model: Vec<ModelRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleRow {
    first: String,
    fallbacks: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelRow {
    id: String,
    provider: String,
    kind: ModelKind,
    max_input: u64,
    #[serde(default)]
    max_output: u64,
    price: PriceTier,
    flex: Option<PriceTier>,
    priority: Option<PriceTier>,
    batch: Option<PriceTier>,
    long_context: Option<LongContext>,
    search: Option<UsdPerMillion>,
    #[serde(default)]
    capabilities: Vec<Capability>,
    #[serde(default)]
    efforts: Vec<Effort>,
    default_effort: Option<Effort>,
    tokenizer: Option<Tokenizer>,
    lifecycle: Option<LifecycleRow>,
    dimensions: Option<u32>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LifecycleRow {
    shutdown: toml::value::Datetime,
    replacement: Option<String>,
    source: String,
}

fn row(row: &str, reason: impl Into<String>) -> InvalidCatalog {
    InvalidCatalog::Row { row: row.into(), reason: reason.into() }
}

impl Catalog {
    /// The catalogue bundled with this build.
    pub fn bundled() -> Result<Self, InvalidCatalog> {
        Self::parse(include_str!("../../data/models.toml"))
    }

    /// Parses and checks a catalogue in TOML.
    pub fn parse(text: &str) -> Result<Self, InvalidCatalog> {
        let file: File =
            toml::from_str(text).map_err(|error| InvalidCatalog::Syntax(error.to_string()))?;
        let mut models = BTreeMap::new();
        for model in file.model {
            let model = model.checked()?;
            if let Some(twice) = models.insert(model.id.clone(), model) {
                return Err(row(&twice.id, "is listed twice"));
            }
        }
        check_replacements(&models)?;
        let roles = file.roles.into_iter().map(|(role, names)| check_role(role, names, &models));
        let roles: BTreeMap<_, _> = roles.collect::<Result<_, _>>()?;
        for role in [Role::Nano, Role::Mini, Role::Full, Role::Embedding] {
            if !roles.contains_key(&role) {
                return Err(row(role.as_str(), "the role is missing from [roles]"));
            }
        }
        let version = format!("{}-{}", file.as_of, &digest(&[text])[..8]);
        Ok(Self {
            models: models.into_iter().map(|(id, model)| (id, model.into())).collect(),
            roles,
            version,
        })
    }
}

impl ModelRow {
    fn checked(self) -> Result<Model, InvalidCatalog> {
        let invalid = |reason: String| Err(row(&self.id, reason));
        let chat = self.kind == ModelKind::Chat;
        check_tier(&self.id, "price", &self.price, chat)?;
        for (name, tier) in
            [("flex", &self.flex), ("priority", &self.priority), ("batch", &self.batch)]
        {
            if let Some(tier) = tier {
                check_tier(&self.id, name, tier, chat)?;
                // Flex is never more expensive than standard: holds of flex calls rely on it.
                let most = if name == "priority" { (4, 1) } else { (1, 1) };
                check_ratio(&self.id, name, tier, &self.price, (1, 10), most)?;
            }
        }
        if let Some(long) = &self.long_context {
            check_tier(&self.id, "long_context", &long.price, chat)?;
            check_ratio(&self.id, "long_context", &long.price, &self.price, (1, 1), (3, 1))?;
        }
        if chat && self.max_output == 0 {
            return invalid("a chat model needs `max_output`".into());
        }
        if self.max_input == 0 {
            return invalid("`max_input` cannot be 0".into());
        }
        if !self.efforts.is_sorted()
            || self.default_effort.is_some_and(|effort| !self.efforts.contains(&effort))
        {
            return invalid("`efforts` must ascend and contain `default_effort`".into());
        }
        let lifecycle = match self.lifecycle {
            None => None,
            Some(lifecycle) => Some(Lifecycle {
                shutdown: match lifecycle.shutdown.to_string().parse() {
                    Ok(date) => date,
                    Err(_) => {
                        return invalid("`shutdown` must be a date such as 2026-12-11".into());
                    }
                },
                replacement: lifecycle.replacement,
                source: lifecycle.source,
            }),
        };
        Ok(Model {
            price: Price {
                standard: self.price,
                flex: self.flex,
                priority: self.priority,
                batch: self.batch,
                long_context: self.long_context,
                search: self
                    .search
                    .map(|price| NanoUsd(i64::try_from(price.0).unwrap_or(i64::MAX))),
            },
            id: self.id,
            provider: self.provider,
            kind: self.kind,
            max_input: self.max_input,
            max_output: self.max_output,
            capabilities: self.capabilities,
            efforts: self.efforts,
            tokenizer: self.tokenizer,
            default_effort: self.default_effort,
            lifecycle,
            dimensions: self.dimensions,
            source: self.source,
        })
    }
}

fn check_tier(id: &str, name: &str, tier: &PriceTier, chat: bool) -> Result<(), InvalidCatalog> {
    let zero = tier.input.0 == 0
        || (chat && tier.output.0 == 0)
        || [tier.cached_input, tier.cache_write].into_iter().flatten().any(|price| price.0 == 0);
    if zero {
        return Err(row(id, format!("`{name}` holds a price of 0; leave out what is unknown")));
    }
    if tier.cached_input.is_some_and(|cached| cached > tier.input) {
        return Err(row(id, format!("`{name}.cached_input` is above `{name}.input`")));
    }
    if chat && tier.input > tier.output {
        return Err(row(id, format!("`{name}.input` is above `{name}.output`")));
    }
    Ok(())
}

/// Checks that each price of `tier` lies between `least` and `most` times the standard price.
fn check_ratio(
    id: &str,
    name: &str,
    tier: &PriceTier,
    standard: &PriceTier,
    least: (u64, u64),
    most: (u64, u64),
) -> Result<(), InvalidCatalog> {
    let pairs = [("input", tier.input, standard.input), ("output", tier.output, standard.output)];
    for (field, price, standard) in pairs {
        let low = price.0.saturating_mul(least.1) < standard.0.saturating_mul(least.0);
        let high = price.0.saturating_mul(most.1) > standard.0.saturating_mul(most.0);
        if low || high {
            return Err(row(
                id,
                format!("`{name}.{field}` is implausible beside the standard price"),
            ));
        }
    }
    Ok(())
}

fn check_replacements(models: &BTreeMap<String, Model>) -> Result<(), InvalidCatalog> {
    let next = |model: &Model| {
        model.lifecycle.as_ref().and_then(|lifecycle| lifecycle.replacement.clone())
    };
    for model in models.values() {
        let mut seen = BTreeSet::from([model.id.clone()]);
        let mut current = next(model);
        while let Some(id) = current {
            let Some(replacement) = models.get(&id) else {
                return Err(row(
                    &model.id,
                    format!("its replacement `{id}` is not in the catalogue"),
                ));
            };
            if !seen.insert(id) {
                return Err(row(&model.id, "its replacements form a circle"));
            }
            current = next(replacement);
        }
    }
    Ok(())
}

fn check_role(
    role: Role,
    names: RoleRow,
    models: &BTreeMap<String, Model>,
) -> Result<(Role, RoleModels), InvalidCatalog> {
    let kind = if role == Role::Embedding { ModelKind::Embedding } else { ModelKind::Chat };
    for id in std::iter::once(&names.first).chain(&names.fallbacks) {
        match models.get(id) {
            None => return Err(row(role.as_str(), format!("`{id}` is not in the catalogue"))),
            Some(model) if model.kind != kind => {
                return Err(row(role.as_str(), format!("`{id}` is not a model of this kind")));
            }
            Some(_) => {}
        }
    }
    if role == Role::Embedding && !names.fallbacks.is_empty() {
        return Err(row("embedding", "vectors of two models do not compare: no fallbacks"));
    }
    Ok((role, RoleModels { first: names.first, fallbacks: names.fallbacks }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes one mistake in the bundled file and expects an error with its row and reason.
    fn check(from: &str, to: &str, expect: &str) {
        let text = include_str!("../../data/models.toml");
        assert!(text.contains(from), "{from}");
        let error = Catalog::parse(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(expect), "{from} -> {to}: {error}");
    }

    #[test]
    fn an_invalid_file_is_refused_with_its_row() {
        check(
            "price = { input = 1.25, cached_input = 0.125",
            "price = { input = 1.25, cached_input = 2",
            "`gpt-5`",
        );
        check(
            "price = { input = 1.25,",
            "price = { input = 12.5,",
            "`price.input` is above `price.output`",
        );
        check(
            "price = { input = 0.25, cached_input = 0.025, output = 2.0 }",
            "price = { input = 0, output = 2.0 }",
            "price of 0",
        );
        check("priority = { input = 2.5,", "priority = { input = 6,", "implausible beside");
        check("flex = { input = 0.625,", "flex = { input = 0.1,", "implausible beside");
        check(
            "replacement = \"gpt-6.1-sol\"",
            "replacement = \"gpt-9\"",
            "`gpt-9` is not in the catalogue",
        );
        check("replacement = \"gpt-6.1-sol\"", "replacement = \"gpt-5\"", "circle");
        check("first = \"gpt-5-nano\"", "first = \"gpt-nope\"", "model catalogue, `nano`");
        check(
            "first = \"text-embedding-3-small\"",
            "first = \"gpt-5\"",
            "not a model of this kind",
        );
        check("shutdown = 2026-12-11", "shutdown = 2026-12-11T00:00:00Z", "must be a date");
        check("id = \"gpt-5-mini\"", "id = \"gpt-5\"", "listed twice");
        check("kind = \"chat\"", "kinds = \"chat\"", "cannot be read");
    }
}
