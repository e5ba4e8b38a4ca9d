//! The contract of every [`UsageMirror`].

use std::sync::Arc;

use domain::{BusinessId, CallId, NanoUsd, TaskId, budget::CallState, usage::Usage};
use ports::{UsageMirror, UsageRow};

/// The figures of a stored row that the suite compares: call, state, nano-dollars, input tokens.
pub type Figures = (String, String, i64, u64);

/// A row's figures.
pub fn figures(row: &UsageRow) -> Figures {
    let state = serde_json::to_value(row.state).unwrap().as_str().unwrap().to_owned();
    (row.call_id.to_string(), state, row.cost.0, row.usage.input)
}

/// A usage row of a call of the business `acme`.
pub fn row(call: &str, state: CallState, cost: i64, revision: i64) -> UsageRow {
    UsageRow {
        call_id: CallId::new(call).unwrap(),
        business: BusinessId::new("acme").unwrap(),
        task: Some(TaskId::new("task-1").unwrap()),
        task_type: "positioning_strategy".into(),
        state,
        model: (state == CallState::Done).then(|| "gpt-5-mini".into()),
        day: "2026-11-22".into(),
        cost: NanoUsd(cost),
        usage: Usage { cached_input: 10, reasoning: 7, searches: 1, ..Usage::of(120, 30) },
        fallback_used: false,
        latency_ms: 2_500,
        price_version: "2026-11-20".into(),
        called_at: "2026-11-22T12:00:00.250Z".parse().unwrap(),
        revision,
    }
}

/// Runs every behaviour, each on an empty mirror from `make`; `rows` returns the mirror's rows
/// ordered by call id.
pub async fn all<M: UsageMirror>(
    make: impl AsyncFn() -> Arc<M>,
    rows: impl AsyncFn(&M) -> Vec<Figures>,
) {
    a_row_sent_twice_is_one_row(&*make().await, &rows).await;
    a_correction_replaces_the_row_and_nothing_older_replaces_it(&*make().await, &rows).await;
    great_amounts_stay_exact(&*make().await, &rows).await;
}

/// Repeating a batch, or sending a row again with others, changes nothing.
pub async fn a_row_sent_twice_is_one_row<M: UsageMirror>(
    mirror: &M,
    rows: impl AsyncFn(&M) -> Vec<Figures>,
) {
    assert_eq!(mirror.is_on().await, Ok(true));
    mirror.upsert(&[]).await.unwrap();
    let (a, b) = (row("a", CallState::Done, 1_000, 1), row("b", CallState::Cut, 500, 2));
    mirror.upsert(std::slice::from_ref(&a)).await.unwrap();
    mirror.upsert(&[a.clone(), b.clone()]).await.unwrap();
    mirror.upsert(&[b.clone(), a.clone()]).await.unwrap();
    assert_eq!(rows(mirror).await, [figures(&a), figures(&b)]);
}

/// A correction replaces the bound that was charged; a delayed copy of the earlier row does not
/// replace the correction.
pub async fn a_correction_replaces_the_row_and_nothing_older_replaces_it<M: UsageMirror>(
    mirror: &M,
    rows: impl AsyncFn(&M) -> Vec<Figures>,
) {
    let charged = row("a", CallState::Unknown, 9_000, 3);
    let corrected = UsageRow { usage: Usage::of(80, 8), ..row("a", CallState::Done, 2_000, 4) };
    mirror.upsert(std::slice::from_ref(&charged)).await.unwrap();
    assert_eq!(rows(mirror).await, [figures(&charged)]);
    mirror.upsert(std::slice::from_ref(&corrected)).await.unwrap();
    assert_eq!(rows(mirror).await, [figures(&corrected)]);
    mirror.upsert(&[charged]).await.unwrap();
    assert_eq!(rows(mirror).await, [figures(&corrected)]);
}

/// A million dollars and one nano-dollar is stored without rounding.
pub async fn great_amounts_stay_exact<M: UsageMirror>(
    mirror: &M,
    rows: impl AsyncFn(&M) -> Vec<Figures>,
) {
    let great = row("a", CallState::Done, 1_000_000_000_000_001, 1);
    mirror.upsert(std::slice::from_ref(&great)).await.unwrap();
    assert_eq!(rows(mirror).await, [figures(&great)]);
}
