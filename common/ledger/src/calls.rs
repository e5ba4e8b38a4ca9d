//! The life of one call: opened with a hold, covered before each attempt, settled once.

use domain::{
    BusinessId, CallId, NanoUsd, TaskId, Time,
    budget::{CallState, Period, Repeat, on_repeat},
};
use ports::{Document, Key, Version, Write};

use super::{
    Account, Ledger,
    group::Posted,
    holds::{Hold, first},
};
use crate::{
    documents::{
        AttemptDoc, Background, CallDoc, GrantDoc, Payload, RETENTION_SECONDS, call_key, grant_key,
    },
    error::{Error, Result},
    retry::Retry,
};

/// The sweep ends a call whose owner was silent for this long: the owner may be dead, and its
/// request may be billed.
pub(super) const SILENCE_SECONDS: i64 = 60;
/// How far the clocks of two instances may differ, plus the time of a commit under way.
const CLOCKS_APART_SECONDS: i64 = 10;

/// A call to be opened.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenCall {
    /// The call's id.
    pub id: CallId,
    /// The task whose grant pays.
    pub task: Option<TaskId>,
    /// What it is for.
    pub task_type: String,
    /// Hash of what is asked, without routing, deadline and stream.
    pub request_hash: String,
    /// Upper bound of its first attempt.
    pub hold: NanoUsd,
    /// Nothing is sent to a provider after this instant.
    pub call_until: Time,
    /// Whether the id was made for this call: nothing is stored under it, so it is not read first.
    pub is_new: bool,
    /// Whether the answer of an orphaned call is looked for at the provider before it is paid
    /// again.
    pub look_first: bool,
    /// Whether no cheaper call follows when the budget refuses this one: then the business gets a
    /// warning.
    pub is_last_offer: bool,
}

/// A stored answer, as JSON text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer(pub String);

/// A call that this request owns.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenedCall {
    /// The call's id.
    pub id: CallId,
    doc: CallDoc,
    version: Version,
    /// Attempts of earlier owners; their cost is not part of this hold.
    earlier: usize,
}

/// What opening a call found.
#[derive(Clone, PartialEq, Debug)]
pub enum Opened {
    /// This request owns the call and makes it.
    New(Box<OpenedCall>),
    /// The call was made before: its answer is stored and nothing is paid.
    Stored(Answer),
    /// Another request owns the call and makes it.
    Running,
    /// An orphaned call: it was charged at its bound, but the provider may have answered. The
    /// answer may be fetched, and settling it corrects the charge.
    Adrift(Box<OpenedCall>),
}

/// How a call ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Settlement {
    /// The final state: never `Reserved`.
    pub state: CallState,
    /// This owner's attempts, with what each is charged.
    pub attempts: Vec<AttemptDoc>,
    /// The answer as JSON text.
    pub answer: Option<String>,
    /// Model that served it.
    pub model_used: Option<String>,
    /// The provider's id of the answer.
    pub provider_response_id: Option<String>,
    /// Whether another than the first model answered.
    pub fallback_used: bool,
    /// From request to answer.
    pub latency_ms: u64,
}

impl Settlement {
    /// What all attempts are charged.
    pub fn cost(&self) -> NanoUsd {
        self.attempts.iter().map(|attempt| attempt.cost).sum()
    }
}

impl OpenedCall {
    /// When sending must have stopped.
    pub fn call_until(&self) -> Time {
        self.doc.call_until
    }

    /// Nonce of this owner.
    pub fn holder(&self) -> &str {
        &self.doc.holder
    }

    /// The background call at the provider, if the attempt runs in the background.
    pub fn background(&self) -> Option<&Background> {
        self.doc.background.as_ref()
    }

    /// The amount of the hold.
    pub fn hold(&self) -> NanoUsd {
        self.doc.hold
    }
}

impl Ledger {
    /// Opens a call: holds its bound and makes this request its owner, or finds that it was made
    /// before.
    pub async fn open_call(&self, account: &Account, call: &OpenCall) -> Result<Opened> {
        let holder = self.ports.ids.next();
        let key = call_key(&call.id);
        let mut retry = Retry::default();
        let mut can_be_stored = !call.is_new;
        loop {
            let now = self.ports.clock.now();
            let seen = if can_be_stored { self.read_one(&key).await? } else { None };
            can_be_stored = true;
            let earlier = match &seen {
                None => None,
                Some(document) => {
                    let doc: CallDoc = document.read()?;
                    if doc.holder == holder && doc.state == CallState::Reserved {
                        // The commit took effect although its answer was lost.
                        return Ok(Opened::New(Box::new(opened(call, doc, document.version))));
                    }
                    let is_adrift = doc.state == CallState::Unknown && doc.background.is_some();
                    if is_adrift && call.look_first && doc.request_hash == call.request_hash {
                        return Ok(Opened::Adrift(Box::new(opened(call, doc, document.version))));
                    }
                    match on_repeat(
                        doc.state,
                        doc.request_hash == call.request_hash,
                        doc.paid_tries,
                    ) {
                        Repeat::Mismatch => return Err(Error::KeyReused),
                        Repeat::Stored => return self.answer(&doc).await.map(Opened::Stored),
                        Repeat::Wait => return Ok(Opened::Running),
                        Repeat::Exhausted => return Err(Error::Exhausted),
                        Repeat::Again => Some(doc),
                    }
                }
            };
            let doc = self.call_doc(account, call, &holder, earlier, now);
            let transition = Write::put(key.clone(), seen.map(|document| document.version), &doc)?;
            let hold = Hold { amount: call.hold, top_up: format!("{holder}-0") };
            match self.hold(account, &doc, &hold, transition, &mut retry).await {
                Ok(Posted::Stored(versions)) => {
                    return Ok(Opened::New(Box::new(opened(call, doc, first(&versions)?))));
                }
                Ok(Posted::Overtaken) => {}
                Err(error) if !call.is_last_offer => return Err(error),
                Err(error) => return Err(self.note_refusal(account, error, now).await),
            }
        }
    }

