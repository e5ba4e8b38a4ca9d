//! Reads tiers from the table `subscriptions`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{BusinessId, Time, tier::Tier};
use ports::{
    Clock, Key, SecretSource, StoreError, Subscription, SubscriptionStatus, Subscriptions,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    cache::{Cache, Known},
    rest::{Failure, RequestKind, Rest},
};

/// How long a tier counts as current, in ms.
const FRESH_MS: i64 = 60_000;
/// The largest age in ms at which the last known tier is used while Supabase does not answer; after
/// that, requests are refused.
const LAST_KNOWN_MS: i64 = 600_000;
/// Pause in ms after a failure, so that waiting requests do not each wait again.
const PAUSE_MS: i64 = 1_000;
/// Timeout of each attempt; a request waits for its tier.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The most businesses in the cache; each takes about 200 bytes.
const MOST_BUSINESSES: usize = 10_000;

/// Subscriptions from the table `subscriptions` of a Supabase project.
///
/// A tier is never guessed: while Supabase is unavailable the last known tier is used for ten
/// minutes, then the business is refused with [`StoreError::Unavailable`]; an unknown tier or
/// status is [`StoreError::Invalid`] at once.
pub struct SupabaseSubscriptions {
    rest: Rest,
    clock: Arc<dyn Clock>,
    cache: Cache,
}

impl SupabaseSubscriptions {
    /// Tiers of the project that the secrets name. Nothing is read or connected yet.
    pub fn new(secrets: Arc<dyn SecretSource>, clock: Arc<dyn Clock>) -> Self {
        Self { rest: Rest::new(secrets), clock, cache: Cache::new(MOST_BUSINESSES) }
    }

    async fn ask(&self, business: &BusinessId) -> Result<Option<Subscription>, StoreError> {
        // Two rows are requested so that a second one, which the table's key forbids, is noticed.
        // The characters of an id need no escaping in a URL or for PostgREST.
        let query = format!("business_id=eq.{business}&select=subscription_tier,status&limit=2");
        let answer = self.rest.send(&RequestKind::Read, "subscriptions", &query, TIMEOUT).await;
        let text = answer.map_err(|failure| match failure {
            Failure::Refused(reason) | Failure::Unavailable(reason) => {
                StoreError::Unavailable(reason)
            }
        })?;
        let unreadable =
            |error| StoreError::Unavailable(format!("subscriptions answered no rows: {error}"));
        read(business, serde_json::from_str(&text).map_err(unreadable)?)
    }
}

#[async_trait]
impl Subscriptions for SupabaseSubscriptions {
    async fn subscription(
        &self,
        business: &BusinessId,
    ) -> Result<Option<Subscription>, StoreError> {
        let slot = self.cache.slot(business);
        // Locked during the request on purpose, so that all waiting callers share one request per
        // business.
        let mut known = slot.lock().await;
        let now = self.clock.now();
        if let Some((answer, asked_at)) = known.answer
            && is_within(now, asked_at, FRESH_MS)
        {
            return Ok(answer);
        }
        if let Some((failure, failed_at)) = &known.failure
            && is_within(now, *failed_at, PAUSE_MS)
        {
            return last_known(&known, failure.clone(), now);
        }
        match self.ask(business).await {
            Ok(answer) => {
                *known = Known { answer: Some((answer, now)), failure: None };
                Ok(answer)
            }
            Err(failure) => {
                if matches!(failure, StoreError::Invalid { .. }) {
                    // Supabase answered, so the cached tier is no longer valid.
                    known.answer = None;
                }
                known.failure = Some((failure.clone(), now));
                let held = last_known(&known, failure.clone(), now);
                if held.is_ok() {
                    tracing::warn!(budget.id = %business, error = %failure, "business {business} keeps its last known tier");
                } else {
                    tracing::error!(budget.id = %business, error = %failure, "the tier of business {business} is not known");
                }
                held
            }
        }
    }
}

/// The last known tier, if it may still be used during an outage.
fn last_known(
    known: &Known,
    failure: StoreError,
    now: Time,
) -> Result<Option<Subscription>, StoreError> {
    match known.answer {
        Some((answer, asked_at)) if is_within(now, asked_at, LAST_KNOWN_MS) => Ok(answer),
        _ => Err(failure),
    }
}

/// Whether less than `span_ms` has passed; a clock that was set back does not make anything newer.
fn is_within(now: Time, since: Time, span_ms: i64) -> bool {
    (0..span_ms).contains(&now.ms_since(since))
}

/// A row as requested; values are parsed separately, so that an unknown one can be named.
#[derive(Deserialize)]
struct Row {
    subscription_tier: Value,
    status: Value,
}

fn read(business: &BusinessId, mut rows: Vec<Row>) -> Result<Option<Subscription>, StoreError> {
    let invalid = |reason: String| {
        StoreError::invalid(
            &Key::new("subscriptions", business.as_str()),
            format!("Supabase: {reason}"),
        )
    };
    let Some(Row { subscription_tier, status }) = rows.pop() else { return Ok(None) };
    if !rows.is_empty() {
        return Err(invalid("more than one row".into()));
    }
    let unknown = |what: &str, value: &Value| {
        invalid(format!("{value} is no {what} that this version knows"))
    };
    let tier: Tier = serde_json::from_value(subscription_tier.clone())
        .map_err(|_| unknown("tier", &subscription_tier))?;
    let status: SubscriptionStatus =
        serde_json::from_value(status.clone()).map_err(|_| unknown("status", &status))?;
    Ok(Some(Subscription { tier, status }))
}
