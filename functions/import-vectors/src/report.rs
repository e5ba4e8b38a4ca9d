//! The result of an import.

use std::{collections::BTreeMap, fmt};

use crate::record::Flaw;

const EXAMPLES: usize = 3;

/// The result of an import.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// Whether nothing was sent.
    pub dry_run: bool,
    /// Vectors in the source.
    pub read: usize,
    /// Vectors that can be stored with their own embeddings.
    pub with_embedding: usize,
    /// Vectors that must be embedded.
    pub to_embed: usize,
    /// Vectors that were new or had changed.
    pub upserted: usize,
    /// Vectors that were already stored.
    pub unchanged: usize,
    /// Vectors sent by an earlier run, according to the progress file.
    pub sent_before: usize,
    /// Texts that were embedded.
    pub embedded: usize,
    /// The cost of the embeddings.
    pub cost_usd: f64,
    /// Vectors that were left out, by the kind of problem.
    pub problems: BTreeMap<&'static str, ProblemSummary>,
    /// The source's distance function, if it is not the cosine.
    pub other_space: Option<String>,
    /// The comparison with Chroma's own results.
    pub verified: Option<Verified>,
}

/// Vectors with the same problem.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProblemSummary {
    /// The number of vectors.
    pub count: usize,
    /// The first few, each with its reason.
    pub examples: Vec<String>,
}

/// How well searches agree with Chroma's.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Verified {
    /// Queries compared.
    pub queries: usize,
    /// The share of Chroma's results that were found, over all queries.
    pub recall: f64,
    /// Queries for which all of Chroma's results were found.
    pub complete: usize,
}

impl Report {
    pub(crate) fn leave_out(&mut self, flaw: &Flaw) {
        let found = self.problems.entry(flaw.problem).or_default();
        found.count += 1;
        if found.examples.len() < EXAMPLES {
            found.examples.push(format!("{}: {}", flaw.place, flaw.reason));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out: usize = self.problems.values().map(|found| found.count).sum();
        writeln!(f, "read       {}", self.read)?;
        writeln!(
            f,
            "fit        {} with embeddings, {} to be embedded",
            self.with_embedding, self.to_embed
        )?;
        if self.dry_run {
            writeln!(f, "sent       0 (dry run)")?;
        } else {
            let Self { upserted, unchanged, sent_before, embedded, cost_usd, .. } = self;
            writeln!(
                f,
                "kept       {upserted} new or changed, {unchanged} unchanged, {sent_before} sent before"
            )?;
            writeln!(f, "embedded   {embedded} for ${cost_usd:.6}")?;
        }
        writeln!(f, "left out   {left_out}")?;
        for (problem, ProblemSummary { count, examples }) in &self.problems {
            writeln!(f, "           {problem} {count}")?;
            for example in examples {
                writeln!(f, "             {example}")?;
            }
        }
        if let Some(Verified { queries, recall, complete }) = self.verified {
            writeln!(f, "verified   {queries} queries, recall {recall:.3}, {complete} complete")?;
            if let Some(space) = &self.other_space {
                writeln!(
                    f,
                    "           Chroma ranked by {space}, searches here rank by the cosine"
                )?;
            }
        }
        Ok(())
    }
}
