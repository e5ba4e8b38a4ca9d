//! Parses the data blocks of a request's messages, as far as drafts need them. Prompts may leave
//! out any other part of an artefact.

use jiff::civil::Date;
use marketing::{
    artefact::{content_calendar::BlockRequest, sostac::ObjectiveLevel},
    brief::Brief,
};
use serde::{Deserialize, de::DeserializeOwned};

/// The data of a request. Artefacts that it does not contain are empty.
pub(super) struct Context {
    pub(super) brief: Brief,
    pub(super) documents: Vec<Document>,
    pub(super) today: Date,
    pub(super) icp_count: usize,
    pub(super) block: Option<BlockRequest>,
    pub(super) claims: Vec<Claim>,
    /// Words that matter to buyers and that no competitor owns.
    pub(super) open_words: Vec<String>,
    pub(super) objectives: Vec<Objective>,
    pub(super) tactics: Vec<Tactic>,
    pub(super) positioning: Option<Position>,
    /// Customer profiles, the highest priority first.
    pub(super) icps: Vec<Icp>,
    pub(super) north_star: Option<NorthStar>,
    /// Hero items of the calendar, each with the objective of its week.
    pub(super) heroes: Vec<(String, CalendarItem)>,
}

/// A text that evidence may quote.
#[derive(Deserialize)]
pub(super) struct Document {
    pub(super) id: String,
    pub(super) text: String,
}

#[derive(Deserialize)]
pub(super) struct Claim {
    pub(super) id: String,
}

#[derive(Deserialize)]
pub(super) struct Objective {
    pub(super) id: String,
    pub(super) metric_id: String,
    pub(super) metric: String,
    pub(super) unit: String,
    pub(super) target: f64,
    pub(super) deadline: String,
    pub(super) level: ObjectiveLevel,
}

#[derive(Deserialize)]
pub(super) struct Tactic {
    pub(super) id: String,
    pub(super) channel: String,
}

/// The selected positioning option.
#[derive(Deserialize)]
pub(super) struct Position {
    pub(super) id: String,
    pub(super) word_to_own: String,
    pub(super) value_themes: Vec<Theme>,
}

#[derive(Deserialize)]
pub(super) struct Theme {
    pub(super) id: String,
    pub(super) benefit: String,
}

#[derive(Deserialize)]
pub(super) struct Icp {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) rank: u32,
    pub(super) pains: Vec<Pain>,
    pub(super) objections: Vec<Objection>,
    pub(super) channels: Vec<Channel>,
}

#[derive(Deserialize)]
pub(super) struct Pain {
    pub(super) id: String,
    pub(super) text: String,
}

#[derive(Deserialize)]
pub(super) struct Objection {
    pub(super) text: String,
}

#[derive(Deserialize)]
pub(super) struct Channel {
    pub(super) channel: String,
}

#[derive(Deserialize)]
pub(super) struct NorthStar {
    pub(super) metric: Metric,
    pub(super) input_metrics: Vec<Metric>,
}

#[derive(Deserialize)]
pub(super) struct Metric {
    pub(super) id: String,
}

#[derive(Deserialize)]
pub(super) struct CalendarItem {
    pub(super) id: String,
    pub(super) date: Date,
    pub(super) channel: String,
    pub(super) format: String,
    pub(super) icp_id: String,
    pub(super) topic: String,
    pub(super) hero: bool,
    pub(super) metric: MetricRef,
}

#[derive(Deserialize)]
pub(super) struct MetricRef {
    pub(super) metric_id: String,
}

impl Context {
    /// Parses `<data name="…">` blocks; a later block replaces an earlier one of the same name.
    /// `None` without a brief and a day: then the request is not a step of an analysis.
    pub(super) fn read(messages: &[&str]) -> Option<Self> {
        let blocks = Blocks(messages.iter().copied().flat_map(blocks).collect());
        let brief: Brief = blocks.find("brief")?;
        let stated = || vec![Document { id: "src_brief".into(), text: brief.statement() }];
        let sostac: Sostac = blocks.find("sostac").unwrap_or_default();
        let mut icps = blocks.find::<Icps>("icps").unwrap_or_default().icps;
        icps.sort_by_key(|icp| icp.rank);
        Some(Self {
            documents: blocks.find("documents").unwrap_or_else(stated),
            today: blocks.find("today")?,
            icp_count: blocks.find("icp_count").unwrap_or(3),
            block: blocks.find("block"),
            claims: blocks.find::<Evidence>("evidence").unwrap_or_default().claims,
            open_words: blocks.find::<Ladder>("competitor_ladder").unwrap_or_default().words(),
            objectives: sostac.objectives,
            tactics: sostac.tactics.unwrap_or_default(),
            positioning: blocks.find::<Positioning>("positioning").and_then(Positioning::selected),
            icps,
            north_star: blocks.find("north_star"),
            heroes: blocks.find::<Calendar>("content_calendar").unwrap_or_default().heroes(),
            brief,
        })
    }
}

#[derive(Deserialize, Default)]
struct Evidence {
    claims: Vec<Claim>,
}

#[derive(Deserialize, Default)]
struct Ladder {
    open_positions: Vec<OpenPosition>,
}

#[derive(Deserialize)]
struct OpenPosition {
    word: String,
}

#[derive(Deserialize, Default)]
struct Sostac {
    objectives: Vec<Objective>,
    tactics: Option<Vec<Tactic>>,
}

#[derive(Deserialize)]
struct Positioning {
    options: Vec<Position>,
    selected: String,
}

#[derive(Deserialize, Default)]
struct Icps {
    icps: Vec<Icp>,
}

#[derive(Deserialize, Default)]
struct Calendar {
    weeks: Vec<Week>,
}

#[derive(Deserialize)]
struct Week {
    objective_ref: String,
    items: Vec<CalendarItem>,
}

impl Ladder {
    fn words(self) -> Vec<String> {
        self.open_positions.into_iter().map(|open| open.word).collect()
    }
}

impl Positioning {
    fn selected(self) -> Option<Position> {
        self.options.into_iter().find(|option| option.id == self.selected)
    }
}

impl Calendar {
    fn heroes(self) -> Vec<(String, CalendarItem)> {
        let of_week =
            |week: Week| week.items.into_iter().map(move |item| (week.objective_ref.clone(), item));
        self.weeks.into_iter().flat_map(of_week).filter(|(_, item)| item.hero).collect()
    }
}

/// Names and contents of data blocks, in the order of the conversation.
struct Blocks<'a>(Vec<(&'a str, &'a str)>);

impl Blocks<'_> {
    fn find<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let (_, content) = self.0.iter().rfind(|(block, _)| *block == name)?;
        serde_json::from_str(content).ok()
    }
}

/// Prompts escape `<` in contents, so the first end tag ends the block.
fn blocks(message: &str) -> impl Iterator<Item = (&str, &str)> {
    message.split("<data name=\"").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once("\">")?;
        let (content, _) = rest.split_once("</data>")?;
        Some((name, content))
    })
}
