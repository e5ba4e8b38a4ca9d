//! The life of one call: opened with a hold, covered before each attempt, settled once.

use std::time::Duration;

use domain::{
    BusinessId, CallId, NanoUsd, TaskId, Time,
    budget::{CallState, GrantShort, Movement, Period, Refusal, RefusalCode, Repeat, on_repeat},
};
use futures::StreamExt as _;
use ports::{Document, Key, Precondition, Query, StoreError, Version, Write};

use super::{Account, Ledger, counters::Counters};
use crate::{
    documents::{AttemptDoc, CallDoc, GrantDoc, Payload, RETENTION_SECONDS, call_key, grant_key},
    error::{Error, Result},
    retry::Retry,
};

/// The sweep ends a call whose owner was silent for this long: it is dead, and what it sent may be billed.
const SILENCE_SECONDS: i64 = 60;
/// How often an owner shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a request to end a call is kept.
const CANCEL_KEPT_SECONDS: i64 = 3600;
/// The least a task's grant is topped up by, so that a task near its end does not top up before every call.
const LEAST_TOP_UP: NanoUsd = NanoUsd(20_000_000);

/// A call to be opened.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenCall {
    /// Its id.
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
}

/// A stored answer, as JSON text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer(pub String);

/// A call that this request owns.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenedCall {
    /// Its id.
    pub id: CallId,
    doc: CallDoc,
    version: Version,
    /// Attempts of earlier owners; their cost is not part of this hold.
    earlier: usize,
}

/// What opening a call found.
#[derive(Clone, PartialEq, Debug)]
pub enum Opened {
    /// It is this request's to make.
    New(Box<OpenedCall>),
    /// It was made; nothing is paid.
    Stored(Answer),
    /// Somebody else makes it.
    Running,
}

/// How a call ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Settlement {
    /// Anything but reserved.
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

    /// What is held.
    pub fn hold(&self) -> NanoUsd {
        self.doc.hold
    }
}

impl Ledger {
    /// Opens a call: holds its bound and makes this request its owner, or finds that it was made before.
    pub async fn open_call(&self, account: &Account, call: &OpenCall) -> Result<Opened> {
        let holder = self.ports.ids.next();
        let key = call_key(&call.id);
        let mut retry = Retry::default();
        let _turn = self.turn(&account.business).await;
        loop {
            let now = self.ports.clock.now();
            let seen = self.read_one(&key).await?;
            let earlier = match &seen {
                None => None,
                Some(document) => {
                    let doc: CallDoc = document.read()?;
                    if doc.holder == holder && doc.state == CallState::Reserved {
                        // The commit took effect although its answer was lost.
                        return Ok(Opened::New(Box::new(opened(call, doc, document.version))));
                    }
                    match on_repeat(doc.state, doc.request_hash == call.request_hash, doc.paid_tries) {
                        Repeat::Mismatch => return Err(Error::KeyReused),
                        Repeat::Stored => return self.answer(&doc).await.map(Opened::Stored),
                        Repeat::Wait => return Ok(Opened::Running),
                        Repeat::Exhausted => return Err(Error::Exhausted),
                        Repeat::Again => Some(doc),
                    }
                }
            };
            let doc = self.call_doc(account, call, &holder, earlier, now);
            let money = self.hold_writes(account, &doc, call.hold, &format!("{holder}-0"), now).await;
            let (mut writes, notices) = match money {
                Ok(money) => money,
                Err(error) => return Err(self.note_refusal(account, error, now).await),
            };
            writes.push(Write::put(key.clone(), seen.map(|document| document.version), &doc)?);
            match self.ports.documents.commit(writes).await {
                Ok(versions) => {
                    self.deliver_soon(notices);
                    let version = versions.last().copied().unwrap_or(Version(0));
                    return Ok(Opened::New(Box::new(opened(call, doc, version))));
                }
                Err(error) => retry.after(error).await?,
            }
        }
    }

