//! Streamed answers: what a provider's events mean, and how long its silence is tolerated.

use std::{collections::VecDeque, time::Duration};

use futures::{StreamExt as _, stream};
use ports::{Billing, ModelAnswer, NextMove, Piece, Pieces, ProviderError};
use reqwest::{RequestBuilder, Response, header::HeaderMap};
use serde::de::IgnoredAny;
use tokio::time::{Instant, timeout_at};

use crate::{
    http::{begin, failure, late, unreadable},
    sse::Events,
};

/// Interprets the events of one protocol.
pub(crate) trait Protocol: Send + 'static {
    /// Reads the response's headers.
    fn headers(&mut self, _headers: &HeaderMap) {}

    /// Reads an event: adds what can be shown, and returns the answer if this event ended it.
    fn event(
        &mut self,
        data: &[u8],
        shown: &mut Vec<Piece>,
    ) -> Result<Option<ModelAnswer>, ProviderError>;

    /// The answer, if the protocol allows the end of the connection to end it.
    fn end(&mut self) -> Option<Result<ModelAnswer, ProviderError>> {
        None
    }
}

/// The error for a stream that ended before its answer did. What was generated is billed.
pub(crate) fn cut() -> ProviderError {
    failure(
        "stream_cut",
        "the stream broke off before its end",
        NextMove::NextModel,
        Billing::Unknown,
    )
}

fn stalled(idle: Duration) -> ProviderError {
    let message = format!("the stream was silent for {} s", idle.as_secs_f32());
    failure("stalled", message, NextMove::NextModel, Billing::Unknown)
}

/// Turns bytes into pieces, without the network.
pub(crate) struct Reader<P> {
    events: Events,
    protocol: P,
    /// Number of events so far, including those that show nothing.
    event_count: u64,
    over: bool,
}

type ReadPieces = Vec<Result<Piece, ProviderError>>;

impl<P: Protocol> Reader<P> {
    pub(crate) fn new(protocol: P) -> Self {
        Self { events: Events::default(), protocol, event_count: 0, over: false }
    }

    /// Reads more bytes. Nothing follows the answer or an error.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> ReadPieces {
        let mut pieces = Vec::new();
        for event in self.events.push(bytes) {
            match event {
                Ok(data) => self.event(&data, &mut pieces),
                Err(_) if self.over => {}
                Err(_) => self.fail(unreadable("an event is larger than 16 MiB"), &mut pieces),
            }
        }
        pieces
    }

    /// Handles the end of the connection.
    pub(crate) fn end(&mut self) -> ReadPieces {
        let mut pieces = Vec::new();
        match self.events.end() {
            // The last event may lack its newline, but must otherwise be complete.
            Some(data)
                if data == b"[DONE]" || serde_json::from_slice::<IgnoredAny>(&data).is_ok() =>
            {
                self.event(&data, &mut pieces);
            }
            Some(_) | None => {}
        }
        if !self.over {
            match self.protocol.end() {
                Some(Ok(answer)) => self.finish(answer, &mut pieces),
                Some(Err(error)) => self.fail(error, &mut pieces),
                None => self.fail(cut(), &mut pieces),
            }
        }
        pieces
    }

    fn event(&mut self, data: &[u8], pieces: &mut ReadPieces) {
        if self.over {
            return;
        }
        self.event_count += 1;
        let mut shown = Vec::new();
        let outcome = self.protocol.event(data, &mut shown);
        pieces.extend(shown.into_iter().map(Ok));
        match outcome {
            Ok(None) => {}
            Ok(Some(answer)) => self.finish(answer, pieces),
            Err(error) => self.fail(error, pieces),
        }
    }

    fn finish(&mut self, answer: ModelAnswer, pieces: &mut ReadPieces) {
        self.over = true;
        pieces.push(Ok(Piece::Answer(answer.into())));
    }

    fn fail(&mut self, error: ProviderError, pieces: &mut ReadPieces) {
        self.over = true;
        pieces.push(Err(error));
    }
}

/// Timeouts of a stream.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// For the whole stream.
    pub(crate) timeout: Duration,
    /// For the next event.
    pub(crate) idle: Duration,
}

/// Sends a request and reads the events of its answer.
pub(crate) async fn open(
    request: RequestBuilder,
    patience: Patience,
    mut protocol: impl Protocol,
) -> Result<Pieces, ProviderError> {
    let (deadline, first_by) = (Instant::now() + patience.timeout, Instant::now() + patience.idle);
    let begun = timeout_at(deadline.min(first_by), begin(request)).await;
    let response = begun.unwrap_or_else(|_| Err(patience.exhausted(deadline)))?;
    protocol.headers(response.headers());
    let open = Open {
        response,
        reader: Reader::new(protocol),
        pieces: VecDeque::new(),
        patience,
        deadline,
        first_by,
    };
    Ok(stream::unfold(open, async |mut open| open.next().await.map(|piece| (piece, open))).boxed())
}

impl Patience {
    fn exhausted(self, deadline: Instant) -> ProviderError {
        if Instant::now() >= deadline { late(self.timeout) } else { stalled(self.idle) }
    }
}

struct Open<P> {
    response: Response,
    reader: Reader<P>,
    pieces: VecDeque<Result<Piece, ProviderError>>,
    patience: Patience,
    deadline: Instant,
    first_by: Instant,
}

impl<P: Protocol> Open<P> {
    async fn next(&mut self) -> Option<Result<Piece, ProviderError>> {
        // Silence is only counted while the pieces are being read: a slow reader is not the
        // provider's fault.
        let mut silent_until = if self.reader.event_count == 0 {
            self.first_by
        } else {
            Instant::now() + self.patience.idle
        };
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Some(piece);
            }
            if self.reader.over {
                return None;
            }
            let event_count = self.reader.event_count;
            let pieces =
                match timeout_at(silent_until.min(self.deadline), self.response.chunk()).await {
                    Ok(Ok(Some(bytes))) => self.reader.read(&bytes),
                    Ok(Ok(None)) => self.reader.end(),
                    Ok(Err(_)) => self.give_up(cut()),
                    Err(_) => self.give_up(self.patience.exhausted(self.deadline)),
                };
            self.pieces.extend(pieces);
            // Comments keep a connection open, but do not count as events.
            if self.reader.event_count > event_count {
                silent_until = Instant::now() + self.patience.idle;
            }
        }
    }

    fn give_up(&mut self, error: ProviderError) -> ReadPieces {
        let mut pieces = Vec::new();
        self.reader.fail(error, &mut pieces);
        pieces
    }
}
