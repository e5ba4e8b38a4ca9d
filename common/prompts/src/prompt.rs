//! A prompt and what may follow its answer: reading it, having it repaired, having it improved.

use std::{fmt::Write, marker::PhantomData};

use domain::artefact::{Draft, Finding, Severity};
use serde_json::Value;

use crate::{data, schema};

const HOUSE: &str = include_str!("../templates/house.md");
const CRITIQUE: &str = include_str!("../templates/critique.md");
const REPAIR: &str = include_str!("../templates/repair.md");

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speaker {
    /// The rules of the conversation.
    System,
    /// Whoever asks.
    User,
    /// The model.
    Assistant,
}

/// One turn of a conversation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Who speaks.
    pub speaker: Speaker,
    /// What is said.
    pub text: String,
}

/// What is asked of a model, and the type of its answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Prompt<Out> {
    /// The step it belongs to.
    pub step: &'static str,
    /// What sort of work it is, for the router.
    pub task_type: &'static str,
    /// Short digest of template and schema: answers of one version can be compared.
    pub version: String,
    /// The conversation, system turn first.
    pub turns: Vec<Turn>,
    /// Name of the schema.
    pub schema_name: &'static str,
    /// The strict schema of the answer.
    pub schema: Value,
    answer: PhantomData<fn() -> Out>,
}

/// An answer that is not what was asked for. The message tells the model what to change.
#[derive(Debug, thiserror::Error)]
#[error("the answer does not follow the schema: {0}")]
pub struct ParseError(#[from] serde_json::Error);

impl ParseError {
    /// The same as a finding, for [`Prompt::repair`].
    pub fn finding(&self) -> Finding {
        Finding { rule: "schema".into(), severity: Severity::Error, path: String::new(), message: self.to_string() }
    }
}

impl<Out: Draft> Prompt<Out> {
    /// A prompt from a step's template and data.
    pub fn new(step: &'static str, task_type: &'static str, template: &str, data: &str) -> Self {
        let schema = schema::strict::<Out>();
        let version = domain::digest(&[HOUSE, template, CRITIQUE, REPAIR, &schema.to_string()]);
        let system = Turn { speaker: Speaker::System, text: format!("{HOUSE}{template}") };
        let user = Turn { speaker: Speaker::User, text: format!("{data}\nWrite your part: `{step}`.") };
        Self {
            step,
            task_type,
            version: version.chars().take(12).collect(),
            turns: vec![system, user],
            schema_name: step,
            schema,
            answer: PhantomData,
        }
    }

    /// Reads an answer. Models without strict schemas like to put JSON between fences, which are no part of it.
    pub fn parse(&self, answer: &str) -> Result<Out, ParseError> {
        let answer = answer.trim();
        let unfenced = answer
            .strip_prefix("```json")
            .or_else(|| answer.strip_prefix("```"))
            .and_then(|rest| rest.strip_suffix("```"))
            .unwrap_or(answer);
        Ok(serde_json::from_str(unfenced)?)
    }

    /// Asks again, with what the rules found. Warnings are mentioned too: they cost nothing once a repair is paid for.
    #[must_use]
    pub fn repair(&self, previous_answer: &str, findings: &[Finding]) -> Self {
        let mut request = format!("{REPAIR}\n");
        for finding in findings {
            let path = if finding.path.is_empty() { "the answer" } else { &finding.path };
            // Writing into a string cannot fail.
            let _ = writeln!(request, "- {path}: {} ({})", escaped(&finding.message), finding.rule);
        }
        self.after(previous_answer, request)
    }

    /// Adds why an earlier answer to this very prompt was not good enough: the reasons of a route-back, or a client's
    /// wish for another version. Without notes the prompt stays as it is.
    #[must_use]
    pub fn with_feedback(mut self, notes: &[String]) -> Self {
        if let Some(turn) = self.turns.last_mut().filter(|_| !notes.is_empty()) {
            let block = data::block("feedback", &notes);
            turn.text.extend([
                "\n",
                &block,
                "An earlier answer was sent back for the reasons in `feedback`: mend them.",
            ]);
        }
        self
    }

    /// Asks for an improved answer: one round of self-criticism for complex steps on smaller models.
    #[must_use]
    pub fn critique(&self, draft: &str) -> Self {
        self.after(draft, CRITIQUE.into())
    }

    fn after(&self, answer: &str, request: String) -> Self {
        let mut turns = self.turns.clone();
        turns.push(Turn { speaker: Speaker::Assistant, text: answer.into() });
        turns.push(Turn { speaker: Speaker::User, text: request });
        Self { turns, version: self.version.clone(), schema: self.schema.clone(), ..*self }
    }
}

/// Findings repeat words of the answer, and through it of the client's documents.
fn escaped(message: &str) -> String {
    message.replace('<', "&lt;").replace('\n', " ")
}
