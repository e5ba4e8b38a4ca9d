//! What must hold in every world, looked at after every commit and every payment.

mod books;
mod payments;
mod tasks;

use ports::Document;
use serde_json::Value;

use books::Books;
pub(crate) use payments::Payment;
use payments::Payments;
use tasks::Tasks;

/// Everything that is known of a world from outside, and the first thing that was wrong.
#[derive(Default)]
pub(crate) struct Oracle {
    pub(crate) books: Books,
    pub(crate) payments: Payments,
    pub(crate) tasks: Tasks,
    violation: Option<String>,
}

/// What is wrong, or nothing.
pub(crate) type Verdict = Result<(), String>;

impl Oracle {
    /// Looks at what a commit made of its documents.
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

    /// Looks at what a provider is about to be paid for.
    pub(crate) fn paid(&mut self, payment: Payment) {
        let verdict = self.payments.paid(payment);
        self.judge(verdict);
    }

    /// An instance died, or was away for so long that others may take over: what it had paid for
    /// may be paid again.
    pub(crate) fn interrupted(&mut self, instance: &str) {
        self.payments.interrupted(instance);
    }

    /// Keeps the first thing that is wrong.
    pub(crate) fn judge(&mut self, verdict: Verdict) {
        if let Err(violation) = verdict {
            self.violation.get_or_insert(violation);
        }
    }

    pub(crate) fn violation(&self) -> Option<String> {
        self.violation.clone()
    }
}

/// A text field; empty where there is none.
fn text<'a>(document: &'a Document, field: &str) -> &'a str {
    document.body.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A whole field; 0 where there is none.
fn whole(document: &Document, field: &str) -> i64 {
    document.body.get(field).and_then(Value::as_i64).unwrap_or_default()
}
