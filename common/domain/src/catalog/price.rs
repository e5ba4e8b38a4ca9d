//! What tokens cost: integer prices, bands for long contexts, tiers of service.

use serde::{Deserialize, Deserializer};

use crate::{NanoUsd, usage::Usage};

/// A price in nano-USD per million tokens, read from a decimal number of dollars per million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct UsdPerMillion(pub u64);

impl<'de> Deserialize<'de> for UsdPerMillion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let dollars: NanoUsd = f64::deserialize(deserializer)?.to_string().parse().map_err(serde::de::Error::custom)?;
        u64::try_from(dollars.0).map(Self).map_err(|_| serde::de::Error::custom("a price cannot be negative"))
    }
}

/// Prices of one tier of service or one context band.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTier {
    /// Fresh input.
    pub input: UsdPerMillion,
    /// Input read from the prompt cache; priced as fresh input when absent.
    pub cached_input: Option<UsdPerMillion>,
    /// Input written to the prompt cache; priced as fresh input when absent.
    pub cache_write: Option<UsdPerMillion>,
    /// Output, reasoning included; absent for embeddings, which have none.
    #[serde(default)]
    pub output: UsdPerMillion,
}

/// Prices of the whole request once its input passes a bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongContext {
    /// Input tokens above which the band applies.
    pub above: u64,
    /// Its prices.
    pub price: PriceTier,
}

/// All prices of a model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Price {
    /// Normal service.
    pub standard: PriceTier,
    /// Cheaper, slower service.
    pub flex: Option<PriceTier>,
    /// Dearer, faster service.
    pub priority: Option<PriceTier>,
    /// Answers within a day.
    pub batch: Option<PriceTier>,
    /// Long requests.
    pub long_context: Option<LongContext>,
    /// One web search; `None` when the price is unknown, and then no search is offered.
    pub search: Option<NanoUsd>,
}

impl Price {
    /// What `usage` costs at standard service, rounded up once.
    ///
    /// `input − cached − cache_write` at the input price, each part of it at its own; output (reasoning inside) at the
    /// output price; the whole request in the long-context band when its input passes the bound.
    pub fn cost(&self, usage: &Usage) -> NanoUsd {
        let tier = self.band(usage.input);
        let cached = usage.cached_input.min(usage.input);
        let written = usage.cache_write.min(usage.input - cached);
        let fresh = usage.input - cached - written;
        let part = |tokens: u64, price: UsdPerMillion| u128::from(tokens) * u128::from(price.0);
        let sum = part(fresh, tier.input)
            + part(cached, tier.cached_input.unwrap_or(tier.input))
            + part(written, tier.cache_write.unwrap_or(tier.input))
            + part(usage.output, tier.output);
        NanoUsd::from_nano_millionths(sum) + self.searches(usage.searches)
    }

    /// An upper bound of what a request can cost: every input token at the dearest input price of its band, every
    /// allowed output token, every allowed search.
    pub fn bound(&self, input_tokens: u64, max_output_tokens: u64, max_searches: u64) -> NanoUsd {
        let tier = self.band(input_tokens);
        // A search feeds its results back as input, in amounts nobody knows beforehand: the adapter counts them in.
        let dearest = tier.input.max(tier.cache_write.unwrap_or_default()).max(tier.cached_input.unwrap_or_default());
        let sum = u128::from(input_tokens) * u128::from(dearest.0)
            + u128::from(max_output_tokens) * u128::from(tier.output.0);
        NanoUsd::from_nano_millionths(sum) + self.searches(max_searches)
    }

    fn band(&self, input_tokens: u64) -> &PriceTier {
        match &self.long_context {
            Some(long) if input_tokens > long.above => &long.price,
            _ => &self.standard,
        }
    }

    fn searches(&self, count: u64) -> NanoUsd {
        let each = self.search.unwrap_or(if count == 0 { NanoUsd::ZERO } else { NanoUsd::MAX });
        NanoUsd(each.0.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Catalog;
    use super::*;

    fn check(model: &str, usage: Usage, expect_usd: &str) {
        let catalog = Catalog::bundled().unwrap();
        let cost = catalog.model(model).unwrap().price.cost(&usage);
        assert_eq!(cost.to_string(), expect_usd, "{model} {usage:?}");
    }

    #[test]
    fn usage_becomes_nano_dollars_exactly() {
        check("gpt-5-nano", Usage::of(1, 0), "0.00000005");
        check("gpt-5", Usage::of(1_000_000, 0), "1.25");
        check("gpt-5", Usage { cached_input: 400, ..Usage::of(1_000, 500) }, "0.0058");
        // Reasoning is inside the output and never added again.
        check("gpt-5", Usage { reasoning: 500, ..Usage::of(1_000, 500) }, "0.00625");
        check("gpt-6.1-terra", Usage { cache_write: 1_000, ..Usage::of(1_000, 0) }, "0.00125");
        // The whole request moves into the long-context band.
        check("gpt-5.5", Usage::of(272_000, 1_000), "1.39");
        check("gpt-5.5", Usage::of(272_001, 1_000), "2.76501");
        check("gpt-5", Usage { searches: 3, ..Usage::of(0, 0) }, "0.03");
        check("text-embedding-3-small", Usage::of(50, 0), "0.000001");
    }

    proptest! {
        #[test]
        fn the_bound_is_never_below_the_cost(
            input in 0u64..1_500_000, output in 0u64..200_000, cached in 0u64..1_500_000, written in 0u64..1_500_000,
            searches in 0u64..5, index in 0usize..28,
        ) {
            let catalog = Catalog::bundled().unwrap();
            let model = catalog.models().nth(index % catalog.models().count()).unwrap();
            let usage = Usage { input, output, cached_input: cached, cache_write: written, searches, reasoning: 0 };
            prop_assert!(model.price.bound(input, output, searches) >= model.price.cost(&usage));
        }
    }
}
