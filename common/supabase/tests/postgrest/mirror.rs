//! Tests of the copy of settled calls in `ai_usage`.

use std::sync::Arc;

use domain::{CallId, NanoUsd, budget::CallState, rulebook::Rulebook, tier::Tier};
use ledger::{
    Ledger, LedgerPorts, OpenCall, Opened, Settlement, StoredSubscriptions, documents::AttemptDoc,
};
use ports::{Clock as _, MirrorError, Subscription, SubscriptionStatus, UsageMirror, UsageRow};
use supabase::SupabaseUsage;
use testkit::{
    MemoryArtifacts, MemoryDocuments, RecordingBus, SequentialIds,
    contract::usage::{self, Figures},
};

use crate::{
    project::{Project, Secrets, business},
    proxy::ProxyMode,
};

const FIGURES: &str =
    "select call_id, state, cost_nano_usd, input_tokens from ai_usage order by call_id";

impl Project {
    fn figures(&self) -> Vec<Figures> {
        let rows = self.cluster.sql(FIGURES);
        let figures = |line: &str| {
            let fields: Vec<&str> = line.split('|').collect();
            (
                fields[0].into(),
                fields[1].into(),
                fields[2].parse().unwrap(),
                fields[3].parse().unwrap(),
            )
        };
        rows.lines().map(figures).collect()
    }

    /// An in-memory ledger with one business that makes direct calls.
    async fn ledger(&self) -> Ledger {
        let documents = Arc::new(MemoryDocuments::new());
        let ports = LedgerPorts {
            documents: documents.clone(),
            artifacts: Arc::new(MemoryArtifacts::new()),
            subscriptions: Arc::new(StoredSubscriptions(documents)),
            bus: Arc::new(RecordingBus::new()),
            clock: self.clock.clone(),
            ids: Arc::new(SequentialIds::default()),
        };
        let ledger = Ledger::new(ports, Arc::new(Rulebook::bundled().unwrap()));
        let subscription =
            Subscription { tier: Tier::Enterprise, status: SubscriptionStatus::Active };
        ledger.set_subscription(&business("acme"), subscription).await.unwrap();
        ledger
    }

    /// Makes a call and settles it; with `cost` `None` its owner stays silent instead.
    async fn call(
        &self,
        ledger: &Ledger,
        key: &str,
        cost: Option<i64>,
    ) -> Option<ledger::OpenedCall> {
        let account = ledger.admit(&business("acme")).await.unwrap();
        let call = OpenCall {
            id: CallId::new(key).unwrap(),
            task: None,
            task_type: "summary".into(),
            request_hash: "hash".into(),
            hold: NanoUsd(1_000_000),
            call_until: self.clock.now().plus_seconds(240),
            is_new: false,
            look_first: true,
            is_last_offer: true,
        };
        let Opened::New(opened) = ledger.open_call(&account, &call).await.unwrap() else {
            panic!("not opened")
        };
        match cost {
            Some(cost) => {
                assert!(ledger.settle(&account, &opened, &settlement(cost)).await.unwrap());
            }
            None => return Some(*opened),
        }
        None
    }
}

fn settlement(cost: i64) -> Settlement {
    let attempt = AttemptDoc {
        model: "gpt-5-mini".into(),
        outcome: "ok".into(),
        usage: Some(domain::usage::Usage::of(100, 20)),
        cost: NanoUsd(cost),
        unknown: false,
        latency_ms: 900,
    };
    Settlement {
        state: CallState::Done,
        attempts: vec![attempt],
        answer: Some("\"the answer\"".into()),
        model_used: Some("gpt-5-mini".into()),
        provider_response_id: None,
        fallback_used: false,
        latency_ms: 900,
    }
}

