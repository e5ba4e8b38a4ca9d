//! Creative briefs: one for each hero item of the calendar.

mod rules;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Artefact, Assumption, Draft, Finding, Kind, PriorArtefacts};

/// The briefs. Nothing in them is computed, so the draft is the artefact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AssetBriefs {
    /// One for each hero item of the calendar; one brief may cover several.
    pub briefs: Vec<AssetBrief>,
    /// What is taken for granted.
    pub assumptions: Vec<Assumption>,
}

/// A creative brief of at most 600 words.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetBrief {
    /// Unique id, `brf_` and a short slug.
    pub id: String,
    /// A working title.
    pub title: String,
    /// What is made.
    pub format: AssetFormat,
    /// At least one id of a hero item of the calendar (`cal_`).
    pub calendar_refs: Vec<String>,
    /// What the business needs it for.
    pub business_problem: String,
    /// Id of the objective it serves (`obj_`).
    pub objective_ref: String,
    /// Id of the customer profile it is for (`icp_`).
    pub icp_ref: String,
    /// The tension in that reader's life that it plays on.
    pub audience_insight: Grounded,
    /// One idea in at most 25 words, without "and".
    pub single_minded_proposition: String,
    /// 1 to 3 reasons to believe it.
    pub reasons_to_believe: Vec<Grounded>,
    /// What the reader should do after it.
    pub desired_response: DesiredResponse,
    /// 2 to 4 words for how it sounds.
    pub tone: Vec<String>,
    /// 1 to 3 words for how it does not sound.
    pub not_tone: Vec<String>,
    /// What must be in it; at most 8.
    pub mandatories: Vec<String>,
    /// What the channel demands: lengths, sizes, safe areas.
    pub channel_specs: String,
    /// What is delivered, at least one.
    pub deliverables: Vec<Deliverable>,
    /// What the reader is asked to do.
    pub cta: String,
    /// Id of the metric that shows its effect (`met_`).
    pub metric_ref: String,
    /// What it may cost, in the brief's currency; null if nothing but hours.
    pub budget: Option<f64>,
    /// When what is due.
    pub timing: String,
    /// What must not be said; at most 8.
    pub do_not_say: Vec<String>,
    /// Length of a video in seconds; null for other formats.
    pub duration_s: Option<f64>,
    /// For a video 3 to 8 scenes from second 0 to its end without gaps; else empty.
    pub scenes: Vec<Scene>,
    /// For a carousel 5 to 10 slides, one sentence each; else empty.
    pub slides: Vec<String>,
    /// For an email its outline; else null.
    pub email: Option<EmailOutline>,
}

/// What is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssetFormat {
    /// A text of some length.
    Article,
    /// A short text for a network.
    SocialPost,
    /// Moving pictures.
    Video,
    /// Slides to swipe.
    Carousel,
    /// An email.
    Email,
    /// A page that leads to one act.
    LandingPage,
    /// A live session.
    Webinar,
    /// Anything else.
    Other,
}

/// A statement and what it rests on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grounded {
    /// The statement.
    pub text: String,
    /// At least one id of a claim (`clm_`), of a pain (`pain_`) or of an assumption in this
    /// document (`asm_`).
    pub basis: Vec<String>,
}

/// What the reader should do after it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DesiredResponse {
    /// Think.
    pub think: String,
    /// Feel.
    pub feel: String,
    /// Do.
    pub act: String,
}

/// Something delivered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deliverable {
    /// What it is.
    pub name: String,
    /// Its size or length.
    pub size_or_length: String,
    /// How many.
    pub quantity: u32,
}

/// A scene of a video.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// Second it starts.
    pub start_s: f64,
    /// Second it ends; the next scene starts here.
    pub end_s: f64,
    /// What is seen.
    pub visual: String,
    /// What is written on the screen; `none` if nothing.
    pub on_screen: String,
    /// What is said; `none` if nothing.
    pub voice: String,
}

/// An email in outline.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailOutline {
    /// The subject line.
    pub subject: String,
    /// The preview line.
    pub preview: String,
    /// The body in a few points.
    pub body_outline: Vec<String>,
}

impl Draft for AssetBriefs {
    type Artefact = Self;

    fn build(self, _: &PriorArtefacts) -> Self {
        self
    }
}

impl Artefact for AssetBriefs {
    const KIND: Kind = Kind::AssetBriefs;

    fn check(&self, prior: &PriorArtefacts) -> Vec<Finding> {
        rules::check(self, prior)
    }
}
