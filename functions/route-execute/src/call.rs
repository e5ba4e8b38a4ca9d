//! One call from admission to its stored answer.

use std::{sync::Arc, time::Duration};

use domain::{
    CallId, TaskId,
    budget::CallState,
    catalog::Capability,
    digest,
    routing::{self, Evidence, Route, RouteError, RouteRequest},
    tokens,
};
use ports::{ExecuteBudget, ExecuteRequest, ExecuteResponse};
use service::Problem;
use tokio_util::sync::CancellationToken;
use workflow::{Account, Error, OpenCall, Opened, OpenedCall};

use crate::{
    AppState,
    attempts::{self, Ended, Progress},
};

/// How long a call may take when its request does not say.
const DEFAULT_DEADLINE_MS: u64 = 240_000;

/// A checked request.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Asked {
    /// The task whose grant pays.
    pub(crate) task: Option<TaskId>,
    /// The idempotency key.
    pub(crate) key: Option<String>,
    /// What the model must be able to do.
    pub(crate) needs: Vec<Capability>,
    /// What is asked.
    pub(crate) request: ExecuteRequest,
}

/// Who a key belongs to within its business: a task or a client.
pub(crate) fn origin(task: Option<&TaskId>) -> String {
    task.map_or_else(|| "client".into(), |task| format!("task:{task}"))
}

/// Makes the call, or returns its stored answer.
pub(crate) async fn make(state: &AppState, asked: &Asked) -> Result<ExecuteResponse, Problem> {
    let request = &asked.request;
    let account = state.ledger.admit(&request.business_id).await?;
    let route = Arc::new(route(state, &account, asked)?);
    let deadline_ms = request.deadline_ms.unwrap_or(DEFAULT_DEADLINE_MS);
    let call_until = state.clock.now().plus_ms(i64::try_from(deadline_ms).unwrap_or(i64::MAX));
    let id = match &asked.key {
        Some(key) => CallId::derive(&request.business_id, &origin(asked.task.as_ref()), key, 0),
        None => CallId::new(state.ids.next()).map_err(|error| Problem::internal(&error.to_string()))?,
    };
    let open = OpenCall {
        id,
        task: asked.task.clone(),
        task_type: request.task_type.clone(),
        request_hash: request_hash(request),
        hold: route.chain.first().map(|candidate| candidate.bound).unwrap_or_default(),
        call_until,
    };
    loop {
        match state.ledger.open_call(&account, &open).await? {
            Opened::New(call) => return run(state, asked, account, route, *call).await,
            Opened::Stored(answer) => {
                return serde_json::from_str(&answer.0).map_err(|error| Problem::internal(&error.to_string()));
            }
            Opened::Running => {
                let left_ms = call_until.ms_since(state.clock.now());
                let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
                if left.is_zero() || state.ledger.wait(&open.id, left).await?.is_none() {
                    return Err(Error::InProgress.into());
                }
            }
        }
    }
}

/// What identifies the request: everything but routing, deadline and stream.
fn request_hash(request: &ExecuteRequest) -> String {
    let content = serde_json::json!({
        "task_type": request.task_type,
        "messages": request.messages,
        "schema": request.response_schema,
        "max_output_tokens": request.max_output_tokens,
    });
    digest(&[&content.to_string()])
}

fn route(state: &AppState, account: &Account, asked: &Asked) -> Result<Route, Problem> {
    let request = &asked.request;
    let schema = request.response_schema.as_ref().map(|schema| schema.schema.to_string()).unwrap_or_default();
    let texts = || request.messages.iter().map(|message| message.content.as_str());
    let mut route = routing::route(
        state.ledger.rules(),
        &RouteRequest {
            task_type: &request.task_type,
            model: request.model.as_deref(),
            complexity: request.complexity,
            terms: &account.terms,
            allow_downgrade: request.allow_downgrade,
            input_tokens: tokens::upper_bound(texts().chain([schema.as_str()])),
            max_output_tokens: request.max_output_tokens,
            effort: request.reasoning_effort,
            needs: &asked.needs,
            max_searches: 0,
            evidence: Evidence::of(texts()),
            today: state.clock.now().date(),
        },
    )?;
    route.chain.retain(|candidate| state.providers.contains_key(&candidate.model.provider));
    if route.chain.is_empty() {
        return Err(RouteError::NotCapable(format!("{}` with the configured providers; `", request.task_type)).into());
    }
    Ok(route)
}

/// Runs an opened call in a task of its own, so that nobody's hanging up can lose its settlement.
///
/// A keyed call ends by itself, by an explicit cancel, or at its deadline; one without a key ends with its client.
async fn run(
    state: &AppState,
    asked: &Asked,
    account: Account,
    route: Arc<Route>,
    call: OpenedCall,
) -> Result<ExecuteResponse, Problem> {
    let hung_up = CancellationToken::new();
    let _hang_up = asked.key.is_none().then(|| hung_up.clone().drop_guard());
    let (state, asked) = (state.clone(), asked.clone());
    let driven = service::spawn(async move { drive(&state, &asked, &account, &route, call, hung_up).await });
    driven.await.unwrap_or_else(|error| Err(Problem::internal(&format!("a call's task died: {error}"))))
}

async fn drive(
    state: &AppState,
    asked: &Asked,
    account: &Account,
    route: &Route,
    mut call: OpenedCall,
    hung_up: CancellationToken,
) -> Result<ExecuteResponse, Problem> {
    let started = state.clock.now();
    let (id, holder) = (call.id.clone(), call.holder().to_owned());
    let progress = Progress::default();
    let cancelled = async {
        if asked.key.is_some() { state.ledger.cancel_requested(&id, &holder).await } else { hung_up.cancelled().await }
    };
    let ended = tokio::select! {
        ended = attempts::run(state, asked, account, route, &mut call, &progress) => ended,
        () = cancelled => Ended::Cut,
        () = state.ledger.keep_alive(&id, &holder) => Ended::Cut,
    };
    let latency_ms = u64::try_from(state.clock.now().ms_since(started)).unwrap_or(0);
    let (settlement, answer) = attempts::conclude(ended, &progress, route, &call, latency_ms);
    settle(state, account, &call, &settlement).await?;
    let mut response = answer?;
    response.budget = budget(state, account).await;
    Ok(response)
}

/// Settles until the store takes it or the sweep has taken over: what was paid must not be lost to a short outage.
async fn settle(
    state: &AppState,
    account: &Account,
    call: &OpenedCall,
    settlement: &workflow::Settlement,
) -> Result<(), Problem> {
    loop {
        match state.ledger.settle(account, call, settlement).await {
            Ok(stored) if stored || settlement.state != CallState::Done => return Ok(()),
            Ok(_) => {
                let detail = "the call was ended by the sweep before it could be stored; ask again";
                return Err(Problem::new(axum::http::StatusCode::CONFLICT, "outcome_unknown", detail));
            }
            Err(error @ (Error::Unavailable(_) | Error::Contended)) => {
                tracing::error!(call.id = %call.id, %error, "call {} cannot be settled yet", call.id);
                if state.clock.now() > call.call_until().plus_seconds(60) {
                    return Err(error.into());
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The day's budget for the answer; without it the answer is still an answer.
async fn budget(state: &AppState, account: &Account) -> Option<ExecuteBudget> {
    let day = state.ledger.day(account).await.ok()?;
    Some(ExecuteBudget { daily_limit_usd: day.limit, today_spent_usd: day.spent, today_remaining_usd: day.remaining() })
}
