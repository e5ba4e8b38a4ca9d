use marketing::{
    artefact::{
        assumption::Level,
        marketing_7ps::{
            JourneyStage, Marketing7ps, MixChange, MixChannel, MixDecision, People,
            PhysicalEvidence, Place, Price, PricePeriod, PricePoint, Process, Product, Promotion,
            ProofAsset, Race,
        },
    },
    brief::{Offer, Period},
    clv::Inputs,
};

use super::{
    story::{Story, in_turn},
    wording::{capitalised, phrase, strings},
};

pub(super) fn draft(story: &Story<'_>) -> Marketing7ps {
    let Story { name, place, offer, .. } = story;
    Marketing7ps {
        product: Product {
            decision: decision(
                story,
                0,
                "The offer grew request by request",
                "Bound the offer to one outcome and name it",
                "Rewrite the description around the outcome",
            ),
            core: format!("Being sure that {offer} does what it should"),
            actual: capitalised(offer),
            augmented: "A first success within weeks, accompanied by a known person".into(),
            roadmap_asks: strings([
                "Show the outcome on the first screen or page",
                "Let customers export their own results",
            ]),
        },
        price: price(story),
        place: Place {
            decision: decision(
                story,
                2,
                "Sold wherever somebody asks",
                "Sell directly, and through two partners who know the buyers",
                "Sign referral terms with two firms",
            ),
            channels: strings(["Direct, by appointment", "Referral partners"]),
            coverage: format!("{place} first, beyond it only on recommendation"),
            partners: strings(["A firm that serves the same buyers with something else"]),
        },
        promotion: promotion(story),
        people: People {
            decision: decision(
                story,
                4,
                "Whoever has time answers",
                "Give each enquiry one named contact",
                "Name a contact on each page and invoice",
            ),
            roles: strings(["Named contact", "Keeper of customer stories"]),
            service_standard: "A personal answer on the same working day".into(),
            training: "Asking about the outcome before explaining the offer".into(),
        },
        process: Process {
            decision: decision(
                story,
                5,
                "Every start is different",
                "Lead each customer through the same five stages",
                "Draw the journey on one sheet for everybody",
            ),
            journey: journey(),
            service_level: "First success within thirty days, or a talk about why not".into(),
        },
        physical_evidence: physical_evidence(story),
        assumptions: story.assumptions([
            (
                &format!("Buyers accept the prices of {name} once they have seen a result."),
                "Quote the next five enquiries at the full price.",
            ),
            (
                "Partners recommend without being paid first.",
                "Ask two of them before terms are written.",
            ),
        ]),
    }
}

fn decision(
    story: &Story<'_>,
    n: usize,
    current: &str,
    decided: &str,
    action: &str,
) -> MixDecision {
    let context = story.context;
    let metrics = story.metric_ids();
    MixDecision {
        current: format!("{current}."),
        decision: format!("{decided}."),
        changes: vec![MixChange {
            action: action.into(),
            impact: if n < 3 { Level::High } else { Level::Med },
            effort: Level::Med,
            cost: "Hours of the team only".into(),
            owner_role: story.at(action).pick(["owner", "marketing lead"]).into(),
            week: u32::try_from(n).unwrap_or(0) + 1,
        }],
        rationale: "It makes the position true for the profile that matters most.".into(),
        positioning_ref: context
            .positioning
            .as_ref()
            .map(|position| position.id.clone())
            .unwrap_or_default(),
        icp_refs: context.icps.iter().take(2).map(|icp| icp.id.clone()).collect(),
        kpi_metric_id: in_turn(&metrics, n).cloned().unwrap_or_default(),
        risks: strings(["It is begun everywhere and finished nowhere"]),
    }
}

fn price(story: &Story<'_>) -> Price {
    Price {
        decision: decision(
            story,
            1,
            "Prices are given on request",
            "State prices openly and let the first step count towards the rest",
            "Publish a page with prices and what they include",
        ),
        model: "A bounded first step, then the regular price".into(),
        price_points: price_points(story),
        value_metric: "What the customer uses".into(),
        discount_policy: "None for haggling; the first step is credited in full".into(),
        willingness_basis: story.basis(1),
    }
}

