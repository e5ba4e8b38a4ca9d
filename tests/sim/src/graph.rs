//! A small graph under the names of the real one: steps in parallel, a step in blocks, repairs, one
//! way back.
//!
//! It costs a hundredth of an analysis and takes the same ways through the engine.

use async_trait::async_trait;
use domain::{phase::Phase, step::Step};
use futures::future::join_all;
use marketing::artefact::{
    Artefact, Draft, Finding, Kind, PriorArtefacts, Severity,
    route_back::{Decision, Outcome, Target},
};
use marketing::prompts::Prompt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use workflow::{
    engine::{Publication, Run, RunError, Written},
    phases::{End, Phases},
};

/// What every step of the small graph writes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Note {
    /// What it says; no two answers say the same.
    pub(crate) text: String,
    /// Whether it keeps the one rule of notes.
    pub(crate) sound: bool,
}

impl Draft for Note {
    type Artefact = Self;

    fn build(self, _: &PriorArtefacts) -> Self {
        self
    }
}

impl Artefact for Note {
    const KIND: Kind = Kind::RunReport;

    fn check(&self, _: &PriorArtefacts) -> Vec<Finding> {
        let finding = Finding {
            rule: "N1".into(),
            severity: Severity::Error,
            path: "sound".into(),
            message: "a note must be sound".into(),
        };
        if self.sound { Vec::new() } else { vec![finding] }
    }
}

/// The phases of the small graph.
pub(crate) struct SmallGraph;

#[async_trait]
impl Phases for SmallGraph {
    async fn run(&self, run: &Run) -> Result<End, RunError> {
        match run.phase() {
            Phase::Research => {
                if !run.is_done(Step::Intake).await {
                    run.publish(Step::Intake, Vec::new()).await?;
                }
                let opening = [
                    (Step::SituationAnalysis, Kind::SituationAnalysis),
                    (Step::CompetitorLadder, Kind::CompetitorLadder),
                ];
                let written = join_all(opening.map(|(step, kind)| write(run, step, kind, 1))).await;
                written.into_iter().collect::<Result<(), _>>()?;
                Ok(End::Next(Phase::Strategy))
            }
            Phase::Strategy => {
                write(run, Step::Positioning, Kind::Positioning, 1).await?;
                Ok(End::Next(Phase::Campaign))
            }
            Phase::Campaign => {
                write(run, Step::ContentCalendar, Kind::ContentCalendar, 2).await?;
                Ok(End::Next(Phase::Analytics))
            }
            Phase::Analytics => analytics(run).await,
        }
    }
}

/// Writes a step's note, in blocks at once, and publishes the last of them.
async fn write(run: &Run, step: Step, kind: Kind, blocks: u32) -> Result<(), RunError> {
    if run.is_done(step).await {
        return Ok(());
    }
    let prior = PriorArtefacts::new(
        run.input.brief.clone(),
        run.input.icp_count,
        run.input.icp_count,
        run.now().date(),
    );
    let feedback = run.feedback(step).await;
    let written = join_all((0..blocks).map(|block| {
        let data = format!("Block {block} of task {}.", run.task);
        let prompt = Prompt::<Note>::new(step, "Write a note.", &data).with_feedback(&feedback);
        let prior = &prior;
        async move { run.write(block, &prompt, prior).await }
    }))
    .await;
    let written = written.into_iter().collect::<Result<Vec<Written<Note>>, _>>()?;
    // A block that is not sound must be seen in what is published.
    let worst = written.into_iter().max_by_key(|note| note.findings.len());
    let publication = worst.map(|Written { artefact, findings, model_used }| Publication {
        kind,
        content: serde_json::json!({ "text": artefact.text, "sound": artefact.sound }),
        findings,
        model_used: Some(model_used),
    });
    run.publish(step, publication.into_iter().collect()).await
}

/// Every third task goes back once to its positioning.
async fn analytics(run: &Run) -> Result<End, RunError> {
    if !run.is_done(Step::RouteBack).await {
        let goes_back = domain::digest(&[run.task.as_str()])
            .as_bytes()
            .first()
            .is_some_and(|byte| byte % 3 == 0);
        if goes_back && run.doc().await.route_backs.is_empty() {
            return Ok(End::Back(vec![Decision {
                rule_id: "R1".into(),
                from: Kind::Positioning,
                to: Target::Positioning,
                reason: "the simulation goes back".into(),
                evidence: Vec::new(),
                attempt: 1,
                score: None,
                outcome: Outcome::Taken,
            }]));
        }
        run.note_decisions(Vec::new()).await?;
    }
    if !run.is_done(Step::Report).await {
        let content = serde_json::json!({ "text": "report", "sound": true });
        let report =
            Publication { kind: Kind::RunReport, content, findings: Vec::new(), model_used: None };
        run.publish(Step::Report, vec![report]).await?;
    }
    Ok(End::Done)
}
