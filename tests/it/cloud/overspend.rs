//! The seven ways to overspend against three instances of the gateway, which share state only
//! through Firestore.

use domain::tier::Tier;
use ledger::documents::{SubscriptionDoc, subscription_key};
use ports::{Clock as _, SubscriptionStatus, Write};
use service::WallClock;

use super::Deployment;
use crate::{
    app::business,
    overspend::{BUSINESS, World, catalog, catalogue, every_way},
    upstream::{Behaviour, Upstream},
};

async fn on_firestore(behaviour: Behaviour) -> World {
    let upstream = Upstream::serve(catalog(), behaviour).await;
    let home = tempfile::tempdir().unwrap();
    let models = home.path().join("models.toml");
    std::fs::write(&models, catalogue()).unwrap();
    let (openai, gemini) = (format!("{}/v1", upstream.url), format!("{}/v1beta", upstream.url));
    let deployment = Deployment::prepare(&[
        ("route-execute", "OPENAI_BASE_URL", &openai),
        ("route-execute", "OPENAI_API", "responses"),
        ("route-execute", "GEMINI_BASE_URL", &gemini),
        ("route-execute", "CATALOG_FILE", models.to_str().unwrap()),
    ])
    .await;
    let mut instances = Vec::new();
    for _ in 0..3 {
        instances.push(deployment.another("route-execute", &[]).await.1);
    }
    let documents = deployment.documents();
    let subscribed = SubscriptionDoc { tier: Tier::Basic, status: SubscriptionStatus::Active };
    let write = Write::create(subscription_key(&business(BUSINESS)), &subscribed).unwrap();
    documents.commit(vec![write]).await.unwrap();
    let token = deployment.token(BUSINESS);
    World::new(instances, token, documents, upstream, WallClock.now(), Box::new((deployment, home)))
}

every_way!(on_firestore);
