//! Which tokens and tickets are accepted, and for which caller.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{Json, Router, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::TaskId;
use serde_json::{Value, json};
use testkit::FixedClock;

use jsonwebtoken::{EncodingKey, Header};

use super::*;
use crate::{EnvSecrets, GooglePush, PushVerifier as _};

const SECRET: &str = "a secret of at least thirty-two bytes";
const NOW: i64 = 1_800_000_000;

/// An Ed25519 key used only in these tests: PKCS #8 in hexadecimal, and its public half as in a
/// JWK.
const PRIVATE: &str = "302e020100300506032b6570042204208f018a17684c968ef4ae1d7ae7d93618d60b8fb0f225a646d634972f6a48c42b";
const PUBLIC: &str = "GCSpxGok-0Pv-9Sfm4JmRip4aXu0fQz5bUvTypcnF8Y";

fn auth(keys: Keys) -> (Auth, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::new(Time::from_unix_ms(NOW * 1000)));
    let secrets: EnvSecrets = [("jwt_secret", Secret::new(SECRET))].into_iter().collect();
    (Auth::new(keys, Arc::new(secrets), "raptorflow", clock.clone()), clock)
}

fn shared() -> (Auth, Arc<FixedClock>) {
    auth(Keys::Shared)
}

fn business(id: &str) -> BusinessId {
    BusinessId::new(id).unwrap()
}