/// The client's own prices; without any, the present revenue per customer.
fn price_points(story: &Story<'_>) -> Vec<PricePoint> {
    let brief = &story.context.brief;
    let point = |name: String, amount: f64, period| PricePoint {
        name,
        amount,
        currency: brief.currency.clone(),
        period,
    };
    let offers = brief.offer.iter().filter(|offer| offer.currency == brief.currency).take(4);
    let mut points: Vec<PricePoint> = offers
        .map(|offer| point(phrase(&offer.name, 6, "Main offer"), offer.price, period(offer)))
        .collect();
    let inputs = brief.unit_economics.as_ref().map(Inputs::of);
    if let Some((period, revenue)) =
        inputs.and_then(|inputs| Some((inputs.period, inputs.revenue?)))
    {
        let period = match period {
            Period::Month => PricePeriod::Month,
            Period::Year => PricePeriod::Year,
        };
        points.push(point("Typical customer, all in".into(), revenue.value, period));
    }
    if points.is_empty() {
        points.push(point(
            "First step, to be tried on the next five enquiries".into(),
            100.0,
            PricePeriod::Once,
        ));
    }
    points
}

fn period(offer: &Offer) -> PricePeriod {
    let billing = offer.billing.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| billing.contains(word));
    if says(&["month"]) {
        PricePeriod::Month
    } else if says(&["year", "annual"]) {
        PricePeriod::Year
    } else if says(&["once", "one-time", "order", "project"]) {
        PricePeriod::Once
    } else {
        PricePeriod::Usage
    }
}

/// Channels of the profiles, at most five, with larger shares for the most used.
fn promotion(story: &Story<'_>) -> Promotion {
    let icps = &story.context.icps;
    let mut names: Vec<&str> = Vec::new();
    for channel in icps.iter().flat_map(|icp| &icp.channels) {
        if names.len() < 5 && !names.contains(&channel.channel.as_str()) {
            names.push(&channel.channel);
        }
    }
    let count = u32::try_from(names.len()).unwrap_or(1).max(1);
    let weights: u32 = (1..=count).sum();
    let roles = [Race::Reach, Race::Convert, Race::Act, Race::Engage];
    let channel = |(n, name): (u32, &&str)| MixChannel {
        channel: (*name).to_owned(),
        role: roles[usize::try_from(n).unwrap_or(0) % roles.len()],
        budget_pct: f64::from(count - n) * 100.0 / f64::from(weights),
        icp_refs: icps
            .iter()
            .filter(|icp| icp.channels.iter().any(|on| on.channel == **name))
            .map(|icp| icp.id.clone())
            .collect(),
        reason: None,
    };
    Promotion {
        decision: decision(
            story,
            3,
            "Posts appear when there is time",
            "Run one theme a month on few channels",
            "Keep a calendar of themes with one owner",
        ),
        channel_mix: (0..).zip(&names).map(channel).collect(),
    }
}

fn journey() -> Vec<JourneyStage> {
    let stage = |stage: &str, friction: &str, fix: &str| JourneyStage {
        stage: stage.into(),
        friction: friction.into(),
        fix: fix.into(),
    };
    vec![
        stage("Notice", "The problem seems normal", "Show what it costs in a week"),
        stage("Search", "All vendors sound alike", "Lead with a case that names its figures"),
        stage("Try", "A start looks like a project", "Offer a bounded first step"),
        stage("Use", "Habits pull back", "Accompany the first month in person"),
        stage("Recommend", "Nobody asks", "Ask at the first success"),
    ]
}

fn physical_evidence(story: &Story<'_>) -> PhysicalEvidence {
    let objections = story
        .context
        .icps
        .iter()
        .flat_map(|icp| &icp.objections)
        .map(|objection| objection.text.as_str());
    let common = ["It is too expensive", "We have no time for a change", "It will not work for us"];
    let objections: Vec<&str> = objections.chain(common).take(4).collect();
    let assets = [
        "Case with confirmed figures",
        "Film of a customer's first month",
        "Open price page",
        "Checklist of the first thirty days",
    ];
    let proof = |(asset, objection): (&str, &str)| ProofAsset {
        asset: asset.into(),
        objection: objection.into(),
    };
    PhysicalEvidence {
        decision: decision(
            story,
            6,
            "Proof is told, not shown",
            "Turn each result into something that can be handed over",
            "Collect a confirmed figure from each customer",
        ),
        proof_assets: assets.into_iter().zip(objections).map(proof).collect(),
    }
}
