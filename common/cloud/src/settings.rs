//! Where things are, read once.

use gcp::FirestoreTarget;
use service::{Env, Mode, StartError};

/// The project and, on a developer's machine, the emulators that stand in for it.
pub(crate) struct Settings {
    pub(crate) project: String,
    database: String,
    firestore_emulator: Option<String>,
    pub(crate) pubsub_emulator: Option<String>,
    pub(crate) storage_emulator: Option<String>,
    pub(crate) bucket: Option<String>,
    pub(crate) graph_rehearsal: Option<u32>,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Result<Self, StartError> {
        let mode = env.mode()?;
        let emulator = |name: &str| match env.optional(name) {
            // One forgotten variable must not send a business's money into a process that forgets it.
            Some(_) if mode == Mode::Prod => Err(StartError::other(format!("{name}: no emulator in APP_MODE=prod"))),
            host => Ok(host.map(Into::into)),
        };
        let graph_rehearsal = match env.optional("REHEARSE_GRAPH_VERSION") {
            Some(_) if mode != Mode::Local => {
                return Err(StartError::other("REHEARSE_GRAPH_VERSION: only in APP_MODE=local"));
            }
            None => None,
            Some(_) => Some(env.parsed("REHEARSE_GRAPH_VERSION", 0, "a graph version")?),
        };
        Ok(Self {
            project: env.required("GCP_PROJECT_ID")?.into(),
            database: env.optional("FIRESTORE_DATABASE").unwrap_or("(default)").into(),
            firestore_emulator: emulator("FIRESTORE_EMULATOR_HOST")?,
            pubsub_emulator: emulator("PUBSUB_EMULATOR_HOST")?,
            storage_emulator: emulator("STORAGE_EMULATOR_HOST")?,
            bucket: env.optional("ARTIFACT_BUCKET").map(Into::into),
            graph_rehearsal,
        })
    }

    pub(crate) fn firestore(&self) -> FirestoreTarget {
        FirestoreTarget {
            project: self.project.clone(),
            database: self.database.clone(),
            emulator: self.firestore_emulator.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&str, &str)], expect: &str) {
        let env = Env::from_pairs(pairs.iter().copied());
        assert_eq!(Settings::read(&env).err().map(|error| error.to_string()).unwrap_or_default(), expect);
    }

    #[test]
    fn a_wrong_place_is_named_before_anything_starts() {
        let project = ("GCP_PROJECT_ID", "p");
        check(&[project], "");
        check(&[], "GCP_PROJECT_ID: is not set");
        let emulator = ("FIRESTORE_EMULATOR_HOST", "localhost:1");
        check(&[project, emulator], "");
        check(&[project, emulator, ("APP_MODE", "staging")], "");
        check(&[project, emulator, ("APP_MODE", "prod")], "FIRESTORE_EMULATOR_HOST: no emulator in APP_MODE=prod");
        let rehearsal = ("REHEARSE_GRAPH_VERSION", "2");
        check(&[project, rehearsal], "");
        check(&[project, rehearsal, ("APP_MODE", "staging")], "REHEARSE_GRAPH_VERSION: only in APP_MODE=local");
        check(&[project, ("REHEARSE_GRAPH_VERSION", "two")], "REHEARSE_GRAPH_VERSION: `two` is not a graph version");
    }
}
