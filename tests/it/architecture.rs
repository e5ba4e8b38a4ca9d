//! Tests of the architecture: every dependency between our packages is in the allowed list.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::topology::{functions, programs, topology};

/// Adapters: they implement ports and hold no rules. Only programs name them.
const ADAPTERS: [&str; 5] = ["providers", "simulation", "embedded", "gcp", "supabase"];

fn metadata() -> Metadata {
    MetadataCommand::new().no_deps().exec().unwrap()
}

/// The packages whose programs `terraform/topology.json` deploys, each with those programs.
fn deployed() -> BTreeMap<String, BTreeSet<String>> {
    let programs = programs();
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for function in functions(&topology()).into_keys() {
        let package = programs.get(&function);
        let package = package.unwrap_or_else(|| panic!("no package builds `{function}`"));
        packages.entry(package.clone()).or_default().insert(function);
    }
    packages
}

/// The packages that a package may depend on. `testkit` is for tests only, so it is not listed.
fn allowed(package: &str) -> &'static [&'static str] {
    match package {
        "domain" | "extract" | "it" | "load" => &[],
        "marketing" | "ports" => &["domain"],
        "ledger" | "client" | "supabase" | "testkit" => &["domain", "ports"],
        "vectors" => &["domain", "ports", "ledger"],
        "gcp" | "embedded" => &["domain", "ports", "client"],
        "simulation" => &["domain", "marketing", "ports"],
        "providers" => &["domain", "ports", "simulation"],
        "workflow" => &["domain", "marketing", "ports", "ledger", "vectors"],
        "service" => &["domain", "ports", "client", "ledger", "vectors"],
        "cloud" => {
            &["domain", "ports", "client", "ledger", "workflow", "service", "gcp", "supabase"]
        }
        "estimate" | "tasks" | "budget-check" => {
            &["domain", "marketing", "ports", "ledger", "workflow", "service", "cloud"]
        }
        "phases" | "sweeper" | "ws-relay" => {
            &["domain", "ports", "ledger", "workflow", "service", "cloud"]
        }
        "vector-upsert" => &["domain", "ports", "ledger", "vectors", "extract", "service", "cloud"],
        "vector-search" => &["domain", "vectors", "service", "cloud"],
        "import-vectors" => &["domain", "ports", "client", "service", "cloud"],
        "route-execute" => {
            &["domain", "ports", "client", "ledger", "vectors", "service", "cloud", "providers"]
        }
        "local" => &[
            "domain",
            "ports",
            "client",
            "ledger",
            "vectors",
            "workflow",
            "service",
            "providers",
            "embedded",
        ],
        "sim" => &[
            "domain",
            "marketing",
            "ports",
            "client",
            "ledger",
            "workflow",
            "service",
            "simulation",
            "testkit",
            "route-execute",
        ],
        "route-eval" => &["domain", "workflow"],
        "lambda" => &["service"],
        other => panic!("`{other}` has no place in the picture yet: give it one in `allowed`"),
    }
}

fn edges(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let ours: BTreeSet<String> =
        metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let edge = |package: &Package| {
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
fn every_dependency_is_in_the_allowed_list() {
    let metadata = metadata();
    let functions = deployed();
    for (package, dependencies) in &edges(&metadata) {
        let mut allowed: BTreeSet<String> =
            allowed(package).iter().map(|name| (*name).to_owned()).collect();
        if package == "local" {
            allowed.extend(functions.keys().cloned());
        }
        let wrong: Vec<_> = dependencies.difference(&allowed).collect();
        assert!(wrong.is_empty(), "`{package}` must not depend on {wrong:?}");
    }
}

#[test]
fn local_serves_every_deployed_function() {
    let metadata = metadata();
    let local = &edges(&metadata)["local"];
    for (package, programs) in deployed() {
        assert!(local.contains(&package), "`local` does not serve `{package}`: {programs:?}");
    }
}

#[test]
fn rules_do_no_input_or_output() {
    let metadata = metadata();
    for rules in ["domain", "marketing"] {
        let package = metadata.packages.iter().find(|package| package.name.as_str() == rules);
        let dependencies = &package.unwrap().dependencies;
        for outside in ["tokio", "reqwest", "rusqlite", "axum", "tracing", "rand", "uuid"] {
            let names_it = dependencies.iter().any(|dependency| dependency.name == outside);
            assert!(!names_it, "{rules} names {outside}");
        }
    }
}

/// The library of a function, which `local` uses, must compile without adapters.
#[test]
fn only_the_programs_of_functions_name_adapters() {
    let metadata = metadata();
    let functions = deployed();
    let packages = metadata.packages.iter();
    for package in packages.filter(|package| functions.contains_key(package.name.as_str())) {
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let is_adapter = name == "cloud" || ADAPTERS.contains(&name);
            if is_adapter && dependency.kind == DependencyKind::Normal {
                assert!(dependency.optional, "`{}` needs `{name}` always", package.name);
            }
        }
    }
}

/// `local` is built without any cloud code.
#[test]
fn local_compiles_no_cloud_code() {
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
fn only_the_package_lambda_builds_for_lambda() {
    for package in metadata().packages.iter().filter(|it| it.name.as_str() != "lambda") {
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
