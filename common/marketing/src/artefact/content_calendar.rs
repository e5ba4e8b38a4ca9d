//! The content calendar: twelve weeks, written as three blocks of four weeks that are joined and
//! checked as a whole.

mod item;
mod platform;
mod rules;

use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use item::{CallToAction, CtaType, Day, Item, ItemDraft, ItemMetric, JourneyStage, Purpose};

use super::{
    Artefact, Assumption, Draft, Finding, Kind, PriorArtefacts, asset_briefs::AssetBriefs,
};

/// Number of blocks in a calendar.
pub const BLOCKS: u32 = 3;
/// Number of weeks in a block.
pub const WEEKS_PER_BLOCK: u32 = 4;
/// Hours of work that a team is expected to spend on an item.
const HOURS_PER_ITEM: f64 = 1.5;
/// Allowed number of hero items per block. Each gets a creative brief, and a plan has room for
/// three to eight.
pub const HEROES_PER_BLOCK: std::ops::RangeInclusive<usize> = 1..=2;

/// Four weeks, as a model writes them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarBlockDraft {
    /// The four weeks asked for, in order.
    pub weeks: Vec<WeekDraft>,
    /// One experiment to run in these weeks.
    pub experiment: Option<Experiment>,
    /// What is taken for granted.
    pub assumptions: Vec<Assumption>,
}

/// A week, as a model writes it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeekDraft {
    /// Its number, 1 to 12.
    pub week: u32,
    /// What it is about, in one phrase.
    pub theme: String,
    /// Id of the objective it serves most (`obj_`).
    pub objective_ref: String,
    /// As many items as the block asks for.
    pub items: Vec<ItemDraft>,
}

/// Something to find out by doing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// What is believed.
    pub hypothesis: String,
    /// The one thing that is varied.
    pub variable: String,
    /// What result confirms it.
    pub success_threshold: String,
    /// When it is stopped early.
    pub stop_rule: String,
}

/// A block with its dates; it is checked on its own before the blocks are joined.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CalendarBlock {
    /// The weeks of the block.
    pub weeks: Vec<Week>,
    /// The experiment of the block.
    pub experiment: Option<Experiment>,
    /// Assumptions of the block.
    pub assumptions: Vec<Assumption>,
}

/// A week of the calendar.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Week {
    /// The number of the week, 1 to 12.
    pub week: u32,
    /// The theme of the week.
    pub theme: String,
    /// The objective that the week mainly serves.
    pub objective_ref: String,
    /// The published items.
    pub items: Vec<Item>,
}

/// The whole calendar.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ContentCalendar {
    /// The Monday of week 1.
    pub start_date: Date,
    /// The weeks, in order.
    pub weeks: Vec<Week>,
    /// One experiment for each block that has one.
    pub experiments: Vec<Experiment>,
    /// Assumptions of all blocks.
    pub assumptions: Vec<Assumption>,
}

/// What a model is asked for to write one block.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BlockRequest {
    /// The block's index: 0, 1 or 2.
    pub index: u32,
    /// The Monday of its first week.
    pub start_date: Date,
    /// The numbers of its weeks.
    pub weeks: Vec<u32>,
    /// The fewest items per week.
    pub min_items_per_week: u32,
    /// The most items per week.
    pub max_items_per_week: u32,
    /// The focus of these weeks, so that blocks written in parallel do not repeat each other.
    pub focus: String,
    /// How many hero items to mark, in words.
    pub hero_guidance: String,
}

/// The first Monday after `today`, because nothing can be published on the day it is planned.
pub fn start_date(today: Date) -> Date {
    let tomorrow = today.saturating_add(1.day());
    let days_to_monday = (7 - tomorrow.weekday().since(Weekday::Monday)) % 7;
    tomorrow.saturating_add(i64::from(days_to_monday).days())
}

/// The Monday of a week.
pub(crate) fn monday(start: Date, week: u32) -> Date {
    start.saturating_add(i64::from(week.saturating_sub(1)).weeks())
}

