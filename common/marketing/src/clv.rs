//! Customer lifetime value: formulas over figures that the client gave, never over figures that a
//! model invented.
//!
//! Every rate and amount is per period, a month or a year. Formulas return `None` where they are
//! undefined, never 0.

use serde::{Deserialize, Serialize};

use crate::brief::{Period, Source, Sourced, UnitEconomics};

/// Annual discount rate if the client gave none.
pub const DEFAULT_DISCOUNT_ANNUAL: f64 = 0.10;

/// The period's rate that compounds to `annual` over a year.
pub fn period_rate(annual: f64, period: Period) -> f64 {
    match period {
        Period::Month => (1.0 + annual).powf(1.0 / 12.0) - 1.0,
        Period::Year => annual,
    }
}

/// The four figures that every formula uses, checked: they are finite, churn is between 0 and 1,
/// the discount is not negative.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Customer {
    margin: f64,
    churn: f64,
    discount: f64,
}

impl Customer {
    /// A customer with `margin` per period, lost with probability `churn` per period, valued at the
    /// rate `discount` per period.
    pub fn new(margin: f64, churn: f64, discount: f64) -> Option<Self> {
        let sound = margin.is_finite()
            && churn > 0.0
            && churn < 1.0
            && discount.is_finite()
            && discount >= 0.0;
        sound.then_some(Self { margin, churn, discount })
    }

    fn retention(self) -> f64 {
        1.0 - self.churn
    }

    /// Undiscounted value: `m / c`.
    pub fn simple(self) -> f64 {
        self.margin / self.churn
    }

    pub fn discounted_end(self) -> f64 {
        self.margin * self.retention() / (1.0 + self.discount - self.retention())
    }

    pub fn discounted_now(self) -> f64 {
        self.margin * (1.0 + self.discount) / (1.0 + self.discount - self.retention())
    }

    pub fn within(self, periods: u32) -> f64 {
        let step = self.retention() / (1.0 + self.discount);
        (0..periods).fold((0.0, self.margin), |(sum, margin), _| (sum + margin, margin * step)).0
    }

    /// Periods until the margins equal `cac`, without churn: `CAC / m`.
    pub fn payback_simple(self, cac: f64) -> Option<f64> {
        (self.margin > 0.0 && cac > 0.0).then(|| cac / self.margin)
    }

    /// The same with churn: `ln(1 − CAC·c/m) / ln r`. `None` if it never happens.
    pub fn payback_with_churn(self, cac: f64) -> Option<f64> {
        let lost = cac * self.churn / self.margin;
        (self.margin > 0.0 && cac > 0.0 && lost < 1.0)
            .then(|| (1.0 - lost).ln() / self.retention().ln())
    }
}

/// The inputs of the formulas as the client gave them, in one form for every kind of business.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Inputs {
    /// The period of all inputs.
    pub period: Period,
    /// Revenue per customer; order value × orders for businesses without contracts.
    pub revenue: Option<Sourced>,
    /// Gross margin as a share of revenue.
    pub gross_margin: Option<Sourced>,
    /// Cost of serving a customer that the margin does not include.
    pub service_cost: Option<Sourced>,
    /// Share of customers lost.
    pub churn: Option<Sourced>,
    /// Customer acquisition cost.
    pub cac: Option<Sourced>,
    /// Annual discount rate; the default, marked as assumed, if none was given.
    pub discount_annual: Sourced,
}

impl Inputs {
    /// Takes the inputs from the client's figures. Churn comes from `churn`, otherwise from
    /// retention or the repeat rate, otherwise from the lifespan.
    pub fn of(given: &UnitEconomics) -> Self {
        let complement = |kept: Sourced| Sourced { value: 1.0 - kept.value, ..kept };
        let inverse = |lifespan: Sourced| Sourced { value: 1.0 / lifespan.value, ..lifespan };
        let orders =
            given.average_order_value.zip(given.orders_per_period).map(|(value, orders)| Sourced {
                value: value.value * orders.value,
                source: less_certain(value.source, orders.source),
            });
        Self {
            period: given.period,
            revenue: given.arpu.or(orders),
            gross_margin: given.gross_margin,
            service_cost: given.variable_service_cost,
            churn: given
                .churn
                .or(given.retention.or(given.repeat_rate).map(complement))
                .or(given.lifespan_periods.map(inverse)),
            cac: given.cac,
            discount_annual: given
                .discount_rate_annual
                .unwrap_or(Sourced { value: DEFAULT_DISCOUNT_ANNUAL, source: Source::Assumed }),
        }
    }

