//! What decisions saved and kept, compared with a random mix of the same quality.

use std::{collections::BTreeMap, fmt};

use domain::{rulebook::Rulebook, usage::Usage};

use super::{Grade, Row, TODAY};

/// Sums over some scored rows.
#[derive(Clone, Copy, Default)]
struct Sums {
    rows: u32,
    score: f64,
    cost: f64,
    /// By grade: score and cost if every row went to it. A row without that grade counts as served
    /// by the strong one.
    all: [(f64, f64); 3],
}

/// Sums by set, and over all with and without a type.
#[derive(Default)]
pub(crate) struct Summary(BTreeMap<(bool, String), Sums>);

const GRADES: [Grade; 3] = [Grade::Cheap, Grade::Mid, Grade::Strong];

impl Summary {
    /// Adds a row with scores and tokens; other rows are skipped.
    pub(super) fn add(&mut self, rules: &Rulebook, row: &Row, typed: bool, chosen: Grade) {
        let of = |grade: Grade| {
            let grade = if row.scores.contains_key(&grade) { grade } else { Grade::Strong };
            let (input, output) = *row.tokens.get(&grade)?;
            // Priced at the role's current model, because the old models' prices are irrelevant.
            let chain = rules.catalog.chain(grade.role(), TODAY, rules.lead_days);
            let cost = chain.first()?.price.cost(&Usage::of(input, output)).as_usd_f64();
            Some((*row.scores.get(&grade)?, cost))
        };
        let (Some((score, cost)), [Some(cheap), Some(mid), Some(strong)]) =
            (of(chosen), GRADES.map(of))
        else {
            return;
        };
        let set = row.set.clone().unwrap_or_else(|| "rows without a set".into());
        for name in [set, String::new()] {
            let sums = self.0.entry((typed, name)).or_default();
            sums.rows += 1;
            sums.score += score;
            sums.cost += cost;
            for (sum, (score, cost)) in sums.all.iter_mut().zip([cheap, mid, strong]) {
                *sum = (sum.0 + score, sum.1 + cost);
            }
        }
    }
}

impl Sums {
    /// The most that a random mix of `grade` and the strong one would save at the same quality.
    fn mix(&self, grade: usize) -> f64 {
        let ((low, cheap), (high, dear)) = (self.all[grade], self.all[2]);
        let share =
            if high > low { ((high - self.score) / (high - low)).clamp(0.0, 1.0) } else { 1.0 };
        share * (1.0 - cheap / dear)
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (score, cost) = self.all[2];
        write!(
            f,
            "{} rows, {:.1} % saved at {:.2} % of the strong model's quality (a blind mix: {:.1} % with cheap, {:.1} % with mid)",
            self.rows,
            100.0 * (1.0 - self.cost / cost),
            100.0 * self.score / score,
            100.0 * self.mix(0),
            100.0 * self.mix(1),
        )
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((typed, set), sums) in &self.0 {
            let typed = if *typed { "typed" } else { "no type" };
            let set = if set.is_empty() { String::new() } else { format!(", {set}") };
            writeln!(f, "{typed}{set}: {sums}")?;
        }
        Ok(())
    }
}
