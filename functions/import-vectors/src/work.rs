//! What the command line asks for.

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{Order, Reembed, Target, reembed, run};

/// Exit code for a wrong command line (`EX_USAGE` of sysexits.h).
const WRONG_COMMAND_LINE: u8 = 64;

/// Moves a business's vectors over from a Chroma persist directory or a JSONL file.
#[derive(Parser)]
#[command(
    name = "import-vectors",
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    subcommand_negates_reqs = true
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    order: Option<Order>,
}

#[derive(Subcommand)]
enum Command {
    /// Has a business's vectors moved to another embedding model.
    #[command(args_override_self = true)]
    Reembed(Reembed),
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Work {
    /// Vectors from elsewhere.
    Import(Order),
    /// A move to another embedding model.
    Reembed(Reembed),
}

impl Work {
    /// Reads a command line, the program's name first. One that is wrong, or that asks for help,
    /// is answered here; what is left is the exit code.
    pub fn parse<A: Into<OsString> + Clone>(
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Self, ExitCode> {
        read(arguments).map_err(|error| {
            // Both outputs may be closed; there is nowhere left to say so.
            let _ = error.print();
            if error.use_stderr() { ExitCode::from(WRONG_COMMAND_LINE) } else { ExitCode::SUCCESS }
        })
    }

    /// Does it, and tells on standard error and output how it went.
    pub async fn run(&self, target: &Target) -> ExitCode {
        match self {
            Self::Import(order) => run(order, target).await,
            Self::Reembed(order) => reembed::run(order, target).await,
        }
    }
}

fn read<A: Into<OsString> + Clone>(
    arguments: impl IntoIterator<Item = A>,
) -> Result<Work, clap::Error> {
    let CommandLine { command, order } = CommandLine::try_parse_from(arguments)?;
    match (command, order) {
        (Some(Command::Reembed(order)), _) => Ok(Work::Reembed(order)),
        (None, Some(order)) => Ok(Work::Import(order)),
        (None, None) => Err(clap::Error::new(clap::error::ErrorKind::MissingRequiredArgument)),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, error::ErrorKind};
    use domain::BusinessId;

    use super::*;

    fn parse(line: &str) -> Result<Work, (ErrorKind, String)> {
        let arguments = std::iter::once("import-vectors").chain(line.split_whitespace());
        read(arguments).map_err(|error| (error.kind(), error.to_string()))
    }

    fn acme() -> BusinessId {
        BusinessId::new("acme").unwrap()
    }

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_command_line_says_what_to_import() {
        assert_eq!(
            parse("--from f.jsonl --business acme"),
            Ok(Work::Import(Order::new("f.jsonl", acme())))
        );
        let all = Order {
            collection: Some("docs".into()),
            embedding_model: Some("m".into()),
            embed_texts: true,
            dry_run: true,
            progress: Some("p".into()),
            verify: Some("a".into()),
            ..Order::new("d", acme())
        };
        let line = "--dry-run --from c --collection docs --business acme --embedding-model m \
            --embed-texts --progress p --verify a --from d";
        assert_eq!(parse(line), Ok(Work::Import(all)));
    }

    #[test]
    fn a_command_line_says_what_to_move() {
        let order = Reembed {
            business: acme(),
            embedding_model: "m".into(),
            dry_run: true,
            delete_without_text: true,
        };
        let line = "reembed --business acme --embedding-model m --dry-run --delete-without-text";
        assert_eq!(parse(line), Ok(Work::Reembed(order)));
    }

    #[test]
    fn what_is_wrong_with_it_is_named() {
        for (line, kind, named) in [
            ("", ErrorKind::MissingRequiredArgument, "--from"),
            ("--business acme", ErrorKind::MissingRequiredArgument, "--from"),
            ("--from d", ErrorKind::MissingRequiredArgument, "--business"),
            ("--from d --business", ErrorKind::InvalidValue, "--business"),
            ("--form d", ErrorKind::UnknownArgument, "--form"),
            ("--from d --business a/b", ErrorKind::ValueValidation, "an id must be"),
            ("reembed --embedding-model m", ErrorKind::MissingRequiredArgument, "--business"),
            ("reembed --business acme", ErrorKind::MissingRequiredArgument, "--embedding-model"),
            ("reembed --business acme --from d", ErrorKind::UnknownArgument, "--from"),
        ] {
            let (found, text) = parse(line).unwrap_err();
            assert!(found == kind && text.contains(named), "{line}: {found:?} {text}");
        }
    }

    #[test]
    fn help_tells_every_option() {
        let (kind, text) = parse("--help").unwrap_err();
        assert_eq!(kind, ErrorKind::DisplayHelp);
        for name in ["reembed", "--from", "--collection", "--embed-texts", "--dry-run", "--verify"]
        {
            assert!(text.contains(name), "{text}");
        }
    }
}
