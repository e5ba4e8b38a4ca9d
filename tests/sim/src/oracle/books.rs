//! Invariants of money, checked after every commit: no limit is exceeded, and every counter equals
//! the sum of what it counts.

use std::collections::{BTreeMap, BTreeSet};

use ports::Document;
use serde_json::Value;

use super::{Verdict, text, whole};

/// The stored money of a world, in nano-dollars.
#[derive(Default)]
pub(crate) struct Books {
    calls: BTreeMap<String, Call>,
    grants: BTreeMap<String, Grant>,
    counters: BTreeMap<String, Counter>,
    /// Charges of calls without a task, by business and period.
    direct: BTreeMap<(String, String), i64>,
}

#[derive(Clone, Debug)]
struct Call {
    business: String,
    task: Option<String>,
    state: String,
    held: i64,
    charged: i64,
    periods: [String; 2],
}

#[derive(Clone, Debug)]
struct Grant {
    business: String,
    state: String,
    reserved: i64,
    spent: i64,
    slices: Vec<Slice>,
}

#[derive(Clone, Debug)]
struct Slice {
    periods: [String; 2],
    granted: i64,
    moved: i64,
}

#[derive(Clone, Debug)]
struct Counter {
    business: String,
    period: String,
    limit: i64,
    spent: i64,
    reserved: i64,
}

impl Books {
    pub(super) fn committed(&mut self, documents: &[Document]) -> Verdict {
        let (mut tasks, mut businesses) = (BTreeSet::new(), BTreeSet::new());
        for document in documents {
            let id = &document.key.id;
            match document.key.collection.as_str() {
                "calls" => {
                    let call = self.note_call(id, document)?;
                    match call.task {
                        Some(task) => tasks.insert(task),
                        None => businesses.insert(call.business),
                    };
                }
                "grants" => {
                    let grant = Grant::of(document);
                    businesses.insert(grant.business.clone());
                    tasks.insert(id.clone());
                    self.grants.insert(id.clone(), grant);
                }
                "spend" => {
                    let counter = Counter::of(document);
                    businesses.insert(counter.business.clone());
                    self.counters.insert(id.clone(), counter);
                }
                _ => {}
            }
        }
        tasks.iter().try_for_each(|task| self.check_grant(task))?;
        businesses.iter().try_for_each(|business| self.check_business(business))
    }

    fn note_call(&mut self, id: &str, document: &Document) -> Result<Call, String> {
        let call = Call::of(document);
        let before = self.calls.insert(id.into(), call.clone());
        if let Some(before) = &before
            && before.state == "done"
            && (before.state != call.state || before.charged != call.charged)
        {
            return Err(format!("call {id} was settled and was changed: {before:?} -> {call:?}"));
        }
        let charged = call.charged - before.map_or(0, |before| before.charged);
        if call.task.is_none() && charged != 0 {
            for period in &call.periods {
                *self.direct.entry((call.business.clone(), period.clone())).or_default() += charged;
            }
        }
        Ok(call)
    }

    /// A grant's reserved and spent money equal the holds and charges of its calls.
    fn check_grant(&self, task: &str) -> Verdict {
        let calls = || self.calls.values().filter(|call| call.task.as_deref() == Some(task));
        let held: i64 = calls().map(|call| call.held).sum();
        let charged: i64 = calls().map(|call| call.charged).sum();
        match self.grants.get(task) {
            Some(grant) if (grant.reserved, grant.spent) == (held, charged) => Ok(()),
            grant => Err(format!(
                "the calls of {task} hold {held} and were charged {charged}; its grant says {grant:?}"
            )),
        }
    }

    /// A counter stays within its limit, and counts exactly its grants and direct calls.
    fn check_business(&self, business: &str) -> Verdict {
        for counter in self.counters.values().filter(|counter| counter.business == business) {
            if counter.spent + counter.reserved > counter.limit {
                return Err(format!("the limit is passed: {counter:?}"));
            }
            let of_period = |periods: &[String; 2]| periods.contains(&counter.period);
            let grants = self.grants.values().filter(|grant| grant.business == business);
            let slices: Vec<_> = grants
                .flat_map(|grant| &grant.slices)
                .filter(|it| of_period(&it.periods))
                .collect();
            let direct = self.calls.values().filter(|it| {
                it.business == business && it.task.is_none() && of_period(&it.periods)
            });
            let reserved = direct.map(|call| call.held).sum::<i64>()
                + slices.iter().map(|it| it.granted - it.moved).sum::<i64>();
            let direct = self
                .direct
                .get(&(business.into(), counter.period.clone()))
                .copied()
                .unwrap_or_default();
            let spent = direct + slices.iter().map(|slice| slice.moved).sum::<i64>();
            if (counter.spent, counter.reserved) != (spent, reserved) {
                return Err(format!(
                    "grants and direct calls make {spent} spent and {reserved} reserved of {counter:?}"
                ));
            }
        }
        Ok(())
    }

    /// Money that is still held although the world is at rest.
    pub(crate) fn loose_ends(&self) -> Option<String> {
        let call = self
            .calls
            .iter()
            .find(|(_, call)| call.state == "reserved")
            .map(|(id, call)| format!("call {id}: {call:?}"));
        let is_open = |grant: &Grant| {
            grant.slices.iter().any(|it| it.granted != it.moved) || grant.reserved != 0
        };
        let grant = || {
            self.grants
                .iter()
                .find(|(_, it)| is_open(it))
                .map(|(id, it)| format!("grant {id}: {it:?}"))
        };
        let counter = || {
            self.counters.values().find(|it| it.reserved != 0).map(|it| format!("counter {it:?}"))
        };
        call.or_else(grant).or_else(counter)
    }

    /// The grants that are not closed, by task.
    pub(crate) fn open_grants(&self) -> impl Iterator<Item = &String> {
        self.grants.iter().filter(|(_, grant)| grant.state != "closed").map(|(task, _)| task)
    }

    /// The charges of all calls.
    pub(crate) fn charged(&self) -> i64 {
        self.calls.values().map(|call| call.charged).sum()
    }
}

impl Call {
    fn of(document: &Document) -> Self {
        Self {
            business: text(document, "business").into(),
            task: document.body.get("task").and_then(Value::as_str).map(Into::into),
            state: text(document, "state").into(),
            held: whole(document, "hold"),
            charged: whole(document, "charged"),
            periods: [text(document, "day").into(), text(document, "month").into()],
        }
    }
}

impl Grant {
    fn of(document: &Document) -> Self {
        let slices = document.body.get("slices").and_then(Value::as_array).into_iter().flatten();
        let slice = |slice: &Value| Slice {
            periods: ["day", "month"]
                .map(|period| slice[period].as_str().unwrap_or_default().into()),
            granted: slice["granted"].as_i64().unwrap_or_default(),
            moved: slice["moved"].as_i64().unwrap_or_default(),
        };
        Self {
            business: text(document, "business").into(),
            state: text(document, "state").into(),
            reserved: whole(document, "reserved"),
            spent: whole(document, "spent"),
            slices: slices.map(slice).collect(),
        }
    }
}

impl Counter {
    fn of(document: &Document) -> Self {
        Self {
            business: text(document, "business").into(),
            period: text(document, "period").into(),
            limit: whole(document, "limit"),
            spent: whole(document, "spent"),
            reserved: whole(document, "reserved"),
        }
    }
}