    /// The customer that the inputs describe; `None` if an input is missing or out of bounds.
    pub fn customer(&self) -> Option<Customer> {
        let gross_margin =
            self.gross_margin.filter(|share| share.value > 0.0 && share.value <= 1.0)?;
        let revenue =
            self.revenue.filter(|revenue| revenue.value.is_finite() && revenue.value >= 0.0)?;
        let margin =
            revenue.value * gross_margin.value - self.service_cost.map_or(0.0, |cost| cost.value);
        let annual = self.discount_annual.value;
        (annual >= 0.0)
            .then(|| Customer::new(margin, self.churn?.value, period_rate(annual, self.period)))?
    }

    /// The acquisition cost, if it is known and positive.
    pub fn cost(&self) -> Option<f64> {
        self.cac.map(|cac| cac.value).filter(|cac| cac.is_finite() && *cac > 0.0)
    }

    /// All known inputs with their names.
    pub fn known(&self) -> Vec<(&'static str, Sourced)> {
        let named = [
            ("revenue", self.revenue),
            ("gross_margin", self.gross_margin),
            ("variable_service_cost", self.service_cost),
            ("churn", self.churn),
            ("cac", self.cac),
            ("discount_rate_annual", Some(self.discount_annual)),
        ];
        named.into_iter().filter_map(|(name, input)| input.map(|input| (name, input))).collect()
    }
}

/// The less reliable of two sources.
fn less_certain(one: Source, other: Source) -> Source {
    let doubt = |source| match source {
        Source::User => 0,
        Source::Benchmark => 1,
        Source::Assumed => 2,
    };
    if doubt(one) >= doubt(other) { one } else { other }
}

/// The results of the formulas. A result that cannot be computed is `None`.
#[derive(Clone, Copy, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Value {
    /// Margin per period.
    pub margin_per_period: Option<f64>,
    /// Undiscounted value.
    pub simple: Option<f64>,
    pub discounted_end: Option<f64>,
    /// Discounted value, first margin now.
    pub discounted_now: Option<f64>,
    /// Discounted value of the first 36 months.
    pub within_36_months: Option<f64>,
    /// Undiscounted value ÷ acquisition cost.
    pub ltv_to_cac_simple: Option<f64>,
    pub ltv_to_cac: Option<f64>,
    /// Periods until a customer who stays has paid back the acquisition cost.
    pub payback_periods: Option<f64>,
    /// Whole periods until a group of customers with churn has paid it back. `None` also if that
    /// never happens.
    pub payback_with_churn_periods: Option<f64>,
    /// The largest acceptable acquisition cost: a third of the discounted value.
    pub max_allowable_cac: Option<f64>,
}

impl Value {
    /// Computes all results that the inputs allow.
    pub fn of(given: &UnitEconomics) -> Self {
        Self::from_inputs(&Inputs::of(given))
    }

