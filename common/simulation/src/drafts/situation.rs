use marketing::artefact::situation_analysis::{
    Customers, External, Factor, Force, Implication, Internal, Market, SituationAnalysis, SwotItem,
};

use super::{
    story::Story,
    wording::{capitalised, strings},
};

pub(super) fn draft(story: &Story<'_>) -> SituationAnalysis {
    let Story { name, trade, place, offer, .. } = story;
    let summary = story.at("competition").pick([
        "Buyers compare less than vendors think: most stay with what they know until it fails.",
        "The hardest rival is the present routine: it costs nothing to keep, and nobody is blamed for it.",
    ]);
    SituationAnalysis {
        market: Market {
            definition: format!(
                "{} for buyers in {place}, who either run it by themselves or pay a vendor such as {name}.",
                capitalised(trade)
            ),
            size: None,
            growth: None,
            basis: story.basis(0),
        },
        customers: Customers {
            segments: segments(story),
            jobs: vec![
                format!("Get {offer} to work without learning a new trade"),
                "Explain the decision to those who share the cost".into(),
                "Keep running while something new is introduced".into(),
            ],
            switching_triggers: strings([
                "A visible failure of the present arrangement",
                "A new person takes over the decision",
                "A price rise at renewal",
            ]),
        },
        competitors_summary: format!("{summary} {name} meets named vendors only once that search has begun."),
        internal: internal(story),
        external: external(story),
        pestel: pestel(story),
        implications: implications(story),
        assumptions: story.assumptions([
            (
                "Buyers outside the present customers decide in the same way as those the business knows.",
                "Interview five people who chose a rival or nothing.",
            ),
            (
                "The market is neither shrinking nor about to be regulated anew within a year.",
                "Ask the trade association for its outlook.",
            ),
        ]),
    }
}

fn segments(story: &Story<'_>) -> Vec<String> {
    if story.sells_to_businesses() {
        strings([
            "Operators who have just felt an expensive failure",
            "Newly appointed heads looking for an early success",
            "Groups that standardise several sites",
        ])
    } else {
        strings([
            "First-time buyers who fear choosing wrongly",
            "Busy households that pay for saved time",
            "Regulars of a rival whose loyalty has cooled",
        ])
    }
}

fn internal(story: &Story<'_>) -> Internal {
    let Story { name, place, offer, .. } = story;
    let known_for = story.at("strength").pick([
        "knows its customers by name and hears of trouble before it becomes a complaint",
        "decides quickly, because those who talk to customers also build what they need",
    ]);
    Internal {
        strengths: items(
            story,
            "str",
            [
                ("offer", format!("{} solves one clearly bounded problem instead of many half.", capitalised(offer))),
                ("closeness", format!("{} {known_for}.", capitalised(name))),
                ("place", format!("Being present in {place} makes visits, references and quick help possible.")),
            ],
        ),
        weaknesses: items(
            story,
            "wea",
            [
                ("reach", format!("Outside its own circle hardly anybody has heard of {name}.")),
                ("proof", "Results exist but are not written up in a form that a stranger would believe.".into()),
                ("hours", "Marketing happens beside the daily work, so campaigns start late and stop early.".into()),
            ],
        ),
    }
}

fn external(story: &Story<'_>) -> External {
    let Story { trade, .. } = story;
    External {
        opportunities: items(
            story,
            "opp",
            [
                (
                    "dissatisfaction",
                    format!("Customers of older vendors in {trade} complain openly about slow answers."),
                ),
                ("referrals", "People who changed recently are asked by peers and like to tell the story.".into()),
                ("niches", "Smaller buyers are ignored by large providers whose onboarding costs too much.".into()),
            ],
        ),
        threats: items(
            story,
            "thr",
            [
                ("bundling", "Platforms that buyers already pay for may add a similar function at no charge.".into()),
                ("inertia", "A downturn makes every committee postpone whatever is not urgent.".into()),
                ("imitation", "A better funded rival can copy visible features within a season.".into()),
            ],
        ),
    }
}

fn items<const N: usize>(
    story: &Story<'_>,
    prefix: &str,
    texts: [(&str, String); N],
) -> Vec<SwotItem> {
    let item = |(n, (slug, text)): (usize, (&str, String))| SwotItem {
        id: format!("{prefix}_{slug}"),
        text,
        basis: story.basis(story.at(prefix).below(7) + n),
    };
    texts.into_iter().enumerate().map(item).collect()
}

fn pestel(story: &Story<'_>) -> Vec<Force> {
    let Story { trade, place, .. } = story;
    let force = |factor, text, n| Force { factor, text, basis: story.basis(n) };
    vec![
        force(
            Factor::Economic,
            format!("Buyers in {place} look twice at every recurring cost this year."),
            1,
        ),
        force(
            Factor::Technological,
            format!("What used to need a project in {trade} can be tried within a day."),
            2,
        ),
        force(
            Factor::Social,
            "Recommendations from peers weigh more than advertising of any kind.".into(),
            3,
        ),
    ]
}

fn implications(story: &Story<'_>) -> Vec<Implication> {
    let implication =
        |n: usize, statement: &str, so_what: &str, internal: &str, external: &str| Implication {
            statement: statement.into(),
            because: story.basis(n),
            so_what: so_what.into(),
            internal_ref: Some(internal.into()),
            external_ref: Some(external.into()),
        };
    vec![
        implication(
            0,
            "Closeness to customers answers exactly what the clients of slow vendors miss.",
            "Lead with response times and named contacts, not with features.",
            "str_closeness",
            "opp_dissatisfaction",
        ),
        implication(
            1,
            "Unwritten results waste the referrals that happy customers would gladly give.",
            "Write up two cases before buying any reach.",
            "wea_proof",
            "opp_referrals",
        ),
        implication(
            2,
            "A bounded offer can be defended against bundles if its outcome is measured.",
            "Publish the outcome that a general platform cannot promise.",
            "str_offer",
            "thr_bundling",
        ),
        implication(
            3,
            "Scarce hours and postponing committees together call for fewer, longer campaigns.",
            "Plan one theme a month and stop everything else.",
            "wea_hours",
            "thr_inertia",
        ),
    ]
}
