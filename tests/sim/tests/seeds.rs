//! Checks every guarantee of the engine, the ledger and the gateway under ten thousand seeds, and
//! that each mutant is found.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and it prints figures"
)]

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use sim::{Mutant, Phases, Setting, run};

/// The built program; `make test` builds all of them first, in the profile of the tests.
fn program() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let path = deps.ancestors().nth(2).unwrap().join("sim");
    assert!(
        path.exists(),
        "{} is missing: cargo build --workspace --bins --tests --profile tests",
        path.display()
    );
    path
}

fn sim(arguments: &[&str]) -> Output {
    Command::new(program()).args(arguments).output().unwrap()
}

/// Runs the program and expects success; its last output tells the reason otherwise.
fn check(arguments: &[&str]) {
    let output = sim(arguments);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "sim {}\n{printed}", arguments.join(" "));
    println!("{printed}");
}

#[test]
fn the_same_seed_leaves_the_same_trace() {
    for seed in 0..12 {
        let setting = Setting { phases: Phases::Small, mutant: None, keeps_trace: true };
        let (first, again) = (run(seed, setting), run(seed, setting));
        assert!(first.trace.len() > 10, "seed {seed} left no trace");
        let parted = first.trace.iter().zip(&again.trace).find(|(first, again)| first != again);
        assert!(first == again, "seed {seed} parts from itself at {parted:?}");
    }
}

#[test]
fn ten_thousand_seeds_break_no_promise() {
    check(&["run"]);
}

#[test]
fn two_hundred_whole_analyses_break_no_promise() {
    check(&["run", "--whole", "--seeds", "0..200"]);
}

#[test]
fn every_removed_protection_is_noticed() {
    check(&["mutants"]);
}

#[test]
fn a_failing_seed_prints_its_trace_and_replays() {
    let printed = || {
        String::from_utf8(sim(&["replay", "0", "--mutant", Mutant::Outbox.as_str()]).stdout)
            .unwrap()
    };
    let trace = printed();
    assert!(trace.lines().last().is_some_and(|line| line.contains("WRONG")), "{trace}");
    assert_eq!(printed(), trace);
}
