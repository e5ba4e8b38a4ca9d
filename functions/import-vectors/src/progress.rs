//! The progress of the import: for the terminal, and for the next run.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal as _, Write as _},
    path::Path,
};

use crate::ImportError;

/// The batches that were already sent, by the hashes of their content: a batch that has changed is
/// sent again.
///
/// The file has one hash per line, written once the batch is stored. A line that a crash cut short
/// matches nothing.
pub(crate) struct Sent {
    batches: BTreeSet<String>,
    file: Option<File>,
    name: String,
}

impl Sent {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, ImportError> {
        let Some(path) = path else {
            return Ok(Self { batches: BTreeSet::new(), file: None, name: String::new() });
        };
        let name = path.display().to_string();
        let unusable =
            |error: io::Error| ImportError::File { file: name.clone(), reason: error.to_string() };
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text.map_err(unusable)?,
        };
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(unusable)?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").map_err(unusable)?;
        }
        Ok(Self { batches: text.lines().map(Into::into).collect(), file: Some(file), name })
    }

    pub(crate) fn contains(&self, batch: &str) -> bool {
        self.batches.contains(batch)
    }

    pub(crate) fn add(&mut self, batch: &str) -> Result<(), ImportError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = writeln!(file, "{batch}").and_then(|()| file.sync_data());
        written.map_err(|error| ImportError::File {
            file: self.name.clone(),
            reason: error.to_string(),
        })
    }
}

/// A progress bar on standard error; in a log, a line after every tenth.
pub(crate) struct Bar {
    is_terminal: bool,
    tenths: usize,
}

impl Bar {
    const WIDTH: usize = 40;

    pub(crate) fn new() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), tenths: 0 }
    }

    pub(crate) fn show(&mut self, done: usize, total: usize) {
        let share = |parts: usize| (done * parts).checked_div(total).unwrap_or(parts).min(parts);
        if self.is_terminal {
            let filled = share(Self::WIDTH);
            let bar = format!("{}{}", "#".repeat(filled), ".".repeat(Self::WIDTH - filled));
            let _ = write!(io::stderr(), "\r[{bar}] {done} of {total}");
        } else if share(10) > self.tenths {
            self.tenths = share(10);
            let _ = writeln!(io::stderr(), "{done} of {total}");
        }
    }

    pub(crate) fn end(&self) {
        if self.is_terminal {
            let _ = writeln!(io::stderr());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_line_does_not_hide_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("progress");
        fs::write(&path, "one\ntw").unwrap();
        Sent::open(Some(&path)).unwrap().add("three").unwrap();
        let sent = Sent::open(Some(&path)).unwrap();
        assert_eq!(["one", "two", "three"].map(|batch| sent.contains(batch)), [true, false, true]);
    }
}
