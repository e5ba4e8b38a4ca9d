//! What an untyped call looks like: length and structure move it up from balanced, never down.
//!
//! Classifiers trained on public benchmarks score below plain length on production prompts, so length leads.

use crate::catalog::Complexity;

/// Characters from which an untyped prompt counts as long.
const LONG_CHARS: u64 = 12_000;
/// Structural marks (code, tables, numbered instructions) from which a prompt counts as intricate.
const INTRICATE_MARKS: u64 = 12;

/// Observations about the messages of a call.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Evidence {
    /// Characters in all messages.
    pub chars: u64,
    /// Lines that carry structure: code fences, table rows, numbered or bulleted instructions.
    pub marks: u64,
}

impl Evidence {
    /// Observes some texts.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut evidence = Self::default();
        for text in texts {
            evidence.chars += text.chars().count() as u64;
            evidence.marks += text.lines().filter(|line| is_structural(line.trim_start())).count() as u64;
        }
        evidence
    }

    /// The class the observations speak for.
    pub fn class(self) -> Complexity {
        if self.chars >= LONG_CHARS || self.marks >= INTRICATE_MARKS {
            Complexity::Complex
        } else {
            Complexity::Balanced
        }
    }

    /// The observations in words.
    pub fn reason(self) -> String {
        format!("{} characters with {} structural lines", self.chars, self.marks)
    }
}

fn is_structural(line: &str) -> bool {
    let numbered =
        || line.split_once(['.', ')']).is_some_and(|(n, _)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    line.starts_with("```") || line.starts_with('|') || line.starts_with("- ") || line.starts_with("* ") || numbered()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Complexity) {
        assert_eq!(Evidence::of([text]).class(), expect, "{:?}", Evidence::of([text]));
    }

    #[test]
    fn untyped_calls_are_never_below_balanced() {
        check("", Complexity::Balanced);
        check("Say hello.", Complexity::Balanced);
        check(&"word ".repeat(3_000), Complexity::Complex);
        check(&"1. do this\n".repeat(12), Complexity::Complex);
    }
}
