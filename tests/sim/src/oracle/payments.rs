//! Invariants of paid calls: nothing is paid after its answer was stored, and nothing is paid twice
//! without an interruption.

use std::collections::{BTreeMap, BTreeSet};

use super::Verdict;

/// All payments.
#[derive(Default)]
pub(crate) struct Payments {
    /// The question that a stored call answers, by call id.
    asked: BTreeMap<String, String>,
    /// Questions with a stored answer.
    answered: BTreeSet<String>,
    paid: Vec<Payment>,
    /// The total owed to providers, in nano-dollars.
    pub(crate) owed: i64,
}

/// An attempt that a provider accepted and will answer.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    /// The question and its asker, the same for every repeat.
    pub(crate) question: String,
    /// The conversation that was sent; a repair is a different one.
    pub(crate) conversation: String,
    /// The instance that made the attempt.
    pub(crate) instance: String,
    /// Whether its answer may be lost: its owner was interrupted, cancelled it or timed out.
    pub(crate) is_excused: bool,
    /// Whether the owner was frozen after its last read of the store: nothing can stop a zombie
    /// from sending.
    pub(crate) by_zombie: bool,
    /// Whether the answer can be parsed; otherwise another one may be paid.
    pub(crate) is_usable: bool,
    /// The cost in nano-dollars.
    pub(crate) cost: i64,
}

impl Payments {
    /// Records which question a call of the ledger answers.
    pub(crate) fn asked(&mut self, call: String, question: String) {
        self.asked.insert(call, question);
    }

    pub(super) fn stored(&mut self, call: &str) {
        if let Some(question) = self.asked.get(call) {
            self.answered.insert(question.clone());
        }
    }

    pub(super) fn interrupted(&mut self, instance: &str) {
        for payment in self.paid.iter_mut().filter(|payment| payment.instance == instance) {
            payment.is_excused |= !self.answered.contains(&payment.question);
        }
    }

    /// Marks a payment whose answer is no longer waited for.
    pub(crate) fn abandoned(&mut self, index: usize) {
        if let Some(payment) = self.paid.get_mut(index) {
            payment.is_excused = true;
        }
    }

    /// The number of payments, which is the index of the next.
    pub(crate) fn count(&self) -> usize {
        self.paid.len()
    }

    pub(super) fn paid(&mut self, payment: Payment) -> Verdict {
        self.owed += payment.cost;
        let question = payment.question.clone();
        let verdict = if self.answered.contains(&question) && !payment.by_zombie {
            Err(format!("{question} was paid although its answer is stored: {payment:?}"))
        } else {
            let same =
                |it: &&Payment| it.question == question && it.conversation == payment.conversation;
            let mut before = self
                .paid
                .iter()
                .filter(same)
                .filter(|it| it.is_usable && !it.is_excused && !it.by_zombie);
            match before.next() {
                Some(earlier) if !payment.by_zombie => Err(format!(
                    "{question} was paid twice without an accident: {earlier:?}, then {payment:?}"
                )),
                _ => Ok(()),
            }
        };
        self.paid.push(payment);
        verdict
    }
}
