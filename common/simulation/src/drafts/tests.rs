mod briefs;
mod edits;

use marketing::{
    artefact::{
        Artefact, Draft, Kind, PriorArtefacts, Severity,
        amec::Amec,
        asset_briefs::AssetBriefs,
        competitor_ladder::CompetitorLadder,
        content_calendar::{
            BLOCKS, BlockRequest, CalendarBlock, CalendarBlockDraft, ContentCalendar,
        },
        evidence::EvidenceDraft,
        icps::IcpsDraft,
        marketing_7ps::Marketing7ps,
        north_star::NorthStarDraft,
        positioning::PositioningDraft,
        situation_analysis::SituationAnalysis,
        sostac::{SostacOpeningDraft, SostacPlanDraft},
    },
    brief::{Brief, intake},
};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use domain::step::Step;

/// An analysis that takes every draft from the simulation.
struct Run {
    prior: PriorArtefacts,
    seed: u64,
}

impl Run {
    fn new(brief: Value, icp_count: u32, seed: u64) -> Self {
        let brief: Brief = serde_json::from_value(brief).unwrap();
        let today = "2026-11-22".parse().unwrap();
        let intake = intake(&brief, today);
        assert!(intake.valid, "{intake:?}");
        Self { prior: PriorArtefacts::new(brief, icp_count, 9, today), seed }
    }

    /// The data blocks of a prompt, with all artefacts so far.
    fn prompt(&self, block: Option<&BlockRequest>) -> String {
        let prior = &self.prior;
        let document = |source: &marketing::artefact::SourceText| json!({"id": source.id, "text": source.text});
        let documents: Vec<Value> = prior.documents.iter().map(document).collect();
        let mut data = vec![
            ("brief", json!(prior.brief.without_documents())),
            ("documents", json!(documents)),
            ("today", json!(prior.today)),
            ("icp_count", json!(prior.icp_limit)),
        ];
        data.extend(block.map(|block| ("block", json!(block))));
        data.extend(
            Kind::ALL.into_iter().filter_map(|kind| Some((kind.as_str(), prior.get_json(kind)?))),
        );
        let block = |(name, value): &(&str, Value)| {
            let value = value.to_string().replace('<', "\\u003c");
            format!("<data name=\"{name}\">{value}</data>\n")
        };
        data.iter().map(block).collect()
    }

    /// Requests a draft, builds its artefact, and asserts that it has no errors.
    fn build<D: Draft>(&self, step: Step, block: Option<&BlockRequest>) -> D::Artefact {
        let prompt = self.prompt(block);
        let context = Context::read(&[&prompt]).unwrap();
        let draft = write(step, &context, Chance::new(self.seed).with(&prompt)).unwrap();
        let tokens = draft.to_string().len() / 4;
        assert!(tokens < most_tokens(step), "{step}: {tokens} tokens");
        edits::assert_no_errors::<D>(step, &prompt, &draft, self);
        self.judge::<D>(step, draft)
    }

    /// Builds the artefact of a draft, and asserts that it has no errors.
    fn judge<D: Draft>(&self, step: Step, draft: Value) -> D::Artefact {
        let draft: D =
            serde_json::from_value(draft).unwrap_or_else(|error| panic!("{step}: {error}"));
        let artefact = draft.build(&self.prior);
        assert_no_errors(step, &artefact, &self.prior);
        artefact
    }

    fn step<D: Draft>(&mut self, step: Step) {
        let artefact = self.build::<D>(step, None);
        let stored = serde_json::to_value(artefact).unwrap();
        self.prior.insert(D::Artefact::KIND, &stored).unwrap();
    }

    fn calendar(&mut self) {
        let blocks: Vec<CalendarBlock> = (0..BLOCKS)
            .map(|index| {
                let request = BlockRequest::new(index, &self.prior);
                self.build::<CalendarBlockDraft>(Step::ContentCalendar, Some(&request))
            })
            .collect();
        let calendar = ContentCalendar::join(blocks, &self.prior);
        assert_no_errors(Step::ContentCalendar, &calendar, &self.prior);
        self.prior.content_calendar = Some(calendar);
    }

