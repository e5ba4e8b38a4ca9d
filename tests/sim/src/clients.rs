//! Clients of the system: they submit, retry, cancel and redrive tasks, and make calls of their
//! own.

use std::sync::{Arc, atomic::Ordering};

use client::RemoteGateway;
use domain::{BusinessId, TaskId};
use futures::{FutureExt as _, future::BoxFuture};
use ports::{
    EmbedRequest, ExecuteRequest, Gateway as _, GatewayError, KeyedCall, MessageRole, ModelMessage,
};
use workflow::{Submission, documents::TaskInput};

use crate::{instance::Instance, network::Network, world::World};

/// The most retries of a client.
const PATIENCE: u32 = 30;

/// Submits an analysis until it is accepted or refused, then may cancel or redrive it.
pub(crate) async fn submit(world: Arc<World>, business: BusinessId, number: u64) {
    tokio::time::sleep(world.dice.seconds(0..=60)).await;
    let input = TaskInput {
        brief: (*world.brief).clone(),
        icp_count: 3,
        positioning_option: None,
        regenerate: None,
        regenerate_part: None,
    };
    let key = Some(format!("submission-{number}"));
    let submission = Submission { input, max_cost: None, idempotency_key: key, derived_from: None };
    let mut task = None;
    for _ in 0..PATIENCE {
        match accepted(&world, &business, &submission).await {
            Some(Ok(accepted)) => {
                world.oracle().judge(match &task {
                    Some(first) if *first != accepted => {
                        Err(format!("one key made the tasks {first} and {accepted}"))
                    }
                    _ => Ok(()),
                });
                task = Some(accepted);
                // An impatient client sends it again although it was accepted.
                if !world.dice.happens(0.2) {
                    break;
                }
            }
            Some(Err(ledger::Error::Refused(refusal))) => {
                world.trace.note("client", || format!("is refused: {refusal:?}"));
                break;
            }
            Some(Err(_)) | None => {}
        }
        tokio::time::sleep(world.dice.seconds(1..=10)).await;
    }
    if let Some(task) = task {
        cancel_or_redrive(&world, &task).await;
    }
    world.clients.fetch_sub(1, Ordering::Relaxed);
}

/// One attempt at one instance; `None` if the instance died.
async fn accepted(
    world: &World,
    business: &BusinessId,
    submission: &Submission,
) -> Option<Result<TaskId, ledger::Error>> {
    let instance = world.any_instance()?;
    let engine = instance.running()?.engine;
    let submitted = async {
        instance.pass("a submission").await;
        let account = engine.ledger().admit(business).await?;
        engine.submit(&account, submission).await.map(|submitted| submitted.task)
    };
    tokio::select! {
        biased;
        submitted = submitted => Some(submitted),
        () = instance.dead.cancelled() => None,
    }
}

/// Cancels the task, or redrives it once it is parked; most clients just wait.
async fn cancel_or_redrive(world: &World, task: &TaskId) {
    let (cancels, redrives) = (world.dice.happens(world.faults().cancel), world.dice.happens(0.5));
    tokio::time::sleep(world.dice.seconds(1..=200)).await;
    for _ in 0..if cancels || redrives { 5 } else { 0 } {
        let Some(instance) = world.any_instance() else { continue };
        let Some(running) = instance.running() else { return };
        let asked = async {
            instance.pass("a client's wish").await;
            if cancels {
                running.engine.cancel(task, "a client").await
            } else {
                running.engine.redrive(task).await
            }
        };
        let answered = tokio::select! {
            biased;
            answered = asked => answered.is_ok(),
            () = instance.dead.cancelled() => false,
        };
        if answered {
            return;
        }
        tokio::time::sleep(world.dice.seconds(5..=60)).await;
    }
}

/// Makes a call with a key until it is answered, and maybe once more: the same key gives the same
/// answer.
pub(crate) async fn ask(
    client: Arc<Instance>,
    network: Network,
    business: BusinessId,
    number: u64,
) {
    let gateway = RemoteGateway(network);
    let call = KeyedCall { task: None, key: format!("question-{number}") };
    let message = ModelMessage::text(MessageRole::User, format!("Question {number}?"));
    let request = ExecuteRequest {
        deadline_ms: Some(60_000),
        ..ExecuteRequest::new(business, "sentence_summary", vec![message])
    };
    let asked = || async { Ok(gateway.execute(&call, &request).await?.response) }.boxed();
    insist(&client, asked).await;
}

/// Has texts embedded under a key until they are, and perhaps once more.
pub(crate) async fn embed(
    client: Arc<Instance>,
    network: Network,
    business: BusinessId,
    number: u64,
) {
    let gateway = RemoteGateway(network);
    let call = KeyedCall { task: None, key: format!("texts-{number}") };
    let texts = vec![format!("Text {number}."), "Another text.".to_owned()];
    let request = EmbedRequest { business_id: business, model: None, texts };
    let embedded = || {
        async {
            let answer = gateway.embed(&call, &request).await?;
            Ok(answer.vectors.first().map(|vector| format!("{vector:?}")).unwrap_or_default())
        }
        .boxed()
    };
    insist(&client, embedded).await;
}

/// Makes a keyed call until it is answered or refused, and perhaps once more.
async fn insist<'a>(
    client: &Instance,
    call: impl Fn() -> BoxFuture<'a, Result<String, GatewayError>>,
) {
    let world = client.world.clone();
    tokio::time::sleep(world.dice.seconds(0..=200)).await;
    let mut known: Option<String> = None;
    for _ in 0..PATIENCE {
        match call().await {
            Ok(answer) => {
                world.oracle().judge(match &known {
                    Some(first) if *first != answer => {
                        Err(format!("one key was answered {first} and {answer}"))
                    }
                    _ => Ok(()),
                });
                known = Some(answer);
                if !world.dice.happens(0.3) {
                    break;
                }
            }
            Err(GatewayError::Refused(_)) => break,
            Err(
                GatewayError::InProgress | GatewayError::Failed(_) | GatewayError::Unavailable(_),
            ) => {}
        }
        tokio::time::sleep(world.dice.seconds(1..=20)).await;
    }
    world.clients.fetch_sub(1, Ordering::Relaxed);
}