/// The fewest and the most items per week: three, or two if the team's hours allow only two at an
/// hour and a half per item; never more than the hours allow, nor more than fourteen.
pub fn items_per_week(prior: &PriorArtefacts) -> (u32, u32) {
    let carried = prior.weekly_hours().map_or(7, |hours| {
        (2..=14).rev().find(|items| f64::from(*items) * HOURS_PER_ITEM <= hours).unwrap_or(2)
    });
    (carried.min(3), carried)
}

impl BlockRequest {
    /// The request for block `index`.
    pub fn new(index: u32, prior: &PriorArtefacts) -> Self {
        let first = index * WEEKS_PER_BLOCK + 1;
        let (min_items_per_week, max_items_per_week) = items_per_week(prior);
        let focus = match index {
            0 => {
                "Make the problem felt and name it: first contact with every profile, no hard selling."
            }
            1 => "Show how it is solved and prove it: cases, comparisons, answers to objections.",
            _ => "Help to decide and to stay: offers, trials, onboarding, recommendations.",
        };
        Self {
            index,
            start_date: monday(start_date(prior.today), first),
            weeks: (first..first + WEEKS_PER_BLOCK).collect(),
            min_items_per_week,
            max_items_per_week,
            focus: focus.into(),
            hero_guidance: "Mark one or two items of these four weeks as hero: the ones worth a creative brief.".into(),
        }
    }
}

impl Draft for CalendarBlockDraft {
    type Artefact = CalendarBlock;

    fn build(self, prior: &PriorArtefacts) -> CalendarBlock {
        let start = start_date(prior.today);
        let weeks = item::renumbered(self.weeks);
        let weeks = weeks.into_iter().map(|week| Week {
            items: week
                .items
                .into_iter()
                .map(|item| Item::new(item, monday(start, week.week), &prior.brief.name))
                .collect(),
            week: week.week,
            theme: week.theme,
            objective_ref: week.objective_ref,
        });
        CalendarBlock {
            weeks: weeks.collect(),
            experiment: self.experiment,
            assumptions: self.assumptions,
        }
    }
}

impl ContentCalendar {
    /// Joins blocks that were finished in any order.
    pub fn join(blocks: impl IntoIterator<Item = CalendarBlock>, prior: &PriorArtefacts) -> Self {
        let mut joined = Self {
            start_date: start_date(prior.today),
            weeks: Vec::new(),
            experiments: Vec::new(),
            assumptions: Vec::new(),
        };
        let mut blocks: Vec<CalendarBlock> = blocks.into_iter().collect();
        blocks.sort_by_key(|block| block.weeks.first().map(|week| week.week));
        for block in blocks {
            joined.weeks.extend(block.weeks);
            joined.experiments.extend(block.experiment);
            joined.assumptions.extend(block.assumptions);
        }
        item::number_assumptions(&mut joined);
        joined
    }

    /// Every item of every week.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.weeks.iter().flat_map(|week| &week.items)
    }

    /// The items that get a creative brief.
    pub fn heroes(&self) -> impl Iterator<Item = &Item> {
        self.items().filter(|item| item.hero)
    }

    /// The calendar with a reference from each item to its creative brief.
    #[must_use]
    pub fn with_briefs(mut self, briefs: &AssetBriefs) -> Self {
        for item in self.weeks.iter_mut().flat_map(|week| &mut week.items) {
            let covers =
                |brief: &&super::asset_briefs::AssetBrief| brief.calendar_refs.contains(&item.id);
            item.brief_id = briefs.briefs.iter().find(covers).map(|brief| brief.id.clone());
        }
        self
    }
}

impl Artefact for CalendarBlock {
    const KIND: Kind = Kind::ContentCalendar;

    fn check(&self, prior: &PriorArtefacts) -> Vec<Finding> {
        rules::check_block(self, prior)
    }
}

impl Artefact for ContentCalendar {
    const KIND: Kind = Kind::ContentCalendar;

    fn check(&self, prior: &PriorArtefacts) -> Vec<Finding> {
        rules::check_calendar(self, prior)
    }
}
