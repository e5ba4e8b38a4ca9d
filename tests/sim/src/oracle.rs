//! The invariants of every world, checked after every commit and every payment.

mod books;
mod payments;
mod tasks;

use ports::Document;
use serde_json::Value;

use books::Books;
pub(crate) use payments::Payment;
use payments::Payments;
use tasks::Tasks;

/// The observed state of a world, and its first violation.
#[derive(Default)]
pub(crate) struct Oracle {
    pub(crate) books: Books,
    pub(crate) payments: Payments,
    pub(crate) tasks: Tasks,
    violation: Option<String>,
}

/// A violation, or none.
pub(crate) type Verdict = Result<(), String>;

impl Oracle {
    /// Checks the documents of a commit.
    pub(crate) fn committed(&mut self, documents: &[Document]) {
        for call in documents.iter().filter(|document| document.key.collection == "calls") {
            if text(call, "state") == "done" {
                self.payments.stored(&call.key.id);
            }
        }
        let verdict =
            self.tasks.committed(documents).and_then(|()| self.books.committed(documents));
        self.judge(verdict);
    }

    /// Checks a payment to a provider before it is made.
    pub(crate) fn paid(&mut self, payment: Payment) {
        let verdict = self.payments.paid(payment);
        self.judge(verdict);
    }

    /// An instance died, or was silent so long that others may take over: what it paid may be paid
    /// again.
    pub(crate) fn interrupted(&mut self, instance: &str) {
        self.payments.interrupted(instance);
    }

    /// Records the first violation.
    pub(crate) fn judge(&mut self, verdict: Verdict) {
        if let Err(violation) = verdict {
            self.violation.get_or_insert(violation);
        }
    }

    pub(crate) fn violation(&self) -> Option<String> {
        self.violation.clone()
    }
}

/// A text field; empty if absent.
fn text<'a>(document: &'a Document, field: &str) -> &'a str {
    document.body.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// An integer field; 0 if absent.
fn whole(document: &Document, field: &str) -> i64 {
    document.body.get(field).and_then(Value::as_i64).unwrap_or_default()
}
