//! Compares searches with Chroma's own results.

use std::{collections::BTreeSet, fs, path::Path};

use domain::BusinessId;
use serde::Deserialize;

use crate::{ImportError, report::Verified, target::Target};

/// A query and Chroma's results for it, as `chroma_answers.py` writes them.
#[derive(Deserialize)]
struct Answer {
    query: Vec<f32>,
    ids: Vec<String>,
}

/// Repeats every query and counts which of Chroma's results are found.
pub(crate) async fn verify(
    file: &Path,
    business: &BusinessId,
    target: &Target,
) -> Result<Verified, ImportError> {
    let unusable = |reason: String| ImportError::File { file: file.display().to_string(), reason };
    let text = fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
    let (mut found, mut expected) = (0_u32, 0_u32);
    let mut verified = Verified::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let Answer { query, ids } =
            serde_json::from_str(line).map_err(|error| unusable(error.to_string()))?;
        if ids.is_empty() {
            continue;
        }
        let nearest: BTreeSet<String> =
            target.nearest(business, &query, ids.len()).await?.into_iter().collect();
        let missing = ids.iter().filter(|id| !nearest.contains(*id)).count();
        verified.queries += 1;
        verified.complete += usize::from(missing == 0);
        expected += u32::try_from(ids.len()).unwrap_or(u32::MAX);
        found += u32::try_from(ids.len() - missing).unwrap_or(u32::MAX);
    }
    if expected == 0 {
        return Err(unusable("it holds no answers".into()));
    }
    verified.recall = f64::from(found) / f64::from(expected);
    Ok(verified)
}
