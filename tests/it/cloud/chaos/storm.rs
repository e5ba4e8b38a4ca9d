//! What befalls the deployment: processes die without a word, and once the store stands still.

use std::time::Duration;

use tokio::{process::Command, time::sleep};

use super::super::{Deployment, deployment::emulator};

/// Between two deaths.
const EVERY: Duration = Duration::from_secs(2);
/// How long the store stands still.
const STILL: Duration = Duration::from_secs(10);

/// Kills one of the processes every two seconds and starts it again, until it is dropped; returns
/// never.
pub(super) async fn kills(deployment: &Deployment, victims: &[String], killed: &mut u32) {
    loop {
        sleep(EVERY).await;
        let chance = uuid::Uuid::new_v4().as_u128() % victims.len() as u128;
        let victim = &victims[usize::try_from(chance).unwrap()];
        deployment.kill(victim).await;
        deployment.spawn(victim);
        *killed += 1;
    }
}

/// Stops the Firestore emulator, all its processes, for ten seconds.
pub(super) async fn stand_still() {
    let group = format!("-{}", emulator("FIRESTORE_EMULATOR_GROUP"));
    let signal = async |name: &str| {
        let sent = Command::new("kill").args([name, "--", &group]).status().await.unwrap();
        assert!(sent.success(), "the emulator's process group cannot be reached");
    };
    signal("-STOP").await;
    sleep(STILL).await;
    signal("-CONT").await;
}
