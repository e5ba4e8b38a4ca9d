//! One call from admission to its stored answer.

use std::{sync::Arc, time::Duration};

use domain::{CallId, TaskId, catalog::Capability, digest};
use ledger::{Account, Answer, Error, OpenCall, Opened};
use ports::{ExecuteRequest, ExecuteResponse, MessageRole as Role, ModelMessage as Message};
use serde::Serialize;
use serde_json::{Value, json};
use service::Problem;
use tokio_util::sync::CancellationToken;

use crate::{AppState, drive, live::Live, plan::Plan};

/// How long a call may take when its request does not say.
const DEFAULT_DEADLINE_MS: u64 = 240_000;

/// A checked request.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Asked {
    /// The task whose grant pays.
    pub(crate) task: Option<TaskId>,
    /// The idempotency key.
    pub(crate) key: Option<String>,
    /// What it shares its prompt prefix with: its task, or a conversation.
    pub(crate) session: Option<String>,
    /// What is asked.
    pub(crate) request: ExecuteRequest,
}

impl Asked {
    /// What the model must be able to do.
    pub(crate) fn needs(&self) -> Vec<Capability> {
        let needs = [
            (self.request.response_schema.is_some(), Capability::StructuredOutput),
            (self.request.max_searches > 0, Capability::WebSearch),
            (!self.request.tools.is_empty(), Capability::Tools),
        ];
        needs.into_iter().filter_map(|(needed, capability)| needed.then_some(capability)).collect()
    }

    /// Whether the call ends by itself and not with its client: others may wait for its answer.
    pub(crate) fn is_detached(&self) -> bool {
        self.key.is_some() || self.cache_ttl_s().is_some()
    }

    /// A key says which call it is, and outranks the cache.
    fn cache_ttl_s(&self) -> Option<u32> {
        self.request.cache_ttl_s.filter(|ttl| *ttl > 0 && self.key.is_none())
    }
}

/// Who a key belongs to within its business: a task or a client.
pub(crate) fn origin(task: Option<&TaskId>) -> String {
    task.map_or_else(|| "client".into(), |task| format!("task:{task}"))
}

/// Makes the call, or returns its stored answer. What is generated is shown on `live` as it comes.
///
/// All of it happens in a task of its own, so that nobody's hanging up can leave a hold without an
/// owner or lose a settlement. A call that others may ask for again ends by itself, by an explicit
/// cancel, or at its deadline; any other ends with its client.
pub(crate) async fn make(
    state: &Arc<AppState>,
    asked: Asked,
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
    asked: &Asked,
    live: &Live,
    hung_up: &CancellationToken,
) -> Result<ExecuteResponse, Problem> {
    let request = &asked.request;
    let account = state.ledger.admit(&request.business_id).await?;
    let mut plan = Plan::first(state, &account, asked).await?;
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
                return drive::run(state, asked, &account, &plan.route, *call, live, hung_up).await;
            }
            Ok(Opened::Stored(answer)) => {
                if let Some(response) = replay(&answer, asked)? {
                    return Ok(response);
                }
                (open.id, open.is_new) = (fresh(state)?, true);
            }
            Ok(Opened::Adrift(call)) => {
                // Boxed, as whatever is rare: the room that it needs would be every call's.
                let recovered =
                    drive::recover(state, asked, &account, &plan.route, *call, open.call_until);
                match Box::pin(recovered).await? {
                    Some(response) => return Ok(response),
                    None => open.look_first = false,
                }
            }
            Ok(Opened::Running) => Box::pin(wait(state, &open)).await?,
            Err(Error::Refused(refusal)) if !open.is_last_offer && refusal.code.is_for_money() => {
                plan = Box::pin(plan.cheaper(state, &account, asked)).await?;
                (open.hold, open.is_last_offer) = (plan.hold(), plan.is_cheapest());
            }
            // A cached question that cannot be answered any more must not stay so for as long as
            // answers are kept.
            Err(Error::Exhausted) if asked.cache_ttl_s().is_some() => {
                (open.id, open.is_new) = (fresh(state)?, true);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits for the owner of the same call, as long as this request has time.
async fn wait(state: &AppState, open: &OpenCall) -> Result<(), Problem> {
    let left_ms = open.call_until.ms_since(state.clock.now());
    let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
    if left.is_zero() || state.ledger.wait(&open.id, left).await?.is_none() {
        return Err(Error::InProgress.into());
    }
    Ok(())
}

/// The call's id, and whether nobody can have used it: by its key; by what it asks and the time, if
/// an earlier answer will do; or its own.
///
/// Requests that accept answers of some age share an id for that long. So the ledger is their
/// cache, and one call serves all who ask the same at the same time, in every instance.
fn identify(state: &AppState, asked: &Asked) -> Result<(CallId, bool), Problem> {
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

fn fresh(state: &AppState) -> Result<CallId, Problem> {
    CallId::new(state.ids.next()).map_err(|error| Problem::internal(&error.to_string()))
}

/// An answer that was paid before; one from the cache was paid by another call, and is none if it
/// is not whole.
fn replay(answer: &Answer, asked: &Asked) -> Result<Option<ExecuteResponse>, Problem> {
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

/// What identifies the request: everything but routing, deadline and stream.
fn request_hash(request: &ExecuteRequest) -> Result<String, Problem> {
    let content = serde_json::to_string(&Content::of(request));
    content
        .map(|content| digest(&[&content]))
        .map_err(|error| Problem::internal(&error.to_string()))
}

/// A request's content, each object's fields in the order of their names: stored calls have its
/// hash.
#[derive(Serialize)]
struct Content<'a> {
    max_output_tokens: Option<u64>,
    max_searches: u32,
    messages: Vec<Said<'a>>,
    schema: Option<Value>,
    task_type: &'a str,
    tool_choice: Option<Value>,
    tools: Value,
}

#[derive(Serialize)]
struct Said<'a> {
    content: &'a str,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<Value>,
}

impl<'a> Content<'a> {
    fn of(request: &'a ExecuteRequest) -> Self {
        let said = |message: &'a Message| Said {
            content: &message.content,
            role: message.role,
            tool_call_id: message.tool_call_id.as_deref(),
            tool_calls: (!message.tool_calls.is_empty()).then(|| json!(message.tool_calls)),
        };
        Self {
            max_output_tokens: request.max_output_tokens,
            max_searches: request.max_searches,
            messages: request.messages.iter().map(said).collect(),
            schema: request.response_schema.as_ref().map(|schema| json!(schema)),
            task_type: &request.task_type,
            tool_choice: request.tool_choice.as_ref().map(|choice| json!(choice)),
            tools: json!(request.tools),
        }
    }
}