    /// Makes sure that the hold carries what this owner's attempts were charged plus the next attempt's bound.
    pub async fn cover(
        &self,
        account: &Account,
        call: &mut OpenedCall,
        charged: NanoUsd,
        bound: NanoUsd,
    ) -> Result<()> {
        let needed = charged + bound;
        if needed <= call.doc.hold {
            return Ok(());
        }
        let missing = needed - call.doc.hold;
        let key = call_key(&call.id);
        let mut retry = Retry::default();
        let _turn = self.turn(&account.business).await;
        loop {
            let now = self.ports.clock.now();
            let covered = CallDoc { hold: needed, ..call.doc.clone() };
            let top_up = format!("{}-{}", call.doc.holder, needed.0);
            let (mut writes, notices) = match self.hold_writes(account, &call.doc, missing, &top_up, now).await {
                Ok(money) => money,
                Err(error) => return Err(self.note_refusal(account, error, now).await),
            };
            writes.push(Write::replace(key.clone(), call.version, &covered)?);
            match self.ports.documents.commit(writes).await {
                Ok(versions) => {
                    self.deliver_soon(notices);
                    call.version = versions.last().copied().unwrap_or(call.version);
                    call.doc = covered;
                    return Ok(());
                }
                Err(error) => retry.after(error).await?,
            }
            let (doc, version) = self.read_call(&call.id).await?;
            if doc.holder != call.doc.holder || doc.state != CallState::Reserved {
                return Err(Error::WrongState("the call was ended by the sweep".into()));
            }
            (call.doc, call.version) = (doc, version);
            if call.doc.hold >= needed {
                return Ok(());
            }
        }
    }

    /// Ends a call: stores the answer, books its cost, releases exactly its hold, all in one commit.
    ///
    /// A call that the sweep charged meanwhile is corrected to what it really cost. Returns whether this settlement, or
    /// an earlier copy of it, is what the store holds.
    pub async fn settle(&self, account: &Account, call: &OpenedCall, settlement: &Settlement) -> Result<bool> {
        let response = match &settlement.answer {
            Some(text) => Some(Payload::store(self.ports.artifacts.as_ref(), text.clone()).await?),
            None => None,
        };
        let (mut doc, mut version) = (call.doc.clone(), call.version);
        let mut retry = Retry::default();
        let turn = self.turn(&account.business).await;
        loop {
            let now = self.ports.clock.now();
            let swept = doc.state == CallState::Unknown && doc.swept.is_some();
            if doc.holder != call.doc.holder || !(doc.state == CallState::Reserved || swept) {
                // Settled by an earlier try of this very settlement, or taken over after the sweep charged it.
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
                overrun: doc.overrun || cost > call.doc.hold,
                fallback_used: settlement.fallback_used,
                latency_ms: settlement.latency_ms,
                swept: None,
                sweep_at: None,
                ..doc.clone()
            };
            let (mut writes, notices) = self.release_writes(account, &doc, hold, spent, now).await?;
            writes.push(Write::replace(call_key(&call.id), version, &settled)?);
            match self.ports.documents.commit(writes).await {
                Ok(_) => {
                    drop(turn);
                    if settled.overrun {
                        tracing::error!(call.id = %call.id, cost.nano_usd = cost.0, "a call cost more than its hold");
                    }
                    self.deliver_soon(notices);
                    if let Some(task) = &doc.task
                        && let Err(error) = self.flush_if_stale(task, now).await
                    {
                        tracing::warn!(task.id = %task, %error, "the grant of task {task} is left to the sweep");
                    }
                    return Ok(true);
                }
                Err(error) => retry.after(error).await?,
            }
            (doc, version) = self.read_call(&call.id).await?;
        }
    }

    /// Waits until a call that somebody else makes has ended, or `timeout` has passed; `None` then.
    pub async fn wait(&self, id: &CallId, timeout: Duration) -> Result<Option<CallState>> {
        let mut changes = self.ports.documents.watch(Query::document(&call_key(id)));
        let ended = async {
            while let Some(batch) = changes.next().await {
                for document in batch? {
                    let doc: CallDoc = document.read()?;
                    if doc.state != CallState::Reserved {
                        return Ok(Some(doc.state));
                    }
                }
            }
            Ok(None)
        };
        tokio::time::timeout(timeout, ended).await.unwrap_or(Ok(None))
    }

    /// Asks the owner of a running call to end it. One that is over is left alone.
    pub async fn request_cancel(&self, id: &CallId) -> Result<()> {
        let mut retry = Retry::default();
        loop {
            let Some(document) = self.read_one(&call_key(id)).await? else { return Ok(()) };
            let doc: CallDoc = document.read()?;
            if doc.state != CallState::Reserved {
                return Ok(());
            }
            let now = self.ports.clock.now();
            let asked = CancelDoc { at: now, expire_at: now.plus_seconds(CANCEL_KEPT_SECONDS) };
            let write = Write::create(cancel_key(id, &doc.holder), &asked)?;
            match self.ports.documents.commit(vec![write]).await {
                Ok(_) | Err(StoreError::Conflict(_)) => return Ok(()),
                Err(error) => retry.after(error).await?,
            }
        }
    }

