//! Compares what the provider was paid for with the ledger.

use std::{collections::BTreeMap, fmt, time::Duration};

use domain::{NanoUsd, budget::CallState};
use ledger::documents::{CallDoc, SpendDoc};
use ports::{Documents, Query};
use tokio::time::sleep;

use super::provider::{PaidAnswer, Provider};
use crate::overspend::calls;

/// The longest wait: the call of a silent owner is charged after a minute.
const PATIENCE: Duration = Duration::from_secs(150);

/// The result of the comparison.
#[derive(Default)]
pub(super) struct Books {
    /// Answers that are booked to the nano-dollar.
    exact: usize,
    exact_cost: NanoUsd,
    /// Answers that never arrived, and their real cost.
    pub(super) lost: usize,
    lost_cost: NanoUsd,
    /// Money booked at bounds, because the real cost is unknown.
    bound_cost: NanoUsd,
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "books: {} answers exact (${}), {} never heard of (${}); at their bound ${}; paid without a charge: 0",
            self.exact, self.exact_cost, self.lost, self.lost_cost, self.bound_cost
        )
    }
}

/// Waits until no money is held, and compares.
pub(super) async fn closed(provider: &Provider, documents: &dyn Documents) -> Books {
    let settled = async {
        while spend(documents).await.iter().any(|spend| spend.counter.reserved != NanoUsd::ZERO) {
            sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.expect("money stays reserved");
    assert_eq!(provider.complaints(), Vec::<String>::new());
    let calls = calls(documents).await;
    let charged: NanoUsd = calls.iter().map(|call| call.charged).sum();
    // Each amount is counted in a day and in its month.
    let booked: NanoUsd = spend(documents).await.iter().map(|spend| spend.counter.spent).sum();
    assert_eq!(booked.0, 2 * charged.0, "the counters and the calls disagree");
    compare(&provider.paid(), &calls)
}

async fn spend(documents: &dyn Documents) -> Vec<SpendDoc> {
    let found = documents.query(&Query::collection("spend")).await.unwrap();
    found.iter().map(|document| document.read().unwrap()).collect()
}

/// Every paid answer must be charged: to the nano-dollar if its call received it; otherwise within
/// the bounds that its task was charged, answer by answer.
fn compare(paid: &BTreeMap<String, PaidAnswer>, calls: &[CallDoc]) -> Books {
    let (mut books, mut lost) = (Books::default(), paid.clone());
    let mut bounds: BTreeMap<&str, (usize, NanoUsd)> = BTreeMap::new();
    for call in calls {
        assert!(call.state != CallState::Reserved && call.hold == NanoUsd::ZERO, "{call:?}");
        let known: NanoUsd = call.attempts.iter().filter(|it| !it.unknown).map(|it| it.cost).sum();
        if let Some(id) = &call.provider_response_id {
            let answer = lost
                .remove(id)
                .unwrap_or_else(|| panic!("charged for what was never generated: {call:?}"));
            assert_eq!(known, answer.cost, "{call:?}");
            (books.exact, books.exact_cost) = (books.exact + 1, books.exact_cost + known);
        } else {
            assert_eq!(known, NanoUsd::ZERO, "{call:?}");
        }
        let at_bound = call.charged - known;
        books.bound_cost += at_bound;
        let marked = call.attempts.iter().filter(|it| it.unknown).count();
        // A charge by the sweep that was never corrected has no attempt of its own.
        let unexplained = call.charged - call.attempts.iter().map(|it| it.cost).sum();
        let swept = usize::from(unexplained > NanoUsd::ZERO);
        let task = call.task.as_ref().unwrap().as_str();
        let (count, cost) = bounds.entry(task).or_default();
        (*count, *cost) = (*count + marked + swept, *cost + at_bound);
    }
    let mut of_tasks: BTreeMap<&str, (usize, NanoUsd)> = BTreeMap::new();
    for answer in lost.values() {
        let (count, cost) = of_tasks.entry(&answer.task).or_default();
        (*count, *cost) = (*count + 1, *cost + answer.cost);
    }
    for (task, (count, cost)) in of_tasks {
        let (marked, at_bound) = bounds.get(task).copied().unwrap_or_default();
        assert!(
            count <= marked && cost <= at_bound,
            "{task}: {count} answers of ${cost} were paid and lost, {marked} are charged at ${at_bound}"
        );
        (books.lost, books.lost_cost) = (books.lost + count, books.lost_cost + cost);
    }
    books
}