/// Valid claims with some replaced; `null` removes a claim.
fn claims(changes: &Value) -> Value {
    let mut claims =
        json!({ "sub": "ada", "aud": "raptorflow", "exp": NOW + 60, "business_id": "acme" });
    for (name, value) in changes.as_object().cloned().unwrap_or_default() {
        claims[name] = value;
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn signed(claims: &Value, secret: &str) -> String {
    jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .unwrap()
}

/// A hand-made token with any header and any signature.
fn forged(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

async fn refused(auth: &Auth, token: &str) -> (u16, String) {
    let problem = auth.verify(token).await.unwrap_err();
    (problem.status.as_u16(), problem.detail)
}

#[tokio::test]
async fn a_refused_token_says_why() {
    let (auth, _) = shared();
    let check = async |token: &str, expect: &str| {
        let (status, detail) = refused(&auth, token).await;
        assert_eq!(status, 401, "{detail}");
        assert!(detail.contains(expect), "`{detail}` does not say `{expect}`");
    };
    let sound = signed(&claims(&json!({})), SECRET);
    let (unsigned, signature) = sound.rsplit_once('.').unwrap();
    check(&signed(&claims(&json!({ "exp": NOW - 3 })), SECRET), "expired").await;
    check(&signed(&claims(&json!({ "aud": "somebody else" })), SECRET), "audience").await;
    check(&signed(&claims(&json!({})), "another secret of thirty-two bytes"), "signature").await;
    let other = claims(&json!({ "business_id": "other" }));
    check(&forged(&json!({ "alg": "HS256", "typ": "JWT" }), &other, signature), "signature").await;
    check(&format!("{unsigned}."), "signature").await;
    check(&forged(&json!({ "alg": "none" }), &claims(&json!({})), ""), "not a valid JWT").await;
    check(&forged(&json!({ "alg": "HS512" }), &claims(&json!({})), signature), "algorithm").await;
    check(&signed(&claims(&json!({ "business_id": null })), SECRET), "business_id").await;
    check(&signed(&claims(&json!({ "business_id": "../acme" })), SECRET), "not a valid JWT").await;
    check(&signed(&claims(&json!({ "nbf": NOW + 3 })), SECRET), "not valid yet").await;
    for claim in ["sub", "exp", "aud"] {
        check(&signed(&claims(&json!({ claim: null })), SECRET), "").await;
    }
    for token in ["", "a.b", "a.b.c", "no token at all"] {
        check(token, "").await;
    }
    assert!(auth.verify(&sound).await.is_ok());
}

#[tokio::test]
async fn clock_skew_of_two_seconds_is_tolerated() {
    let (auth, clock) = shared();
    let signer = Signer::new(Secret::new(SECRET), "raptorflow", clock.clone());
    let token = signer.sign("ada", Some(&business("acme")), CallerRole::Member, 10);
    clock.advance_seconds(12);
    assert!(auth.verify(&token).await.is_ok());
    clock.advance_seconds(1);
    assert_eq!(refused(&auth, &token).await.0, 401);
}

/// A secret that changes while the service runs.
struct Changing(std::sync::Mutex<&'static str>);

#[async_trait::async_trait]
impl SecretSource for Changing {
    async fn secret(&self, _: &str) -> Result<Secret, ports::SecretError> {
        Ok(Secret::new(*self.0.lock().unwrap()))
    }
}

#[tokio::test]
async fn a_cached_token_ends_with_its_secret() {
    let secrets = Arc::new(Changing(std::sync::Mutex::new(SECRET)));
    let clock = Arc::new(FixedClock::new(Time::from_unix_ms(NOW * 1000)));
    let auth = Auth::new(Keys::Shared, secrets.clone(), "raptorflow", clock);
    let token = signed(&claims(&json!({})), SECRET);
    let first = auth.verify(&token).await.unwrap();
    assert_eq!(auth.verify(&token).await.unwrap(), first);
    // A token with other claims and the same signature has its own cache entry.
    let (_, signature) = token.rsplit_once('.').unwrap();
    let posing =
        forged(&json!({ "alg": "HS256" }), &claims(&json!({ "business_id": "other" })), signature);
    assert_eq!(refused(&auth, &posing).await.0, 401);
    *secrets.0.lock().unwrap() = "another secret of thirty-two bytes";
    assert_eq!(refused(&auth, &token).await.0, 401);
}

#[tokio::test]
async fn claims_are_read_from_top_level_or_app_metadata() {
    let (auth, _) = shared();
    let check = async |changes: Value, expect: Option<&str>, role: CallerRole| {
        let caller = auth.verify(&signed(&claims(&changes), SECRET)).await.unwrap();
        assert_eq!(caller, Caller { subject: "ada".into(), business: expect.map(business), role });
    };
    let metadata = |role: &str| json!({ "business_id": "acme", "role": role, "provider": "email" });
    check(json!({}), Some("acme"), CallerRole::Member).await;
    check(json!({ "aud": ["other", "raptorflow"] }), Some("acme"), CallerRole::Member).await;
    check(json!({ "business_id": null, "role": "admin" }), None, CallerRole::Admin).await;
    // Supabase's own role `authenticated` gives no role of ours.
    let supabase =
        json!({ "business_id": null, "role": "authenticated", "app_metadata": metadata("member") });
    check(supabase, Some("acme"), CallerRole::Member).await;
    let admin =
        json!({ "business_id": null, "role": "authenticated", "app_metadata": metadata("admin") });
    check(admin, Some("acme"), CallerRole::Admin).await;
    check(json!({ "role": "service_role" }), Some("acme"), CallerRole::Member).await;
    // Users can write `user_metadata` themselves, so it gives no rights.
    check(json!({ "user_metadata": metadata("admin") }), Some("acme"), CallerRole::Member).await;
}

#[tokio::test]
async fn a_member_acts_for_its_own_business_alone() {
    let caller = |role| Caller { subject: "ada".into(), business: Some(business("acme")), role };
    assert!(caller(CallerRole::Member).may_act_for(&business("acme")).is_ok());
    let problem = caller(CallerRole::Member).may_act_for(&business("other")).unwrap_err();
    assert_eq!((problem.status.as_u16(), problem.code.as_str()), (403, "foreign_business"));
    assert!(caller(CallerRole::Admin).may_act_for(&business("other")).is_ok());
    assert_eq!(caller(CallerRole::Member).must_be_admin().unwrap_err().status.as_u16(), 403);
    assert_eq!(caller(CallerRole::Service).must_be_admin().unwrap_err().status.as_u16(), 403);
}

#[tokio::test]
async fn a_ticket_opens_one_task_for_a_minute() {
    let (auth, clock) = shared();
    let task = |id: &str| TaskId::new(id).unwrap();
    let ticket = auth.ticket(&task("t1"), &business("acme")).await.unwrap();
    assert_eq!(auth.verify_ticket(&ticket, &task("t1")).await.unwrap(), business("acme"));
    let problem = auth.verify_ticket(&ticket, &task("t2")).await.unwrap_err();
    assert!(problem.detail.contains("another task"), "{}", problem.detail);

    // A ticket is not accepted as a token, and a token whose subject is a task not as a ticket.
    assert!(refused(&auth, &ticket).await.1.contains("audience"));
    let signer = Signer::new(Secret::new(SECRET), "raptorflow", clock.clone());
    let token = signer.sign("t1", Some(&business("acme")), CallerRole::Member, 60);
    assert!(auth.verify_ticket(&token, &task("t1")).await.unwrap_err().detail.contains("audience"));

    clock.advance_seconds(63);
    assert!(auth.verify_ticket(&ticket, &task("t1")).await.unwrap_err().detail.contains("expired"));
}

/// Serves a key set over HTTP and counts the fetches.
async fn issuer(set: Value) -> (Keys, Arc<AtomicUsize>) {
    let fetches = Arc::new(AtomicUsize::new(0));
    let counted = fetches.clone();
    let serve = get(async move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Json(set)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/jwks", serve)).await });
    (Keys::Jwks(Jwks::new(url)), fetches)
}

fn key_set() -> Value {
    let symmetric = URL_SAFE_NO_PAD.encode(SECRET);
    json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "k1", "x": PUBLIC },
        { "kty": "oct", "alg": "HS256", "kid": "symmetric", "k": symmetric },
    ] })
}

fn signed_by_issuer(claims: &Value, kid: &str) -> String {
    let der: Vec<u8> = (0..PRIVATE.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&PRIVATE[at..at + 2], 16).unwrap())
        .collect();
    let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(&der)).unwrap()
}

