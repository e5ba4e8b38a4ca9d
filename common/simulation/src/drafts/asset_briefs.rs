use marketing::artefact::asset_briefs::{
    AssetBrief, AssetBriefs, AssetFormat, Deliverable, DesiredResponse, EmailOutline, Grounded,
    Scene,
};

use super::{
    story::{Story, in_turn},
    wording::strings,
};
use crate::context::CalendarItem;

pub(super) fn draft(story: &Story<'_>) -> AssetBriefs {
    let heroes = story.context.heroes.iter().enumerate();
    AssetBriefs {
        briefs: heroes.map(|(n, (objective, item))| brief(story, n, objective, item)).collect(),
        assumptions: story.assumptions([
            (
                "A customer agrees to appear by name.",
                "Ask two of them before anything is produced.",
            ),
            (
                "The team can produce this without an agency.",
                "Make a rough version in one afternoon.",
            ),
        ]),
    }
}

fn brief(story: &Story<'_>, n: usize, objective: &str, item: &CalendarItem) -> AssetBrief {
    let propositions = [
        "You see the result before you owe the price.",
        "Whoever asks early pays for fewer mistakes.",
        "A change works best when nothing has to stop for it.",
        "One known person beats ten hotlines.",
        "What can be shown needs no adjectives.",
        "The old way costs more than it seems.",
    ];
    let format = format(&item.format);
    AssetBrief {
        id: format!("brf_{}", n + 1),
        title: item.topic.clone(),
        format,
        calendar_refs: vec![item.id.clone()],
        business_problem:
            "Strangers who have the problem do not know that somebody nearby solves it.".into(),
        objective_ref: objective.into(),
        icp_ref: item.icp_id.clone(),
        audience_insight: insight(story, n, item),
        single_minded_proposition: propositions[n % propositions.len()].into(),
        reasons_to_believe: vec![Grounded {
            text: "Customers confirm what has changed for them.".into(),
            basis: story.basis(n),
        }],
        desired_response: DesiredResponse {
            think: "They know my situation".into(),
            feel: "Relieved that it can be tried in a small way".into(),
            act: "Book the first step".into(),
        },
        tone: strings(["plain", "warm", "exact"]),
        not_tone: strings(["loud"]),
        mandatories: vec![format!("The name {}", story.name), "A person with a face".into()],
        channel_specs: format!(
            "Fits {} without editing: title first, readable without sound",
            item.channel
        ),
        deliverables: vec![Deliverable {
            name: item.format.clone(),
            size_or_length: "As the channel shows it in full".into(),
            quantity: 1,
        }],
        cta: "Book the first step".into(),
        metric_ref: item.metric.metric_id.clone(),
        budget: None,
        timing: format!("Draft two weeks, final one week before {}", item.date),
        do_not_say: strings(["Names of competitors", "Promises without a figure behind them"]),
        duration_s: (format == AssetFormat::Video).then_some(60.0),
        scenes: if format == AssetFormat::Video { scenes() } else { Vec::new() },
        slides: if format == AssetFormat::Carousel { slides() } else { Vec::new() },
        email: (format == AssetFormat::Email).then(email),
    }
}

fn insight(story: &Story<'_>, n: usize, item: &CalendarItem) -> Grounded {
    let icp = story.context.icps.iter().find(|icp| icp.id == item.icp_id);
    match icp.and_then(|icp| in_turn(&icp.pains, n)) {
        Some(pain) => Grounded {
            text: format!("They put up with it although it hurts: {}", pain.text),
            basis: vec![pain.id.clone()],
        },
        None => Grounded {
            text: "They put up with it although it hurts.".into(),
            basis: story.basis(n),
        },
    }
}

fn format(format: &str) -> AssetFormat {
    match format {
        "article" => AssetFormat::Article,
        "post" => AssetFormat::SocialPost,
        "video" => AssetFormat::Video,
        "carousel" => AssetFormat::Carousel,
        "email" => AssetFormat::Email,
        "webinar" => AssetFormat::Webinar,
        _ => AssetFormat::Other,
    }
}

fn scenes() -> Vec<Scene> {
    let scene = |start_s, end_s, visual: &str, on_screen: &str, voice: &str| Scene {
        start_s,
        end_s,
        visual: visual.into(),
        on_screen: on_screen.into(),
        voice: voice.into(),
    };
    vec![
        scene(0.0, 10.0, "A desk on a bad morning", "Again?", "It starts like any other day."),
        scene(
            10.0,
            35.0,
            "The customer shows what is done differently",
            "none",
            "Then we changed one thing.",
        ),
        scene(
            35.0,
            50.0,
            "The same desk, a month later",
            "The confirmed figure",
            "This is what came out.",
        ),
        scene(50.0, 60.0, "A hand on the phone", "Book the first step", "Try it in a small way."),
    ]
}

fn slides() -> Vec<String> {
    strings([
        "It looks like an ordinary day.",
        "Count what it costs in a week.",
        "A customer counted, too.",
        "This one thing was changed.",
        "Here is the figure afterwards.",
        "Start with the bounded first step.",
    ])
}

fn email() -> EmailOutline {
    EmailOutline {
        subject: "What an ordinary bad day costs".into(),
        preview: "A customer has counted it for you".into(),
        body_outline: strings(["The bad day", "The count", "The change", "The first step"]),
    }
}