    /// Raises the hold to what this owner's attempts were charged plus the next attempt's bound,
    /// and checks that this owner still owns the call. An owner that was silent for so long that
    /// the sweep may have ended its call reports alive first; this fails once the call was ended or
    /// taken over. So a replaced owner does not pay.
    pub async fn cover(
        &self,
        account: &Account,
        call: &mut OpenedCall,
        charged: NanoUsd,
        bound: NanoUsd,
    ) -> Result<()> {
        let needed = charged + bound;
        if needed <= call.doc.hold && !is_due(&call.doc, self.ports.clock.now()) {
            return Ok(());
        }
        let key = call_key(&call.id);
        let mut retry = Retry::default();
        loop {
            // Computed on each try: an earlier raise of this hold may have taken effect although
            // its answer was lost.
            let missing = (needed - call.doc.hold).or_zero();
            let sweep_at = Some(self.ports.clock.now().plus_seconds(SILENCE_SECONDS));
            let covered = CallDoc { hold: call.doc.hold + missing, sweep_at, ..call.doc.clone() };
            let transition = Write::replace(key.clone(), call.version, &covered)?;
            let posted = if missing == NanoUsd::ZERO {
                self.commit_alone(vec![transition], &mut retry).await
            } else {
                let hold =
                    Hold { amount: missing, top_up: format!("{}-{}", call.doc.holder, needed.0) };
                self.hold(account, &call.doc, &hold, transition, &mut retry).await
            };
            match posted {
                Ok(Posted::Stored(versions)) => {
                    (call.doc, call.version) = (covered, first(&versions)?);
                    return Ok(());
                }
                Ok(Posted::Overtaken) => {}
                Err(error) => {
                    return Err(self.note_refusal(account, error, self.ports.clock.now()).await);
                }
            }
            let (doc, version) = self.read_call(&call.id).await?;
            if doc.holder != call.doc.holder || doc.state != CallState::Reserved {
                return Err(Error::WrongState("the call was ended by the sweep".into()));
            }
            (call.doc, call.version) = (doc, version);
            if call.doc.hold >= needed && !is_due(&call.doc, self.ports.clock.now()) {
                return Ok(());
            }
        }
    }

    /// Stores the background call at the provider before anybody waits for it, so that a later
    /// owner finds it. `None` when the next attempt is made without a background call.
    pub async fn note_background(
        &self,
        call: &mut OpenedCall,
        background: Option<&Background>,
    ) -> Result<()> {
        let mut retry = Retry::default();
        loop {
            let noted = CallDoc { background: background.cloned(), ..call.doc.clone() };
            let write = Write::replace(call_key(&call.id), call.version, &noted)?;
            match self.ports.documents.commit(vec![write]).await {
                Ok(versions) => {
                    call.version = versions.last().copied().unwrap_or(call.version);
                    call.doc = noted;
                    return Ok(());
                }
                Err(error) => retry.after(error).await?,
            }
            let (doc, version) = self.read_call(&call.id).await?;
            if doc.holder != call.doc.holder || doc.state != CallState::Reserved {
                return Err(Error::WrongState("the call was ended by the sweep".into()));
            }
            (call.doc, call.version) = (doc, version);
        }
    }

