//! A prompt and what may follow its answer: reading it, having it repaired, having it improved.

use std::{fmt::Write, marker::PhantomData};

use crate::artefact::{Draft, Finding, Severity};
use domain::{step::Step, tokens};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::prompts::{
    data,
    edits::{Edited, Edits, MOST_OF_CRITIQUE, MOST_OF_REPAIR},
    schema,
};

const HOUSE: &str = include_str!("../../templates/house.md");
const CRITIQUE: &str = include_str!("../../templates/critique.md");
const EDITS: &str = include_str!("../../templates/edits.md");
const REPAIR: &str = include_str!("../../templates/repair.md");
const REPAIR_BY_EDITS: &str = include_str!("../../templates/repair_by_edits.md");

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
    pub step: Step,
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
        Finding {
            rule: "schema".into(),
            severity: Severity::Error,
            path: String::new(),
            message: self.to_string(),
        }
    }
}

/// Bytes of a prompt.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Size {
    turns: u64,
    schema: u64,
}

impl Size {
    /// Expected tokens of the turns. The schema is left out: providers do not say whether it is
    /// billed.
    pub fn expected(self) -> u64 {
        tokens::expected(self.turns)
    }

    /// Upper bound of the tokens of turns and schema: one for each byte.
    pub fn bound(self) -> u64 {
        self.turns + self.schema
    }
}

impl<Out> Prompt<Out> {
    /// Its size in bytes.
    pub fn size(&self) -> Size {
        Size {
            turns: self.turns.iter().map(|turn| turn.text.len() as u64).sum(),
            schema: self.schema.to_string().len() as u64,
        }
    }
}

impl<Out: Draft> Prompt<Out> {
    /// A prompt from a step's template and data.
    pub fn new(step: Step, template: &str, data: &str) -> Self {
        let schema = schema::strict::<Out>();
        let follow_ups =
            [CRITIQUE, REPAIR, REPAIR_BY_EDITS, EDITS, &schema::strict::<Edits>().to_string()]
                .concat();
        let version = domain::digest(&[HOUSE, template, &follow_ups, &schema.to_string()]);
        let system = Turn { speaker: Speaker::System, text: format!("{HOUSE}{template}") };
        let user =
            Turn { speaker: Speaker::User, text: format!("{data}\nWrite your part: `{step}`.") };
        Self {
            step,
            version: version.chars().take(12).collect(),
            turns: vec![system, user],
            schema_name: step.name(),
            schema,
            answer: PhantomData,
        }
    }

    /// Asks for the whole answer again, with what the rules found. Warnings are mentioned too: they
    /// cost nothing once a repair is paid for.
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

    /// Asks for the changes that mend what the rules found.
    #[must_use]
    pub fn repair_by_edits(&self, previous_answer: &str, findings: &[Finding]) -> Prompt<Edits> {
        let found = |it: &Finding| json!({ "path": pointer(&it.path), "message": it.message, "rule": it.rule });
        let findings = data::block("findings", &findings.iter().map(found).collect::<Vec<_>>());
        self.edits(previous_answer, &format!("{REPAIR_BY_EDITS}{findings}"), MOST_OF_REPAIR)
    }

    /// Asks for the changes that would improve an answer: one round of self-criticism for complex
    /// steps on smaller models.
    #[must_use]
    pub fn critique(&self, draft: &str) -> Prompt<Edits> {
        self.edits(draft, CRITIQUE, MOST_OF_CRITIQUE)
    }

    /// Adds why an earlier answer to this very prompt was not good enough: the reasons of a
    /// route-back, or a client's wish for another version. Without notes the prompt stays as it is.
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

    /// The turns so far come first, unchanged: a provider that caches by them has read them
    /// already.
    fn edits(&self, answer: &str, request: &str, most: usize) -> Prompt<Edits> {
        let request = format!("{request}{}", EDITS.replace("{most}", &most.to_string()));
        Prompt {
            step: self.step,
            version: self.version.clone(),
            turns: self.turns_after(answer, request),
            schema_name: "edits",
            schema: schema::strict::<Edits>(),
            answer: PhantomData,
        }
    }

    fn after(&self, answer: &str, request: String) -> Self {
        let turns = self.turns_after(answer, request);
        Self { turns, version: self.version.clone(), schema: self.schema.clone(), ..*self }
    }

    fn turns_after(&self, answer: &str, request: String) -> Vec<Turn> {
        let mut turns = self.turns.clone();
        turns.push(Turn { speaker: Speaker::Assistant, text: answer.into() });
        turns.push(Turn { speaker: Speaker::User, text: request });
        turns
    }
}

impl<Out: JsonSchema + DeserializeOwned> Prompt<Out> {
    /// Reads an answer. Models without strict schemas like to put JSON between fences, which are no
    /// part of it.
    pub fn parse(&self, answer: &str) -> Result<Out, ParseError> {
        Ok(serde_json::from_str(unfenced(answer))?)
    }

    /// Makes the first `most` edits to an answer, without those after which it could not be read
    /// any more.
    pub fn edited(&self, answer: &str, edits: &Edits, most: usize) -> Result<Edited, ParseError> {
        let answer = serde_json::from_str(unfenced(answer))?;
        Ok(edits.apply(answer, most, |answer| Out::deserialize(answer).is_ok()))
    }
}

fn unfenced(answer: &str) -> &str {
    let answer = answer.trim();
    let opened = answer.strip_prefix("```json").or_else(|| answer.strip_prefix("```"));
    opened.and_then(|rest| rest.strip_suffix("```")).unwrap_or(answer)
}

/// Findings repeat words of the answer, and through it of the client's documents.
fn escaped(message: &str) -> String {
    message.replace('<', "&lt;").replace('\n', " ")
}

/// The place of a finding, such as `options[1].statement`, as a JSON Pointer; the whole answer is
/// the empty one.
fn pointer(path: &str) -> String {
    let names = path
        .split(['.', '['])
        .map(|name| name.trim_end_matches(']'))
        .filter(|name| !name.is_empty());
    names.fold(String::new(), |pointer, name| pointer + "/" + name)
}
