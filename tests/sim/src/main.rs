//! Runs the paid path under seeds, and shows what went wrong in one.

use std::{
    error::Error,
    io::{self, Write as _},
    ops::Range,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use sim::{Fleet, Mutant, Outcome, Phases, Setting, fleet, run};

/// Whatever stops the program; its text is for whoever typed the command.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What CI runs.
const SEEDS: Range<u64> = 0..10_000;
/// Seeds within which every mutant is caught.
const MUTANT_SEEDS: Range<u64> = 0..500;

/// Exit code for a wrong command line (`EX_USAGE` of sysexits.h), and for whatever else stops it.
const STOPPED: u8 = 64;

/// Runs the paid path under many seeds, each with its own faults and order of events.
#[derive(Parser)]
#[command(name = "sim")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
    /// Whole analyses instead of small ones.
    #[arg(long, global = true)]
    whole: bool,
    /// Take a protection away.
    #[arg(long, global = true, value_name = "NAME", value_parser = mutant)]
    mutant: Option<Mutant>,
    /// Which seeds.
    #[arg(long, global = true, value_name = "FROM..TO", value_parser = range)]
    seeds: Option<Range<u64>>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs seeds and prints the first that goes wrong with its whole trace.
    Run,
    /// Prints the trace of one seed.
    Replay {
        /// Which.
        seed: u64,
    },
    /// Proves that every protection is missed when it is taken away.
    Mutants,
}

fn main() -> ExitCode {
    let command_line = match CommandLine::try_parse() {
        Ok(command_line) => command_line,
        Err(error) => {
            // Both outputs may be closed; there is nowhere left to say so.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(STOPPED) } else { ExitCode::SUCCESS };
        }
    };
    match command(command_line) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "sim: {error}");
            ExitCode::from(STOPPED)
        }
    }
}

/// Answers whether everything was as it should be.
fn command(command_line: CommandLine) -> Result<bool> {
    let CommandLine { command, whole, mutant, seeds } = command_line;
    let phases = if whole { Phases::Whole } else { Phases::Small };
    let setting = Setting { phases, mutant, keeps_trace: false };
    match command {
        Command::Run => all(seeds.unwrap_or(SEEDS), setting),
        Command::Mutants => mutants(&seeds.unwrap_or(MUTANT_SEEDS), setting),
        Command::Replay { seed } => print(&run(seed, Setting { keeps_trace: true, ..setting })),
    }
}

fn mutant(name: &str) -> std::result::Result<Mutant, &'static str> {
    Mutant::named(name).ok_or("there is no such mutant")
}

fn range(text: &str) -> std::result::Result<Range<u64>, String> {
    let number = |text: &str| text.parse().map_err(|error| format!("`{text}`: {error}"));
    let (from, to) = text.split_once("..").ok_or("is not FROM..TO")?;
    Ok(number(from)?..number(to)?)
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
