mod angles;

use marketing::artefact::{
    content_calendar::{
        BlockRequest, CalendarBlockDraft, CallToAction, CtaType, Day, Experiment, ItemDraft,
        ItemMetric, JourneyStage, Purpose, WeekDraft,
    },
    marketing_7ps::Race,
};

use super::{
    story::{Story, in_turn},
    wording::{cut, phrase},
};
use crate::context::Icp;
use angles::ANGLES;

pub(super) fn draft(story: &Story<'_>) -> CalendarBlockDraft {
    let block = story.context.block.as_ref();
    let weeks = block.map_or_else(|| vec![1, 2, 3, 4], |block| block.weeks.clone());
    let per_week = block.map_or(3, |block| block.min_items_per_week);
    CalendarBlockDraft {
        weeks: weeks
            .iter()
            .map(|number| week(story, *number, per_week, Some(number) == weeks.get(1)))
            .collect(),
        experiment: Some(experiment(block)),
        assumptions: story.assumptions([
            (
                "Readers are on these channels on working days.",
                "Compare the first two weeks with the last two.",
            ),
            (
                "The team keeps this rhythm beside its daily work.",
                "Look at the hours after four weeks.",
            ),
        ]),
    }
}

fn week(story: &Story<'_>, number: u32, per_week: u32, with_hero: bool) -> WeekDraft {
    let before = number.saturating_sub(1);
    let place = |slot: u32| usize::try_from(slot).unwrap_or(0);
    let angle = ANGLES[place(before) % ANGLES.len()];
    let objective = in_turn(&story.context.objectives, place(before));
    let slots = before * per_week..number * per_week;
    WeekDraft {
        week: number,
        theme: format!("Week of the question: {}", angle.to_lowercase()),
        objective_ref: objective.map(|objective| objective.id.clone()).unwrap_or_default(),
        items: slots
            .clone()
            .map(|slot| item(story, place(slot), per_week, with_hero && slot == slots.start))
            .collect(),
    }
}

/// The item at an index counted over all twelve weeks.
fn item(story: &Story<'_>, slot: usize, per_week: u32, hero: bool) -> ItemDraft {
    let context = story.context;
    let icp = reader(&context.icps, slot);
    let (purpose, race, journey_stage) = part(slot);
    let channel = channel(icp, slot);
    let pain = icp
        .and_then(|icp| in_turn(&icp.pains, slot))
        .map_or("It costs time every week", |pain| &pain.text);
    let pain = pain.trim_end_matches(['.', '!', '?']);
    let themes = context.positioning.as_ref().map_or(&[][..], |position| &position.value_themes);
    let theme = in_turn(themes, slot);
    let benefit = theme.map_or("It can be done otherwise", |theme| theme.benefit.as_str());
    let metrics = story.metric_ids();
    ItemDraft {
        id: format!("cal_{}", slot + 1),
        day: [Day::Tuesday, Day::Thursday, Day::Wednesday, Day::Monday, Day::Friday][slot % 5],
        format: format(&channel, slot).into(),
        icp_id: icp.map(|icp| icp.id.clone()).unwrap_or_default(),
        journey_stage,
        race,
        purpose,
        topic: topic(icp, slot),
        hook: cut(&format!("{pain}?"), 120).into(),
        copy: cut(
            &format!("{}. {}. {} tells how.", cut(pain, 110), cut(benefit, 110), story.name),
            280,
        )
        .into(),
        theme_ref: theme.map(|theme| theme.id.clone()).unwrap_or_default(),
        proof: Vec::new(),
        cta: call_to_action(purpose),
        metric: ItemMetric {
            metric_id: in_turn(&metrics, slot).cloned().unwrap_or_default(),
            target: 1.0,
        },
        owner_role: "marketing lead".into(),
        effort_h: effort(story, per_week),
        hero,
        repurpose_of: None,
        channel_reason: None,
        channel,
    }
}

