//! What signed-in members can see and do with the keys that browsers have.

use jsonwebtoken::{EncodingKey, Header, encode};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    project::Project,
    stub::{JWT_SECRET, PUBLISHABLE_KEY},
};

const TABLES: [(&str, &str); 3] =
    [("businesses", "id"), ("subscriptions", "business_id"), ("ai_usage", "business_id")];

/// A member's token as Supabase Auth issues it.
fn token(mut claims: Value) -> String {
    claims["sub"] = "11111111-1111-4111-8111-111111111111".into();
    claims["role"] = "authenticated".into();
    claims["aud"] = "authenticated".into();
    claims["exp"] = 4_000_000_000_u64.into();
    encode(&Header::default(), &claims, &EncodingKey::from_secret(JWT_SECRET.as_bytes())).unwrap()
}

impl Project {
    fn request(&self, method: Method, path: &str, token: Option<&str>) -> RequestBuilder {
        let url = format!("{}/rest/v1/{path}", self.stub.url);
        let request = Client::new().request(method, url).header("apikey", PUBLISHABLE_KEY);
        if let Some(token) = token { request.bearer_auth(token) } else { request }
    }

    /// The businesses whose rows of a table a caller sees; `None` if the request is refused.
    async fn sees(&self, table: &str, column: &str, token: Option<&str>) -> Option<Vec<String>> {
        let response = self
            .request(Method::GET, &format!("{table}?select={column}"), token)
            .send()
            .await
            .unwrap();
        if !response.status().is_success() {
            let code = response.json::<Value>().await.unwrap()["code"].clone();
            assert_eq!(code, "42501", "{table}: refused for another reason than missing rights");
            return None;
        }
        let rows: Vec<Value> = response.json().await.unwrap();
        Some(rows.iter().map(|row| row[column].as_str().unwrap().to_owned()).collect())
    }

    /// The content of the three tables.
    fn content(&self) -> String {
        TABLES
            .map(|(table, column)| {
                self.cluster.sql(&format!("select * from {table} order by {column}"))
            })
            .join("\n")
    }
}

fn usage(business: &str) -> Value {
    json!({
        "call_id": format!("call-of-{business}"), "business_id": business, "task_type": "summary", "state": "done",
        "day": "2026-11-22", "cost_nano_usd": 5, "price_version": "1", "called_at": "2026-11-22T12:00:00.000Z",
        "revision": 1,
    })
}

async fn with_usage() -> Project {
    let project = Project::start().await;
    project.cluster.sql(
        "insert into ai_usage
           (call_id, business_id, task_type, state, day, cost_nano_usd, price_version, called_at, revision)
         select 'call-of-' || id, id, 'summary', 'done', '2026-11-22', 5, '1', now(), 1 from businesses",
    );
    project
}

#[tokio::test]
async fn a_member_reads_only_its_own_businesss_rows() {
    let project = with_usage().await;
    let acme = token(json!({ "business_id": "acme" }));
    let other = token(json!({ "app_metadata": { "business_id": "other", "provider": "email" } }));
    // Users can write `user_metadata` themselves, so it gives no access.
    let forged = token(json!({ "user_metadata": { "business_id": "acme" } }));
    for (table, column) in TABLES {
        let check = async |token: Option<&str>, expect: Option<&[&str]>| {
            let seen = project.sees(table, column, token).await;
            let seen =
                seen.as_ref().map(|seen| seen.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(seen.as_deref(), expect, "{table}");
        };
        check(Some(&acme), Some(&["acme"])).await;
        check(Some(&other), Some(&["other"])).await;
        check(Some(&forged), Some(&[])).await;
        check(None, None).await;
    }
}

#[tokio::test]
async fn a_member_writes_nothing_not_even_its_own_rows() {
    let project = with_usage().await;
    let before = project.content();
    let acme = token(json!({ "business_id": "acme" }));
    let rows = [
        ("businesses", json!({ "id": "acme", "name": "Mine" }), "id=eq.acme"),
        (
            "subscriptions",
            json!({ "business_id": "acme", "subscription_tier": "enterprise", "status": "active" }),
            "business_id=eq.acme",
        ),
        ("ai_usage", usage("acme"), "business_id=eq.acme"),
    ];
    for (table, row, own) in rows {
        for caller in [Some(acme.as_str()), None] {
            let update =
                project.request(Method::PATCH, &format!("{table}?{own}"), caller).json(&row);
            let delete = project.request(Method::DELETE, &format!("{table}?{own}"), caller);
            let upsert = project.request(Method::POST, table, caller).json(&row);
            let upsert = upsert.header("prefer", "resolution=merge-duplicates");
            for (what, request) in [("update", update), ("delete", delete), ("upsert", upsert)] {
                let response = request.send().await.unwrap();
                let code = response.json::<Value>().await.unwrap()["code"].clone();
                assert_eq!(code, "42501", "{what} of {table}");
            }
        }
    }
    assert_eq!(project.content(), before);
}
