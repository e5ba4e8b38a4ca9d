//! The faults of the deployment: processes are killed, and the store stops once.

use std::time::Duration;

use tokio::{process::Command, time::sleep};

use super::super::{Deployment, deployment::emulator};

/// Time between two kills.
const EVERY: Duration = Duration::from_secs(2);
/// How long the store stops.
const STILL: Duration = Duration::from_secs(10);

/// Kills and restarts one of the processes every two seconds until it is dropped; never returns.
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

/// Stops all processes of the Firestore emulator for ten seconds.
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
