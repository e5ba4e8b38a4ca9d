//! Measures an untyped call: length and structure raise its class above balanced, and nothing
//! lowers it.
//!
//! On production prompts, classifiers trained on public benchmarks do worse than length alone, so
//! length counts most.

use crate::catalog::Complexity;

/// Quality that a smaller model loses against a larger one with each doubling of the prompt.
///
/// Measured as the slope within one task family; it has the same sign in each of four public sets
/// (MMLU-Pro, `ZeroEval`'s crux, gsm and math-l5, `RouteLLM`'s MMLU and GSM8K; Apache-2.0; 15,100
/// prompts): 0.023 overall, from 0.008 to 0.072 by set. Other signs of difficulty (digits, lines,
/// trigger words) change sign from set to set and are left out.
const LOSS_PER_DOUBLING: f64 = 0.02;
/// Length in characters of a typical prompt, which adds no loss.
const USUAL_CHARS: f64 = 3_000.0;
/// Quality lost per structural line (code, tables, numbered instructions): a dozen count as much as
/// two doublings of the length.
const LOSS_PER_MARK: f64 = 0.0034;
/// Structural lines beyond this number do not count.
const MOST_MARKS: f64 = 24.0;

/// Length and structure of a call's messages.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Evidence {
    /// Characters in all messages.
    pub chars: u64,
    /// Structural lines: code fences, table rows, numbered or bulleted instructions.
    pub marks: u64,
}

impl Evidence {
    /// Measures some texts.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut evidence = Self::default();
        for text in texts {
            evidence.chars += text.chars().count() as u64;
            evidence.marks +=
                text.lines().filter(|line| is_structural(line.trim_start())).count() as u64;
        }
        evidence
    }

    /// The added loss of quality on a smaller model compared with a typical prompt; negative for a
    /// short prompt.
    pub fn strain(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no prompt has 2^52 characters")]
        let (chars, marks) = (self.chars.max(1) as f64, self.marks as f64);
        LOSS_PER_DOUBLING * (chars / USUAL_CHARS).log2() + LOSS_PER_MARK * marks.min(MOST_MARKS)
    }

    /// The class: complex once the added loss exceeds `margin`. Length and structure each raise it
    /// alone; a short prompt does not offset structure.
    pub fn class(self, margin: f64) -> Complexity {
        let unmarked = Self { marks: 0, ..self }.strain().max(0.0);
        let marks = self.strain() - Self { marks: 0, ..self }.strain();
        if unmarked + marks >= margin { Complexity::Complex } else { Complexity::Balanced }
    }

    /// The measurements in words, for the route's reason.
    pub fn reason(self) -> String {
        format!("{} characters with {} structural lines", self.chars, self.marks)
    }
}

fn is_structural(line: &str) -> bool {
    let numbered = || {
        line.split_once(['.', ')'])
            .is_some_and(|(n, _)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    line.starts_with("```")
        || line.starts_with('|')
        || line.starts_with("- ")
        || line.starts_with("* ")
        || numbered()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Complexity) {
        let evidence = Evidence::of([text]);
        assert_eq!(evidence.class(0.04), expect, "{evidence:?} {}", evidence.strain());
    }

    #[test]
    fn untyped_calls_are_at_least_balanced() {
        check("", Complexity::Balanced);
        check("Say hello.", Complexity::Balanced);
        check(&"word ".repeat(3_000), Complexity::Complex);
        check(&"1. do this\n".repeat(12), Complexity::Complex);
        // Half of each counts as much as one of them alone.
        check(&"word ".repeat(1_300), Complexity::Balanced);
        check(
            &format!("{}\n{}", "word ".repeat(1_300), "- a point\n".repeat(7)),
            Complexity::Complex,
        );
    }

    #[test]
    fn longer_and_more_structured_prompts_score_higher() {
        let strain = |chars, marks| Evidence { chars, marks }.strain();
        assert!(strain(0, 0) < strain(100, 0) && strain(100, 0) < strain(10_000, 0));
        assert!(strain(100, 0) < strain(100, 3));
        assert!((strain(6_000, 0) - LOSS_PER_DOUBLING).abs() < 1e-9);
    }
}
