//! Checks `terraform/topology.json` and the code against each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::MetadataCommand;
use domain::phase::Phase;
use serde_json::Value;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// The topology file.
pub(crate) fn topology() -> Value {
    read_json("terraform/topology.json")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read_json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap()
}

fn names(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
        Value::Object(entries) => entries.keys().cloned().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => BTreeSet::new(),
    }
}

/// The functions of the topology.
pub(crate) fn functions(topology: &Value) -> BTreeMap<String, Value> {
    topology["functions"].as_object().unwrap().clone().into_iter().collect()
}

/// Files below a folder with this extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    found
}

/// The sources of a package without its tests.
fn sources(folder: &str) -> String {
    let is_test =
        |path: &PathBuf| path.ends_with("tests.rs") || path.iter().any(|part| part == "tests");
    let paths =
        files(&root().join(folder).join("src"), "rs").into_iter().filter(|path| !is_test(path));
    paths.map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// Whether a pattern of the topology (`/v1/tasks/*`) covers a route (`/v1/tasks/{id}`).
fn covers(pattern: &str, route: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == route, |prefix| route.starts_with(prefix))
}

/// Patterns that a function serves: paths of clients, pushed topics, scheduled paths.
fn answered(function: &Value) -> BTreeSet<String> {
    let mut patterns = names(&function["paths"]);
    patterns.extend(names(&function["listens"]).into_iter().map(|topic| format!("/push/{topic}")));
    patterns.extend(function["schedule"]["path"].as_str().map(Into::into));
    patterns
}

/// The routes of the committed description, each with the packages whose sources declare it.
fn routes() -> BTreeMap<String, BTreeSet<String>> {
    let description = read_json("tests/it/openapi.json");
    let packages: BTreeSet<String> = programs().into_values().collect();
    let code: BTreeMap<_, _> = packages
        .into_iter()
        .map(|package| (sources(&format!("functions/{package}")), package))
        .collect();
    let declarers = |route: &String| {
        let declaration = format!("\"{route}\"");
        let declares = |code: &str| {
            code.contains(&format!("path = {declaration}"))
                || code
                    .lines()
                    .any(|line| line.starts_with("handler!(") && line.contains(&declaration))
        };
        code.iter().filter(|(code, _)| declares(code)).map(|(_, package)| package.clone()).collect()
    };
    names(&description["paths"])
        .into_iter()
        .map(|route| (route.clone(), declarers(&route)))
        .collect()
}

/// The programs under `functions/` that become a deployment of their own, each with its package.
pub(crate) fn programs() -> BTreeMap<String, String> {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let functions = root().join("functions");
    let packages = metadata.packages.iter().filter(|package| {
        package.manifest_path.starts_with(&functions) && package.name.as_str() != "local"
    });
    packages
        .flat_map(|package| {
            let programs = package.targets.iter().filter(|target| target.is_bin());
            programs.map(|program| (program.name.clone(), package.name.to_string()))
        })
        .collect()
}

#[test]
fn topology_lists_exactly_the_programs() {
    assert_eq!(names(&topology()["functions"]), programs().into_keys().collect());
}

#[test]
fn each_route_is_served_by_its_function() {
    let (functions, programs) = (functions(&topology()), programs());
    for (route, declared) in routes() {
        let answers = |(_, function): &(&String, &Value)| {
            answered(function).iter().any(|it| covers(it, &route))
        };
        let on_the_list: Vec<_> = functions.iter().filter(answers).map(|(name, _)| name).collect();
        assert_eq!(on_the_list.len(), 1, "{route} is answered by {on_the_list:?}");
        let answering = BTreeSet::from([programs[on_the_list[0]].clone()]);
        assert_eq!(answering, declared, "{route}: left topology.json, right who declares it");
    }
}

#[test]
fn every_path_topic_and_schedule_has_a_route() {
    let routes = routes();
    for (name, function) in functions(&topology()) {
        for pattern in answered(&function) {
            let matching = routes.keys().any(|route| covers(&pattern, route));
            assert!(matching, "{name}: nothing answers {pattern}");
        }
    }
}

#[test]
fn listed_topics_match_the_code() {
    let mut named: BTreeSet<String> =
        Phase::ALL.into_iter().map(|phase| phase.topic().to_owned()).collect();
    named.insert(embedded::DEAD_LETTER_TOPIC.into());
    // Topics that are written literally where a message is made.
    for folder in ["common/workflow", "common/service"] {
        let code = sources(folder);
        named.extend(
            code.split("topic: \"")
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
                .map(Into::into),
        );
    }
    assert!(named.contains("task-events"), "the code no longer publishes task-events: {named:?}");
    assert_eq!(names(&topology()["topics"]), named);
}

#[test]
fn every_pushed_topic_has_one_subscriber() {
    let topology = topology();
    let functions = functions(&topology);
    for (topic, settings) in topology["topics"].as_object().unwrap() {
        let listeners = functions
            .values()
            .filter(|function| names(&function["listens"]).contains(topic))
            .count();
        let pushed = settings.get("ack_deadline_seconds").is_some();
        assert_eq!(listeners, usize::from(pushed), "{topic}");
        let dead_letter = settings.get("dead_letter").map(|it| it.as_str().unwrap());
        assert_eq!(
            dead_letter,
            settings.get("max_delivery_attempts").map(|_| embedded::DEAD_LETTER_TOPIC),
            "{topic}"
        );
    }
    for (name, function) in &functions {
        for (field, known) in [
            ("listens", "topics"),
            ("publishes", "topics"),
            ("calls", "functions"),
            ("secrets", "secrets"),
        ] {
            let unknown: Vec<_> =
                names(&function[field]).difference(&names(&topology[known])).cloned().collect();
            assert!(unknown.is_empty(), "{name}.{field}: {unknown:?} is not among the {known}");
        }
    }
}

