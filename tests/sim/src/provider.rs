//! The model providers of a world: they answer, refuse, break off or hang, and count what they are
//! owed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use domain::{catalog::ServiceTier, digest, usage::Usage};
use ports::{
    BackgroundCalls, Billing, Embedder, Embeddings, ModelAnswer, ModelProvider, ModelRequest,
    NextMove, Pieces, ProviderError, whole,
};
use serde_json::{Value, json};
use simulation::Simulated;
use tokio::time::Instant;

use crate::{instance::Instance, oracle::Payment};

/// The outcome of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AttemptOutcome {
    Answered,
    /// Answered in a form that cannot be parsed.
    Spoilt,
    /// Refused before anything was generated.
    Refused,
    /// Broken off in the middle.
    Broken,
    /// Never answered.
    Hanging,
}

/// The source of the answers.
pub(crate) enum AnswerSource {
    /// Notes for the small graph: valid and invalid ones.
    Notes,
    /// The simulation, for a whole analysis.
    Analysis(Simulated),
}

/// Background calls at the provider.
#[derive(Default)]
pub(crate) struct Background(Mutex<BTreeMap<String, BackgroundCall>>);

#[derive(Clone)]
struct BackgroundCall {
    ready: Instant,
    answer: ModelAnswer,
    payment: usize,
}

/// A provider as one instance reaches it.
pub(crate) struct ProviderPort {
    pub(crate) instance: Arc<Instance>,
    pub(crate) name: &'static str,
}

/// Marks an answer as no longer waited for when dropped before it arrived.
struct Waiting<'a> {
    instance: &'a Instance,
    payment: usize,
    has_come: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.has_come {
            self.instance.world.oracle().payments.abandoned(self.payment);
        }
    }
}

fn failure(code: &str, next: NextMove, billing: Billing) -> ProviderError {
    ProviderError { code: code.into(), message: format!("simulated `{code}`"), next, billing }
}

impl ProviderPort {
    fn fate(&self) -> AttemptOutcome {
        let world = &self.instance.world;
        let faults = world.faults();
        let fates = [
            (faults.refused_attempt, AttemptOutcome::Refused),
            (faults.broken_attempt, AttemptOutcome::Broken),
            (faults.hanging_attempt, AttemptOutcome::Hanging),
            (faults.spoilt_answer, AttemptOutcome::Spoilt),
        ];
        let struck = fates.into_iter().find(|(share, _)| world.dice.happens(*share));
        struck.map_or(AttemptOutcome::Answered, |(_, fate)| fate)
    }

    /// Fails as the outcome says; an attempt that hangs does so for `patience`.
    async fn fail(&self, fate: AttemptOutcome, patience: Duration) -> Result<(), ProviderError> {
        match fate {
            AttemptOutcome::Refused => {
                Err(failure("rate_limited", NextMove::Retry { after: None }, Billing::None))
            }
            AttemptOutcome::Hanging => {
                tokio::time::sleep(patience).await;
                Err(failure("timeout", NextMove::NextModel, Billing::Unknown))
            }
            AttemptOutcome::Broken => {
                tokio::time::sleep(self.instance.world.dice.ms(50..=5_000)).await;
                Err(failure("stream_cut", NextMove::Retry { after: None }, Billing::Unknown))
            }
            AttemptOutcome::Answered | AttemptOutcome::Spoilt => Ok(()),
        }
    }

    /// Writes a model's answer to a request.
    async fn written(
        &self,
        request: &ModelRequest,
        fate: AttemptOutcome,
    ) -> Result<ModelAnswer, ProviderError> {
        let world = &self.instance.world;
        let mut answer = match &world.author {
            AnswerSource::Analysis(model) => model.generate(request).await?,
            AnswerSource::Notes => {
                let is_sound = !world.dice.happens(world.faults().wrong_answer);
                let text = format!("answer {}", world.oracle().payments.count());
                let is_for_edits =
                    request.schema.as_ref().is_some_and(|schema| schema.name == "edits");
                let note = if is_for_edits {
                    edits(&text, is_sound)
                } else {
                    json!({ "text": text, "sound": is_sound })
                };
                ModelAnswer::text(&request.model, note.to_string(), Some(Usage::of(400, 80)))
            }
        };
        if fate == AttemptOutcome::Spoilt {
            answer.text = "I would rather not say.".into();
        }
        Ok(answer)
    }