#[tokio::test]
async fn it_keeps_the_contract_of_a_usage_mirror() {
    let project = Project::start().await;
    let empty = async || {
        project.cluster.sql("truncate ai_usage");
        Arc::new(project.usage())
    };
    usage::all(empty, async |_: &SupabaseUsage| project.figures()).await;

    project.cluster.sql("truncate ai_usage");
    let sparse =
        UsageRow { task: None, fallback_used: true, ..usage::row("a", CallState::Failed, 0, 1) };
    project.usage().upsert(&[sparse, usage::row("b", CallState::Done, 12, 2)]).await.unwrap();
    let all =
        "select task_id, model, day, cached_input_tokens, output_tokens, reasoning_tokens, searches, fallback_used,
        latency_ms, price_version, to_char(called_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS')
        from ai_usage order by call_id";
    let rest = "2026-11-22|10|30|7|1";
    let end = "2500|2026-11-20|2026-11-22 12:00:00.250";
    assert_eq!(
        project.cluster.sql(all),
        format!("||{rest}|t|{end}\ntask-1|gpt-5-mini|{rest}|f|{end}")
    );
}

#[tokio::test]
async fn a_lost_answer_is_retried_without_a_duplicate() {
    let project = Project::start().await;
    project.proxy.set(ProxyMode::AnswerLost);
    let rows = [usage::row("a", CallState::Done, 12, 1)];
    let lost = project.usage().upsert(&rows).await;
    assert!(matches!(lost, Err(MirrorError::Unavailable(_))), "{lost:?}");
    assert_eq!(project.proxy.count(), 2, "tried twice");
    project.proxy.set(ProxyMode::Open);
    project.usage().upsert(&rows).await.unwrap();
    assert_eq!(project.figures(), [usage::figures(&rows[0])]);
}

#[tokio::test]
async fn rows_are_refused_only_for_their_content() {
    let project = Project::start().await;
    let mirror = project.usage();
    let check = async |row: UsageRow, refused: bool| {
        let found = mirror.upsert(&[row]).await;
        assert_eq!(matches!(found, Err(MirrorError::Refused(_))), refused, "{found:?}");
        assert!(found.is_err());
    };
    let good = || usage::row("a", CallState::Done, 12, 1);
    check(UsageRow { day: "someday".into(), ..good() }, true).await;
    // PostgREST's answer to a violated check constraint; the stub answers 500 instead.
    let broken =
        r#"{"code":"23514","details":null,"hint":null,"message":"violates check constraint"}"#;
    project.proxy.set(ProxyMode::Answered(400, broken.into()));
    check(good(), true).await;
    project.proxy.set(ProxyMode::Open);
    project.cluster.sql("alter table ai_usage rename to ai_usage_gone");
    check(good(), false).await;
    project.secrets.set("supabase_key", "sb_secret_wrong");
    let wrong_key = project.usage().upsert(&[good()]).await;
    assert!(matches!(wrong_key, Err(MirrorError::Unavailable(_))), "{wrong_key:?}");
    assert_eq!(SupabaseUsage::new(Arc::new(Secrets::default())).is_on().await, Ok(false));
}

#[tokio::test]
async fn a_thousand_calls_arrive_despite_an_outage() {
    let project = Project::start().await;
    let (ledger, mirror) = (project.ledger().await, project.usage());
    for number in 0..999 {
        project.call(&ledger, &format!("call-{number:03}"), Some(1_000 + number)).await;
    }
    let silent = project.call(&ledger, "silent", None).await.unwrap();
    project.clock.advance_seconds(61);
    ledger.sweep().await.unwrap();

    project.proxy.set(ProxyMode::OpenFor(2));
    assert!(ledger.mirror_usage(&mirror).await.is_err(), "away after two batches");
    assert_eq!(project.cluster.sql("select count(*) from ai_usage"), "400");
    assert!(ledger.mirror_usage(&mirror).await.is_err(), "still away");
    project.proxy.set(ProxyMode::Open);
    project.proxy.count();
    assert_eq!(ledger.mirror_usage(&mirror).await.unwrap().calls, 600);
    assert_eq!(project.proxy.count(), 3, "in pages of 200");
    let sums = "select count(*), sum(cost_nano_usd), count(*) filter (where state = 'unknown') from ai_usage";
    let settled: i64 = (0..999).map(|number| 1_000 + number).sum();
    assert_eq!(
        project.cluster.sql(sums),
        format!("1000|{}|1", settled + 1_000_000),
        "the silent one at its bound"
    );

    let account = ledger.admit(&business("acme")).await.unwrap();
    assert!(ledger.settle(&account, &silent, &settlement(700)).await.unwrap());
    assert_eq!(ledger.mirror_usage(&mirror).await.unwrap().calls, 1, "the correction alone");
    assert_eq!(project.cluster.sql(sums), format!("1000|{}|0", settled + 700));
}
