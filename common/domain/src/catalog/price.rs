//! What tokens cost: integer prices, long-context bands, service tiers.

use serde::{Deserialize, Deserializer};

use super::ServiceTier;
use crate::{NanoUsd, usage::Usage};

/// A price in nano-USD per million tokens, read from a decimal number of dollars per million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct UsdPerMillion(pub u64);

impl<'de> Deserialize<'de> for UsdPerMillion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let dollars: NanoUsd = f64::deserialize(deserializer)?
            .to_string()
            .parse()
            .map_err(serde::de::Error::custom)?;
        u64::try_from(dollars.0)
            .map(Self)
            .map_err(|_| serde::de::Error::custom("a price cannot be negative"))
    }
}

/// Prices of one service tier or of one context band.
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

/// Prices that apply to the whole request once its input exceeds a threshold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongContext {
    /// Input tokens above which the band applies.
    pub above: u64,
    /// Prices in the band.
    pub price: PriceTier,
}

/// All prices of a model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Price {
    /// Prices of the standard service.
    pub standard: PriceTier,
    /// Prices of the cheaper, slower service.
    pub flex: Option<PriceTier>,
    /// Prices of the more expensive, faster service.
    pub priority: Option<PriceTier>,
    /// Prices of batches, which are answered within a day.
    pub batch: Option<PriceTier>,
    /// Prices of long requests.
    pub long_context: Option<LongContext>,
    /// Price of one web search; without a price, no search is offered.
    pub search: Option<NanoUsd>,
}

impl Price {
    /// The cost of `usage` at the standard service; [`NanoUsd::MAX`], which exceeds every budget,
    /// if a price is unknown.
    pub fn cost(&self, usage: &Usage) -> NanoUsd {
        self.cost_at(usage, ServiceTier::Standard).unwrap_or(NanoUsd::MAX)
    }

    /// The cost of `usage` at a service tier, rounded up once; `None` if its price is unknown.
    ///
    /// `input − cached − cache_write` is charged at the input price, cached input and cache writes
    /// at their own prices, output (reasoning included) at the output price; the whole request in
    /// the long-context band if its input exceeds the threshold.
    pub fn cost_at(&self, usage: &Usage, service: ServiceTier) -> Option<NanoUsd> {
        let tier = self.tier(usage.input, service)?;
        let cached = usage.cached_input.min(usage.input);
        let written = usage.cache_write.min(usage.input - cached);
        let fresh = usage.input - cached - written;
        let part = |tokens: u64, price: UsdPerMillion| u128::from(tokens) * u128::from(price.0);
        let sum = part(fresh, tier.input)
            + part(cached, tier.cached_input.unwrap_or(tier.input))
            + part(written, tier.cache_write.unwrap_or(tier.input))
            + part(usage.output, tier.output);
        Some(NanoUsd::from_nano_millionths(sum) + self.searches(usage.searches)?)
    }

    /// An upper bound of the cost of a request at the standard or a cheaper service tier: every
    /// input token at the highest input price of its band, every allowed output token, every
    /// allowed search; [`NanoUsd::MAX`] if a price is unknown.
    ///
    /// Cheaper service is also bounded at the standard price, because a provider may serve a flex
    /// request as a standard one.
    pub fn bound(&self, input_tokens: u64, max_output_tokens: u64, max_searches: u64) -> NanoUsd {
        let Some(tier) = self.tier(input_tokens, ServiceTier::Standard) else {
            return NanoUsd::MAX;
        };
        let dearest = tier
            .input
            .max(tier.cache_write.unwrap_or_default())
            .max(tier.cached_input.unwrap_or_default());
        let sum = u128::from(input_tokens) * u128::from(dearest.0)
            + u128::from(max_output_tokens) * u128::from(tier.output.0);
        match self.searches(max_searches) {
            Some(searches) => NanoUsd::from_nano_millionths(sum) + searches,
            None => NanoUsd::MAX,
        }
    }

