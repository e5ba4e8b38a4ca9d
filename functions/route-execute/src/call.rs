//! One call from admission to its stored answer.

use std::{sync::Arc, time::Duration};

use domain::{CallId, digest};
use ledger::{Answer, Error, OpenCall, Opened};
use ports::ExecuteResponse;
use serde_json::json;
use service::Problem;
use tokio_util::sync::CancellationToken;

use crate::{
    AppState,
    call_request::{CallRequest, origin, request_hash},
    context::Context,
    live::Live,
    owner,
    plan::Plan,
};

/// How long a call may take when its request does not say.
const DEFAULT_DEADLINE_MS: u64 = 240_000;

/// Makes the call, or returns its stored answer. `live` gets the words as they are generated.
///
/// The call runs in a task of its own, so that a disconnecting client cannot leave a hold without
/// an owner or lose a settlement. A call that others may ask for again ends by itself, by an
/// explicit cancel, or at its deadline; any other ends when its client disconnects.
pub(crate) async fn make(
    state: &Arc<AppState>,
    asked: CallRequest,
    live: Live,
) -> Result<ExecuteResponse, Problem> {
    let hung_up = CancellationToken::new();
    let _hang_up = (!asked.is_detached()).then(|| hung_up.clone().drop_guard());
    let state = state.clone();
    let made = service::spawn(async move { admit(&state, &asked, &live, &hung_up).await });
    made.await
        .unwrap_or_else(|error| Err(Problem::internal(&format!("a call's task died: {error}"))))
}

async fn admit(
    state: &AppState,
    asked: &CallRequest,
    live: &Live,
    hung_up: &CancellationToken,
) -> Result<ExecuteResponse, Problem> {
    let request = &asked.request;
    let account = state.ledger.admit(&request.business_id).await?;
    let context = Context { state, call: asked, account: &account, live };
    let mut plan = Plan::first(&context).await?;
    let deadline_ms = request.deadline_ms.unwrap_or(DEFAULT_DEADLINE_MS);
    let (id, is_new) = identify(state, asked)?;
    let mut open = OpenCall {
        id,
        is_new,
        task: asked.task.clone(),
        task_type: request.task_type.clone(),
        request_hash: request_hash(request)?,
        hold: plan.hold(),
        call_until: state.clock.now().plus_ms(i64::try_from(deadline_ms).unwrap_or(i64::MAX)),
        look_first: true,
        is_last_offer: plan.is_cheapest(),
    };
    loop {
        match state.ledger.open_call(&account, &open).await {
            Ok(Opened::New(call)) => {
                return owner::run(&context, &plan.route, *call, hung_up).await;
            }
            Ok(Opened::Stored(answer)) => {
                if let Some(response) = replay(&answer, asked)? {
                    return Ok(response);
                }
                (open.id, open.is_new) = (fresh(state)?, true);
            }
            Ok(Opened::Adrift(call)) => {
                // Boxed because it is rare: otherwise every call would need the room for it.
                let recovered = owner::recover(&context, &plan.route, *call, open.call_until);
                match Box::pin(recovered).await? {
                    Some(response) => return Ok(response),
                    None => open.look_first = false,
                }
            }
            Ok(Opened::Running) => Box::pin(wait(state, &open)).await?,
            Err(Error::Refused(refusal)) if !open.is_last_offer && refusal.code.is_for_money() => {
                plan = Box::pin(plan.cheaper(&context)).await?;
                (open.hold, open.is_last_offer) = (plan.hold(), plan.is_cheapest());
            }
            // A cached call that can no longer be answered must not block its key as long as
            // answers are kept.
            Err(Error::Exhausted) if asked.cache_ttl_s().is_some() => {
                (open.id, open.is_new) = (fresh(state)?, true);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits for the owner of the same call, as long as this request has time.
pub(crate) async fn wait(state: &AppState, open: &OpenCall) -> Result<(), Problem> {
    let left_ms = open.call_until.ms_since(state.clock.now());
    let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
    if left.is_zero() || state.ledger.wait(&open.id, left).await?.is_none() {
        return Err(Error::InProgress.into());
    }
    Ok(())
}

/// The call's id, and whether it is fresh: from its key; from the request and the time, if a cached
/// answer is accepted; or a new one.
///
/// Requests that accept answers of some age share an id for that long. So the ledger is their
/// cache, and one call serves all who ask the same at the same time, in every instance.
fn identify(state: &AppState, asked: &CallRequest) -> Result<(CallId, bool), Problem> {
    let business = &asked.request.business_id;
    if let Some(key) = &asked.key {
        return Ok((CallId::derive(business, &origin(asked.task.as_ref()), key, 0), false));
    }
    if let Some(ttl) = asked.cache_ttl_s() {
        let slot = state.clock.now().unix_ms() / (i64::from(ttl) * 1000);
        let request = &asked.request;
        let routing =
            json!([request.model, request.complexity, request.reasoning_effort, ttl, slot]);
        let key = digest(&[&request_hash(request)?, &routing.to_string()]);
        let origin = format!("cache:{}", origin(asked.task.as_ref()));
        return Ok((CallId::derive(business, &origin, &key, 0), false));
    }
    Ok((fresh(state)?, true))
}

pub(crate) fn fresh(state: &AppState) -> Result<CallId, Problem> {
    CallId::new(state.ids.next()).map_err(|error| Problem::internal(&error.to_string()))
}

/// An answer that was paid before; a cached one was paid by another call, and is `None` if
/// incomplete.
fn replay(answer: &Answer, asked: &CallRequest) -> Result<Option<ExecuteResponse>, Problem> {
    let stored: ExecuteResponse =
        serde_json::from_str(&answer.0).map_err(|error| Problem::internal(&error.to_string()))?;
    if asked.cache_ttl_s().is_none() {
        return Ok(Some(stored));
    }
    let is_whole = matches!(stored.finish.as_str(), "stop" | "tool_calls");
    let hit = ExecuteResponse {
        cached: true,
        cost_usd: domain::NanoUsd::ZERO,
        attempts: Vec::new(),
        ..stored
    };
    Ok(is_whole.then_some(hit))
}
