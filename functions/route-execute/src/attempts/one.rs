//! One attempt: whole, streamed, or in the background, where a crash cannot lose it.

use std::time::Duration;

use domain::{
    Time,
    catalog::ServiceTier,
    routing::{Candidate, Route},
};
use futures::StreamExt as _;
use ledger::{OpenedCall, documents::Background};
use ports::{
    BackgroundCalls, Billing, ModelAnswer, ModelProvider, ModelRequest, NextMove, Piece, Pieces,
    ProviderError,
};

use super::{Attempts, Ended, Progress, answered};
use crate::{AppState, context::Context, live::Show, structured};

/// First pause between two questions after a call in the background; it grows by half each time.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Questions in a row that may fail before a call in the background is given up.
const MOST_SILENCE: u32 = 8;
/// How long an abandoned call in the background is asked what it has cost.
const LAST_WORD: Duration = Duration::from_secs(5);

/// Makes one attempt within its time.
pub(super) async fn generate(
    attempts: &Attempts<'_>,
    provider: &dyn ModelProvider,
    call: &mut OpenedCall,
    candidate: &Candidate,
    request: &ModelRequest,
) -> Result<ModelAnswer, ProviderError> {
    let made = async {
        if attempts.context.live.is_on() {
            return show(attempts, candidate, provider.stream(request).await?).await;
        }
        // Only a call that may be repeated after a crash goes to the background, and only in
        // standard service.
        let is_worthy = attempts.context.call.key.is_some();
        match provider
            .background()
            .filter(|_| is_worthy && candidate.service_tier == ServiceTier::Standard)
        {
            Some(calls) => in_background(attempts, calls, call, candidate, request).await,
            None => provider.generate(request).await,
        }
    };
    if let Ok(generated) = tokio::time::timeout(request.timeout, made).await {
        return generated;
    }
    // A background call that is not ended would continue to cost.
    abandon(attempts.context.state, call, attempts.progress).await;
    Err(error("timeout", format!("no answer within {} s", request.timeout.as_secs())))
}

fn error(code: &str, message: impl Into<String>) -> ProviderError {
    ProviderError {
        code: code.into(),
        message: message.into(),
        next: NextMove::NextModel,
        billing: Billing::Unknown,
    }
}

/// Passes the pieces on. Only a stream that says it is whole is an answer.
async fn show(
    attempts: &Attempts<'_>,
    candidate: &Candidate,
    mut pieces: Pieces,
) -> Result<ModelAnswer, ProviderError> {
    loop {
        // The provider's adapter watches for silence: only it sees keep-alives that are no pieces.
        match pieces.next().await.ok_or_else(|| error("stream_cut", "the answer broke off"))?? {
            Piece::Text(text) => {
                attempts.progress.said(&text);
                attempts.context.live.show(text, Show::Words);
            }
            Piece::Refusal(text) => {
                attempts.progress.said(&text);
                attempts.context.live.show(text, Show::Refusal);
            }
            Piece::Usage(usage) => attempts.progress.consumed(candidate, usage),
            Piece::Answer(answer) => return Ok(*answer),
        }
    }
}

async fn in_background(
    attempts: &Attempts<'_>,
    calls: &dyn BackgroundCalls,
    call: &mut OpenedCall,
    candidate: &Candidate,
    request: &ModelRequest,
) -> Result<ModelAnswer, ProviderError> {
    let id = calls.begin(request).await?;
    let background = Background {
        provider: candidate.model.provider.clone(),
        model: candidate.model.id.clone(),
        id: id.clone(),
        bound: candidate.bound,
        earlier: attempts.progress.before_last(),
    };
    attempts.progress.went_to_background();
    if let Err(error) = attempts.context.state.ledger.note_background(call, Some(&background)).await
    {
        // The attempt continues: only a crash from here on would have to pay again.
        tracing::warn!(call.id = %call.id, %error, "where call {} goes on was not noted", call.id);
    }
    wait_for(calls, &id).await
}

async fn wait_for(calls: &dyn BackgroundCalls, id: &str) -> Result<ModelAnswer, ProviderError> {
    let (mut pause, mut silence) = (FIRST_PAUSE, 0);
    loop {
        match calls.fetch(id).await {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => silence = 0,
            Err(error)
                if matches!(error.next, NextMove::Retry { .. }) && silence < MOST_SILENCE =>
            {
                silence += 1;
            }
            // The attempt was started: it may be billed whatever its result.
            Err(error) => return Err(ProviderError { billing: Billing::Unknown, ..error }),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

/// Ends the background call of a cut call, and notes its cost if the provider reports it.
pub(crate) async fn abandon(state: &AppState, call: &OpenedCall, progress: &Progress) {
    let Some((background, calls)) = left_behind(state, call) else { return };
    let Ok(Ok(Some(answer))) = tokio::time::timeout(LAST_WORD, calls.cancel(&background.id)).await
    else {
        return;
    };
    if let Some(candidate) = candidate(state, None, background) {
        progress.settled_in_background(&state.ledger.rules().catalog, &candidate, &answer);
    }
}

/// Fetches the answer of an orphaned call from the provider; `None` when there is none.
pub(crate) async fn fetch(
    context: &Context<'_>,
    route: &Route,
    call: &OpenedCall,
    progress: &Progress,
    until: Time,
) -> Option<Ended> {
    let state = context.state;
    let (background, calls) = left_behind(state, call)?;
    let provider = state.providers.get(&background.provider)?;
    let candidate = candidate(state, Some(route), background)?;
    progress.inherit(background.earlier.clone());
    progress.begin(&candidate);
    let left_ms = until.ms_since(state.clock.now());
    let left = Duration::from_millis(u64::try_from(left_ms).ok()?);
    let found = tokio::time::timeout(left, wait_for(calls, &background.id)).await;
    let Ok(Ok(answer)) = found else {
        // This one must not keep running when the call is made again.
        let _ = tokio::time::timeout(LAST_WORD, calls.cancel(&background.id)).await;
        return None;
    };
    progress.answered(&state.ledger.rules().catalog, &candidate, &answer);
    let checked = context
        .call
        .request
        .response_schema
        .as_ref()
        .map(|it| structured::check(&it.schema, &answer.text));
    let is_valid = checked.as_ref().is_none_or(Result::is_ok);
    Some(answered(answer, &candidate, provider.as_ref(), checked.and_then(Result::ok), is_valid))
}

fn left_behind<'a>(
    state: &'a AppState,
    call: &'a OpenedCall,
) -> Option<(&'a Background, &'a dyn BackgroundCalls)> {
    let background = call.background()?;
    let calls = state.providers.get(&background.provider)?.background()?;
    Some((background, calls))
}

/// The candidate that was tried, as far as it matters for its price.
fn candidate(
    state: &AppState,
    route: Option<&Route>,
    background: &Background,
) -> Option<Candidate> {
    let tried = route
        .and_then(|route| route.chain.iter().find(|it| it.model.id == background.model))
        .cloned();
    tried.or_else(|| {
        let model = state.ledger.rules().catalog.model(&background.model)?.clone();
        let service_tier = ServiceTier::Standard;
        Some(Candidate {
            input_tokens: model.max_input,
            max_output_tokens: model.max_output,
            model,
            effort: None,
            service_tier,
            bound: background.bound,
        })
    })
}
