//! Makes a call and streams its answer while it is generated.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, StreamExt as _, stream};
use ports::ExecuteResponse;
use service::Problem;
use tokio::sync::mpsc;

use crate::{
    AppState, call,
    call_request::CallRequest,
    live::{Live, Show},
};

type Made = Pin<Box<dyn Future<Output = Result<ExecuteResponse, Problem>> + Send>>;

struct Watched {
    words: mpsc::UnboundedReceiver<Show>,
    made: Option<Made>,
    end: Option<Result<ExecuteResponse, Problem>>,
}

impl Watched {
    async fn next(&mut self) -> Option<Show> {
        if let Some(made) = &mut self.made {
            tokio::select! {
                biased;
                Some(words) = self.words.recv() => return Some(words),
                end = made => {
                    self.made = None;
                    self.end = Some(end);
                }
            }
        }
        if let Ok(words) = self.words.try_recv() {
            return Some(words);
        }
        Some(match self.end.take()? {
            Ok(response) => Show::Done(Box::new(response)),
            Err(problem) => Show::Failed(problem),
        })
    }
}

/// Makes a call and streams its answer. A refusal before the first word is an error of the request,
/// not of the stream. Dropping the stream means that the client disconnected.
pub(crate) async fn watch(
    state: Arc<AppState>,
    asked: CallRequest,
) -> Result<impl Stream<Item = Show> + Send + 'static, Problem> {
    let (live, words) = Live::on();
    let made: Made =
        Box::pin(service::in_trace(async move { call::make(&state, asked, live).await }));
    let mut watched = Watched { words, made: Some(made), end: None };
    let first = match watched.next().await {
        Some(Show::Failed(problem)) => return Err(problem),
        first => stream::iter(first),
    };
    Ok(first.chain(stream::unfold(watched, async |mut watched| {
        watched.next().await.map(|show| (show, watched))
    })))
}