    /// Completes when somebody asks this owner's call to end.
    pub async fn cancel_requested(&self, call: &CallId, holder: &str) {
        let mut changes = self.ports.documents.watch(Query::document(&cancel_key(call, holder)));
        while let Some(batch) = changes.next().await {
            match batch {
                Ok(documents) if !documents.is_empty() => return,
                Ok(_) => {}
                // Without news the call ends at its deadline at the latest.
                Err(error) => {
                    tracing::warn!(call.id = %call, %error, "call {call} cannot be watched for a cancel");
                    break;
                }
            }
        }
        std::future::pending::<()>().await;
    }

    /// Shows, as long as it is polled, that the owner of a call is alive: the sweep ends a call whose owner fell silent.
    pub async fn keep_alive(&self, call: &CallId, holder: &str) {
        loop {
            tokio::time::sleep(KEEP_ALIVE).await;
            if let Err(error) = self.show_alive(call, holder).await {
                tracing::warn!(call.id = %call, %error, "call {call} missed a sign of life");
            }
        }
    }

    async fn show_alive(&self, id: &CallId, holder: &str) -> Result<()> {
        let (doc, version) = self.read_call(id).await?;
        if doc.state == CallState::Reserved && doc.holder == holder {
            let sweep_at = self.ports.clock.now().plus_seconds(SILENCE_SECONDS);
            let write =
                Write::merge(call_key(id), Precondition::Version(version)).set("sweep_at", sweep_at.to_string());
            match self.ports.documents.commit(vec![write]).await {
                // The owner's own commit came first: that, too, is a sign of life.
                Ok(_) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// One call of a business.
    pub async fn call(&self, business: &BusinessId, id: &CallId) -> Result<CallDoc> {
        let (doc, _) = self.read_call(id).await?;
        if doc.business == *business { Ok(doc) } else { Err(Error::NotFound(format!("call `{id}`"))) }
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
            price_version: self.rules.catalog.version().into(),
            overrun: false,
            fallback_used: false,
            latency_ms: 0,
            created_at: now,
            call_until: call.call_until,
            swept: None,
            sweep_at: Some(now.plus_seconds(SILENCE_SECONDS)),
            expire_at: now.plus_seconds(RETENTION_SECONDS),
        }
    }

    /// The writes that hold `amount` for a call, in its task's grant or in the business's counters.
    async fn hold_writes(
        &self,
        account: &Account,
        doc: &CallDoc,
        amount: NanoUsd,
        top_up: &str,
        now: Time,
    ) -> Result<(Vec<Write>, Vec<Key>)> {
        let documents = self.ports.documents.as_ref();
        let Some(task) = &doc.task else {
            let period = &doc.period;
            let mut counters = Counters::read(documents, &account.business, &[period], &account.terms).await?;
            counters.reserve(period, amount, account.tier, now).map_err(Error::Refused)?;
            return Ok(counters.writes(now)?);
        };
        let (stored, version) = self.read_grant(task).await?;
        if stored.business != account.business {
            return Err(Error::NotFound(format!("the grant of task `{task}`")));
        }
        check_task_limit(&stored, amount)?;
        match stored.grant.clone().hold(amount) {
            Ok(grant) => {
                let write = Write::replace(grant_key(task), version, &GrantDoc { grant, ..stored })?;
                Ok((vec![write], Vec::new()))
            }
            Err(GrantShort::NotOpen) => Err(Error::WrongState("the task is over: no new calls".into())),
            Err(GrantShort::Missing(missing)) => {
                let period = Period::of(now);
                let mut counters = Counters::read(documents, &account.business, &[&period], &account.terms).await?;
                // A little more than is missing where the budget carries it, so that the next call need not top up.
                let generous = missing.max(LEAST_TOP_UP);
                let granted = if counters.reserve(&period, generous, account.tier, now).is_ok() {
                    generous
                } else {
                    counters.reserve(&period, missing, account.tier, now).map_err(Error::Refused)?;
                    missing
                };
                let topped = stored.grant.clone().top_up(&period, top_up, granted);
                let topped = topped.and_then(|grant| grant.hold(amount).ok()).ok_or(Error::Contended)?;
                let (mut writes, notices) = counters.writes(now)?;
                writes.push(Write::replace(grant_key(task), version, &GrantDoc { grant: topped, ..stored })?);
                Ok((writes, notices))
            }
        }
    }

    /// The writes that end a call's hold: `spent` may be negative when a sweep charged more than was due.
    pub(super) async fn release_writes(
        &self,
        account: &Account,
        doc: &CallDoc,
        hold: NanoUsd,
        spent: NanoUsd,
        now: Time,
    ) -> Result<(Vec<Write>, Vec<Key>)> {
        if let Some(task) = &doc.task {
            let (stored, version) = self.read_grant(task).await?;
            let grant = stored.grant.clone().settle(hold, spent);
            let sweep_at = Some(now);
            let changed = GrantDoc { grant, sweep_at, ..stored };
            return Ok((vec![Write::replace(grant_key(task), version, &changed)?], Vec::new()));
        }
        let documents = self.ports.documents.as_ref();
        let mut counters = Counters::read(documents, &account.business, &[&doc.period], &account.terms).await?;
        counters.book(&Movement { period: doc.period.clone(), spent, released: hold });
        Ok(counters.writes(now)?)
    }

    /// Records that a period refused work, so that its warning is given once; the refusal stands in any case.
    pub(super) async fn note_refusal(&self, account: &Account, error: Error, now: Time) -> Error {
        let Error::Refused(refusal) = &error else { return error };
        if refusal.code.is_budget()
            && let Err(failed) = self.mark_exhausted(account, refusal.code, now).await
        {
            tracing::warn!(error = %failed, budget.id = %account.business, "a refusal could not be recorded");
        }
        error
    }

    async fn mark_exhausted(&self, account: &Account, code: RefusalCode, now: Time) -> Result<()> {
        let documents = self.ports.documents.as_ref();
        let period = Period::of(now);
        let mut counters = Counters::read(documents, &account.business, &[&period], &account.terms).await?;
        counters.exhaust(&period, code);
        let (writes, notices) = counters.writes(now)?;
        if !writes.is_empty() {
            match documents.commit(writes).await {
                Ok(_) => self.deliver_soon(notices),
                // Somebody else's commit: the next refusal records it.
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub(super) async fn read_call(&self, id: &CallId) -> Result<(CallDoc, Version)> {
        let document = self.read_one(&call_key(id)).await?;
        let document = document.ok_or_else(|| Error::NotFound(format!("call `{id}`")))?;
        Ok((document.read()?, document.version))
    }

    pub(super) async fn read_grant(&self, task: &TaskId) -> Result<(GrantDoc, Version)> {
        let document = self.read_one(&grant_key(task)).await?;
        let document = document.ok_or_else(|| Error::NotFound(format!("the grant of task `{task}`")))?;
        Ok((document.read()?, document.version))
    }

    pub(super) async fn read_one(&self, key: &Key) -> Result<Option<Document>> {
        Ok(self.ports.documents.get(std::slice::from_ref(key)).await?.pop().flatten())
    }
}

#[derive(serde::Serialize)]
struct CancelDoc {
    at: Time,
    expire_at: Time,
}

/// `cancels/{call}_{holder}`: a document of its own, so that asking for an end never races the owner's money commits,
/// and never ends a later owner's call.
fn cancel_key(id: &CallId, holder: &str) -> Key {
    Key::new("cancels", format!("{id}_{holder}"))
}

fn opened(call: &OpenCall, doc: CallDoc, version: Version) -> OpenedCall {
    OpenedCall { id: call.id.clone(), earlier: doc.attempts.len(), doc, version }
}

fn check_task_limit(stored: &GrantDoc, amount: NanoUsd) -> Result<()> {
    let committed = stored.grant.spent + stored.grant.reserved;
    match stored.max_cost {
        Some(limit) if committed + amount > limit => {
            let detail = format!("the task's max_cost_usd of ${limit} does not carry another ${amount}");
            Err(Refusal {
                limit: Some(limit),
                spent: Some(stored.grant.spent),
                reserved: Some(stored.grant.reserved),
                estimated: Some(amount),
                remaining: Some((limit - committed).or_zero()),
                ..Refusal::new(RefusalCode::TaskBudgetExceeded, detail)
            }
            .into())
        }
        _ => Ok(()),
    }
}
