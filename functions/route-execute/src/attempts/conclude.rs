//! The settlement of a call, and the answer to its caller.

use domain::{NanoUsd, budget::CallState, routing::Route};
use ledger::{OpenedCall, Settlement};
use ports::{ExecuteResponse, Finish, TokenCounts};
use service::Problem;

use super::{Ended, Progress};

/// Turns the end of the attempts into a settlement and an answer.
pub(crate) fn conclude(
    ended: Ended,
    progress: &Progress,
    route: &Route,
    call: &OpenedCall,
    latency_ms: u64,
) -> (Settlement, Result<ExecuteResponse, Problem>) {
    let charged = progress.charged();
    let mut settlement = Settlement {
        state: if charged == NanoUsd::ZERO { CallState::Failed } else { CallState::Unknown },
        attempts: progress.attempts(),
        answer: None,
        model_used: None,
        provider_response_id: None,
        fallback_used: false,
        latency_ms,
    };
    let (answer, candidate, parsed, is_valid, simulated) = match ended {
        Ended::Answered { answer, candidate, parsed, is_valid, simulated } => {
            (answer, candidate, parsed, is_valid, simulated)
        }
        Ended::Failed(problem) => return (settlement, Err(problem)),
        Ended::Cut => {
            settlement.state = CallState::Cut;
            let words = progress.words();
            // Stored as a record of what was paid; never returned as an answer.
            settlement.answer = (!words.is_empty())
                .then(|| serde_json::json!({ "response": words, "finish": "cut" }).to_string());
            return (settlement, Err(cut()));
        }
    };
    let usage = answer.usage.unwrap_or_default();
    let fallback_used =
        route.chain.first().is_some_and(|first| first.model.id != candidate.model.id);
    let response = ExecuteResponse {
        call_id: call.id.to_string(),
        finish: finish(&answer.finish, !answer.tool_calls.is_empty(), is_valid).into(),
        response: match answer.finish {
            Finish::Refusal(words) if answer.text.is_empty() => words,
            Finish::Refusal(_) | Finish::Stop | Finish::Length | Finish::Safety(_) => answer.text,
        },
        parsed,
        tool_calls: answer.tool_calls,
        citations: answer.citations,
        model_used: answer.model_served.clone(),
        provider: candidate.model.provider.clone(),
        complexity: route.complexity,
        reason: route.reason.clone(),
        cost_usd: charged,
        tokens: TokenCounts {
            input: usage.input,
            cached_input: usage.cached_input,
            output: usage.output,
            reasoning: usage.reasoning,
        },
        latency_ms,
        service_tier: answer.service_tier,
        cached: false,
        attempts: progress.outcomes(),
        fallback_used,
        simulated,
        downgraded: route.downgraded,
        budget: None,
    };
    settlement.state = CallState::Done;
    settlement.answer = serde_json::to_string(&response).ok();
    settlement.model_used = Some(answer.model_served);
    settlement.provider_response_id = answer.provider_response_id;
    settlement.fallback_used = fallback_used;
    (settlement, Ok(response))
}

/// What the caller of a call that was cut is told.
pub(crate) fn cut() -> Problem {
    let detail = "the call was cancelled; what may have been generated is charged";
    Problem::new(axum::http::StatusCode::CONFLICT, "cancelled", detail)
}

fn finish(finish: &Finish, calls_tools: bool, is_valid: bool) -> &'static str {
    match finish {
        Finish::Stop if calls_tools => "tool_calls",
        Finish::Stop if is_valid => "stop",
        Finish::Stop => "invalid_output",
        Finish::Length => "length",
        Finish::Refusal(_) => "refusal",
        Finish::Safety(_) => "safety",
    }
}
