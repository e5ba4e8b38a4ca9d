//! Who may start work: subscription, status, emergency stopes.

use async_trait::async_trait;
use domain::{
    BusinessId,
    budget::{Refusal, RefusalCode},
    tier::{Terms, Tier},
};
use ports::{
    Documents, Precondition, StoreError, Subscription, SubscriptionStatus, Subscriptions, Write,
};
use std::sync::Arc;

use super::Ledger;
use crate::{
    documents::{ControlDoc, SpendDoc, SubscriptionDoc, control_key, spend_key, subscription_key},
    error::Result,
    retry::Retry,
};
use domain::budget::Period;

/// A business that may start work.
#[derive(Clone, PartialEq, Debug)]
pub struct Account {
    /// The business.
    pub business: BusinessId,
    /// The tier of its subscription.
    pub tier: Tier,
    /// The terms of the tier.
    pub terms: Terms,
}

/// Subscriptions kept in the document store.
pub struct StoredSubscriptions(pub Arc<dyn Documents>);

#[async_trait]
impl Subscriptions for StoredSubscriptions {
    async fn subscription(
        &self,
        business: &BusinessId,
    ) -> std::result::Result<Option<Subscription>, StoreError> {
        let found = self.0.get_one(&subscription_key(business)).await?;
        let Some(document) = found else { return Ok(None) };
        let SubscriptionDoc { tier, status } = document.read()?;
        Ok(Some(Subscription { tier, status }))
    }
}

impl Ledger {
    /// The business's subscription, whatever its status.
    pub async fn subscription(&self, business: &BusinessId) -> Result<Subscription> {
        let found = self.ports.subscriptions.subscription(business).await?;
        found.ok_or_else(|| {
            let detail = format!(
                "business `{business}` has no subscription: an admin sets one with PUT /v1/subscriptions/{business}"
            );
            Refusal::new(RefusalCode::SubscriptionNotFound, detail).into()
        })
    }

    /// The business's account, for questions that start no work.
    pub async fn terms(&self, business: &BusinessId) -> Result<Account> {
        let subscription = self.subscription(business).await?;
        let terms = *self.rules.tiers.terms(subscription.tier);
        Ok(Account { business: business.clone(), tier: subscription.tier, terms })
    }

    /// The business's account, or why it may not start work now.
    pub async fn admit(&self, business: &BusinessId) -> Result<Account> {
        let subscription = self.subscription(business).await?;
        if subscription.status == SubscriptionStatus::Suspended {
            let detail = "the subscription is suspended: no new work until it is active again";
            return Err(Refusal::new(RefusalCode::SubscriptionInactive, detail).into());
        }
        self.check_controls(business).await?;
        let terms = *self.rules.tiers.terms(subscription.tier);
        Ok(Account { business: business.clone(), tier: subscription.tier, terms })
    }

    /// Refuses while an emergency stop is on.
    pub(super) async fn check_controls(&self, business: &BusinessId) -> Result<()> {
        let keys = [control_key(None), control_key(Some(business))];
        for document in self.ports.documents.get(&keys).await?.into_iter().flatten() {
            let control: ControlDoc = document.read()?;
            if control.stopped {
                let detail =
                    format!("an emergency stop is on since {}: {}", control.at, control.reason);
                return Err(Refusal::new(RefusalCode::EmergencyShutdown, detail).into());
            }
        }
        Ok(())
    }

    /// Turns an emergency stop on or off; `None` is the stop for all businesses.
    pub async fn set_control(
        &self,
        business: Option<&BusinessId>,
        stopped: bool,
        reason: &str,
    ) -> Result<()> {
        let key = control_key(business);
        let control = ControlDoc { stopped, reason: reason.into(), at: self.ports.clock.now() };
        let mut retry = Retry::default();
        loop {
            let seen = self.ports.documents.get_one(&key).await?;
            let write = Write::put(key.clone(), seen.map(|document| document.version), &control)?;
            match self.ports.documents.commit(vec![write]).await {
                Ok(_) => return Ok(()),
                Err(error) => retry.after(error).await?,
            }
        }
    }

    /// Sets a subscription, and the limits of the current budget periods. A period without a
    /// document gets one; otherwise a request admitted under the old tier could still start it with
    /// the old limit.
    pub async fn set_subscription(
        &self,
        business: &BusinessId,
        subscription: Subscription,
    ) -> Result<()> {
        let terms = *self.rules.tiers.terms(subscription.tier);
        let period = Period::of(self.ports.clock.now());
        let stored = SubscriptionDoc { tier: subscription.tier, status: subscription.status };
        let keys = [
            subscription_key(business),
            spend_key(business, &period.day),
            spend_key(business, &period.month),
        ];
        let mut retry = Retry::default();
        loop {
            let found = self.ports.documents.get(&keys).await?;
            let version = |index: usize| found[index].as_ref().map(|document| document.version);
            let mut writes = vec![Write::put(keys[0].clone(), version(0), &stored)?];
            let limits =
                [(1, &period.day, terms.daily_limit), (2, &period.month, terms.monthly_limit)];
            for (index, name, limit) in limits {
                let key = keys[index].clone();
                writes.push(match version(index) {
                    Some(seen) => {
                        Write::merge(key, Precondition::Version(seen)).set("limit", limit.0)
                    }
                    None => Write::create(key, &SpendDoc::new(business, name, limit))?,
                });
            }
            match self.ports.documents.commit(writes).await {
                Ok(_) => return Ok(()),
                Err(error) => retry.after(error).await?,
            }
        }
    }
}
