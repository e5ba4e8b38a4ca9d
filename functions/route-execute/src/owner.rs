//! The owner of an opened call: makes its attempts, settles them whatever happens, and takes over
//! orphaned calls.

use std::time::Duration;

use domain::{CallId, Time, budget::CallState, routing::Route};
use ledger::{Account, Error, OpenedCall, Settlement};
use ports::ExecuteResponse;
use service::Problem;
use tokio_util::sync::CancellationToken;

use crate::{
    AppState,
    attempts::{self, Ended, Progress},
    context::Context,
};

/// Runs an opened call to its settlement, whatever happens.
pub(crate) async fn run(
    context: &Context<'_>,
    route: &Route,
    mut call: OpenedCall,
    hung_up: &CancellationToken,
) -> Result<ExecuteResponse, Problem> {
    let Context { state, account, .. } = *context;
    let started = state.clock.now();
    let (id, holder) = (call.id.clone(), call.holder().to_owned());
    let progress = Progress::default();
    let hung_up = (!context.call.is_detached()).then_some(hung_up);
    let made = attempts::run(context, route, &mut call, &progress);
    let ended = kept_alive(state, (&id, &holder), hung_up, made).await.unwrap_or(Ended::Cut);
    if matches!(ended, Ended::Cut) {
        Box::pin(attempts::abandon(state, &call, &progress)).await;
    }
    let latency_ms = u64::try_from(state.clock.now().ms_since(started)).unwrap_or(0);
    let concluded = attempts::conclude(ended, &progress, route, &call, latency_ms);
    let mut response = settled(state, account, &call, concluded).await?;
    if let Some(session) = &context.call.session
        && let Some(served) = state.ledger.rules().catalog.served(&response.model_used)
    {
        state.memory.affinity.note(session, &route.chain, &served.id, state.clock.now());
    }
    response.budget = budget(state, account).await;
    Ok(response)
}

/// Fetches the answer of an orphaned call from the provider. Settling it corrects what the sweep
/// charged. `None` when there is none, and the call must be made again.
pub(crate) async fn recover(
    context: &Context<'_>,
    route: &Route,
    call: OpenedCall,
    until: Time,
) -> Result<Option<ExecuteResponse>, Problem> {
    let Context { state, account, .. } = *context;
    let started = state.clock.now();
    let progress = Progress::default();
    let Some(ended) = attempts::fetch(context, route, &call, &progress, until).await else {
        return Ok(None);
    };
    let latency_ms = u64::try_from(state.clock.now().ms_since(started)).unwrap_or(0);
    let concluded = attempts::conclude(ended, &progress, route, &call, latency_ms);
    settled(state, account, &call, concluded).await.map(Some)
}

/// Makes the attempts of a call and meanwhile reports to the store that its owner is alive.
///
/// `None` when the call was cut: it was cancelled, its client disconnected (`hung_up`; a call
/// without it ends only by an explicit cancel), or the store holds another owner. An answer that
/// has arrived outweighs a cancel at the same instant.
pub(crate) async fn kept_alive<T>(
    state: &AppState,
    (id, holder): (&CallId, &str),
    hung_up: Option<&CancellationToken>,
    attempts: impl Future<Output = T>,
) -> Option<T> {
    let cancelled = async {
        match hung_up {
            Some(hung_up) => hung_up.cancelled().await,
            None => state.ledger.cancel_requested(id, holder).await,
        }
    };
    tokio::select! {
        biased;
        ended = attempts => Some(ended),
        () = cancelled => None,
        () = state.ledger.keep_alive(id, holder) => None,
    }
}

/// Settles a call, and hands its answer out only if the store holds it.
pub(crate) async fn settled<T>(
    state: &AppState,
    account: &Account,
    call: &OpenedCall,
    (settlement, answer): (Settlement, Result<T, Problem>),
) -> Result<T, Problem> {
    settle(state, account, call, &settlement).await?;
    answer
}

/// The day's budget for the answer; without it the answer is still an answer.
async fn budget(state: &AppState, account: &Account) -> Option<ports::ExecuteBudget> {
    let day = state.ledger.day(account).await.ok()?;
    Some(ports::ExecuteBudget {
        daily_limit_usd: day.limit,
        today_spent_usd: day.spent,
        today_remaining_usd: day.remaining(),
    })
}

/// Settles until the store accepts it or the sweep has taken over: a short outage must not lose
/// what was paid.
async fn settle(
    state: &AppState,
    account: &Account,
    call: &OpenedCall,
    settlement: &Settlement,
) -> Result<(), Problem> {
    loop {
        match state.ledger.settle(account, call, settlement).await {
            Ok(stored) if stored || settlement.state != CallState::Done => return Ok(()),
            Ok(_) => {
                let detail = "the call was ended by the sweep before it could be stored; ask again";
                return Err(Problem::new(
                    axum::http::StatusCode::CONFLICT,
                    "outcome_unknown",
                    detail,
                ));
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