#[test]
fn a_phase_ends_before_its_message_is_delivered_again() {
    let topology = topology();
    for (name, function) in functions(&topology) {
        for topic in names(&function["listens"]).iter().filter(|topic| topic.starts_with("phase-"))
        {
            let deadline = topology["topics"][topic]["ack_deadline_seconds"].as_u64().unwrap();
            assert!(function["timeout_seconds"].as_u64().unwrap() < deadline, "{name}");
        }
    }
    let relay = &functions(&topology)["ws-relay"];
    assert_eq!(
        (relay["timeout_seconds"].as_u64(), relay["concurrency"].as_u64()),
        (Some(3600), Some(1000))
    );
}

#[test]
fn listed_secrets_match_the_port() {
    let port = read("common/ports/src/stores.rs");
    let line = port
        .lines()
        .find(|line| line.contains("Named secrets:"))
        .expect("stores.rs names the secrets");
    let documented: BTreeSet<String> = line.split('`').skip(1).step_by(2).map(Into::into).collect();
    assert_eq!(names(&topology()["secrets"]), documented);
}

#[test]
fn only_route_execute_reads_provider_keys() {
    for (name, function) in functions(&topology()) {
        let keys: Vec<_> = names(&function["secrets"])
            .into_iter()
            .filter(|secret| secret.ends_with("_api_key"))
            .collect();
        assert_eq!(
            keys.len(),
            if name == "route-execute" { 2 } else { 0 },
            "{name} reads {keys:?}"
        );
    }
}

#[test]
fn functions_are_granted_their_secrets() {
    let topology = topology();
    let secrets = names(&topology["secrets"]);
    for (name, function) in functions(&topology) {
        let code = sources(&format!("functions/{}", programs()[&name]));
        let named: BTreeSet<_> = secrets
            .iter()
            .filter(|secret| code.contains(&format!("\"{secret}\"")))
            .cloned()
            .collect();
        let missing: Vec<_> = named.difference(&names(&function["secrets"])).cloned().collect();
        assert!(missing.is_empty(), "{name} reads {missing:?} without being on the list for it");
    }
}

#[test]
fn listed_publishers_match_the_code() {
    // Functions that run or move tasks may wake every phase; no other function wakes one.
    let phases: BTreeSet<String> =
        Phase::ALL.into_iter().map(|phase| phase.topic().to_owned()).collect();
    for (name, function) in functions(&topology()) {
        let wakes = names(&function["publishes"]).intersection(&phases).count();
        let moves_tasks = name.starts_with("phase-") || name == "tasks" || name == "sweeper";
        assert_eq!(wakes, if moves_tasks { phases.len() } else { 0 }, "{name}");
    }
}

/// Terraform's own text, without comments.
fn terraform() -> BTreeMap<String, String> {
    let folder = root().join("terraform");
    let text = |path: PathBuf| {
        let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        let lines = fs::read_to_string(&path).unwrap();
        let code: Vec<_> =
            lines.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        (name, code.join("\n"))
    };
    files(&folder, "tf")
        .into_iter()
        .filter(|path| !path.iter().any(|part| part == ".terraform"))
        .map(text)
        .collect()
}

#[test]
fn terraform_reads_the_list_and_repeats_nothing() {
    let topology = topology();
    for (file, code) in terraform() {
        if file.starts_with("modules/documents/") {
            continue;
        }
        for name in
            ["functions", "topics", "secrets"].iter().flat_map(|field| names(&topology[*field]))
        {
            assert!(!code.contains(&format!("\"{name}\"")), "{file} writes \"{name}\" out");
        }
    }
}

#[test]
fn only_reviewed_iam_grants_exist() {
    let code = terraform();
    let count =
        |needle: &str| code.values().map(|code| code.matches(needle).count()).sum::<usize>();
    for forbidden in [
        "_iam_binding\"",
        "_iam_policy\"",
        "allAuthenticatedUsers",
        "roles/editor",
        "roles/owner",
        "compute@developer",
    ] {
        assert_eq!(count(forbidden), 0, "{forbidden}");
    }
    assert_eq!(count("\"allUsers\""), 1, "one resource opens functions, for the ones on the list");
    assert_eq!(
        count("\"google_project_iam_member\""),
        3,
        "project-wide: Firestore on one database, vectors, the builder's logs"
    );
    assert_eq!(count("secret_data"), 0, "values of secrets never pass through Terraform");
    assert_eq!(
        count("google_secret_manager_secret_version"),
        0,
        "values of secrets never pass through Terraform"
    );
    for (file, guarded) in
        [("data.tf", 2), ("modules/documents/main.tf", 1), ("modules/vectors/main.tf", 1)]
    {
        assert_eq!(code[file].matches("prevent_destroy = true").count(), guarded, "{file}");
    }
}
