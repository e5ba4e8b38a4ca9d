//! The brief: what a client tells us about the business before anything is spent.

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
    /// What trade it is in.
    pub industry: String,
    /// Where it works.
    pub location: String,
    /// Language of everything written for it, as a BCP 47 tag.
    #[serde(default = "english")]
    pub language: String,
    /// Currency of its amounts, ISO 4217.
    #[serde(default = "us_dollar")]
    pub currency: String,
    /// What it does, for whom, and what stands in its way.
    pub description: String,
    /// What it wants to reach.
    pub goals: Vec<Goal>,
    /// How it earns.
    pub business_model: BusinessModel,
    /// How far it has come.
    pub stage: Stage,
    /// What it sells.
    #[serde(default)]
    pub offer: Vec<Offer>,
    /// What a customer brings and costs.
    #[serde(default)]
    pub unit_economics: Option<UnitEconomics>,
    /// What it can spend on marketing each month, in its currency.
    #[serde(default)]
    pub monthly_marketing_budget: Option<f64>,
    /// Hours its team has for marketing each week.
    #[serde(default)]
    pub team_hours_per_week: Option<f64>,
    /// Whom or what its buyers choose instead.
    #[serde(default)]
    pub known_competitors: Vec<String>,
    /// Where it is already heard.
    #[serde(default)]
    pub current_channels: Vec<String>,
    /// What it can show as proof.
    #[serde(default)]
    pub proof_assets: Vec<String>,
    /// What it will not or may not do.
    #[serde(default)]
    pub constraints: Vec<String>,
    /// Its website.
    #[serde(default)]
    pub website_url: Option<String>,
    /// Texts it supplies as evidence.
    #[serde(default)]
    pub documents: Vec<Document>,
}

/// Something the business wants to reach.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// In the client's words.
    pub text: String,
    /// What would be counted.
    #[serde(default)]
    pub metric: Option<String>,
    /// The figure to reach.
    #[serde(default)]
    pub target: Option<f64>,
    /// The last day to reach it.
    #[serde(default)]
    pub by: Option<Date>,
}

/// How a business earns.
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
    /// Two sides that meet.
    Marketplace,
    /// Services in one place.
    LocalService,
    /// Without profit.
    Nonprofit,
    /// None of these.
    Other,
}

/// How far a business has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing is built yet.
    Idea,
    /// Built, not sold.
    PreRevenue,
    /// First customers.
    Early,
    /// Growing.
    Growth,
    /// Established.
    Mature,
}

/// Something the business sells.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// What it is called.
    pub name: String,
    /// Its price.
    pub price: f64,
    /// Currency of the price.
    pub currency: String,
    /// When it is billed, such as `monthly` or `once`.
    pub billing: String,
}

/// What a customer brings and costs. Every figure is per `period`, so that no two units can be
/// mixed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitEconomics {
    /// The period of every rate and amount here.
    pub period: Period,
    /// Revenue of an average customer.
    #[serde(default)]
    pub arpu: Option<Sourced>,
    /// Gross margin as a share of revenue.
    #[serde(default)]
    pub gross_margin: Option<Sourced>,
    /// Cost of serving a customer that the gross margin leaves out.
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
    /// Value of an average order, for business without a contract; with `orders_per_period` an
    /// alternative to `arpu`.
    #[serde(default)]
    pub average_order_value: Option<Sourced>,
    /// Orders of an average customer.
    #[serde(default)]
    pub orders_per_period: Option<Sourced>,
    /// Share of customers who buy again in the next period; for business without a contract in
    /// place of `retention`.
    #[serde(default)]
    pub repeat_rate: Option<Sourced>,
    /// Cost of winning a customer.
    #[serde(default)]
    pub cac: Option<Sourced>,
    /// Discount rate of a year.
    #[serde(default)]
    pub discount_rate_annual: Option<Sourced>,
}

/// The period of a rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A calendar month.
    Month,
    /// A year.
    Year,
}

/// A figure and where it comes from.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sourced {
    /// The figure.
    pub value: f64,
    /// Where it comes from.
    pub source: Source,
}

/// Where a figure comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The client measured it.
    User,
    /// It is usual in the trade.
    Benchmark,
    /// Somebody guessed it.
    Assumed,
}

/// A text supplied as evidence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// What it is.
    pub title: String,
    /// All of it.
    pub text: String,
}

fn english() -> String {
    "en".into()
}

fn us_dollar() -> String {
    "USD".into()
}
