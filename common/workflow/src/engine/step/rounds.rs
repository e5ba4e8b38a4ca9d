//! The rounds of a model step: an answer, repairs while it breaks rules, a critique where the tier
//! capped the model.
//!
//! A first repair and a critique ask for edits to the answer; an unreadable answer, or one that
//! edits did not repair, is asked for as a whole. Everything but the calls is a pure function of
//! what is stored, so a resumed step repeats the same rounds and pays only for the unanswered one.

use domain::{event::EventKind, learning::Verdict, step::Step};
use marketing::artefact::{Artefact as _, Draft, Finding, PriorArtefacts, Severity};
use marketing::prompts::{
    ParseError, Prompt,
    edits::{MOST_OF_CRITIQUE, MOST_OF_REPAIR},
};
use ports::ExecuteResponse;
use serde_json::json;

use super::{Room, Run, RunError};

/// Rounds in which a draft that breaks rules goes back to the model.
const REPAIRS: u32 = 2;

/// A draft turned into an artefact, with what its rules found.
#[derive(Clone, PartialEq, Debug)]
pub struct Written<A> {
    /// The artefact.
    pub artefact: A,
    /// What its rules found; errors remain only after every repair round.
    pub findings: Vec<Finding>,
    /// Model that wrote it.
    pub model_used: String,
}

/// What a step asks for, and what its answers are checked against.
struct Asked<'a, D> {
    index: u32,
    prompt: &'a Prompt<D>,
    prior: &'a PriorArtefacts,
}

/// An answer as it stands after a round.
struct Version<A> {
    text: String,
    /// `None` when it could not be read.
    artefact: Option<A>,
    findings: Vec<Finding>,
    model_used: String,
    /// Whether the tier capped the model that wrote it.
    is_capped: bool,
}

impl<A> Version<A> {
    fn is_clean(&self) -> bool {
        self.errors() == 0
    }

    fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// Whether a repair continues from this version rather than from the earlier `other`.
    fn is_better_than(&self, other: &Self) -> bool {
        other.artefact.is_none() || (self.artefact.is_some() && self.errors() < other.errors())
    }

    fn written(self) -> Option<Written<A>> {
        let (findings, model_used) = (self.findings, self.model_used);
        self.artefact.map(|artefact| Written { artefact, findings, model_used })
    }
}

impl<D: Draft> Asked<'_, D> {
    /// Reads a whole answer and checks the resulting artefact.
    fn read(&self, response: ExecuteResponse) -> Version<D::Artefact> {
        self.judged(response.response, response.model_used, response.downgraded)
    }

    /// Applies the answered edits and checks the resulting version.
    fn edited(
        &self,
        version: &Version<D::Artefact>,
        asked: &Prompt<marketing::prompts::Edits>,
        response: ExecuteResponse,
        most: usize,
    ) -> Version<D::Artefact> {
        let edited = asked
            .parse(&response.response)
            .and_then(|edits| self.prompt.edited(&version.text, &edits, most));
        match edited {
            Ok(edited) => {
                tracing::debug!(
                    step = %self.prompt.step,
                    edits.applied = edited.applied,
                    "{} edits made",
                    edited.applied
                );
                self.judged(
                    edited.answer.to_string(),
                    version.model_used.clone(),
                    version.is_capped,
                )
            }
            Err(error) => {
                unread(response.response, response.model_used, response.downgraded, &error)
            }
        }
    }

    fn judged(&self, text: String, model_used: String, is_capped: bool) -> Version<D::Artefact> {
        match self.prompt.parse(&text) {
            Ok(draft) => {
                let artefact = draft.build(self.prior);
                let findings = artefact.check(self.prior);
                Version { text, artefact: Some(artefact), findings, model_used, is_capped }
            }
            Err(error) => unread(text, model_used, is_capped, &error),
        }
    }
}

fn unread<A>(text: String, model_used: String, is_capped: bool, error: &ParseError) -> Version<A> {
    Version { text, artefact: None, findings: vec![error.finding()], model_used, is_capped }
}

