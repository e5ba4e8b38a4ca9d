//! Where things are, read once.

use gcp::{FirestoreTarget, VertexTarget};
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
            // One forgotten variable must not send a business's money into a process that forgets
            // it.
            Some(_) if mode == Mode::Prod => {
                Err(StartError::other(format!("{name}: no emulator in APP_MODE=prod")))
            }
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

/// Where Vertex AI keeps the vectors, when `VECTOR_BACKEND` says that it does.
pub(crate) fn vertex(env: &Env) -> Result<VertexTarget, StartError> {
    let base_url = match env.optional("VERTEX_BASE_URL") {
        Some(_) => address(env, "VERTEX_BASE_URL")?,
        None => format!("https://{}-aiplatform.googleapis.com", env.required("GCP_REGION")?),
    };
    Ok(VertexTarget {
        index: resource(env, "VECTOR_INDEX", "indexes")?,
        endpoint: resource(env, "VECTOR_INDEX_ENDPOINT", "indexEndpoints")?,
        deployed_index_id: env.required("VECTOR_DEPLOYED_INDEX_ID")?.into(),
        base_url,
        query_base_url: address(env, "VERTEX_QUERY_BASE_URL")?,
    })
}

/// A full resource name: it ends up in an address, so it holds nothing that could lead elsewhere.
fn resource(env: &Env, name: &str, kind: &str) -> Result<String, StartError> {
    let text = env.required(name)?;
    let is_id = |id: &str| {
        !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    match text.split('/').collect::<Vec<_>>()[..] {
        ["projects", project, "locations", location, collection, id]
            if collection == kind && [project, location, id].into_iter().all(is_id) =>
        {
            Ok(text.into())
        }
        _ => Err(StartError::other(format!(
            "{name}: `{text}` is not projects/…/locations/…/{kind}/…"
        ))),
    }
}

/// A service's address. Access tokens go there, so in production it is nothing but https.
fn address(env: &Env, name: &str) -> Result<String, StartError> {
    let text = env.required(name)?;
    let host = match text.split_once("://") {
        Some(("https", host)) => host,
        Some(("http", host)) if env.mode()? != Mode::Prod => host,
        _ => "",
    };
    if host.is_empty() {
        Err(StartError::other(format!("{name}: `{text}` is not https://…")))
    } else {
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&str, &str)], expect: &str) {
        let env = Env::from_pairs(pairs.iter().copied());
        assert_eq!(
            Settings::read(&env).err().map(|error| error.to_string()).unwrap_or_default(),
            expect
        );
    }

    #[test]
    fn a_wrong_place_is_named_before_anything_starts() {
        let project = ("GCP_PROJECT_ID", "p");
        check(&[project], "");
        check(&[], "GCP_PROJECT_ID: is not set");
        let emulator = ("FIRESTORE_EMULATOR_HOST", "localhost:1");
        check(&[project, emulator], "");
        check(&[project, emulator, ("APP_MODE", "staging")], "");
        check(
            &[project, emulator, ("APP_MODE", "prod")],
            "FIRESTORE_EMULATOR_HOST: no emulator in APP_MODE=prod",
        );
        let rehearsal = ("REHEARSE_GRAPH_VERSION", "2");
        check(&[project, rehearsal], "");
        check(
            &[project, rehearsal, ("APP_MODE", "staging")],
            "REHEARSE_GRAPH_VERSION: only in APP_MODE=local",
        );
        check(
            &[project, ("REHEARSE_GRAPH_VERSION", "two")],
            "REHEARSE_GRAPH_VERSION: `two` is not a graph version",
        );
    }

    #[test]
    fn vertex_needs_an_index_an_endpoint_and_their_addresses() {
        let set = [
            ("GCP_REGION", "europe-west4"),
            ("VECTOR_INDEX", "projects/p/locations/europe-west4/indexes/7"),
            ("VECTOR_INDEX_ENDPOINT", "projects/p/locations/europe-west4/indexEndpoints/8"),
            ("VECTOR_DEPLOYED_INDEX_ID", "raptorflow"),
            ("VERTEX_QUERY_BASE_URL", "https://8.vdb.vertexai.goog"),
        ];
        let read = |pairs: &[(&str, &str)]| {
            vertex(&Env::from_pairs(pairs.iter().copied())).map_err(|error| error.to_string())
        };
        assert_eq!(read(&set).unwrap().base_url, "https://europe-west4-aiplatform.googleapis.com");
        for (name, _) in set {
            let others: Vec<_> = set.into_iter().filter(|(other, _)| *other != name).collect();
            assert_eq!(read(&others).unwrap_err(), format!("{name}: is not set"));
        }
        let with = |name: &str, value: &str, mode: &str| {
            let others = set.into_iter().filter(|(other, _)| *other != name);
            read(&others.chain([(name, value), ("APP_MODE", mode)]).collect::<Vec<_>>())
        };
        assert_eq!(
            with("VERTEX_BASE_URL", "http://localhost:1", "local").unwrap().base_url,
            "http://localhost:1"
        );
        for (name, value, expected) in [
            ("VECTOR_INDEX", "7", "projects/…/locations/…/indexes/…"),
            (
                "VECTOR_INDEX",
                "projects/p/locations/l/indexEndpoints/7",
                "projects/…/locations/…/indexes/…",
            ),
            (
                "VECTOR_INDEX",
                "projects/p/locations/l/indexes/7?x",
                "projects/…/locations/…/indexes/…",
            ),
            ("VECTOR_INDEX_ENDPOINT", "8", "projects/…/locations/…/indexEndpoints/…"),
            ("VERTEX_QUERY_BASE_URL", "8.vdb.vertexai.goog", "https://…"),
            ("VERTEX_QUERY_BASE_URL", "http://localhost:1", "https://…"),
            ("VERTEX_BASE_URL", "http://localhost:1", "https://…"),
        ] {
            assert_eq!(
                with(name, value, "prod").unwrap_err(),
                format!("{name}: `{value}` is not {expected}")
            );
        }
    }
}