/// Two items in five are for the first profile; the others alternate between the rest.
fn reader(icps: &[Icp], slot: usize) -> Option<&Icp> {
    let (first, others) = icps.split_first()?;
    let for_first = |slot: &usize| matches!(slot % 5, 0 | 2);
    if others.is_empty() || for_first(&slot) {
        return Some(first);
    }
    let turn = (0..slot).filter(|slot| !for_first(slot)).count();
    others.get(turn % others.len())
}

/// One item in four asks for the sale; the others offer something first.
fn part(slot: usize) -> (Purpose, Race, JourneyStage) {
    match slot % 12 {
        3 | 7 => (Purpose::Promote, Race::Convert, JourneyStage::Product),
        11 => (Purpose::Promote, Race::Convert, JourneyStage::Most),
        0 | 4 => (Purpose::Educate, Race::Reach, JourneyStage::Unaware),
        1 | 8 => (Purpose::Educate, Race::Act, JourneyStage::Problem),
        2 | 6 => (Purpose::Prove, Race::Act, JourneyStage::Solution),
        5 => (Purpose::Inspire, Race::Engage, JourneyStage::Problem),
        9 => (Purpose::Prove, Race::Engage, JourneyStage::Solution),
        _ => (Purpose::Entertain, Race::Reach, JourneyStage::Unaware),
    }
}

fn channel(icp: Option<&Icp>, slot: usize) -> String {
    let channel = icp.and_then(|icp| in_turn(&icp.channels, slot / 2));
    channel.map_or_else(|| "email".into(), |channel| channel.channel.clone())
}

fn format(channel: &str, slot: usize) -> &'static str {
    if channel.to_lowercase().contains("mail") {
        "email"
    } else {
        ["post", "carousel", "article", "video"][slot % 4]
    }
}

fn topic(icp: Option<&Icp>, slot: usize) -> String {
    let angle = ANGLES[slot % ANGLES.len()];
    // A calendar with more items than angles repeats some, for other readers and from another
    // perspective.
    let again = ["", "Seen from the other side: ", "A year later: ", "In one picture: "]
        [slot / ANGLES.len() % 4];
    let reader = icp
        .map_or_else(|| "everybody".into(), |icp| phrase(&icp.name, 2, "everybody").to_lowercase());
    cut(&format!("{again}{angle}, for {reader}"), 100).into()
}

fn call_to_action(purpose: Purpose) -> CallToAction {
    let (text, destination, kind) = match purpose {
        Purpose::Promote => ("Book the first step", "booking page", CtaType::Book),
        Purpose::Prove => ("Read the whole case", "case page", CtaType::Read),
        Purpose::Educate => ("Get the checklist", "download page", CtaType::Download),
        Purpose::Inspire | Purpose::Entertain => {
            ("Tell us how it is with you", "replies", CtaType::Respond)
        }
    };
    CallToAction { text: text.into(), destination: destination.into(), kind }
}

/// The share of the week's hours for one item, at most two hours.
fn effort(story: &Story<'_>, per_week: u32) -> f64 {
    let hours = story.context.brief.team_hours_per_week.unwrap_or(10.0);
    (hours * 0.8 / f64::from(per_week.max(1)) * 10.0).floor().clamp(0.0, 20.0) / 10.0
}

fn experiment(block: Option<&BlockRequest>) -> Experiment {
    let (hypothesis, variable) = match block.map_or(0, |block| block.index) {
        0 => (
            "Readers react more to what a problem costs than to what a product does",
            "The first line",
        ),
        1 => (
            "A case with a named customer brings more replies than one without",
            "The name in the title",
        ),
        _ => (
            "A bounded first step is booked more often than an open conversation",
            "The offer at the end",
        ),
    };
    Experiment {
        hypothesis: hypothesis.into(),
        variable: variable.into(),
        success_threshold: "Half as many replies again over four weeks".into(),
        stop_rule: "Stop when a variant brings no reply in two weeks".into(),
    }
}