/// The day's budget for the answer; without it the answer is still an answer.
pub(crate) async fn budget(state: &AppState, account: &Account) -> Option<ports::ExecuteBudget> {
    let day = state.ledger.day(account).await.ok()?;
    Some(ports::ExecuteBudget {
        daily_limit_usd: day.limit,
        today_spent_usd: day.spent,
        today_remaining_usd: day.remaining(),
    })
}

#[cfg(test)]
mod tests {
    use domain::BusinessId;
    use ports::{Tool, ToolCall, ToolChoice};

    use super::*;

    /// As the releases before wrote it: a key that was used under one of them is the same request
    /// today.
    fn before(request: &ExecuteRequest) -> String {
        let content = json!({
            "task_type": request.task_type,
            "messages": request.messages,
            "schema": request.response_schema,
            "max_output_tokens": request.max_output_tokens,
            "max_searches": request.max_searches,
            "tools": request.tools,
            "tool_choice": request.tool_choice,
        });
        digest(&[&content.to_string()])
    }

    #[test]
    fn the_hash_of_a_request_stays_what_stored_calls_have() {
        let business = BusinessId::new("acme").unwrap();
        let mut request =
            ExecuteRequest::new(business, "x", vec![Message::text(Role::User, "\"é\n")]);
        assert_eq!(request_hash(&request).unwrap(), before(&request));
        let call = ToolCall { id: "1".into(), name: "look".into(), arguments: "{}".into() };
        request
            .messages
            .push(Message { tool_calls: vec![call], ..Message::text(Role::Assistant, "") });
        request
            .messages
            .push(Message { tool_call_id: Some("1".into()), ..Message::text(Role::Tool, "found") });
        request.max_output_tokens = Some(7);
        request.max_searches = 2;
        request.response_schema = Some(ports::OutputSchema {
            name: "n".into(),
            schema: json!({ "type": "object", "properties": {} }),
        });
        let parameters = json!({ "type": "object", "required": [] });
        let tool =
            Tool { name: "look".into(), description: Some("d".into()), parameters, strict: true };
        request.tools = vec![tool];
        for choice in [ToolChoice::Required, ToolChoice::Function("look".into())] {
            request.tool_choice = Some(choice);
            assert_eq!(request_hash(&request).unwrap(), before(&request));
        }
    }
}