impl Run {
    /// Has a model write a draft, builds the artefact, checks its rules, and lets the model repair
    /// what is wrong.
    ///
    /// `index` tells the step's parallel calls apart. A step that the tier capped gets one critique
    /// round. The best version is returned: without errors where the model managed it, else the one
    /// with the fewest, flagged by its findings.
    pub async fn write<D: Draft>(
        &self,
        index: u32,
        prompt: &Prompt<D>,
        prior: &PriorArtefacts,
    ) -> Result<Written<D::Artefact>, RunError> {
        let asked = Asked { index, prompt, prior };
        let (id, response) = self.answer(&format!("{index}-r0"), prompt, Room::Answer).await?;
        let first_call = response.call_id.clone();
        let (mut best, mut round) = (asked.read(response), 0);
        self.report_broken(prompt.step, round, &best).await?;
        while !best.is_clean() && round < REPAIRS {
            round += 1;
            let version = self.repaired(&asked, round, &best).await?;
            self.report_broken(prompt.step, round, &version).await?;
            if version.is_better_than(&best) {
                best = version;
            }
        }
        let verdict = match (best.is_clean(), round) {
            (true, 0) => Verdict::Pass,
            (true, _) => Verdict::Repair,
            (false, _) => Verdict::Fail,
        };
        self.engine.ledger.note_verdict(&first_call, verdict).await;
        let has_critique = prompt.step.model().is_some_and(|model| model.critique);
        if best.is_clean()
            && best.is_capped
            && has_critique
            && let Some(improved) = self.criticised(&asked, &best).await?
        {
            best = improved;
        }
        if let Some(written) = best.written() {
            return Ok(written);
        }
        // No answer could be read: the next attempt must make new calls, not read the same stored
        // answers.
        self.raise_generation(prompt.step, &id).await?;
        Err(RunError::Attempt(format!(
            "{}: no readable answer after {REPAIRS} repairs",
            prompt.step
        )))
    }

    /// One repair: the first one of a readable version asks for edits, any other for the whole
    /// answer. It shows that version alone: the conversation does not grow with the rounds.
    async fn repaired<D: Draft>(
        &self,
        asked: &Asked<'_, D>,
        round: u32,
        version: &Version<D::Artefact>,
    ) -> Result<Version<D::Artefact>, RunError> {
        let position = format!("{}-r{round}", asked.index);
        if round == 1 && version.artefact.is_some() {
            let repair = asked.prompt.repair_by_edits(&version.text, &version.findings);
            let (_, response) = self.answer(&position, &repair, Room::Edits).await?;
            return Ok(asked.edited(version, &repair, response, MOST_OF_REPAIR));
        }
        let repair = asked.prompt.repair(&version.text, &version.findings);
        let (_, response) = self.answer(&position, &repair, Room::Answer).await?;
        Ok(asked.read(response))
    }

    /// One round of self-criticism; `None` when it did not give a clean version.
    async fn criticised<D: Draft>(
        &self,
        asked: &Asked<'_, D>,
        version: &Version<D::Artefact>,
    ) -> Result<Option<Version<D::Artefact>>, RunError> {
        let critique = asked.prompt.critique(&version.text);
        let (_, response) =
            self.answer(&format!("{}-c", asked.index), &critique, Room::Edits).await?;
        let improved = asked.edited(version, &critique, response, MOST_OF_CRITIQUE);
        Ok(Some(improved).filter(Version::is_clean))
    }

    /// Tells the log of the task which rules a version broke, if any.
    async fn report_broken<A>(
        &self,
        step: Step,
        round: u32,
        version: &Version<A>,
    ) -> Result<(), RunError> {
        if version.is_clean() {
            return Ok(());
        }
        let rules: Vec<&str> =
            version.findings.iter().map(|finding| finding.rule.as_str()).collect();
        self.report(
            EventKind::ValidationFailed,
            json!({ "step": step, "round": round, "rules": rules }),
        )
        .await
    }
}
