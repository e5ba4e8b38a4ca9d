//! `import-vectors`: imports a business's vectors from a Chroma persist directory or a JSONL file.
//!
//! It is an ordinary client of `vector-upsert` and `vector-search`: the ledger pays for texts that
//! must be embedded, models are not mixed, and unchanged vectors cost nothing. A repeat is
//! therefore harmless; the progress file only avoids sending everything again. `import-vectors
//! reembed` moves the vectors to another embedding model.

mod chroma;
mod import;
mod jsonl;
mod order;
mod progress;
mod record;
mod reembed;
mod report;
mod source;
mod target;
#[cfg(test)]
mod tests;
mod verify;
mod work;

use std::{io::Write as _, process::ExitCode};

pub use import::import;
pub use order::Order;
pub use reembed::{Moved, Reembed, reembed};
pub use report::{ProblemSummary, Report, Verified};
pub use source::SourceError;
pub use target::{Target, TargetError};
pub use work::Work;

/// Why an import ended early. What was stored until then stays, and a repeat continues from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source cannot be read at all.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The functions refused a request or could not be reached.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The progress file or the file of answers cannot be used.
    #[error("{file}: {reason}")]
    File {
        /// The path of the file.
        file: String,
        /// The reason.
        reason: String,
    },
}

/// Runs an import: progress goes to standard error, the report to standard output. The exit code is
/// success only if nothing was left out.
async fn run(order: &Order, target: &Target) -> ExitCode {
    let mut bar = progress::Bar::new();
    let outcome = import(order, target, &mut |done, total| bar.show(done, total)).await;
    bar.end();
    match outcome {
        Ok(report) => {
            let _ = write!(std::io::stdout(), "{report}");
            if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "import-vectors: {error}");
            ExitCode::FAILURE
        }
    }
}
