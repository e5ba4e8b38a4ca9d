//! What must hold of paid calls: nothing is paid once its answer is stored, and nothing twice
//! without an accident.

use std::collections::{BTreeMap, BTreeSet};

use super::Verdict;

/// Who was paid for what.
#[derive(Default)]
pub(crate) struct Payments {
    /// The question a stored call answers, by the call's id.
    asked: BTreeMap<String, String>,
    /// Questions whose answer is stored.
    answered: BTreeSet<String>,
    paid: Vec<Payment>,
    /// What providers were owed in all, in nano-dollars.
    pub(crate) owed: i64,
}

/// An attempt that a provider accepted and will answer.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    /// Which question of whom: the same however often it is asked.
    pub(crate) question: String,
    /// The conversation that was sent; a repair is another one.
    pub(crate) conversation: String,
    /// Who paid.
    pub(crate) instance: String,
    /// Whether its answer may be lost: its owner was interrupted, cancelled it or ran out of time.
    pub(crate) is_excused: bool,
    /// Whether the owner was frozen after its last look at the store: nobody can keep a zombie from
    /// sending.
    pub(crate) by_zombie: bool,
    /// Whether the answer can be read; another one is paid where it cannot.
    pub(crate) is_usable: bool,
    /// What it costs, in nano-dollars.
    pub(crate) cost: i64,
}

impl Payments {
    /// Learns which question a call of the ledger answers.
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

    /// The answer to a payment was not waited for.
    pub(crate) fn abandoned(&mut self, index: usize) {
        if let Some(payment) = self.paid.get_mut(index) {
            payment.is_excused = true;
        }
    }

    /// How many payments there were: the index of the next.
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