    /// Prices of a request of this size at a service tier.
    fn tier(&self, input_tokens: u64, service: ServiceTier) -> Option<PriceTier> {
        let tier = match service {
            ServiceTier::Standard => self.standard,
            ServiceTier::Flex => self.flex?,
            ServiceTier::Priority => self.priority?,
        };
        match &self.long_context {
            Some(long) if input_tokens > long.above => {
                Some(scaled(&tier, &self.standard, &long.price))
            }
            _ => Some(tier),
        }
    }

    fn searches(&self, count: u64) -> Option<NanoUsd> {
        if count == 0 {
            return Some(NanoUsd::ZERO);
        }
        Some(NanoUsd(self.search?.0.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX))))
    }
}

/// A service tier's prices in the long-context band: raised by the same factor as the standard
/// prices, as OpenAI states it (2 × input, 1.5 × output, for every tier). Rounded up.
fn scaled(tier: &PriceTier, standard: &PriceTier, long: &PriceTier) -> PriceTier {
    let scale = |price: UsdPerMillion, from: UsdPerMillion, to: UsdPerMillion| {
        let scaled = u128::from(price.0) * u128::from(to.0);
        match u128::from(from.0) {
            0 => to,
            from => UsdPerMillion(u64::try_from(scaled.div_ceil(from)).unwrap_or(u64::MAX)),
        }
    };
    let part = |of: fn(&PriceTier) -> Option<UsdPerMillion>| {
        let price = of(tier)?;
        Some(match (of(standard), of(long)) {
            (Some(from), Some(to)) => scale(price, from, to),
            _ => scale(price, standard.input, long.input),
        })
    };
    PriceTier {
        input: scale(tier.input, standard.input, long.input),
        cached_input: part(|tier| tier.cached_input),
        cache_write: part(|tier| tier.cache_write),
        output: scale(tier.output, standard.output, long.output),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Catalog;
    use super::*;

    fn check(model: &str, usage: Usage, expect_usd: &str) {
        check_at(ServiceTier::Standard, model, usage, Some(expect_usd));
    }

    fn check_at(service: ServiceTier, model: &str, usage: Usage, expect_usd: Option<&str>) {
        let catalog = Catalog::bundled().unwrap();
        let cost = catalog.model(model).unwrap().price.cost_at(&usage, service);
        assert_eq!(cost.map(|cost| cost.to_string()).as_deref(), expect_usd, "{model} {usage:?}");
    }

    #[test]
    fn each_service_tier_has_its_own_price() {
        let usage = Usage { cached_input: 400_000, ..Usage::of(1_000_000, 100_000) };
        check_at(ServiceTier::Standard, "gpt-5-mini", usage, Some("0.36"));
        check_at(ServiceTier::Flex, "gpt-5-mini", usage, Some("0.18"));
        check_at(ServiceTier::Priority, "gpt-5-mini", usage, Some("0.648"));
        check_at(ServiceTier::Priority, "gpt-5-nano", usage, None);
        check_at(
            ServiceTier::Standard,
            "text-embedding-3-small",
            Usage { searches: 1, ..Usage::of(1, 0) },
            None,
        );
    }

    #[test]
    fn long_context_raises_the_price_of_every_tier() {
        let long = Usage::of(300_000, 1_000);
        check_at(ServiceTier::Standard, "gpt-5.5", long, Some("3.045"));
        check_at(ServiceTier::Flex, "gpt-5.5", long, Some("1.5225"));
    }

    #[test]
    fn usage_becomes_nano_dollars_exactly() {
        check("gpt-5-nano", Usage::of(1, 0), "0.00000005");
        check("gpt-5", Usage::of(1_000_000, 0), "1.25");
        check("gpt-5", Usage { cached_input: 400, ..Usage::of(1_000, 500) }, "0.0058");
        // Reasoning is included in the output and never added again.
        check("gpt-5", Usage { reasoning: 500, ..Usage::of(1_000, 500) }, "0.00625");
        check("gpt-6.1-terra", Usage { cache_write: 1_000, ..Usage::of(1_000, 0) }, "0.00125");
        // The whole request is priced in the long-context band.
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
            let bound = model.price.bound(input, output, searches);
            for service in [ServiceTier::Standard, ServiceTier::Flex] {
                prop_assert!(model.price.cost_at(&usage, service).is_none_or(|cost| bound >= cost), "{}", model.id);
            }
        }
    }
}
