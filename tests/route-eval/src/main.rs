//! Holds the router against evidence: where it sends labelled prompts, what it saves, what recorded
//! outcomes teach it.
//!
//! `route-eval eval FILE` answers each row of a JSON-lines file with the router's decision;
//! `route-eval savings` compares a routed analysis with one on a single role; `route-eval learn
//! FILE [TABLE] [OUT]` re-estimates the quality table.

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

/// Whatever stops the program; its text is for whoever typed the command.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "route-eval eval FILE | savings | learn FILE [TABLE [OUT [STRENGTH]]]";
/// Where the table lies and where what was learned goes, seen from the root of the repository.
const TABLE: &str = "common/domain/data/tasks.toml";
const LEARNED: &str = "tasks.learned.toml";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; there is nowhere left to say so.
            let _ = writeln!(io::stderr(), "route-eval: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match arguments {
        ["eval", file] => {
            let rules = families::rulebook()?;
            let summary = eval::eval(&rules, &read(file)?, &mut out)?;
            writeln!(io::stderr(), "{summary}")?;
        }
        ["savings"] => writeln!(out, "{}", savings::table()?)?,
        ["learn", file, rest @ ..] => {
            let table = read(rest.first().unwrap_or(&TABLE))?;
            let strength: f64 = rest.get(2).unwrap_or(&"50").parse()?;
            let learned = learn::learn(&table, &read(file)?, strength)?;
            let target = rest.get(1).unwrap_or(&LEARNED);
            fs::write(target, &learned.text)?;
            writeln!(
                out,
                "{learned}\nwritten to {target}: look at the differences before it takes the table's place"
            )?;
        }
        _ => return Err(USAGE.into()),
    }
    Ok(out.flush()?)
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).map_err(|error| format!("{path}: {error}").into())
}
