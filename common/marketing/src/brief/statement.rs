//! The brief as a text that evidence can quote.

use super::Brief;

impl Brief {
    /// The client's statements, line by line in the client's own words, so that quotes of it can be
    /// located.
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

    /// The brief without its documents, for most steps, because the evidence already covers the
    /// documents.
    #[must_use]
    pub fn without_documents(&self) -> Self {
        Self { documents: Vec::new(), ..self.clone() }
    }
}
