//! What a business has bought, and what that allows.

use axum::extract::{Path, State};
use domain::tier::Tier;
use ports::{Subscription, SubscriptionStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service::{Caller, Json, Problem};
use utoipa::ToSchema;

use crate::{AppState, business_of};

/// A subscription.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubscriptionBody {
    /// basic, pro or enterprise.
    #[schema(value_type = String)]
    tier: Tier,
    /// active, trial or suspended.
    #[schema(value_type = String)]
    status: SubscriptionStatus,
}

/// Sets a subscription, and the limits of the day and month that run.
#[utoipa::path(put, path = "/v1/subscriptions/{business_id}", tag = "budget-check", request_body = SubscriptionBody,
    params(("business_id" = String, Path)), responses((status = 200, body = SubscriptionBody)))]
pub(crate) async fn set_subscription(
    State(state): State<AppState>,
    caller: Caller,
    Path(business): Path<String>,
    Json(body): Json<SubscriptionBody>,
) -> Result<Json<SubscriptionBody>, Problem> {
    caller.must_be_admin()?;
    let business = business_of(business)?;
    state
        .ledger
        .set_subscription(&business, Subscription { tier: body.tier, status: body.status })
        .await?;
    Ok(Json(body))
}

/// Reads a subscription.
#[utoipa::path(get, path = "/v1/subscriptions/{business_id}", tag = "budget-check",
    params(("business_id" = String, Path)), responses((status = 200, body = SubscriptionBody)))]
pub(crate) async fn subscription(
    State(state): State<AppState>,
    caller: Caller,
    Path(business): Path<String>,
) -> Result<Json<SubscriptionBody>, Problem> {
    let business = business_of(business)?;
    caller.may_act_for(&business)?;
    let Subscription { tier, status } = state.ledger.subscription(&business).await?;
    Ok(Json(SubscriptionBody { tier, status }))
}

/// What the tier allows.
#[utoipa::path(get, path = "/v1/limits/{business_id}", tag = "budget-check", params(("business_id" = String, Path)),
    responses((status = 200, description = "limits of the tier")))]
pub(crate) async fn limits(
    State(state): State<AppState>,
    caller: Caller,
    Path(business): Path<String>,
) -> Result<Json<Value>, Problem> {
    let business = business_of(business)?;
    caller.may_act_for(&business)?;
    let account = state.ledger.terms(&business).await?;
    let terms = account.terms;
    Ok(Json(json!({
        "tier": account.tier,
        "daily_limit": terms.daily_limit.as_usd_f64(),
        "monthly_limit": terms.monthly_limit.as_usd_f64(),
        "max_icps": terms.max_icps,
        "highest_class": terms.highest_class,
        "max_running_tasks": terms.max_running_tasks,
        "max_waiting_tasks": terms.max_waiting_tasks,
    })))
}
