//! Finds cycles in dependencies.

use std::collections::{BTreeMap, BTreeSet};

/// A node that depends on itself, directly or indirectly; `None` without a cycle. An edge leads
/// from a node to its dependency; unknown dependencies are ignored.
pub(super) fn on_a_cycle<'a>(edges: &BTreeMap<&'a str, Vec<&'a str>>) -> Option<&'a str> {
    // A node whose dependencies are all settled is settled too; a node that never settles is on a
    // cycle or depends on one.
    let mut settled: BTreeSet<&str> = BTreeSet::new();
    loop {
        let is_open = |end: &&str| edges.contains_key(end) && !settled.contains(end);
        let ready: Vec<&str> = edges
            .iter()
            .filter(|(node, ends)| !settled.contains(*node) && !ends.iter().any(is_open))
            .map(|(node, _)| *node)
            .collect();
        if ready.is_empty() {
            return edges.keys().copied().find(|node| !settled.contains(node));
        }
        settled.extend(ready);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(edges: &[(&'static str, &[&'static str])], expect: bool) {
        let edges = edges.iter().map(|(node, ends)| (*node, ends.to_vec())).collect();
        assert_eq!(on_a_cycle(&edges).is_some(), expect, "{edges:?}");
    }

    #[test]
    fn only_cycles_are_reported() {
        check(&[], false);
        check(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &["unknown"])], false);
        check(&[("a", &["a"])], true);
        check(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])], true);
    }
}
