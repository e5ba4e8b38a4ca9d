//! The brief: what a client states about the business before any money is spent.

mod intake;
mod statement;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use intake::{FieldNote, Intake, intake};

/// The business as its owner describes it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brief {
    /// Name of the business.
    pub name: String,
    /// Its industry.
    pub industry: String,
    /// Its location or market.
    pub location: String,
    /// Language of everything written for it, as a BCP 47 tag.
    #[serde(default = "english")]
    pub language: String,
    /// Currency of its amounts, as an ISO 4217 code.
    #[serde(default = "us_dollar")]
    pub currency: String,
    /// What it does, for whom, and what its obstacles are.
    pub description: String,
    /// Its goals.
    pub goals: Vec<Goal>,
    /// Its business model.
    pub business_model: BusinessModel,
    /// Its stage of development.
    pub stage: Stage,
    /// Its offers.
    #[serde(default)]
    pub offer: Vec<Offer>,
    /// Revenue and cost per customer.
    #[serde(default)]
    pub unit_economics: Option<UnitEconomics>,
    /// Monthly marketing budget, in the brief's currency.
    #[serde(default)]
    pub monthly_marketing_budget: Option<f64>,
    /// The team's weekly hours for marketing.
    #[serde(default)]
    pub team_hours_per_week: Option<f64>,
    /// Competitors and alternatives that buyers choose instead.
    #[serde(default)]
    pub known_competitors: Vec<String>,
    /// Channels that it already uses.
    #[serde(default)]
    pub current_channels: Vec<String>,
    /// Proof that it can show, such as references.
    #[serde(default)]
    pub proof_assets: Vec<String>,
    /// What it does not want to do or may not do.
    #[serde(default)]
    pub constraints: Vec<String>,
    /// Its website.
    #[serde(default)]
    pub website_url: Option<String>,
    #[serde(default)]
    pub documents: Vec<Document>,
}

/// A goal of the business.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// The goal in the client's words.
    pub text: String,
    /// The metric of the goal.
    #[serde(default)]
    pub metric: Option<String>,
    /// The target value.
    #[serde(default)]
    pub target: Option<f64>,
    /// The last day to reach the target.
    #[serde(default)]
    pub by: Option<Date>,
}

/// The business model.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusinessModel {
    /// Software subscriptions to businesses.
    B2bSaas,
    /// Services to businesses.
    B2bServices,
    /// An online shop for consumers.
    B2cEcom,
    /// Subscriptions of consumers.
    B2cSubscription,
    /// A marketplace with two sides.
    Marketplace,
    /// Services in one location.
    LocalService,
    /// A non-profit organisation.
    Nonprofit,
    /// None of these.
    Other,
}

/// The stage of a business.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing is built yet.
    Idea,
    /// Built, but without sales.
    PreRevenue,
    /// Has its first customers.
    Early,
    /// Growing.
    Growth,
    /// Established.
    Mature,
}

/// An offer of the business.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The name of the offer.
    pub name: String,
    /// Its price.
    pub price: f64,
    /// Currency of the price.
    pub currency: String,
    /// When it is billed, such as `monthly` or `once`.
    pub billing: String,
}

/// Revenue and cost per customer. Every figure is per `period`, so that units cannot be mixed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitEconomics {
    /// The period of all rates and amounts.
    pub period: Period,
    /// Revenue of an average customer.
    #[serde(default)]
    pub arpu: Option<Sourced>,
    /// Gross margin as a share of revenue.
    #[serde(default)]
    pub gross_margin: Option<Sourced>,
    /// Cost of serving a customer that the gross margin does not include.
    #[serde(default)]
    pub variable_service_cost: Option<Sourced>,
    /// Share of customers lost.
    #[serde(default)]
    pub churn: Option<Sourced>,
    /// Share of customers kept; the complement of `churn`.
    #[serde(default)]
    pub retention: Option<Sourced>,
    /// How many periods a customer stays; an alternative to `churn`.
    #[serde(default)]
    pub lifespan_periods: Option<Sourced>,
    /// Value of an average order, for businesses without contracts; with `orders_per_period` an
    /// alternative to `arpu`.
    #[serde(default)]
    pub average_order_value: Option<Sourced>,
    /// Orders of an average customer per period.
    #[serde(default)]
    pub orders_per_period: Option<Sourced>,
    /// Share of customers who buy again in the next period; for businesses without contracts,
    /// instead of `retention`.
    #[serde(default)]
    pub repeat_rate: Option<Sourced>,
    /// Customer acquisition cost.
    #[serde(default)]
    pub cac: Option<Sourced>,
    /// Annual discount rate.
    #[serde(default)]
    pub discount_rate_annual: Option<Sourced>,
}

/// The period of a rate or amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A calendar month.
    Month,
    /// A year.
    Year,
}

/// A figure with its source.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sourced {
    /// The figure.
    pub value: f64,
    /// Where the figure comes from.
    pub source: Source,
}

/// Where a figure comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Measured by the client.
    User,
    /// A benchmark of the industry.
    Benchmark,
    /// An assumption.
    Assumed,
}

/// A document supplied as evidence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The title of the document.
    pub title: String,
    /// The whole text.
    pub text: String,
}

fn english() -> String {
    "en".into()
}

fn us_dollar() -> String {
    "USD".into()
}
