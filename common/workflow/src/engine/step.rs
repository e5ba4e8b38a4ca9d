//! One call of a model step: intent, call, stored answer. `rounds` decides which calls a step
//! makes.

mod rounds;

use std::{sync::PoisonError, time::Duration};

use domain::{
    NanoUsd, Time,
    budget::{Counter, WarningLevel},
    digest,
    event::EventKind,
    step::Step,
};
use marketing::prompts::{Prompt, Speaker};
use ports::{
    ExecuteRequest, ExecuteResponse, GatewayError, Key, KeyedCall, MessageRole, ModelMessage,
    OutputSchema, Precondition, Write,
};
use serde_json::{Value, json};

pub use rounds::Written;

use super::run::{Run, RunError, STEP_SECONDS, gateway_error, phase_percent, progress_data};
use crate::documents::{StepDoc, StepState, TaskDoc, steps_collection};
use ledger::documents::{Payload, RETENTION_SECONDS};

/// How long a busy call is waited for before the attempt is given up.
const BUSY_RETRIES: u32 = 20;

/// How much room an answer gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Room {
    /// All that its task type allows.
    Answer,
    /// What edits to such an answer may take.
    Edits,
}

impl Run {
    /// The answer to a prompt: the stored one, or a new one that is stored before it is used.
    async fn answer<Out>(
        &self,
        position: &str,
        prompt: &Prompt<Out>,
        room: Room,
    ) -> Result<(String, ExecuteResponse), RunError> {
        let step = prompt.step;
        let request = self.request(prompt, room);
        let rendered = serde_json::to_string(&request)
            .map_err(|error| RunError::Attempt(error.to_string()))?;
        let hash = digest(&[&rendered]);
        let id = format!("{step}-{position}-{}", &hash[..16]);
        let key = Key::new(steps_collection(&self.task), id.clone());
        let generation = match self.stored_step(&key).await? {
            Some(StepDoc { state: StepState::Done, answer: Some(answer), .. }) => {
                let text = answer.load(self.engine.ports.artifacts.as_ref()).await?;
                let response = serde_json::from_str(&text)
                    .map_err(|error| RunError::Attempt(error.to_string()))?;
                return Ok((id, response));
            }
            Some(doc) => doc.generation,
            None => {
                self.check_slice()?;
                self.store_intent(position, &key, &rendered, prompt).await?;
                0
            }
        };
        self.check_slice()?;
        let call = KeyedCall {
            task: Some(self.task.clone()),
            key: format!("{step}-{position}-{hash}-{generation}"),
        };
        let response = self.execute(&call, &request).await?;
        self.store_answer(step, &key, &response).await?;
        Ok((id, response))
    }

    fn request<Out>(&self, prompt: &Prompt<Out>, room: Room) -> ExecuteRequest {
        let role = |speaker: Speaker| match speaker {
            Speaker::System => MessageRole::System,
            Speaker::User => MessageRole::User,
            Speaker::Assistant => MessageRole::Assistant,
        };
        let messages =
            prompt.turns.iter().map(|turn| ModelMessage::text(role(turn.speaker), &turn.text));
        let request = ExecuteRequest::new(
            self.account.business.clone(),
            prompt.step.task_type(),
            messages.collect(),
        );
        let types = &self.rules().task_types;
        let edits_bound = || {
            types.get(prompt.step.task_type()).ok().map(|task_type| types.edits_bound(task_type))
        };
        ExecuteRequest {
            max_output_tokens: if room == Room::Edits { edits_bound() } else { None },
            response_schema: Some(OutputSchema {
                name: prompt.schema_name.into(),
                schema: prompt.schema.clone(),
            }),
            allow_downgrade: true,
            deadline_ms: Some(u64::try_from(STEP_SECONDS * 1000).unwrap_or_default()),
            ..request
        }
    }

    async fn stored_step(&self, key: &Key) -> Result<Option<StepDoc>, RunError> {
        let found =
            self.engine.ports.documents.get(std::slice::from_ref(key)).await?.pop().flatten();
        Ok(found.map(|document| document.read()).transpose()?)
    }

