//! `import-vectors`: moves a business's vectors over from a Chroma persist directory or a JSONL
//! file.
//!
//! It is a client of `vector-upsert` and `vector-search` like any other: the ledger pays for texts
//! that have to be embedded, models are not mixed, and what is kept already costs nothing. A repeat
//! is therefore harmless; a progress file only saves sending it all again. `import-vectors reembed`
//! has them moved to another embedding model.

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
pub use report::{Found, Report, Verified};
pub use source::SourceError;
pub use target::{Target, TargetError};
pub use work::Work;

/// Why an import ended early. What was kept until then stays, and a repeat goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source cannot be read at all.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The functions refused, or stayed out of reach.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The progress file or the file of answers cannot be used.
    #[error("{file}: {reason}")]
    File {
        /// Which.
        file: String,
        /// Why not.
        reason: String,
    },
}

/// Carries out an order: progress goes to standard error, the report to standard output. Success
/// means that nothing was left out.
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
