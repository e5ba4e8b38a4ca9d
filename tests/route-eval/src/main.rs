//! Holds the router against evidence: where it sends labelled prompts, what it saves, what recorded
//! outcomes teach it.

mod eval;
mod families;
mod learn;
mod savings;
mod table;

use std::{
    error::Error,
    fs,
    io::{self, BufWriter, Write as _},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Whatever stops the program; its text is for whoever typed the command.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Where the table lies and where what was learned goes, seen from the root of the repository.
const TABLE: &str = "common/domain/data/tasks.toml";
const LEARNED: &str = "tasks.learned.toml";

/// Holds the router against evidence.
#[derive(Parser)]
#[command(name = "route-eval")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answers each row of a JSON-lines file with the router's decision.
    Eval {
        /// Labelled prompts.
        file: String,
    },
    /// Compares a routed analysis with one on a single role.
    Savings,
    /// Re-estimates the quality table from recorded outcomes.
    Learn {
        /// Outcomes, a JSON line each.
        file: String,
        /// The table as it is.
        #[arg(default_value = TABLE)]
        table: String,
        /// Where the new one goes.
        #[arg(default_value = LEARNED)]
        out: String,
        /// How many outcomes the table as it is counts for.
        #[arg(default_value_t = 50.0)]
        strength: f64,
    },
}

fn main() -> ExitCode {
    match run(CommandLine::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; there is nowhere left to say so.
            let _ = writeln!(io::stderr(), "route-eval: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match command {
        Command::Eval { file } => {
            let rules = families::rulebook()?;
            let summary = eval::eval(&rules, &read(&file)?, &mut out)?;
            writeln!(io::stderr(), "{summary}")?;
        }
        Command::Savings => writeln!(out, "{}", savings::table()?)?,
        Command::Learn { file, table, out: target, strength } => {
            let learned = learn::learn(&read(&table)?, &read(&file)?, strength)?;
            fs::write(&target, &learned.text)?;
            writeln!(
                out,
                "{learned}\nwritten to {target}: look at the differences before it takes the table's place"
            )?;
        }
    }
    Ok(out.flush()?)
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).map_err(|error| format!("{path}: {error}").into())
}
