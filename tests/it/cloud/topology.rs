//! `terraform/topology.json`, as the tests read it.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;

/// The topology: subscriptions, calls between functions, readers of secrets.
#[derive(Deserialize)]
pub(crate) struct Topology {
    pub(crate) topics: BTreeMap<String, Topic>,
    pub(crate) functions: BTreeMap<String, Function>,
}

#[derive(Deserialize)]
pub(crate) struct Topic {
    pub(crate) ack_deadline_seconds: Option<u32>,
}

#[derive(Deserialize)]
pub(crate) struct Function {
    pub(crate) kind: String,
    pub(crate) listens: Vec<String>,
    pub(crate) calls: Vec<String>,
    pub(crate) secrets: Vec<String>,
    pub(crate) stores: Vec<String>,
    pub(crate) schedule: Option<serde_json::Value>,
}

impl Topology {
    pub(crate) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../terraform/topology.json");
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// The functions that serve requests.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&String, &Function)> {
        self.functions.iter().filter(|(_, function)| function.kind == "service")
    }
}
