use marketing::artefact::{
    assumption::Level,
    positioning::{
        Alternative, AlternativeKind, Attribute, BestFit, Capability, Category, CategoryStrategy,
        OptionDraft, PositioningDraft, Sacrifice, SacrificeKind, ValidationTest, ValueTheme,
    },
};

use super::{
    story::Story,
    wording::{capitalised, strings},
};

pub(super) fn draft(story: &Story<'_>) -> PositioningDraft {
    let Story { name, trade, place, offer, .. } = story;
    let words = words(story);
    let [proven, gentle, near] = [
        Angle {
            slug: "proven",
            name: "The measured result".into(),
            word: words[0].clone(),
            segment: "Buyers who answer for the outcome".into(),
            category: format!("{} with a measured outcome", capitalised(trade)),
            statement: format!(
                "For people who answer for results and are tired of promises, {name} is {trade} whose outcome is \
                 measured, unlike vendors who sell activity, because every customer sees the same figures we see."
            ),
            one_liner: "You see the result before you see the next bill.",
            attributes: [
                "Results are written down with every customer",
                "Figures are shared, good ones and bad ones",
            ],
            benefits: [
                "Decisions can be defended with figures",
                "Surprises show up early, while they are cheap",
            ],
            in_place: [true, true, true],
        },
        Angle {
            slug: "gentle",
            name: "The quiet change".into(),
            word: words[1].clone(),
            segment: "Teams that cannot interrupt their daily work".into(),
            category: format!("Guided switching to {offer}"),
            statement: format!(
                "For teams without a quiet week who dread another project, {name} offers guided switching that runs \
                 beside the old routine, unlike tools left at the door, since somebody stays until habits have moved."
            ),
            one_liner: "Change over while everything keeps running.",
            attributes: [
                "A person accompanies the changeover",
                "Old and new run side by side at first",
            ],
            benefits: ["Nothing stops during the change", "Nobody has to become an expert first"],
            in_place: [true, true, false],
        },
        Angle {
            slug: "near",
            name: "The neighbour who knows".into(),
            word: words[2].clone(),
            segment: format!("Smaller buyers around {place}"),
            category: "Personal specialist nearby".into(),
            statement: format!(
                "For smaller buyers whom large providers pass from desk to desk, {name} acts as the specialist who \
                 knows their situation and comes by, where hotlines read from scripts, thanks to short distances."
            ),
            one_liner: "Somebody who knows you picks up the phone.",
            attributes: ["One known person for every question", "Visits are part of the price"],
            benefits: [
                "Answers fit the case at hand",
                "Trouble is seen on site instead of described by phone",
            ],
            in_place: [true, false, false],
        },
    ];
    PositioningDraft {
        options: [proven, gentle, near]
            .into_iter()
            .enumerate()
            .map(|(n, angle)| option(story, n, angle))
            .collect(),
        assumptions: story.assumptions([
            (
                "Buyers notice the difference before they notice the price.",
                "Show the three statements to fifteen buyers and ask what they would pay.",
            ),
            (
                "The team can keep the promise for twice as many customers.",
                "Count hours per customer in a normal month.",
            ),
        ]),
    }
}

/// The content that is specific to one option.
struct Angle {
    slug: &'static str,
    name: String,
    word: String,
    segment: String,
    category: String,
    statement: String,
    one_liner: &'static str,
    attributes: [&'static str; 2],
    benefits: [&'static str; 2],
    /// Which of the capabilities the business already has.
    in_place: [bool; 3],
}

/// Three words for each option: unowned words of the ladder, otherwise words that competitors
/// rarely claim.
fn words(story: &Story<'_>) -> Vec<String> {
    let open = story.context.open_words.iter().cloned();
    open.chain(strings(["clarity", "steady hand", "short distance"])).take(3).collect()
}

fn option(story: &Story<'_>, n: usize, angle: Angle) -> OptionDraft {
    let slug = angle.slug;
    let attribute = |i: usize, versus: &str| Attribute {
        id: format!("atr_{slug}_{i}"),
        attribute: angle.attributes[i].into(),
        versus: vec![versus.into()],
        basis: story.basis(2 * n + i),
        durability: if n == 0 { Level::High } else { Level::Med },
    };
    let theme = |i: usize| ValueTheme {
        id: format!("thm_{slug}_{i}"),
        benefit: angle.benefits[i].into(),
        enabled_by: vec![format!("atr_{slug}_{i}")],
        measurable_effect: Some("Count it in the monthly review with the customer".into()),
    };
    OptionDraft {
        id: format!("opt_{slug}"),
        competitive_alternatives: alternatives(),
        unique_attributes: vec![attribute(0, "alt_nothing"), attribute(1, "alt_provider")],
        value_themes: vec![theme(0), theme(1)],
        best_fit: best_fit(angle.segment),
        category: Category {
            name: angle.category,
            strategy: CategoryStrategy::BigFishSmallPond,
            parent: Some(story.trade.clone()),
        },
        trend: None,
        word_to_own: angle.word,
        statement: angle.statement,
        one_liner: angle.one_liner.into(),
        sacrifices: sacrifices(),
        risks: strings([
            "Rivals copy the words and buyers cannot tell the difference",
            "The promise takes more hours than the price allows",
        ]),
        validation_test: ValidationTest {
            method: "Show a page with this promise, and another with the present one, to people who search".into(),
            sample: "Two hundred visitors, half of them each".into(),
            pass_threshold: "One in ten asks for a conversation, twice as many as on the present page".into(),
            days: 21,
        },
        reach_channels: story.channels().into_iter().take(3).collect(),
        capabilities: capabilities(angle.in_place),
        name: angle.name,
    }
}

fn alternatives() -> Vec<Alternative> {
    let alternative = |id: &str, name: &str, kind, why_chosen: &str| Alternative {
        id: id.into(),
        name: name.into(),
        kind,
        why_chosen: why_chosen.into(),
    };
    vec![
        alternative(
            "alt_nothing",
            "Leave things as they are",
            AlternativeKind::DoNothing,
            "Nobody has to decide anything",
        ),
        alternative(
            "alt_provider",
            "A larger provider",
            AlternativeKind::Product,
            "A known name is easy to justify",
        ),
        alternative(
            "alt_self",
            "Do it with what is at hand",
            AlternativeKind::Diy,
            "It seems to cost only time",
        ),
    ]
}

fn best_fit(segment: String) -> BestFit {
    BestFit {
        segment,
        characteristics: strings([
            "Has named a person who answers for the matter",
            "Has looked for help within the past year",
            "Talks openly about what went wrong",
        ]),
        disqualifiers: strings(["Buys on price alone", "Wants everything made to measure"]),
        segment_size_note:
            "Unknown so far; the customer list and the trade register give a first count.".into(),
    }
}

fn sacrifices() -> Vec<Sacrifice> {
    let sacrifice = |kind, stop: &str| Sacrifice { kind, stop: stop.into() };
    vec![
        sacrifice(SacrificeKind::Audience, "Stop courting buyers who only compare prices"),
        sacrifice(
            SacrificeKind::ProductLine,
            "Never offer made-to-measure variants for single customers",
        ),
        sacrifice(SacrificeKind::Consistency, "Give up changing the message with every campaign"),
    ]
}

fn capabilities(in_place: [bool; 3]) -> Vec<Capability> {
    let abilities = [
        "Talk to every customer each month",
        "Record results with every customer",
        "Write up a case in a week",
    ];
    abilities
        .into_iter()
        .zip(in_place)
        .map(|(ability, in_place)| Capability { ability: ability.into(), in_place })
        .collect()
}