    fn all(mut self) -> PriorArtefacts {
        self.step::<EvidenceDraft>(Step::Evidence);
        self.step::<SituationAnalysis>(Step::SituationAnalysis);
        self.step::<CompetitorLadder>(Step::CompetitorLadder);
        self.step::<SostacOpeningDraft>(Step::SostacOpening);
        self.step::<PositioningDraft>(Step::Positioning);
        self.step::<IcpsDraft>(Step::Icps);
        self.step::<NorthStarDraft>(Step::NorthStar);
        self.step::<Marketing7ps>(Step::Marketing7ps);
        self.step::<SostacPlanDraft>(Step::SostacPlan);
        self.calendar();
        self.step::<AssetBriefs>(Step::AssetBriefs);
        self.step::<Amec>(Step::Amec);
        self.prior
    }
}

/// The output bound of a step, less the reasoning at high effort.
fn most_tokens(step: Step) -> usize {
    #[expect(clippy::wildcard_enum_match_arm, reason = "most steps have the same limit")]
    let limit = match step {
        Step::AssetBriefs => 5_000,
        Step::Evidence | Step::NorthStar => 6_000,
        Step::Marketing7ps => 10_000,
        _ => 12_000,
    };
    limit - 1_200
}

fn assert_no_errors(step: Step, artefact: &impl Artefact, prior: &PriorArtefacts) {
    let mut findings = artefact.check(prior);
    findings.retain(|finding| finding.severity == Severity::Error);
    assert!(
        findings.is_empty(),
        "{step}: {findings:#?}\n{}",
        serde_json::to_string_pretty(artefact).unwrap()
    );
}

#[test]
fn drafts_about_any_sort_of_business_satisfy_the_rules() {
    for (brief, icp_count) in [
        (briefs::software(), 3),
        (briefs::software(), 9),
        (briefs::shop(), 5),
        (briefs::salon(), 4),
        (briefs::salon(), 7),
    ] {
        for seed in 0..2 {
            Run::new(brief.clone(), icp_count, seed).all();
        }
    }
}

#[test]
fn drafts_name_the_business() {
    let prior = Run::new(briefs::software(), 4, 1).all();
    let evidence = prior.evidence.unwrap();
    let quoted = |words: &str| evidence.claims.iter().any(|claim| claim.text.contains(words));
    assert!(quoted("412 berth assignments") && quoted("wrong berth costs them half a day"));
    let ladder = prior.competitor_ladder.unwrap();
    assert!(ladder.rungs().any(|rung| rung.name == "Portchain"));
    let plan = prior.sostac.unwrap();
    assert!((plan.objectives[0].target - 30.0).abs() < f64::EPSILON);
    let prices = prior.marketing_7ps.unwrap().price.price_points;
    assert!(prices.iter().any(|point| (point.amount - 49.0).abs() < f64::EPSILON), "{prices:?}");
}

#[test]
fn drafts_score_high_enough_to_continue() {
    for brief in [briefs::software(), briefs::shop(), briefs::salon()] {
        let prior = Run::new(brief, 3, 2).all();
        assert!(prior.icps.as_ref().unwrap().icps[0].priority >= 0.55);
        assert!(prior.selected_option().unwrap().score >= 0.6);
        assert!(prior.evidence.unwrap().claims.len() >= 8);
    }
}

#[test]
fn drafts_depend_on_request_and_seed() {
    let answer = |seed| {
        let run = Run::new(briefs::software(), 5, seed);
        let prompt = run.prompt(None);
        let context = Context::read(&[&prompt]).unwrap();
        write(Step::Icps, &context, Chance::new(seed).with(&prompt))
    };
    assert_eq!(answer(1), answer(1));
    assert!((2..6).any(|seed| answer(seed) != answer(1)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn drafts_about_any_brief_satisfy_the_rules(brief in briefs::any(), icp_count in 3_u32..=9, seed in any::<u64>()) {
        Run::new(brief, icp_count, seed).all();
    }
}
