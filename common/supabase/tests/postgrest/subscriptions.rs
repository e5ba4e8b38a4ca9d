//! Tests of the subscriptions.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{BusinessId, tier::Tier};
use futures::future::join_all;
use ports::{StoreError, Subscription, SubscriptionStatus, Subscriptions};
use supabase::Chosen;

use crate::{
    project::{Project, Secrets, business},
    proxy::ProxyMode,
    stub::SECRET_KEY,
};

const PRO: Subscription = Subscription { tier: Tier::Pro, status: SubscriptionStatus::Active };
const BASIC: Subscription = Subscription { tier: Tier::Basic, status: SubscriptionStatus::Trial };

fn unavailable(found: &Result<Option<Subscription>, StoreError>) -> bool {
    matches!(found, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn a_business_without_a_row_has_no_subscription() {
    let project = Project::start().await;
    project.cluster.sql(
        "insert into businesses (id, name) values ('late.payer-1', 'Late'), ('big', 'Big');
         insert into subscriptions (business_id, subscription_tier, status)
           values ('late.payer-1', 'basic', 'suspended'), ('big', 'enterprise', 'active')",
    );
    let subscriptions = project.subscriptions();
    assert_eq!(project.secrets.reads_of("supabase_url"), 0, "read at first use");
    let check = async |id: &str, expect: Option<Subscription>| {
        assert_eq!(subscriptions.subscription(&business(id)).await, Ok(expect), "{id}");
    };
    check("acme", Some(PRO)).await;
    check("other", Some(BASIC)).await;
    let suspended = SubscriptionStatus::Suspended;
    check("late.payer-1", Some(Subscription { tier: Tier::Basic, status: suspended })).await;
    check("big", Some(Subscription { tier: Tier::Enterprise, status: SubscriptionStatus::Active }))
        .await;
    check("nobody", None).await;
}

#[tokio::test]
async fn an_unknown_tier_or_status_is_refused() {
    let project = Project::start().await;
    project.cluster.sql(
        "alter table subscriptions drop constraint subscriptions_tier_known, drop constraint subscriptions_status_known",
    );
    let subscriptions = project.subscriptions();
    assert_eq!(subscriptions.subscription(&business("acme")).await, Ok(Some(PRO)));
    for (column, value) in
        [("subscription_tier", "platinum"), ("subscription_tier", "Pro"), ("status", "past_due")]
    {
        project.cluster.sql(&format!(
            "update subscriptions set {column} = '{value}' where business_id = 'acme'"
        ));
        project.clock.advance_seconds(61);
        // Even within ten minutes of a valid answer: this is not an outage, because the row has
        // changed.
        for _ in 0..2 {
            let found = subscriptions.subscription(&business("acme")).await;
            let Err(StoreError::Invalid { key, reason }) = &found else {
                panic!("{value}: {found:?}")
            };
            assert!(key.id == "acme" && reason.contains(value), "{key}: {reason}");
        }
        project
            .cluster
            .sql("update subscriptions set subscription_tier = 'pro', status = 'active'");
    }
    project.clock.advance_seconds(61);
    assert_eq!(subscriptions.subscription(&business("acme")).await, Ok(Some(PRO)));
}

#[tokio::test]
async fn each_business_is_looked_up_once_a_minute() {
    let project = Project::start().await;
    let subscriptions = project.subscriptions();
    let acme = business("acme");
    let found = join_all((0..20).map(|_| subscriptions.subscription(&acme))).await;
    assert!(found.iter().all(|found| *found == Ok(Some(PRO))), "{found:?}");
    assert_eq!(project.proxy.count(), 1, "those who waited share one answer");
    assert_eq!(project.secrets.reads_of("supabase_key"), 1);
    project.cluster.sql("update subscriptions set subscription_tier = 'enterprise'");
    project.clock.advance_seconds(59);
    assert_eq!(subscriptions.subscription(&acme).await, Ok(Some(PRO)));
    assert_eq!(project.proxy.count(), 0, "known for a minute");
    project.clock.advance_seconds(1);
    assert_eq!(subscriptions.subscription(&acme).await.unwrap().unwrap().tier, Tier::Enterprise);
    subscriptions.subscription(&business("other")).await.unwrap();
    assert_eq!(project.proxy.count(), 2);
}

#[tokio::test]
async fn an_outage_uses_the_last_tier_ten_minutes() {
    let project = Project::start().await;
    let acme = business("acme");
    let roads = [
        ProxyMode::Answered(503, "down".into()),
        ProxyMode::Answered(500, "{}".into()),
        ProxyMode::Cut,
    ];
    for mode in roads
        .into_iter()
        .chain([ProxyMode::Answered(429, "{}".into()), ProxyMode::Answered(200, "<html>".into())])
    {
        project.proxy.set(ProxyMode::Open);
        let subscriptions = project.subscriptions();
        assert_eq!(subscriptions.subscription(&acme).await, Ok(Some(PRO)));
        project.proxy.set(mode.clone());
        project.clock.advance_seconds(60);
        assert_eq!(subscriptions.subscription(&acme).await, Ok(Some(PRO)), "{mode:?}");
        assert!(
            unavailable(&subscriptions.subscription(&business("other")).await),
            "never seen: {mode:?}"
        );
        project.clock.advance_seconds(539);
        assert_eq!(subscriptions.subscription(&acme).await, Ok(Some(PRO)), "{mode:?} after 599 s");
        project.clock.advance_seconds(1);
        assert!(unavailable(&subscriptions.subscription(&acme).await), "{mode:?} after 600 s");
        project.proxy.set(ProxyMode::Open);
        project.clock.advance_seconds(1);
        assert_eq!(subscriptions.subscription(&acme).await, Ok(Some(PRO)), "back: {mode:?}");
    }
}

#[tokio::test]
async fn waiting_callers_share_one_failure() {
    let project = Project::start().await;
    let subscriptions = project.subscriptions();
    project.proxy.set(ProxyMode::Answered(500, String::new()));
    let acme = business("acme");
    let found = join_all((0..20).map(|_| subscriptions.subscription(&acme))).await;
    assert!(found.iter().all(unavailable), "{found:?}");
    assert_eq!(project.proxy.count(), 1);
    project.proxy.set(ProxyMode::Answered(503, String::new()));
    project.clock.advance_seconds(1);
    assert!(unavailable(&subscriptions.subscription(&acme).await));
    assert_eq!(project.proxy.count(), 2, "what may pass at once is tried a second time");
}

#[tokio::test]
async fn a_refused_key_is_read_again_once() {
    let project = Project::start().await;
    project.secrets.set("supabase_key", "sb_secret_wrong");
    let subscriptions = project.subscriptions();
    let found = subscriptions.subscription(&business("acme")).await;
    let Err(StoreError::Unavailable(reason)) = &found else { panic!("{found:?}") };
    assert!(reason.contains("401") && !reason.contains("sb_secret_wrong"), "{reason}");
    assert_eq!(
        (project.secrets.reads_of("supabase_key"), project.proxy.count()),
        (2, 1),
        "the same key is not sent again"
    );

    project.secrets.set("supabase_key", SECRET_KEY);
    project.clock.advance_seconds(1);
    assert_eq!(subscriptions.subscription(&business("acme")).await, Ok(Some(PRO)));
    assert_eq!(
        (project.secrets.reads_of("supabase_key"), project.proxy.count()),
        (1, 2),
        "read again, sent again"
    );

    project.secrets.set("supabase_key", "sb_secret_wrong_again");
    project.clock.advance_seconds(60);
    assert_eq!(subscriptions.subscription(&business("acme")).await, Ok(Some(PRO)));
    assert_eq!(project.secrets.reads_of("supabase_key"), 0, "a key that works is not read again");
}

/// The subscriptions in the document store.
struct Stored;

#[async_trait]
impl Subscriptions for Stored {
    async fn subscription(&self, _: &BusinessId) -> Result<Option<Subscription>, StoreError> {
        Ok(Some(BASIC))
    }
}

#[tokio::test]
async fn tiers_come_from_the_configured_source() {
    let project = Project::start().await;
    let (acme, secrets) = (business("acme"), Arc::new(Secrets::default()));
    let chosen = Chosen::new(Arc::new(Stored), secrets.clone(), project.clock.clone());
    secrets.set_down(true);
    assert!(unavailable(&chosen.subscription(&acme).await), "nobody can tell");
    secrets.set_down(false);
    for _ in 0..5 {
        assert_eq!(chosen.subscription(&acme).await, Ok(Some(BASIC)));
    }
    assert_eq!(secrets.reads_of("supabase_url"), 2, "remembered");
    secrets.set("supabase_url", " ");
    project.clock.advance_seconds(300);
    assert_eq!(chosen.subscription(&acme).await, Ok(Some(BASIC)), "blank is not set");

    secrets.set("supabase_url", &project.proxy.url);
    secrets.set("supabase_key", SECRET_KEY);
    project.clock.advance_seconds(300);
    assert_eq!(chosen.subscription(&acme).await, Ok(Some(PRO)));
    secrets.set_down(true);
    project.clock.advance_seconds(100_000);
    assert_eq!(
        chosen.subscription(&acme).await,
        Ok(Some(PRO)),
        "a project once seen is not forgotten"
    );
}
