//! The planning figures against what a run really sends.

use super::*;
use crate::{documents::steps_collection, plan::REQUEST_TOKENS};

/// Names of the data blocks of a step's prompt, in order.
fn blocks(request: &ExecuteRequest) -> Vec<String> {
    let user = &request.messages[1].content;
    user.split("<data name=\"")
        .skip(1)
        .map(|rest| rest.split_once('"').unwrap().0.to_owned())
        .collect()
}

#[tokio::test]
async fn every_step_reads_what_the_table_says() {
    let world = World::new().await;
    world.run().await;
    assert_eq!(world.status().await, Status::Completed);
    let mut seen = BTreeSet::new();
    for step in world.stored::<StepDoc>(&steps_collection(&world.task)) {
        let text = step.request.load(world.engine.ports.artifacts.as_ref()).await.unwrap();
        let request: ExecuteRequest = serde_json::from_str(&text).unwrap();
        let reads = step.step.parse::<domain::step::Step>().unwrap().reads();
        let known = ["brief", "today", "documents", "icp_count", "block", "feedback"];
        let read: Vec<String> =
            blocks(&request).into_iter().filter(|block| !known.contains(&block.as_str())).collect();
        let planned: Vec<&str> = reads.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(read, planned, "{}", step.step);
        seen.insert(step.step);
    }
    assert_eq!(seen.len(), 12, "{seen:?}");
}

#[tokio::test]
async fn a_critique_requests_its_planned_tokens() {
    let world = World::new().await;
    world.gateway.capped.store(true, Ordering::Relaxed);
    world.run().await;
    let steps = world.stored::<StepDoc>(&steps_collection(&world.task));
    let critiques: Vec<_> = steps.iter().filter(|step| step.index.ends_with("-c")).collect();
    assert_eq!(critiques.len(), 14);
    for step in critiques {
        let text = step.request.load(world.engine.ports.artifacts.as_ref()).await.unwrap();
        let request: ExecuteRequest = serde_json::from_str(&text).unwrap();
        let asked = domain::tokens::expected(request.messages.last().unwrap().content.len() as u64);
        assert!(
            (REQUEST_TOKENS * 3 / 4..=REQUEST_TOKENS).contains(&asked),
            "{}: {asked}",
            step.step
        );
    }
}
