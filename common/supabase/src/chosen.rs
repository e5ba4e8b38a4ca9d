//! Selects the source of tiers: Supabase if the deployment has a project, otherwise the document
//! store.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::{BusinessId, Time};
use ports::{Clock, SecretSource, StoreError, Subscription, Subscriptions};

use crate::{SupabaseSubscriptions, project::address, rest::Failure};

/// How long the absence of a project is cached, in ms. A project that was seen once is cached for
/// good, so that a running process never falls back to tiers that are not maintained.
const NO_PROJECT_MS: i64 = 300_000;

#[derive(Clone, Copy)]
enum Choice {
    NotKnown,
    Supabase,
    Stored { since: Time },
}

/// Tiers from Supabase if the secret `supabase_url` is set, otherwise from the document store.
///
/// While the secrets cannot be read the source is unknown, and every business is refused with
/// [`StoreError::Unavailable`].
pub struct Chosen {
    stored: Arc<dyn Subscriptions>,
    supabase: SupabaseSubscriptions,
    secrets: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    choice: Mutex<Choice>,
}

impl Chosen {
    /// Reads the secrets at the first lookup; `stored` serves a deployment without a project.
    pub fn new(
        stored: Arc<dyn Subscriptions>,
        secrets: Arc<dyn SecretSource>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let supabase = SupabaseSubscriptions::new(secrets.clone(), clock.clone());
        Self { stored, supabase, secrets, clock, choice: Mutex::new(Choice::NotKnown) }
    }

    async fn in_supabase(&self) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let known = *self.choice.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            Choice::Supabase => return Ok(true),
            Choice::Stored { since } if (0..NO_PROJECT_MS).contains(&now.ms_since(since)) => {
                return Ok(false);
            }
            Choice::NotKnown | Choice::Stored { .. } => {}
        }
        let found = address(self.secrets.as_ref()).await.map_err(|failure| match failure {
            Failure::Refused(reason) | Failure::Unavailable(reason) => {
                StoreError::Unavailable(reason)
            }
        })?;
        let choice = if found.is_some() { Choice::Supabase } else { Choice::Stored { since: now } };
        *self.choice.lock().unwrap_or_else(PoisonError::into_inner) = choice;
        Ok(found.is_some())
    }
}

#[async_trait]
impl Subscriptions for Chosen {
    async fn subscription(
        &self,
        business: &BusinessId,
    ) -> Result<Option<Subscription>, StoreError> {
        if self.in_supabase().await? {
            self.supabase.subscription(business).await
        } else {
            self.stored.subscription(business).await
        }
    }
}