    /// The same from inputs that were already taken or varied.
    pub fn from_inputs(inputs: &Inputs) -> Self {
        let Some(customer) = inputs.customer() else { return Self::default() };
        let horizon = match inputs.period {
            Period::Month => 36,
            Period::Year => 3,
        };
        let cac = inputs.cost();
        Self {
            margin_per_period: Some(customer.margin),
            simple: Some(customer.simple()),
            discounted_end: Some(customer.discounted_end()),
            discounted_now: Some(customer.discounted_now()),
            within_36_months: Some(customer.within(horizon)),
            ltv_to_cac_simple: cac.map(|cac| customer.simple() / cac),
            ltv_to_cac: cac.map(|cac| customer.discounted_end() / cac),
            payback_periods: cac.and_then(|cac| customer.payback_simple(cac)),
            payback_with_churn_periods: cac
                .and_then(|cac| customer.payback_with_churn(cac))
                .map(f64::ceil),
            max_allowable_cac: Some(customer.discounted_end() / 3.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(figure: f64, expect: f64) {
        assert!((figure - expect).abs() < 0.005, "{figure} is not {expect}");
    }

    #[test]
    fn a_monthly_contract() {
        // Revenue 40 at a margin of 0.75 gives 30.
        let customer = Customer::new(30.0, 0.04, 0.01).unwrap();
        let cac = 180.0;
        close(customer.simple(), 750.0);
        close(customer.discounted_end(), 576.0);
        close(customer.discounted_now(), 606.0);
        close(customer.within(36), 508.58);
        close(customer.simple() / cac, 4.17);
        close(customer.discounted_end() / cac, 3.20);
        close(customer.payback_simple(cac).unwrap(), 6.0);
        close(customer.payback_with_churn(cac).unwrap(), 6.72);
        close(customer.payback_with_churn(cac).unwrap().ceil(), 7.0);
    }

    #[test]
    fn annual_purchases_without_contract() {
        let customer = Customer::new(150.0, 0.45, 0.10).unwrap();
        close(customer.discounted_end(), 150.0);
        close(customer.discounted_now(), 300.0);
    }

    #[test]
    fn a_years_rate_compounds_from_months() {
        assert!((period_rate(0.12, Period::Month) - 0.009_488_79).abs() < 1e-8);
        assert!((period_rate(0.12, Period::Year) - 0.12).abs() < f64::EPSILON);
    }

    #[test]
    fn an_endless_payback_is_none() {
        let customer = Customer::new(30.0, 0.04, 0.01).unwrap();
        assert_eq!(customer.payback_with_churn(750.0), None);
        assert_eq!(Customer::new(-5.0, 0.04, 0.01).unwrap().payback_simple(180.0), None);
    }

    #[test]
    fn figures_out_of_bounds_describe_no_customer() {
        for (margin, churn, discount) in [
            (f64::NAN, 0.1, 0.0),
            (1.0, 0.0, 0.0),
            (1.0, 1.0, 0.0),
            (1.0, -0.1, 0.0),
            (1.0, 0.1, -0.1),
            (1.0, f64::NAN, 0.0),
        ] {
            assert_eq!(Customer::new(margin, churn, discount), None, "{margin} {churn} {discount}");
        }
    }

    #[test]
    fn churn_comes_from_what_is_known_of_it() {
        let user = |value| Some(Sourced { value, source: Source::User });
        let given =
            |json: serde_json::Value| serde_json::from_value::<UnitEconomics>(json).unwrap();
        let empty = given(serde_json::json!({"period": "year"}));
        let churn = |given: UnitEconomics| Inputs::of(&given).churn.map(|churn| churn.value);
        assert_eq!(churn(empty.clone()), None);
        close(churn(UnitEconomics { retention: user(0.9), ..empty.clone() }).unwrap(), 0.1);
        close(churn(UnitEconomics { repeat_rate: user(0.55), ..empty.clone() }).unwrap(), 0.45);
        close(churn(UnitEconomics { lifespan_periods: user(4.0), ..empty.clone() }).unwrap(), 0.25);
        close(
            churn(UnitEconomics { churn: user(0.2), retention: user(0.9), ..empty.clone() })
                .unwrap(),
            0.2,
        );
        let orders = UnitEconomics {
            average_order_value: user(30.0),
            orders_per_period: user(5.0),
            ..empty
        };
        close(Inputs::of(&orders).revenue.unwrap().value, 150.0);
    }

    proptest! {
        #[test]
        fn values_are_finite_and_ordered(margin in 0.01f64..1e6, churn in 0.001f64..0.999, discount in 0f64..1.0) {
            let customer = Customer::new(margin, churn, discount).unwrap();
            prop_assert!(customer.discounted_end() <= customer.simple() + 1e-6);
            prop_assert!((customer.discounted_now() - customer.discounted_end() - margin).abs() < 1e-6 * margin.max(1.0) / churn);
            prop_assert!(customer.within(36) <= customer.discounted_now() * (1.0 + 1e-9));
            prop_assert!(customer.simple().is_finite());
        }
    }
}
