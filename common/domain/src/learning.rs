//! Updates the quality table from recorded outcomes: the share of answers that pass at the first
//! try, shrunk towards the previous estimate.

use serde::{Deserialize, Serialize};

use crate::{
    catalog::Role,
    task_type::{Quality, TaskType},
};

/// How a validated answer did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It kept every rule at the first try.
    Pass,
    /// It kept them after at least one repair.
    Repair,
    /// It still broke rules after the last repair.
    Fail,
}

/// Outcomes of one role on one task type.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Answers that passed at the first try.
    pub passed: u64,
    /// All answers.
    pub total: u64,
}

impl Tally {
    /// Counts one more outcome. A repaired answer does not count as passed, because `q̂` estimates
    /// the first try.
    pub fn add(&mut self, verdict: Verdict) {
        self.total += 1;
        self.passed += u64::from(verdict == Verdict::Pass);
    }

    /// The mean of a Beta distribution whose prior has the mean `prior` and the weight of
    /// `strength` outcomes: `(passed + strength · prior) / (total + strength)`.
    fn shrunk(self, prior: f64, strength: f64) -> f64 {
        let (passed, total) = (as_f64(self.passed), as_f64(self.total));
        (passed + strength * prior) / (total + strength)
    }
}

/// Outcomes of a task type, by chat role, cheapest first.
pub type Tallies = [Tally; 3];

/// The index of a role in [`Tallies`]; `None` for embeddings, which have no outcomes.
pub fn place(role: Role) -> Option<usize> {
    Role::CHAT.iter().position(|chat| *chat == role)
}

/// Estimates a type's quality again from outcomes. The prior is the present row with the weight of
/// `strength` outcomes.
///
/// A more expensive role never ranks below a cheaper one: neighbours in the wrong order are pooled
/// by the weight of their evidence (isotonic regression), so that a few outcomes cannot turn the
/// router away from the stronger model. Results have three decimals and stay between 0.01 and
/// 0.999: no number of outcomes makes a model perfect.
pub fn learned(row: &TaskType, tallies: &Tallies, strength: f64) -> Quality {
    let strength = strength.max(1.0);
    // Each group: value, weight, number of roles in it.
    let mut groups: Vec<(f64, f64, usize)> = Vec::new();
    for (role, tally) in Role::CHAT.into_iter().zip(tallies) {
        let mut group =
            (tally.shrunk(row.quality.of(role), strength), as_f64(tally.total) + strength, 1);
        while let Some(below) = groups.pop_if(|below| below.0 > group.0) {
            let weight = below.1 + group.1;
            group = ((below.0 * below.1 + group.0 * group.1) / weight, weight, below.2 + group.2);
        }
        groups.push(group);
    }
    let mut values =
        groups.into_iter().flat_map(|(value, _, roles)| std::iter::repeat_n(rounded(value), roles));
    let mut next = || values.next().unwrap_or(row.quality.full);
    Quality { nano: next(), mini: next(), full: next() }
}

fn rounded(share: f64) -> f64 {
    (share.clamp(0.01, 0.999) * 1000.0).round() / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "no table has 2^52 outcomes")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::task_type::TaskTypes;

    fn row() -> TaskType {
        // Quality 0.85, 0.955, 0.97.
        TaskTypes::bundled().unwrap().get("icp_generation").unwrap().clone()
    }

    fn check(tallies: [(u64, u64); 3], strength: f64, expect: [f64; 3]) {
        let quality =
            learned(&row(), &tallies.map(|(passed, total)| Tally { passed, total }), strength);
        let seen = [quality.nano, quality.mini, quality.full];
        let differs = seen.iter().zip(expect).any(|(seen, expect)| (seen - expect).abs() > 1e-9);
        assert!(!differs, "{tallies:?}: {seen:?} is not {expect:?}");
    }

    #[test]
    fn more_outcomes_move_the_table_further() {
        // (passed + 100 · prior) / (total + 100)
        check([(0, 0), (0, 0), (0, 0)], 100.0, [0.85, 0.955, 0.97]);
        check([(0, 0), (80, 100), (0, 0)], 100.0, [0.85, 0.878, 0.97]);
        check([(0, 0), (800, 1_000), (0, 0)], 100.0, [0.817, 0.817, 0.97]);
        check([(40, 50), (0, 0), (50, 50)], 50.0, [0.825, 0.955, 0.985]);
    }

    #[test]
    fn a_dearer_role_never_ranks_below_a_cheaper() {
        // A thousand of a thousand passed: nano alone is (1000 + 85) / 1100 = 0.986; pooled with
        // mini's 0.955 it is (1085 + 95.5) / 1200, and then with full's 0.97.
        check([(1_000, 1_000), (0, 0), (0, 0)], 100.0, [0.983, 0.983, 0.983]);
        // None of a thousand passed: full is 97 / 1100, pooled downwards.
        check([(0, 0), (0, 0), (0, 1_000)], 100.0, [0.213, 0.213, 0.213]);
    }

    #[test]
    fn only_a_first_try_counts_as_passed() {
        let mut tally = Tally::default();
        for verdict in [Verdict::Pass, Verdict::Repair, Verdict::Fail] {
            tally.add(verdict);
        }
        assert_eq!(tally, Tally { passed: 1, total: 3 });
    }

    proptest! {
        #[test]
        fn learned_rows_are_valid(
            counts in proptest::array::uniform3((0u64..2_000, 0u64..2_000)), strength in 0.0f64..500.0,
        ) {
            let tallies = counts.map(|(passed, more)| Tally { passed, total: passed + more });
            let quality = learned(&row(), &tallies, strength);
            prop_assert!(0.0 < quality.nano && quality.nano <= quality.mini);
            prop_assert!(quality.mini <= quality.full && quality.full < 1.0);
        }
    }
}
