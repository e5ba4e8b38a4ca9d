//! A Supabase project for tests: database, REST interface, and the secrets with its address and
//! key.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use domain::BusinessId;
use ports::{Secret, SecretError, SecretSource};
use supabase::{SupabaseSubscriptions, SupabaseUsage};
use testkit::FixedClock;

use crate::{
    cluster::Cluster,
    proxy::Proxy,
    stub::{PostgrestStub, SECRET_KEY},
};

/// The roles and functions of every Supabase project before the first migration.
const PLATFORM: &str = "
    create role anon nologin; create role authenticated nologin; create role service_role nologin bypassrls;
    grant usage on schema public to anon, authenticated, service_role;
    alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
    create schema auth;
    grant usage on schema auth to anon, authenticated, service_role;
    create function auth.jwt() returns jsonb language sql stable as
      $$ select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb $$;
";

const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");

/// A project with two businesses, `acme` on Pro and `other` on trial of Basic.
pub(crate) struct Project {
    pub(crate) cluster: Cluster,
    pub(crate) stub: PostgrestStub,
    pub(crate) proxy: Proxy,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) clock: Arc<FixedClock>,
}

impl Project {
    pub(crate) async fn start() -> Self {
        let cluster = Cluster::start();
        cluster.sql(PLATFORM);
        migrate(&cluster);
        let stub = PostgrestStub::start(&cluster).await;
        // Applied again: the migrations revoke what the stub granted at its start, and must change
        // nothing else.
        migrate(&cluster);
        cluster.sql(
            "insert into businesses (id, name) values ('acme', 'Acme'), ('other', 'Other');
             insert into subscriptions (business_id, subscription_tier, status)
               values ('acme', 'pro', 'active'), ('other', 'basic', 'trial')",
        );
        let proxy = Proxy::start(&stub.url).await;
        let secrets = Arc::new(Secrets::of([
            ("supabase_url", proxy.url.as_str()),
            ("supabase_key", SECRET_KEY),
        ]));
        let clock = Arc::new(FixedClock::at("2026-11-22T12:00:00Z"));
        Self { cluster, stub, proxy, secrets, clock }
    }

    pub(crate) fn subscriptions(&self) -> SupabaseSubscriptions {
        SupabaseSubscriptions::new(self.secrets.clone(), self.clock.clone())
    }

    pub(crate) fn usage(&self) -> SupabaseUsage {
        SupabaseUsage::new(self.secrets.clone())
    }
}

/// Applies all migrations ordered by name, as the Supabase command line does.
fn migrate(cluster: &Cluster) {
    let mut files: Vec<_> =
        std::fs::read_dir(MIGRATIONS).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        cluster.sql(&std::fs::read_to_string(file).unwrap());
    }
}

pub(crate) fn business(id: &str) -> BusinessId {
    BusinessId::new(id).unwrap()
}

/// Secrets that a test can change, with a count of their reads.
#[derive(Default)]
pub(crate) struct Secrets {
    values: Mutex<BTreeMap<String, String>>,
    reads: Mutex<Vec<String>>,
    is_down: Mutex<bool>,
}

impl Secrets {
    pub(crate) fn of<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values: Mutex::new(values), ..Self::default() }
    }

    pub(crate) fn set(&self, name: &str, value: &str) {
        self.values.lock().unwrap().insert(name.into(), value.into());
    }

    /// Sets whether the secret service is unreachable.
    pub(crate) fn set_down(&self, is_down: bool) {
        *self.is_down.lock().unwrap() = is_down;
    }

    /// The number of reads of a secret since the last call.
    pub(crate) fn reads_of(&self, name: &str) -> usize {
        let mut reads = self.reads.lock().unwrap();
        let before = reads.len();
        reads.retain(|read| read != name);
        before - reads.len()
    }
}

#[async_trait]
impl SecretSource for Secrets {
    async fn secret(&self, name: &str) -> Result<Secret, SecretError> {
        self.reads.lock().unwrap().push(name.into());
        if *self.is_down.lock().unwrap() {
            return Err(SecretError::Unavailable("the secret service is down".into()));
        }
        let found = self.values.lock().unwrap().get(name).map(Secret::new);
        found.ok_or_else(|| SecretError::NotFound(name.into()))
    }
}
