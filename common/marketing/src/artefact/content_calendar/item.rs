//! One item of the content calendar.

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ContentCalendar, WeekDraft};
use crate::artefact::marketing_7ps::Race;

/// An item, as a model writes it. Unknown fields are ignored here and nowhere below: the dated item
/// lays its own fields beside these.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ItemDraft {
    /// Id unique within these weeks, `cal_` and a short slug.
    pub id: String,
    /// Day of the week it is published.
    pub day: Day,
    /// A channel of the profile it is for, under the same name.
    pub channel: String,
    /// Such as `post`, `article`, `video`, `carousel`, `email`, `webinar`.
    pub format: String,
    /// Id of the customer profile it is for (`icp_`).
    pub icp_id: String,
    /// How far that reader has come.
    pub journey_stage: JourneyStage,
    /// What the item is to bring about.
    pub race: Race,
    /// What it does for the reader. At most 30 % of items promote.
    pub purpose: Purpose,
    /// 10 to 140 characters; no two items share a topic unless one repurposes the other.
    pub topic: String,
    /// The first line, at most 120 characters.
    pub hook: String,
    /// The opening of the text as it would be published, 40 to 280 characters, at most two
    /// hashtags.
    pub copy: String,
    /// Id of the value theme it carries (`thm_`).
    pub theme_ref: String,
    /// Ids of claims (`clm_`) that prove what it says; empty if it claims nothing.
    pub proof: Vec<String>,
    /// What the reader is asked to do.
    pub cta: CallToAction,
    /// How its effect is seen.
    pub metric: ItemMetric,
    /// Role that makes it.
    pub owner_role: String,
    /// Hours it takes.
    pub effort_h: f64,
    /// True for an item worth a creative brief of its own.
    pub hero: bool,
    /// Id of the item it reuses; null if it is new.
    pub repurpose_of: Option<String>,
    /// Why this channel although the profile does not name it; null if it does.
    pub channel_reason: Option<String>,
}

/// Days of the week.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// First day.
    Monday,
    /// Second day.
    Tuesday,
    /// Third day.
    Wednesday,
    /// Fourth day.
    Thursday,
    /// Fifth day.
    Friday,
    /// Sixth day.
    Saturday,
    /// Seventh day.
    Sunday,
}

/// How far a reader has come.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum JourneyStage {
    /// Does not know of the problem.
    Unaware,
    /// Knows the problem.
    Problem,
    /// Knows that it can be solved.
    Solution,
    /// Knows this product.
    Product,
    /// Only needs a reason to act.
    Most,
}

/// What an item does for the reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Teaches.
    Educate,
    /// Amuses.
    Entertain,
    /// Encourages.
    Inspire,
    /// Shows that it works.
    Prove,
    /// Sells.
    Promote,
}

/// What the reader is asked to do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallToAction {
    /// The words.
    pub text: String,
    /// Where it leads, such as `demo booking page`.
    pub destination: String,
    /// What sort of act.
    #[serde(rename = "type")]
    pub kind: CtaType,
}

/// Sorts of acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CtaType {
    /// Reading on.
    Read,
    /// Watching.
    Watch,
    /// Answering or sharing.
    Respond,
    /// Following or subscribing.
    Subscribe,
    /// Downloading.
    Download,
    /// Signing up or trying.
    Try,
    /// Booking a talk.
    Book,
    /// Buying.
    Buy,
}

/// How an item's effect is seen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemMetric {
    /// Id of a metric of the objectives or the north star (`met_`).
    pub metric_id: String,
    /// What this item should add to it.
    pub target: f64,
}

/// An item with its date.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Item {
    /// The item as written.
    #[serde(flatten)]
    pub draft: ItemDraft,
    /// The date of publication.
    pub date: Date,
    /// The id of its creative brief.
    pub brief_id: Option<String>,
    /// UTM query string that identifies the item in web analytics.
    pub utm: String,
}

impl std::ops::Deref for Item {
    type Target = ItemDraft;

    fn deref(&self) -> &ItemDraft {
        &self.draft
    }
}

impl Item {
    pub(super) fn new(draft: ItemDraft, monday: Date, campaign: &str) -> Self {
        let date = monday.saturating_add(draft.day.after_monday().days());
        let utm = format!(
            "utm_source={}&utm_medium={}&utm_campaign={}&utm_content={}",
            slug(&draft.channel),
            slug(&draft.format),
            slug(campaign),
            slug(&draft.id)
        );
        Self { draft, date, brief_id: None, utm }
    }
}

impl Day {
    fn after_monday(self) -> i64 {
        match self {
            Self::Monday => 0,
            Self::Tuesday => 1,
            Self::Wednesday => 2,
            Self::Thursday => 3,
            Self::Friday => 4,
            Self::Saturday => 5,
            Self::Sunday => 6,
        }
    }
}

/// Gives every item an id made of its week and position: blocks are written in parallel, so their
/// ids may collide.
pub(super) fn renumbered(mut weeks: Vec<WeekDraft>) -> Vec<WeekDraft> {
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    for week in &mut weeks {
        for (item, place) in week.items.iter_mut().zip(1..) {
            let id = format!("cal_w{:02}_{place}", week.week);
            let written = std::mem::replace(&mut item.id, id.clone());
            renamed.entry(written).or_insert(id);
        }
    }
    for item in weeks.iter_mut().flat_map(|week| &mut week.items) {
        if let Some(id) = item.repurpose_of.as_ref().and_then(|written| renamed.get(written)) {
            item.repurpose_of = Some(id.clone());
        }
    }
    weeks
}

/// Gives the assumptions of joined blocks unique ids; nothing in a calendar refers to them.
pub(super) fn number_assumptions(calendar: &mut ContentCalendar) {
    for (assumption, n) in calendar.assumptions.iter_mut().zip(1..) {
        assumption.id = format!("asm_calendar_{n}");
    }
}

fn slug(text: &str) -> String {
    let words = text
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}
