//! The brief as a text that evidence can quote.

use super::Brief;

impl Brief {
    /// What the client said, line by line and in the client's own words, so that a quote of it can
    /// be found again.
    pub fn statement(&self) -> String {
        let mut lines = vec![
            format!("{}: {}, {}", self.name, self.industry, self.location),
            self.description.clone(),
        ];
        lines.extend(self.goals.iter().map(|goal| format!("Goal: {}", goal.text)));
        lines.extend(self.offer.iter().map(|o| {
            format!("Offer: {}, {} {}, billed {}", o.name, o.price, o.currency, o.billing)
        }));
        let labelled = [
            ("Competitor", &self.known_competitors),
            ("Channel in use", &self.current_channels),
            ("Proof", &self.proof_assets),
            ("Constraint", &self.constraints),
        ];
        for (label, entries) in labelled {
            lines.extend(entries.iter().map(|entry| format!("{label}: {entry}")));
        }
        lines.join("\n")
    }

    /// The brief without its documents: what most steps need, since the evidence has already read
    /// them.
    #[must_use]
    pub fn without_documents(&self) -> Self {
        Self { documents: Vec::new(), ..self.clone() }
    }
}
