use marketing::artefact::competitor_ladder::{
    CompetitorKind, CompetitorLadder, Frame, Ladder, OpenPosition, OurRung, Rung, RungStrategy,
};

use super::{
    story::Story,
    wording::{capitalised, cut, is_unfinished, strings},
};

/// The most competitors taken from the brief: with the status quo the ladder has at most six rungs.
const MOST_NAMED: usize = 5;

pub(super) fn draft(story: &Story<'_>) -> CompetitorLadder {
    let Story { name, trade, place, .. } = story;
    CompetitorLadder {
        ladders: vec![Ladder {
            category: cut(&format!("{} in {place}", capitalised(trade)), 80).into(),
            frame: Frame::Existing,
            rungs: rungs(story),
            our_rung: OurRung {
                rank: None,
                rationale: format!(
                    "{name} is known to its customers, but strangers do not recall it unaided."
                ),
            },
            strategy: RungStrategy::Flank,
        }],
        open_positions: open_positions(story),
        assumptions: story.assumptions([
            (
                "Buyers recall competitors in the order in which the business meets them.",
                "Ask twenty buyers which names come to mind first.",
            ),
            (
                "Words ascribed to competitors are those buyers would use themselves.",
                "Read fifty reviews and count the words.",
            ),
        ]),
    }
}

fn rungs(story: &Story<'_>) -> Vec<Rung> {
    let brief = &story.context.brief;
    let mut names: Vec<(&str, CompetitorKind)> = Vec::new();
    for named in brief
        .known_competitors
        .iter()
        .map(|named| named.trim())
        .filter(|named| !is_unfinished(named))
    {
        if names.len() < MOST_NAMED
            && !names.iter().any(|(known, _)| known.eq_ignore_ascii_case(named))
        {
            names.push((named, CompetitorKind::Direct));
        }
    }
    names.push(("Leaving things as they are", CompetitorKind::StatusQuo));
    let others = ["A general provider with a wider range", "Somebody known from earlier work"];
    names.extend(
        others
            .into_iter()
            .map(|other| (other, CompetitorKind::Indirect))
            .take(3_usize.saturating_sub(names.len())),
    );
    (1_u32..).zip(names).map(|(rank, (name, kind))| rung(story, rank, name, kind)).collect()
}

fn rung(story: &Story<'_>, rank: u32, name: &str, kind: CompetitorKind) -> Rung {
    let characters = [
        ("familiarity", "Everybody has heard the name", "Large accounts come before small ones"),
        (
            "breadth",
            "Covers neighbouring needs in one contract",
            "Nobody on the phone knows the details",
        ),
        ("bargain", "Asks for little money up front", "Help beyond the basics is charged extra"),
        (
            "connections",
            "Sits where decisions are made",
            "Moves only when a large account complains",
        ),
        ("routine", "Needs no decision from anybody", "Mistakes repeat, for nobody looks at them"),
        ("heritage", "Has been around for a generation", "Looks and works as it did back then"),
        ("patience", "Waits until the buyer returns", "Brings nothing new by itself"),
    ];
    let place = usize::try_from(rank).unwrap_or(1) - 1;
    let (word, strength, weakness) =
        characters[(place + story.at("rungs").below(characters.len())) % characters.len()];
    let unverified = story.context.claims.is_empty();
    Rung {
        rank,
        competitor_id: format!("cmp_{rank}"),
        name: name.into(),
        kind,
        word_owned: word.into(),
        basis: story.basis(place),
        unverified,
        strength: 0.8 / f64::from(rank).sqrt(),
        price_band: if kind == CompetitorKind::StatusQuo {
            "free".into()
        } else {
            "not published".into()
        },
        target_segment: format!("Buyers who value {word} over fit"),
        strengths: strings([strength]),
        weaknesses: strings([weakness]),
    }
}

fn open_positions(story: &Story<'_>) -> Vec<OpenPosition> {
    let words = [
        (
            "certainty",
            "Vendors avoid promises that can be measured",
            "To buyers who answer for the outcome",
        ),
        (
            "calm handover",
            "Onboarding is treated as the customer's problem",
            "To teams that cannot stop their daily work",
        ),
        (
            "plain dealing",
            "Price lists hide what the whole thing costs",
            "To whoever must explain the bill",
        ),
        (
            "own pace",
            "Large providers impose their own calendar",
            "To small buyers with one quiet week a year",
        ),
        (
            "named contact",
            "Support is organised in queues",
            "To people who have been passed on before",
        ),
    ];
    let first = story.at("open").below(words.len());
    let open = |n: usize| {
        let (word, why_unowned, why_matters) = words[(first + n) % words.len()];
        OpenPosition {
            word: word.into(),
            why_unowned: format!("{why_unowned}."),
            why_matters: format!("{why_matters}."),
            defensibility: 0.55 + 0.1 * story.at(word).share(),
            basis: story.basis(n),
        }
    };
    (0..4).map(open).collect()
}
