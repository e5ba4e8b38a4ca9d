//! Would this call be admitted now? And the budget as it stands.

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use domain::{
    BusinessId, NanoUsd, Time,
    budget::{Counter, Refusal, RefusalCode},
    catalog::Complexity,
    estimate::{Planned, estimate},
    money::usd,
    routing::{self, Evidence, RouteRequest},
    tier::Tier,
    tokens,
};
use ledger::BudgetView;
use ports::ModelMessage;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::{Caller, Json, Problem};
use utoipa::ToSchema;

use crate::{AppState, business_of};

/// A call that might be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckRequest {
    #[schema(value_type = String)]
    business_id: BusinessId,
    task_type: String,
    /// Characters of the input.
    input_length: Option<u64>,
    messages: Option<Vec<ModelMessage>>,
    #[schema(value_type = Option<String>)]
    complexity: Option<Complexity>,
    #[serde(default)]
    allow_downgrade: bool,
}

/// Checks a call against budget and tier without reserving anything.
#[utoipa::path(post, path = "/v1/budget/check", tag = "budget-check", request_body = CheckRequest,
    responses((status = 200, description = "it would be admitted"), (status = 402, description = "it would be refused, and why")))]
pub(crate) async fn check(
    State(state): State<AppState>,
    caller: Caller,
    Json(request): Json<CheckRequest>,
) -> Result<Response, Problem> {
    caller.may_act_for(&request.business_id)?;
    let account = state.ledger.admit(&request.business_id).await?;
    let rules = state.ledger.rules();
    let task_type = rules.task_types.get(&request.task_type).map_err(routing::RouteError::from)?;
    let texts = || request.messages.iter().flatten().map(|message| message.content.as_str());
    let bound = match (&request.messages, request.input_length) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid_field(
                "input_length",
                "send either input_length or messages, not both",
            ));
        }
        (Some(_), None) => tokens::upper_bound(texts()),
        (None, Some(chars)) => chars,
        (None, None) => task_type.input_tokens * 4,
    };
    let route = routing::route(
        rules,
        &RouteRequest {
            task_type: &request.task_type,
            model: None,
            complexity: request.complexity,
            terms: &account.terms,
            allow_downgrade: request.allow_downgrade,
            input_tokens: bound,
            counted_tokens: None,
            max_output_tokens: None,
            effort: None,
            needs: &[],
            max_searches: 0,
            evidence: Evidence::of(texts()),
            today: state.clock.now().date(),
        },
    )?;
    let candidate =
        route.chain.first().ok_or_else(|| Problem::internal("a route without a model"))?;
    let planned = Planned::of(&rules.task_types, task_type, candidate, tokens::expected(bound));
    let estimated = estimate(&route, candidate, planned);
    let view = state.ledger.budget(&request.business_id).await?;
    if let Some(refusal) = refusal(&view, candidate.bound, state.clock.now()) {
        return Err(refusal.into());
    }
    let cost = estimated.cost;
    let usd = NanoUsd::as_usd_f64;
    let body = json!({
        "can_proceed": true,
        "estimate": { "model": estimated.model, "complexity": estimated.complexity,
            "cost_usd": { "low": usd(cost.low), "expected": usd(cost.expected), "high": usd(cost.high) } },
        "model_cap": route.downgraded.then(|| estimated.model.clone()),
        "budget": BudgetBody::from(&view),
    });
    Ok(Json(body).into_response())
}

/// What admission would say to `amount` now.
fn refusal(view: &BudgetView, amount: NanoUsd, now: Time) -> Option<Refusal> {
    let of = |counter: &Counter, code, resets_at| {
        let remaining = counter.reserve(amount).err()?.remaining;
        let detail = format!(
            "this needs up to ${amount} and ${remaining} of the ${} limit is free",
            counter.limit
        );
        Some(Refusal {
            tier: Some(view.tier),
            limit: Some(counter.limit),
            spent: Some(counter.spent),
            reserved: Some(counter.reserved),
            estimated: Some(amount),
            remaining: Some(remaining),
            resets_at: Some(resets_at),
            ..Refusal::new(code, detail)
        })
    };
    of(&view.day, RefusalCode::DailyBudgetExceeded, now.next_day())
        .or_else(|| of(&view.month, RefusalCode::MonthlyBudgetExceeded, now.next_month()))
}

/// A budget in USD.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BudgetBody {
    #[schema(value_type = String)]
    tier: Tier,
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    daily_limit: NanoUsd,
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    today_spent: NanoUsd,
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    today_reserved: NanoUsd,
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    today_remaining: NanoUsd,
    /// Spent of the day's limit.
    percent_used: f64,
    /// null, warning, critical or exhausted.
    warning_level: Option<&'static str>,
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    month_spent: NanoUsd,
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    month_remaining: NanoUsd,
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    monthly_limit: NanoUsd,
    #[serde(with = "usd")]
    #[schema(value_type = f64)]
    projected_monthly: NanoUsd,
}

impl From<&BudgetView> for BudgetBody {
    fn from(view: &BudgetView) -> Self {
        Self {
            tier: view.tier,
            daily_limit: view.day.limit,
            today_spent: view.day.spent,
            today_reserved: view.day.reserved,
            today_remaining: view.day.remaining(),
            percent_used: (view.day.spent.percent_of(view.day.limit) * 100.0).round() / 100.0,
            warning_level: view.warning.map(domain::budget::WarningLevel::as_str),
            month_spent: view.month.spent,
            month_remaining: view.month.remaining(),
            monthly_limit: view.month.limit,
            projected_monthly: view.projected_month,
        }
    }
}

/// The budget of a business now.
#[utoipa::path(get, path = "/v1/budgets/{business_id}", tag = "budget-check", params(("business_id" = String, Path)),
    responses((status = 200, body = BudgetBody)))]
pub(crate) async fn budget(
    State(state): State<AppState>,
    caller: Caller,
    Path(business): Path<String>,
) -> Result<Json<BudgetBody>, Problem> {
    let business = business_of(business)?;
    caller.may_act_for(&business)?;
    Ok(Json(BudgetBody::from(&state.ledger.budget(&business).await?)))
}
