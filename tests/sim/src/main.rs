//! `sim run [--whole] [--seeds FROM..TO]`: runs seeds and prints the first that goes wrong with its
//! whole trace. `sim replay SEED [--whole] [--mutant NAME]` prints the trace of one seed; `sim
//! mutants` proves that every protection is missed when it is taken away.

use std::{
    error::Error,
    io::{self, Write as _},
    ops::Range,
    process::ExitCode,
};

use sim::{Fleet, Mutant, Outcome, Phases, Setting, fleet, run};

/// Whatever stops the program; its text is for whoever typed the command.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "sim run [--whole] [--seeds FROM..TO] | replay SEED [--whole] [--mutant NAME] | mutants [--seeds FROM..TO]";
/// What CI runs.
const SEEDS: Range<u64> = 0..10_000;
/// Seeds within which every mutant is caught.
const MUTANT_SEEDS: Range<u64> = 0..500;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match command(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Standard error may be closed; there is nowhere left to say so.
            let _ = writeln!(io::stderr(), "sim: {error}");
            ExitCode::from(64)
        }
    }
}

/// Answers whether everything was as it should be.
fn command(arguments: &[String]) -> Result<bool> {
    let (command, rest) = arguments.split_first().ok_or(USAGE)?;
    let option = |name: &str| rest.iter().position(|it| it == name).and_then(|at| rest.get(at + 1));
    let phases = if rest.iter().any(|it| it == "--whole") { Phases::Whole } else { Phases::Small };
    let mutant = option("--mutant")
        .map(|name| Mutant::named(name).ok_or("there is no such mutant"))
        .transpose()?;
    let setting = Setting { phases, mutant, keeps_trace: false };
    let seeds = option("--seeds").map(|text| range(text)).transpose()?;
    match command.as_str() {
        "run" => all(seeds.unwrap_or(SEEDS), setting),
        "mutants" => mutants(&seeds.unwrap_or(MUTANT_SEEDS), setting),
        "replay" => {
            let seed = rest.first().ok_or(USAGE)?.parse()?;
            print(&run(seed, Setting { keeps_trace: true, ..setting }))
        }
        _ => Err(USAGE.into()),
    }
}

fn range(text: &str) -> Result<Range<u64>> {
    let (from, to) = text.split_once("..").ok_or(USAGE)?;
    Ok(from.parse()?..to.parse()?)
}

fn all(seeds: Range<u64>, setting: Setting) -> Result<bool> {
    let mut out = io::stdout().lock();
    let Fleet { found, seeds, tasks, payments, took } = fleet(seeds, setting);
    let each_ms = took.as_secs_f64() * 1000.0 / f64::from(u32::try_from(seeds.max(1))?);
    writeln!(
        out,
        "{seeds} seeds, {tasks} tasks, {payments} paid calls in {took:.1?} ({each_ms:.1} ms a seed)"
    )?;
    let Some(found) = found else { return Ok(true) };
    drop(out);
    print(&run(found.seed, Setting { keeps_trace: true, ..setting }))?;
    writeln!(io::stdout(), "seed {}: {}", found.seed, found.violation)?;
    Ok(false)
}

fn mutants(seeds: &Range<u64>, setting: Setting) -> Result<bool> {
    let mut out = io::stdout().lock();
    let mut all_caught = true;
    for mutant in Mutant::ALL {
        let Fleet { found, took, .. } =
            fleet(seeds.clone(), Setting { mutant: Some(mutant), ..setting });
        let name = mutant.as_str();
        all_caught &= found.is_some();
        match found {
            Some(found) => writeln!(
                out,
                "{name}: caught by seed {} ({took:.1?}): {}",
                found.seed, found.violation
            )?,
            None => writeln!(out, "{name}: NOT CAUGHT within {} seeds", seeds.end - seeds.start)?,
        }
    }
    Ok(all_caught)
}

fn print(outcome: &Outcome) -> Result<bool> {
    let mut out = io::stdout().lock();
    for line in &outcome.trace {
        writeln!(out, "{line}")?;
    }
    Ok(outcome.violation.is_none())
}
