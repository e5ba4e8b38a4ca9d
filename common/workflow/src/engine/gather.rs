//! What a run reads besides its brief: passages from the business's knowledge base.

use domain::{Time, step::Step, vector::Passage};
use marketing::{
    artefact::passage::{choose, questions},
    brief::Brief,
};

use super::run::{Run, RunError, gateway_error, progress};
use vectors::documents::index_key;

use crate::documents::TaskDoc;
use ledger::documents::Payload;

/// Passages that one question may bring.
const MOST_PASSAGES: usize = 8;

impl Run {
    /// Chooses the run's passages and ends the step `intake` with them. They are stored, so that a
    /// later attempt or a derived task reads the same ones even if the knowledge base has changed.
    pub async fn gather(&self, brief: &Brief) -> Result<(), RunError> {
        let passages = choose(self.search(brief).await?);
        let passages = if passages.is_empty() {
            None
        } else {
            let text = serde_json::to_string(&passages)
                .map_err(|error| RunError::Attempt(error.to_string()))?;
            Some(Payload::store(self.engine.ports.artifacts.as_ref(), text).await?)
        };
        let change = |doc: &mut TaskDoc, now: Time| {
            doc.passages.clone_from(&passages);
            doc.steps_done.insert(Step::Intake.name().into(), doc.state.phase_seq);
            vec![progress(doc, Step::Intake, now)]
        };
        self.commit(change, Vec::new()).await?;
        Ok(())
    }

    async fn search(&self, brief: &Brief) -> Result<Vec<Vec<Passage>>, RunError> {
        let (ports, business) = (&self.engine.ports, &self.account.business);
        // A business without a knowledge base does not wait for a cold start of the search
        // function.
        if ports.documents.get(&[index_key(business)]).await?.pop().flatten().is_none() {
            return Ok(Vec::new());
        }
        let questions = questions(brief);
        let asked = questions
            .iter()
            .map(|question| ports.retriever.nearest(business, question, MOST_PASSAGES));
        futures::future::try_join_all(asked).await.map_err(gateway_error)
    }
}