#[tokio::test]
async fn only_the_published_key_verifies_tokens() {
    let (keys, fetches) = issuer(key_set()).await;
    let (auth, _) = auth(keys);
    let sound = signed_by_issuer(&claims(&json!({})), "k1");
    assert_eq!(auth.verify(&sound).await.unwrap().business, Some(business("acme")));

    // Wrong keys: the public key as a shared secret, our own secret, a symmetric key published by
    // mistake.
    let with_kid = |kid: &str, secret: &str| {
        let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(
            &header,
            &claims(&json!({})),
            &EncodingKey::from_secret(secret.as_bytes()),
        )
        .unwrap()
    };
    let wrong = [
        (with_kid("k1", PUBLIC), "algorithm"),
        (with_kid("k1", SECRET), "algorithm"),
        (with_kid("symmetric", SECRET), "unknown key"),
        (signed(&claims(&json!({})), SECRET), "names no key"),
        (signed_by_issuer(&claims(&json!({})), "k2"), "unknown key"),
        (forged(&json!({ "alg": "none", "kid": "k1" }), &claims(&json!({})), ""), "not a JWT"),
        (signed_by_issuer(&claims(&json!({ "aud": "somebody else" })), "k1"), "audience"),
        (signed_by_issuer(&claims(&json!({ "exp": NOW - 3 })), "k1"), "expired"),
    ];
    for (token, expect) in wrong {
        let (status, detail) = refused(&auth, &token).await;
        assert_eq!(status, 401);
        assert!(detail.contains(expect), "`{detail}` does not say `{expect}`");
    }
    // Unknown key ids do not cause a fetch each.
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_unreachable_issuer_lets_nobody_in() {
    // A port that was just free: nothing listens there.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    drop(listener);
    let (auth, _) = auth(Keys::Jwks(Jwks::new(url)));
    assert_eq!(refused(&auth, &signed_by_issuer(&claims(&json!({})), "k1")).await.0, 503);
}

/// Claims that Google signs for Pub/Sub's account, with some replaced; `null` removes a claim.
fn google_claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "https://accounts.google.com", "aud": "https://sweeper", "sub": "1", "exp": NOW + 60,
        "email": "push@p.iam.gserviceaccount.com", "email_verified": true,
    });
    for (name, value) in changes.as_object().cloned().unwrap_or_default() {
        claims[name] = value;
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

#[tokio::test]
async fn a_push_requires_googles_token_for_the_account() {
    let (keys, fetches) = issuer(key_set()).await;
    let Keys::Jwks(keys) = keys else { unreachable!() };
    let clock = Arc::new(FixedClock::new(Time::from_unix_ms(NOW * 1000)));
    let tokens = Arc::new(GoogleTokens::new(keys, "https://sweeper", clock));
    let push = GooglePush { tokens, account: "push@p.iam.gserviceaccount.com".into() };
    let sound = google_claims(&json!({}));
    for accepted in [json!({}), json!({ "iss": "accounts.google.com" }), json!({ "exp": NOW - 2 })]
    {
        let token = signed_by_issuer(&google_claims(&accepted), "k1");
        assert!(push.verify(&token).await.is_ok(), "{accepted}");
    }
    let genuine = signed_by_issuer(&sound, "k1");
    let (unsigned, signature) = genuine.rsplit_once('.').unwrap();
    let other_account = google_claims(&json!({ "email": "tasks@p.iam.gserviceaccount.com" }));
    let wrong = [
        (String::new(), 401),
        ("a.b.c".into(), 401),
        (format!("{unsigned}."), 401),
        (forged(&json!({ "alg": "EdDSA", "kid": "k1" }), &other_account, signature), 401),
        (forged(&json!({ "alg": "none", "kid": "k1" }), &sound, ""), 401),
        (signed(&sound, SECRET), 401),
        (signed_by_issuer(&sound, "k2"), 401),
        (signed_by_issuer(&google_claims(&json!({ "exp": NOW - 3 })), "k1"), 401),
        (signed_by_issuer(&google_claims(&json!({ "nbf": NOW + 3 })), "k1"), 401),
        (signed_by_issuer(&google_claims(&json!({ "exp": null })), "k1"), 401),
        (signed_by_issuer(&google_claims(&json!({ "aud": "https://tasks" })), "k1"), 401),
        (signed_by_issuer(&google_claims(&json!({ "aud": null })), "k1"), 401),
        (
            signed_by_issuer(
                &google_claims(&json!({ "iss": "https://accounts.example.com" })),
                "k1",
            ),
            401,
        ),
        (signed_by_issuer(&google_claims(&json!({ "iss": null })), "k1"), 401),
        (signed_by_issuer(&google_claims(&json!({ "email": null })), "k1"), 401),
        (signed_by_issuer(&google_claims(&json!({ "email_verified": false })), "k1"), 401),
        (signed_by_issuer(&other_account, "k1"), 403),
    ];
    for (token, status) in wrong {
        let problem = push.verify(&token).await.unwrap_err();
        assert_eq!(problem.status.as_u16(), status, "{}: {token}", problem.detail);
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1, "the keys are kept");
}

#[tokio::test]
async fn functions_and_clients_are_told_apart() {
    let (keys, _) = issuer(key_set()).await;
    let Keys::Jwks(keys) = keys else { unreachable!() };
    let (auth, clock) = shared();
    let tokens = Arc::new(GoogleTokens::new(keys, "https://sweeper", clock));
    let auth = auth.with_services(tokens, vec!["push@p.iam.gserviceaccount.com".into()]);
    let caller = auth.verify(&signed_by_issuer(&google_claims(&json!({})), "k1")).await.unwrap();
    assert_eq!(
        (caller.subject.as_str(), caller.role),
        ("push@p.iam.gserviceaccount.com", CallerRole::Service)
    );
    let stranger = google_claims(&json!({ "email": "tasks@p.iam.gserviceaccount.com" }));
    assert_eq!(refused(&auth, &signed_by_issuer(&stranger, "k1")).await.0, 403);
    // A client cannot pose as a function by naming Google as issuer in a token signed with the
    // shared secret.
    let posing = claims(&json!({ "iss": "https://accounts.google.com", "role": "service" }));
    assert_eq!(refused(&auth, &signed(&posing, SECRET)).await.0, 401);
    assert_eq!(
        auth.verify(&signed(&claims(&json!({})), SECRET)).await.unwrap().role,
        CallerRole::Member
    );
}
