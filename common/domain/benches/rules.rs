//! Benchmarks of the rules that run in every request.

use divan::{Bencher, black_box};
use domain::{
    catalog::Capability,
    routing::{Evidence, RouteRequest, route},
    rulebook::Rulebook,
    tier::Tier,
};

fn main() {
    divan::main();
}

fn decide(bencher: Bencher<'_, '_>, task_type: &str) {
    let Ok(rules) = Rulebook::bundled() else { return };
    let Ok(today) = "2026-11-22".parse() else { return };
    let request = RouteRequest {
        task_type,
        model: None,
        complexity: None,
        terms: rules.tiers.terms(Tier::Enterprise),
        allow_downgrade: true,
        input_tokens: 9_000,
        counted_tokens: None,
        max_output_tokens: None,
        effort: None,
        needs: &[Capability::StructuredOutput],
        max_searches: 0,
        evidence: Evidence::default(),
        today,
    };
    bencher.bench_local(|| route(&rules, black_box(&request)));
}

/// The router's decision for a typed call.
#[divan::bench]
fn route_typed(bencher: Bencher<'_, '_>) {
    decide(bencher, "positioning_strategy");
}

/// The router's decision for a call without a type.
#[divan::bench]
fn route_untyped(bencher: Bencher<'_, '_>) {
    decide(bencher, "other");
}

/// Measuring 20 kB of messages of a call without a type.
#[divan::bench]
fn observe_messages(bencher: Bencher<'_, '_>) {
    let text = "1. Name the market, its size and where it grows.\n".repeat(400);
    bencher.bench_local(|| Evidence::of([black_box(text.as_str())]));
}

/// Parsing and checking the catalogue at start.
#[divan::bench]
fn load_rulebook() -> bool {
    Rulebook::bundled().is_ok()
}
