//! The direction of the house: every dependency edge is one of the picture, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

const FUNCTIONS: [&str; 13] = [
    "estimate",
    "route-execute",
    "budget-check",
    "tasks",
    "phase-research",
    "phase-strategy",
    "phase-campaign",
    "phase-analytics",
    "vector-upsert",
    "vector-search",
    "ws-relay",
    "sweeper",
    "import-vectors",
];

/// What each room may know. `testkit` is for tests alone, so no room names it here.
fn allowed(package: &str) -> Vec<&'static str> {
    let rooms: &[&str] = match package {
        "domain" | "it" | "load" => &[],
        "ports" | "prompts" => &["domain"],
        "workflow" => &["domain", "ports", "prompts"],
        "providers" | "embedded" | "gcp" | "supabase" | "testkit" => &["domain", "ports"],
        "service" => &["domain", "ports", "workflow"],
        "local" => &["domain", "ports", "workflow", "service", "providers", "embedded"],
        "cloud" => &["domain", "ports", "workflow", "service", "gcp", "supabase"],
        "route-execute" => &["domain", "ports", "workflow", "service", "cloud", "providers"],
        "sim" => &["domain", "ports", "prompts", "workflow", "service", "providers", "testkit"],
        _ => &["domain", "ports", "workflow", "service", "cloud"],
    };
    let functions: &[&str] = match package {
        "local" => &FUNCTIONS,
        "sim" => &["route-execute"],
        _ => &[],
    };
    rooms.iter().chain(functions).copied().collect()
}

/// Edges between our own packages that code outside tests relies on.
fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let ours: BTreeSet<String> =
        metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let edge = |package: &cargo_metadata::Package| {
        let normal = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal);
        let named =
            normal.map(|dependency| dependency.name.clone()).filter(|name| ours.contains(name));
        (package.name.to_string(), named.collect())
    };
    metadata.packages.iter().map(edge).collect()
}

#[test]
fn every_dependency_edge_is_in_the_picture() {
    let edges = edges();
    for function in FUNCTIONS {
        assert!(edges.contains_key(function), "the function `{function}` is missing");
    }
    for (package, dependencies) in &edges {
        let allowed: BTreeSet<String> = allowed(package).into_iter().map(Into::into).collect();
        let wrong: Vec<_> = dependencies.difference(&allowed).collect();
        assert!(wrong.is_empty(), "`{package}` must not depend on {wrong:?}");
    }
}

#[test]
fn the_rules_do_no_input_or_output() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let domain =
        metadata.packages.iter().find(|package| package.name.as_str() == "domain").unwrap();
    for outside in ["tokio", "reqwest", "rusqlite", "axum", "tracing", "rand", "uuid"] {
        assert!(
            domain.dependencies.iter().all(|dependency| dependency.name != outside),
            "domain names {outside}"
        );
    }
}

/// Adapters belong to a function's program alone: its library, which the laptop takes, must compile
/// without them.
#[test]
fn only_the_programs_of_functions_name_adapters() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    for package in
        metadata.packages.iter().filter(|package| FUNCTIONS.contains(&package.name.as_str()))
    {
        for dependency in &package.dependencies {
            let is_adapter = ["cloud", "gcp", "supabase", "providers", "embedded"]
                .contains(&dependency.name.as_str());
            if is_adapter && dependency.kind == DependencyKind::Normal {
                assert!(
                    dependency.optional,
                    "`{}` needs `{}` always",
                    package.name, dependency.name
                );
            }
        }
    }
}

/// What the laptop runs on is built without a line of the cloud's.
#[test]
fn the_laptop_compiles_no_cloud_code() {
    let mut tree = std::process::Command::new(env!("CARGO"));
    tree.args(["tree", "--package", "local", "--edges", "normal", "--prefix", "none", "--offline"]);
    let tree = String::from_utf8(tree.output().unwrap().stdout).unwrap();
    assert!(tree.contains("embedded v"), "{tree}");
    for package in ["gcp v", "cloud v", "supabase v", "tonic v", "gcloud-sdk v", "google-cloud"] {
        assert!(
            !tree.lines().any(|line| line.starts_with(package)),
            "`local` compiles `{package}…`"
        );
    }
}

#[test]
fn only_who_asks_for_it_on_the_command_line_builds_for_lambda() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    for package in &metadata.packages {
        for dependency in &package.dependencies {
            assert!(
                !dependency.features.iter().any(|feature| feature == "lambda"),
                "{} asks for it",
                package.name
            );
            assert!(
                dependency.name != "lambda_http" || dependency.optional,
                "{} always has it",
                package.name
            );
        }
        assert!(
            !package.features.get("default").is_some_and(|on| on.iter().any(|it| it == "lambda")),
            "{}",
            package.name
        );
    }
}
