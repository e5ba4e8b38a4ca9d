//! The owner of an opened call: makes its attempts, settles them whatever happens, and takes over
//! what a dead owner left at a provider.

use std::time::Duration;

use domain::{Time, budget::CallState, routing::Route};
use ledger::{Account, Error, OpenedCall, Settlement};
use ports::ExecuteResponse;
use service::Problem;
use tokio_util::sync::CancellationToken;

use crate::{
    AppState,
    attempts::{self, Ended, Progress},
    call::{self, Asked},
    live::Live,
};

/// Runs an opened call to its settlement, whatever happens.
pub(crate) async fn run(
    state: &AppState,
    asked: &Asked,
    account: &Account,
    route: &Route,
    mut call: OpenedCall,
    live: &Live,
    hung_up: &CancellationToken,
) -> Result<ExecuteResponse, Problem> {
    let started = state.clock.now();
    let (id, holder) = (call.id.clone(), call.holder().to_owned());
    let progress = Progress::default();
    let cancelled = async {
        if asked.is_detached() {
            state.ledger.cancel_requested(&id, &holder).await;
        } else {
            hung_up.cancelled().await;
        }
    };
    // An answer that has come outweighs a cancel of the same instant.
    let ended = tokio::select! {
        biased;
        ended = attempts::run(state, asked, account, route, &mut call, &progress, live) => ended,
        () = cancelled => Ended::Cut,
        () = state.ledger.keep_alive(&id, &holder) => Ended::Cut,
    };
    if matches!(ended, Ended::Cut) {
        Box::pin(attempts::abandon(state, &call, &progress)).await;
    }
    let latency_ms = u64::try_from(state.clock.now().ms_since(started)).unwrap_or(0);
    let (settlement, answer) = attempts::conclude(ended, &progress, route, &call, latency_ms);
    settle(state, account, &call, &settlement).await?;
    let mut response = answer?;
    if let Some(session) = &asked.session
        && let Some(served) = state.ledger.rules().catalog.served(&response.model_used)
    {
        state.memory.affinity.note(session, &route.chain, &served.id, state.clock.now());
    }
    response.budget = call::budget(state, account).await;
    Ok(response)
}

/// Fetches the answer that a dead owner left at the provider. Settling it corrects what the sweep
/// charged. `None` when there is none, and the call must be made again.
pub(crate) async fn recover(
    state: &AppState,
    asked: &Asked,
    account: &Account,
    route: &Route,
    call: OpenedCall,
    until: Time,
) -> Result<Option<ExecuteResponse>, Problem> {
    let started = state.clock.now();
    let progress = Progress::default();
    let Some(ended) = attempts::fetch(state, asked, route, &call, &progress, until).await else {
        return Ok(None);
    };
    let latency_ms = u64::try_from(state.clock.now().ms_since(started)).unwrap_or(0);
    let (settlement, answer) = attempts::conclude(ended, &progress, route, &call, latency_ms);
    settle(state, account, &call, &settlement).await?;
    answer.map(Some)
}

/// Settles until the store takes it or the sweep has taken over: what was paid must not be lost to
/// a short outage.
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