    /// Ends a call: stores the answer, books its cost, releases exactly its hold, all in one
    /// commit.
    ///
    /// A call that the sweep charged meanwhile is corrected to what it really cost. Returns whether
    /// this settlement, or an earlier copy of it, is what the store holds.
    pub async fn settle(
        &self,
        account: &Account,
        call: &OpenedCall,
        settlement: &Settlement,
    ) -> Result<bool> {
        let response = match &settlement.answer {
            Some(text) => Some(Payload::store(self.ports.artifacts.as_ref(), text.clone()).await?),
            None => None,
        };
        let (mut doc, mut version) = (call.doc.clone(), call.version);
        let mut retry = Retry::default();
        loop {
            let now = self.ports.clock.now();
            let swept = doc.state == CallState::Unknown && doc.swept.is_some();
            if doc.holder != call.doc.holder || !(doc.state == CallState::Reserved || swept) {
                // Settled by an earlier try of this very settlement, or taken over after the sweep
                // charged it.
                return Ok(doc.holder == call.doc.holder && doc.state == settlement.state);
            }
            let cost = settlement.cost();
            let (hold, spent) = match doc.swept {
                Some(swept) => (NanoUsd::ZERO, cost - swept),
                None => (doc.hold, cost),
            };
            let settled = CallDoc {
                state: settlement.state,
                hold: NanoUsd::ZERO,
                charged: doc.charged + spent,
                paid_tries: doc.paid_tries + u32::from(doc.swept.is_none() && cost > NanoUsd::ZERO),
                attempts: doc.attempts[..call.earlier.min(doc.attempts.len())]
                    .iter()
                    .chain(&settlement.attempts)
                    .cloned()
                    .collect(),
                model_used: settlement.model_used.clone(),
                response: response.clone(),
                provider_response_id: settlement.provider_response_id.clone(),
                background: None,
                overrun: doc.overrun || cost > doc.swept.unwrap_or(call.doc.hold),
                fallback_used: settlement.fallback_used,
                latency_ms: settlement.latency_ms,
                swept: None,
                sweep_at: None,
                mirror_at: Some(now),
                ..doc.clone()
            };
            let transition = Write::replace(call_key(&call.id), version, &settled)?;
            if let Posted::Stored(_) =
                self.release(account, &doc, (hold, spent), transition, &mut retry).await?
            {
                if settled.overrun {
                    tracing::error!(call.id = %call.id, cost.nano_usd = cost.0, "a call cost more than its hold");
                }
                if let Some(task) = &doc.task
                    && let Err(error) = self.flush_if_stale(task, now).await
                {
                    tracing::warn!(task.id = %task, %error, "the grant of task {task} is left to the sweep");
                }
                return Ok(true);
            }
            (doc, version) = self.read_call(&call.id).await?;
        }
    }

    /// One call of a business.
    pub async fn call(&self, business: &BusinessId, id: &CallId) -> Result<CallDoc> {
        let (doc, _) = self.read_call(id).await?;
        if doc.business == *business {
            Ok(doc)
        } else {
            Err(Error::NotFound(format!("call `{id}`")))
        }
    }

    /// The stored answer of a finished call.
    pub async fn answer(&self, doc: &CallDoc) -> Result<Answer> {
        match &doc.response {
            Some(payload) => Ok(Answer(payload.load(self.ports.artifacts.as_ref()).await?)),
            None => Err(Error::Internal("a finished call has no stored answer".into())),
        }
    }

    fn call_doc(
        &self,
        account: &Account,
        call: &OpenCall,
        holder: &str,
        earlier: Option<CallDoc>,
        now: Time,
    ) -> CallDoc {
        let before = earlier.as_ref();
        CallDoc {
            business: account.business.clone(),
            holder: holder.into(),
            task: call.task.clone(),
            task_type: call.task_type.clone(),
            state: CallState::Reserved,
            hold: call.hold,
            charged: before.map_or(NanoUsd::ZERO, |doc| doc.charged),
            period: Period::of(now),
            paid_tries: before.map_or(0, |doc| doc.paid_tries),
            attempts: earlier.map(|doc| doc.attempts).unwrap_or_default(),
            request_hash: call.request_hash.clone(),
            model_used: None,
            response: None,
            provider_response_id: None,
            background: None,
            price_version: self.rules.catalog.version().into(),
            overrun: false,
            fallback_used: false,
            latency_ms: 0,
            verdict: None,
            created_at: now,
            call_until: call.call_until,
            swept: None,
            sweep_at: Some(now.plus_seconds(SILENCE_SECONDS)),
            // What an earlier owner did not mirror yet is mirrored with this owner's part, once
            // this one settles.
            mirror_at: None,
            expire_at: now.plus_seconds(RETENTION_SECONDS),
        }
    }

    pub(super) async fn read_call(&self, id: &CallId) -> Result<(CallDoc, Version)> {
        let document = self.read_one(&call_key(id)).await?;
        let document = document.ok_or_else(|| Error::NotFound(format!("call `{id}`")))?;
        Ok((document.read()?, document.version))
    }

    pub(super) async fn read_grant(&self, task: &TaskId) -> Result<(GrantDoc, Version)> {
        let document = self.read_one(&grant_key(task)).await?;
        let document =
            document.ok_or_else(|| Error::NotFound(format!("the grant of task `{task}`")))?;
        Ok((document.read()?, document.version))
    }

    pub(super) async fn read_one(&self, key: &Key) -> Result<Option<Document>> {
        Ok(self.ports.documents.get_one(key).await?)
    }
}

/// Whether the sweep may soon take the call's owner for dead, by a clock that is a little ahead of
/// ours.
fn is_due(doc: &CallDoc, now: Time) -> bool {
    doc.sweep_at.is_none_or(|at| now.plus_seconds(CLOCKS_APART_SECONDS) >= at)
}

fn opened(call: &OpenCall, doc: CallDoc, version: Version) -> OpenedCall {
    OpenedCall { id: call.id.clone(), earlier: doc.attempts.len(), doc, version }
}
