//! Compares our books with the provider's real cost.

use std::collections::BTreeMap;

use domain::{
    NanoUsd,
    budget::{CallState, Counter},
};
use ledger::documents::{AttemptDoc, CallDoc};
use ports::{Documents, Query};

use super::World;

/// Every call in the ledger.
pub(crate) async fn calls(documents: &dyn Documents) -> Vec<CallDoc> {
    const PAGE: usize = 100;
    let mut query = Query::collection("calls").limit(PAGE);
    let mut calls = Vec::new();
    loop {
        let page = documents.query(&query).await.unwrap();
        calls.extend(page.iter().map(|document| document.read::<CallDoc>().unwrap()));
        match page.last() {
            Some(last) if page.len() == PAGE => query = query.after(last),
            _ => return calls,
        }
    }
}

impl World {
    /// Compares everything, and returns the real cost.
    ///
    /// Answers with a known price are booked to the nano-dollar, answer by answer. Everything else
    /// is booked at its bound and marked; there are as many of those as answers without a known
    /// price, and none is below the real cost.
    pub(super) async fn compare(&self, counter: Counter) -> NanoUsd {
        assert_eq!(self.upstream.complaints(), Vec::<String>::new());
        let calls = calls(self.documents.as_ref()).await;
        for call in &calls {
            assert!(call.state != CallState::Reserved && call.hold == NanoUsd::ZERO, "{call:?}");
            assert!(!call.overrun, "{call:?}");
            assert_eq!(
                call.charged,
                call.attempts.iter().map(|attempt| attempt.cost).sum(),
                "{call:?}"
            );
        }
        assert_eq!(counter.spent, calls.iter().map(|call| call.charged).sum());

        let served = self.upstream.served();
        let known = served
            .iter()
            .filter(|(_, it)| it.is_whole)
            .filter_map(|(id, it)| Some((id.clone(), it.cost?)));
        let known: BTreeMap<String, NanoUsd> = known.collect();
        let is_marked = |call: &&CallDoc| call.attempts.iter().any(|attempt| attempt.unknown);
        let exact = calls.iter().filter(|call| !is_marked(call) && call.charged > NanoUsd::ZERO);
        let exact: BTreeMap<String, NanoUsd> =
            exact.map(|call| (call.provider_response_id.clone().unwrap(), call.charged)).collect();
        assert_eq!(exact, known);

        let unknown: Vec<NanoUsd> = served
            .values()
            .filter(|it| !it.is_whole || it.cost.is_none())
            .map(|it| it.at_the_asked_price)
            .collect();
        let marked: Vec<&AttemptDoc> =
            calls.iter().flat_map(|call| &call.attempts).filter(|it| it.unknown).collect();
        assert_eq!(marked.len(), unknown.len());
        let dearest = unknown.iter().max().copied().unwrap_or_default();
        assert!(
            marked.iter().all(|attempt| attempt.cost >= dearest),
            "below the truth of {dearest}: {marked:?}"
        );

        let truth = known.into_values().chain(unknown).sum();
        assert!(
            truth <= counter.spent && counter.spent <= counter.limit,
            "truth {truth}, {counter:?}"
        );
        truth
    }
}