    async fn store_intent<Out>(
        &self,
        position: &str,
        key: &Key,
        rendered: &str,
        prompt: &Prompt<Out>,
    ) -> Result<(), RunError> {
        let now = self.now();
        let intent = StepDoc {
            step: prompt.step.name().into(),
            index: position.into(),
            phase_seq: self.doc().await.state.phase_seq,
            state: StepState::Started,
            generation: 0,
            request: Payload::store(self.engine.ports.artifacts.as_ref(), rendered.into()).await?,
            answer: None,
            cost: NanoUsd::ZERO,
            model_used: None,
            prompt_version: prompt.version.clone(),
            started_at: now,
            finished_at: None,
            expire_at: now.plus_seconds(RETENTION_SECONDS),
        };
        self.commit(|_, _| Vec::new(), vec![Write::create(key.clone(), &intent)?]).await?;
        Ok(())
    }

    /// Calls the gateway; a call that runs elsewhere under the same key is waited for.
    async fn execute(
        &self,
        call: &KeyedCall,
        request: &ExecuteRequest,
    ) -> Result<ExecuteResponse, RunError> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).insert(call.key.clone());
        let mut busy = 0;
        let result = loop {
            let answered = tokio::select! {
                biased;
                answered = self.engine.ports.gateway.execute(call, request) => answered,
                () = self.lost.cancelled() => break Err(RunError::Lost),
            };
            match answered {
                Err(GatewayError::InProgress) if busy < BUSY_RETRIES => {
                    busy += 1;
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
                Ok(response) => break Ok(response),
                Err(error) => break Err(gateway_error(error)),
            }
        };
        // A lost run leaves the key in the list: its calls are cancelled from that list.
        if !matches!(result, Err(RunError::Lost)) {
            self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&call.key);
        }
        result
    }

    async fn store_answer(
        &self,
        step: Step,
        key: &Key,
        response: &ExecuteResponse,
    ) -> Result<(), RunError> {
        let text = serde_json::to_string(response)
            .map_err(|error| RunError::Attempt(error.to_string()))?;
        let answer = Payload::store(self.engine.ports.artifacts.as_ref(), text).await?;
        let now = self.now();
        let done = Write::merge(key.clone(), Precondition::Exists)
            .set("state", "done")
            .set("answer", serde_json::to_value(&answer).unwrap_or_default())
            // Its earlier generations were paid as well.
            .increment("cost", response.cost_usd.0)
            .set("model_used", response.model_used.clone())
            .set("finished_at", now.to_string());
        let change = |doc: &mut TaskDoc, now: Time| {
            Run::note_call(doc, response.cost_usd, &response.model_used, response.simulated);
            let mut events = Vec::new();
            if response.fallback_used {
                let first = response.attempts.first().map(|attempt| attempt.model.clone());
                events.push((
                    EventKind::ModelFallback,
                    json!({ "step": step, "from": first, "to": response.model_used }),
                ));
            }
            if response.downgraded {
                let data = json!({ "step": step, "model": response.model_used, "reason": response.reason });
                events.push((EventKind::ModelDowngraded, data));
            }
            if let Some((level, data)) =
                budget_warning(response).filter(|(level, _)| doc.budget_warned < Some(*level))
            {
                doc.budget_warned = Some(level);
                events.push((EventKind::BudgetWarning, data));
            }
            let data = progress_data(doc, step, phase_percent(doc, step), now);
            events.push((step.info().event, data));
            events
        };
        self.commit(change, vec![done]).await?;
        Ok(())
    }

    async fn raise_generation(&self, step: Step, id: &str) -> Result<(), RunError> {
        let key = Key::new(steps_collection(&self.task), id);
        let failed = Write::merge(key, Precondition::Exists)
            .set("state", "failed")
            .increment("generation", 1);
        let data: Value = json!({ "step": step, "reason": "no readable answer" });
        self.commit(|_, _| vec![(EventKind::ValidationFailed, data.clone())], vec![failed]).await?;
        Ok(())
    }
}

/// The level that the business's day had reached when a call was answered.
fn budget_warning(response: &ExecuteResponse) -> Option<(WarningLevel, Value)> {
    let budget = response.budget.as_ref()?;
    let day = Counter { spent: budget.today_spent_usd, ..Counter::new(budget.daily_limit_usd) };
    let level = day.crossed()?;
    let data = json!({ "level": level, "today_spent_usd": day.spent.as_usd_f64(), "daily_limit_usd": day.limit.as_usd_f64() });
    Some((level, data))
}
