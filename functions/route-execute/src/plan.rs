//! Which models a call is tried on, and the next cheaper plan when the budget does not cover it.

use domain::{
    NanoUsd,
    catalog::{Capability, Model, ServiceTier},
    routing::{self, Evidence, Route, RouteError, RouteRequest},
    tokens,
};
use ports::Urgency;
use service::Problem;

use crate::{AppState, call_request::CallRequest, context::Context, structured};

/// A route, and how its input was counted.
pub(crate) struct Plan {
    /// Models to try, in order.
    pub(crate) route: Route,
    /// Exactly counted input tokens; counting takes time and is left until it matters.
    counted: Option<u64>,
    has_counted: bool,
    can_step_down: bool,
}

impl Plan {
    /// The plan for a call. Its input counts as one token per byte, unless no model reads that
    /// much.
    pub(crate) async fn first(context: &Context<'_>) -> Result<Self, Problem> {
        match plan(context, None) {
            Err(RouteError::InputTooLarge { .. }) => {
                let counted = count(context).await;
                Ok(Self { has_counted: true, ..plan(context, counted)? })
            }
            planned => Ok(planned?),
        }
    }

    /// The bound of the first attempt.
    pub(crate) fn hold(&self) -> NanoUsd {
        self.route.chain.first().map(|candidate| candidate.bound).unwrap_or_default()
    }

    /// Whether nothing cheaper is left to try.
    pub(crate) fn is_cheapest(&self) -> bool {
        !self.can_count() && !self.can_step_down
    }

    fn can_count(&self) -> bool {
        !self.has_counted
            && self.route.chain.first().is_some_and(|candidate| candidate.model.tokenizer.is_some())
    }

    /// The next cheaper plan: the same with its tokens counted, then a weaker model.
    pub(crate) async fn cheaper(self, context: &Context<'_>) -> Result<Self, Problem> {
        if self.can_count() {
            let counted = count(context).await;
            return Ok(Self { has_counted: true, ..plan(context, counted)? });
        }
        // A weaker model is the last resort, after the tokens were counted.
        Ok(Self { has_counted: true, ..step(context, self.counted, &self.route)? })
    }
}

fn plan(context: &Context<'_>, counted: Option<u64>) -> Result<Plan, RouteError> {
    let needs = context.call.needs();
    let request = request(context, &needs, counted);
    let route = routing::route(context.state.ledger.rules(), &request)?;
    finish(context, &request, route, counted)
}

fn step(context: &Context<'_>, counted: Option<u64>, from: &Route) -> Result<Plan, RouteError> {
    let needs = context.call.needs();
    let request = request(context, &needs, counted);
    let lower = routing::step_down(context.state.ledger.rules(), &request, from);
    let not_capable = || RouteError::NotCapable(context.call.request.task_type.clone());
    finish(context, &request, lower.unwrap_or_else(|| Err(not_capable()))?, counted)
}

/// Leaves the configured providers' models, puts flex service first for calls that can wait, and
/// the model that the session's prompt is cached at before others.
fn finish(
    context: &Context<'_>,
    request: &RouteRequest<'_>,
    mut route: Route,
    counted: Option<u64>,
) -> Result<Plan, RouteError> {
    let Context { state, call, .. } = *context;
    let is_configured = |model: &Model| state.providers.contains_key(&model.provider);
    route.chain.retain(|candidate| is_configured(&candidate.model));
    if route.chain.is_empty() {
        return Err(left_out(state, request, &route, is_configured));
    }
    if let Some(session) = &call.session {
        state.memory.affinity.prefer(session, &mut route.chain, state.clock.now());
    }
    if call.request.urgency == Some(Urgency::Low) {
        let offers_flex = |provider: &str| {
            state.providers.get(provider).is_some_and(|it| it.offers(ServiceTier::Flex))
        };
        route.chain = routing::with_flex(route.chain, |model| offers_flex(&model.provider));
    }
    // A task at the limit is parked and resumes later: its results are not silently made by a
    // weaker model.
    let can_step_down = call.task.is_none()
        && routing::step_down(state.ledger.rules(), request, &route)
            .is_some_and(|lower| lower.is_ok());
    Ok(Plan { route, counted, has_counted: counted.is_some(), can_step_down })
}

/// Why none of the models that could answer belongs to a configured provider.
fn left_out(
    state: &AppState,
    request: &RouteRequest<'_>,
    route: &Route,
    is_configured: impl Fn(&Model) -> bool,
) -> RouteError {
    let rules = state.ledger.rules();
    let serving = route
        .role
        .map(|role| rules.catalog.chain(role, request.today, rules.lead_days))
        .unwrap_or_default();
    match serving
        .into_iter()
        .filter(|model| is_configured(model))
        .map(|model| model.max_input)
        .max()
    {
        Some(limit) if request.input_tokens > limit => {
            RouteError::InputTooLarge { tokens: request.input_tokens, limit }
        }
        _ => RouteError::NotCapable(format!(
            "{}` with the configured providers; `",
            request.task_type
        )),
    }
}

fn request<'a>(
    context: &Context<'a>,
    needs: &'a [Capability],
    counted_tokens: Option<u64>,
) -> RouteRequest<'a> {
    let Context { state, call, account, .. } = *context;
    let request = &call.request;
    RouteRequest {
        task_type: &request.task_type,
        model: request.model.as_deref(),
        complexity: request.complexity,
        terms: &account.terms,
        allow_downgrade: request.allow_downgrade,
        input_tokens: tokens::upper_bound(texts(call)) + schema_tokens(call),
        counted_tokens,
        max_output_tokens: request.max_output_tokens,
        effort: request.reasoning_effort,
        needs,
        max_searches: request.max_searches.into(),
        evidence: Evidence::of(request.messages.iter().map(|message| message.content.as_str())),
        today: state.clock.now().date(),
    }
}

/// Everything that providers read as text.
fn texts(call: &CallRequest) -> impl Iterator<Item = &str> {
    call.request.messages.iter().flat_map(|message| {
        let calls = message
            .tool_calls
            .iter()
            .flat_map(|call| [call.id.as_str(), &call.name, &call.arguments]);
        [message.content.as_str()].into_iter().chain(message.tool_call_id.as_deref()).chain(calls)
    })
}

/// A bound of the tokens of schemas and functions, references written out. How a provider renders
/// them is its secret, so they are never counted.
fn schema_tokens(call: &CallRequest) -> u64 {
    let schema = call.request.response_schema.iter().map(|it| structured::written_out(&it.schema));
    let tools = call.request.tools.iter().map(|tool| {
        let told = tool.name.len() + tool.description.as_ref().map_or(0, String::len) + 64;
        structured::written_out(&tool.parameters).map(|bytes| bytes + told)
    });
    // What is too large was refused before.
    schema.chain(tools).flatten().map(|bytes| bytes as u64).sum()
}

/// Counts the input off the async workers.
async fn count(context: &Context<'_>) -> Option<u64> {
    let Context { state, call, .. } = *context;
    let counter = state.token_counter.clone();
    let texts: Vec<String> = texts(call).map(Into::into).collect();
    let framing = tokens::upper_bound(texts.iter().map(|_| "")) + schema_tokens(call);
    let counting = tokio::task::spawn_blocking(move || {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        counter.count(&texts)
    });
    counting.await.ok().flatten().map(|counted| counted + framing)
}
