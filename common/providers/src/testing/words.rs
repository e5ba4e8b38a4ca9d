//! Summaries of the result of a call, in one line.

use domain::catalog::ServiceTier;
use futures::StreamExt as _;
use ports::{Billing, Finish, ModelAnswer, NextMove, Piece, Pieces, ProviderError};

/// An answer or a failure, with everything that is billed or that decides the next action.
pub(crate) fn summary(result: &Result<ModelAnswer, ProviderError>) -> String {
    match result {
        Ok(answer) => said(answer),
        Err(error) => {
            let next = match error.next {
                NextMove::Retry { after: None } => "retry".into(),
                NextMove::Retry { after: Some(after) } => {
                    format!("retry after {} ms", after.as_millis())
                }
                NextMove::NextModel => "next model".into(),
                NextMove::Stop => "stop".into(),
            };
            let billing = if error.billing == Billing::None { "free" } else { "maybe paid" };
            format!("{}: {next}, {billing}", error.code)
        }
    }
}

/// An answer's summary.
pub(crate) fn said(answer: &ModelAnswer) -> String {
    let finish = match &answer.finish {
        Finish::Stop => "stop".into(),
        Finish::Length => "length".into(),
        Finish::Refusal(words) => format!("refusal {words:?}"),
        Finish::Safety(reason) => format!("safety {reason}"),
    };
    let usage = answer.usage.map_or("usage unknown".into(), |usage| {
        let part = |name: &str, count: u64| {
            if count > 0 { format!(" {name} {count}") } else { String::new() }
        };
        let (cached, written) =
            (part("cached", usage.cached_input), part("written", usage.cache_write));
        let (reasoning, searches) =
            (part("reasoning", usage.reasoning), part("searches", usage.searches));
        format!("in {}{cached}{written} out {}{reasoning}{searches}", usage.input, usage.output)
    });
    let tier = match answer.service_tier {
        ServiceTier::Standard => "",
        ServiceTier::Flex => ", flex",
        ServiceTier::Priority => ", priority",
    };
    let calls = answer
        .tool_calls
        .iter()
        .map(|call| format!(", {}={}{}", call.id, call.name, call.arguments));
    let sources = answer
        .citations
        .iter()
        .map(|it| format!(", {}..{} {} {}", it.start, it.end, it.title, it.url));
    let extras: String = calls.chain(sources).collect();
    format!("{finish} {:?} by {}, {usage}{tier}{extras}", answer.text, answer.model_served)
}

/// A whole stream's summary: its text and its end.
pub(crate) async fn watched(pieces: Result<Pieces, ProviderError>) -> String {
    let mut pieces = match pieces {
        Ok(pieces) => pieces,
        Err(error) => return summary(&Err(error)),
    };
    let mut line = String::new();
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(Piece::Text(words)) => line.extend([words.as_str(), "|"]),
            Ok(Piece::Refusal(words)) => line.extend(["no: ", words.as_str(), "|"]),
            Ok(Piece::Usage(usage)) => line.extend([format!("<{}/{}>", usage.input, usage.output)]),
            Ok(Piece::Answer(answer)) => {
                assert!(pieces.next().await.is_none(), "something follows the answer");
                return format!("{line} → {}", said(&answer));
            }
            Err(error) => {
                assert!(pieces.next().await.is_none(), "something follows the error");
                return format!("{line} → {}", summary(&Err(error)));
            }
        }
    }
    format!("{line} → just ended")
}