    /// Accepts a request, whose cost is owed from here on. Returns the answer and the number of its
    /// payment.
    async fn accept(
        &self,
        request: &ModelRequest,
        fate: AttemptOutcome,
    ) -> Result<(ModelAnswer, usize), ProviderError> {
        let by_zombie = self.instance.pass("an attempt").await;
        let world = &self.instance.world;
        let question = service::trace_id();
        self.instance.note(|| format!("asks {} for {question}: {fate:?}", self.name));
        self.fail(fate, request.idle_timeout).await?;
        let answer = self.written(request, fate).await?;
        let price = world.rules.catalog.served(&answer.model_served);
        let cost = price
            .zip(answer.usage)
            .and_then(|(model, usage)| model.price.cost_at(&usage, ServiceTier::Standard));
        let conversation: Vec<&str> =
            request.messages.iter().map(|message| message.content.as_str()).collect();
        let mut oracle = world.oracle();
        let index = oracle.payments.count();
        oracle.paid(Payment {
            question,
            conversation: digest(&conversation),
            instance: self.instance.name.clone(),
            is_excused: false,
            by_zombie,
            is_usable: fate == AttemptOutcome::Answered,
            cost: cost.unwrap_or_default().0,
        });
        Ok((answer, index))
    }

    fn begun(&self) -> MutexGuard<'_, BTreeMap<String, BackgroundCall>> {
        self.instance.world.background.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ModelProvider for ProviderPort {
    fn name(&self) -> &str {
        self.name
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelAnswer, ProviderError> {
        let (answer, payment) = self.accept(request, self.fate()).await?;
        let mut waiting = Waiting { instance: &self.instance, payment, has_come: false };
        tokio::time::sleep(self.instance.world.dice.ms(100..=20_000)).await;
        self.instance.pass("an attempt's answer").await;
        waiting.has_come = true;
        Ok(answer)
    }

    async fn stream(&self, request: &ModelRequest) -> Result<Pieces, ProviderError> {
        self.generate(request).await.map(whole)
    }

    fn background(&self) -> Option<&dyn BackgroundCalls> {
        (self.instance.world.has_background && self.name == "openai").then_some(self)
    }
}

#[async_trait]
impl Embedder for ProviderPort {
    async fn embed(
        &self,
        model: &str,
        texts: &[String],
        timeout: Duration,
    ) -> Result<Embeddings, ProviderError> {
        let by_zombie = self.instance.pass("an attempt to embed").await;
        let world = &self.instance.world;
        let (question, fate) = (service::trace_id(), self.fate());
        self.instance.note(|| format!("has {} embed for {question}: {fate:?}", self.name));
        self.fail(fate, timeout).await?;
        let input_tokens = texts.iter().map(|text| text.len() as u64).sum();
        let cost = world
            .rules
            .catalog
            .model(model)
            .map(|model| model.price.cost(&Usage::of(input_tokens, 0)));
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let payment = {
            let mut oracle = world.oracle();
            let index = oracle.payments.count();
            oracle.paid(Payment {
                question,
                conversation: digest(&texts),
                instance: self.instance.name.clone(),
                is_excused: false,
                by_zombie,
                is_usable: true,
                cost: cost.unwrap_or_default().0,
            });
            index
        };
        let mut waiting = Waiting { instance: &self.instance, payment, has_come: false };
        tokio::time::sleep(world.dice.ms(100..=20_000)).await;
        self.instance.pass("the embeddings").await;
        waiting.has_come = true;
        // No two payments bring the same vectors.
        #[expect(clippy::cast_precision_loss, reason = "a world has far fewer payments")]
        let vectors = vec![vec![payment as f32]; texts.len()];
        Ok(Embeddings { vectors, input_tokens: Some(input_tokens) })
    }
}

#[async_trait]
impl BackgroundCalls for ProviderPort {
    async fn begin(&self, request: &ModelRequest) -> Result<String, ProviderError> {
        let (answer, payment) = self.accept(request, self.fate()).await?;
        // Only the id is waited for; a lost id means a lost answer.
        let mut waiting = Waiting { instance: &self.instance, payment, has_come: false };
        let id = format!("background-{payment}");
        let ready = Instant::now() + self.instance.world.dice.ms(100..=40_000);
        self.begun().insert(id.clone(), BackgroundCall { ready, answer, payment });
        self.instance.pass("the id of a call in the background").await;
        waiting.has_come = true;
        Ok(id)
    }

    async fn fetch(&self, id: &str) -> Result<Option<ModelAnswer>, ProviderError> {
        self.instance.pass("a look for an answer").await;
        let found = self.begun().get(id).cloned();
        let begun =
            found.ok_or_else(|| failure("not_found", NextMove::NextModel, Billing::Unknown))?;
        Ok((begun.ready <= Instant::now()).then_some(begun.answer))
    }

    async fn cancel(&self, id: &str) -> Result<Option<ModelAnswer>, ProviderError> {
        // A cancelling owner no longer waits for the answer, whether or not the cancel succeeds.
        if let Some(begun) = self.begun().get(id) {
            self.instance.world.oracle().payments.abandoned(begun.payment);
        }
        self.instance.pass("the end of a call in the background").await;
        Ok(self.begun().remove(id).map(|begun| begun.answer))
    }
}

/// Edits that replace a note's text by a valid or an invalid one.
fn edits(text: &str, is_sound: bool) -> Value {
    let edit = |path: &str, value: &str| json!({ "op": "replace", "path": path, "value": value });
    json!({ "edits": [edit("/text", text), edit("/sound", &is_sound.to_string())] })
}
