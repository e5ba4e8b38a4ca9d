//! Test data: a complete, valid analysis of a business for espresso machines, of which tests change
//! one value at a time.

use std::sync::LazyLock;

use serde_json::Value;

use super::{
    Artefact, Draft, Finding, Kind, PriorArtefacts, Severity, SourceText,
    amec::Amec,
    asset_briefs::AssetBriefs,
    clv::Clv,
    competitor_ladder::CompetitorLadder,
    content_calendar::{CalendarBlockDraft, ContentCalendar},
    evidence::{EvidenceDraft, SourceKind},
    icps::IcpsDraft,
    marketing_7ps::Marketing7ps,
    north_star::NorthStarDraft,
    positioning::PositioningDraft,
    situation_analysis::SituationAnalysis,
    sostac::{SostacOpeningDraft, SostacPlanDraft},
};
use crate::brief::Brief;

/// The valid draft of a step, or another file in the same folder.
pub(crate) fn draft(name: &str) -> Value {
    let text = match name {
        "brief" => include_str!("testdata/brief.json"),
        "web_sources" => include_str!("testdata/web_sources.json"),
        "evidence" => include_str!("testdata/evidence.json"),
        "situation_analysis" => include_str!("testdata/situation_analysis.json"),
        "competitor_ladder" => include_str!("testdata/competitor_ladder.json"),
        "sostac_opening" => include_str!("testdata/sostac_opening.json"),
        "positioning" => include_str!("testdata/positioning.json"),
        "icps" => include_str!("testdata/icps.json"),
        "north_star" => include_str!("testdata/north_star.json"),
        "marketing_7ps" => include_str!("testdata/marketing_7ps.json"),
        "sostac_plan" => include_str!("testdata/sostac_plan.json"),
        "content_calendar_1" => include_str!("testdata/content_calendar_1.json"),
        "content_calendar_2" => include_str!("testdata/content_calendar_2.json"),
        "content_calendar_3" => include_str!("testdata/content_calendar_3.json"),
        "asset_briefs" => include_str!("testdata/asset_briefs.json"),
        "amec" => include_str!("testdata/amec.json"),
        other => panic!("no test data for {other}"),
    };
    serde_json::from_str(text).unwrap()
}

pub(crate) fn brief() -> Brief {
    serde_json::from_value(draft("brief")).unwrap()
}

/// The run before its first step: the brief, and three sources from the web.
pub(crate) fn start() -> PriorArtefacts {
    let mut prior = PriorArtefacts::new(brief(), 3, 6, "2026-11-23".parse().unwrap());
    let text = |source: &Value, field: &str| source[field].as_str().unwrap().to_owned();
    prior.documents.extend(draft("web_sources").as_array().unwrap().iter().map(|source| {
        SourceText {
            id: text(source, "id"),
            kind: SourceKind::Web,
            title: text(source, "title"),
            text: text(source, "text"),
            url: None,
            publisher: Some(text(source, "publisher")),
            document_id: None,
            parts: Vec::new(),
        }
    }));
    prior
}

/// The finished run.
pub(crate) fn world() -> PriorArtefacts {
    static WORLD: LazyLock<PriorArtefacts> = LazyLock::new(finished);
    WORLD.clone()
}

/// Runs every step on its valid draft; each artefact is serialised and parsed, as between
/// functions.
fn finished() -> PriorArtefacts {
    let mut prior = start();
    add::<EvidenceDraft>(&mut prior, "evidence");
    add::<SituationAnalysis>(&mut prior, "situation_analysis");
    add::<CompetitorLadder>(&mut prior, "competitor_ladder");
    add::<SostacOpeningDraft>(&mut prior, "sostac_opening");
    add::<PositioningDraft>(&mut prior, "positioning");
    add::<IcpsDraft>(&mut prior, "icps");
    add::<NorthStarDraft>(&mut prior, "north_star");
    add::<Marketing7ps>(&mut prior, "marketing_7ps");
    add::<SostacPlanDraft>(&mut prior, "sostac_plan");
    prior.content_calendar = Some(calendar(&prior));
    add::<AssetBriefs>(&mut prior, "asset_briefs");
    let (calendar, briefs) =
        (prior.content_calendar.take().unwrap(), prior.asset_briefs.as_ref().unwrap());
    prior.content_calendar = Some(calendar.with_briefs(briefs));
    add::<Amec>(&mut prior, "amec");
    prior.clv = Some(Clv::compute(&prior));
    prior
}

fn add<D: Draft>(prior: &mut PriorArtefacts, name: &str) {
    let artefact = built::<D>(draft(name), prior);
    prior.insert(D::Artefact::KIND, &serde_json::to_value(artefact).unwrap()).unwrap();
}

fn calendar(prior: &PriorArtefacts) -> ContentCalendar {
    // Blocks are finished in any order.
    let blocks = ["content_calendar_2", "content_calendar_1", "content_calendar_3"];
    ContentCalendar::join(blocks.map(|name| built::<CalendarBlockDraft>(draft(name), prior)), prior)
}

fn built<D: Draft>(draft: Value, prior: &PriorArtefacts) -> D::Artefact {
    serde_json::from_value::<D>(draft).unwrap().build(prior)
}

/// Changes one JSON value, by pointer.
pub(crate) fn change(value: &mut Value, pointer: &str, to: Value) {
    *value.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}")) = to;
}

/// Changes one value of a valid draft and expects a finding of this rule.
pub(crate) fn check<D: Draft>(name: &str, pointer: &str, to: Value, rule: &str) {
    let world = world();
    let what = format!("{name}{pointer} = {to}");
    let mut changed = draft(name);
    change(&mut changed, pointer, to);
    expect(&built::<D>(changed, &world).check(&world), rule, &what);
}

/// The same for an artefact of the finished run, for rules about computed values.
pub(crate) fn check_artefact<A: Artefact>(pointer: &str, to: Value, rule: &str) {
    let world = world();
    let mut changed = world.get_json(A::KIND).unwrap();
    let what = format!("{}{pointer} = {to}", A::KIND);
    change(&mut changed, pointer, to);
    let artefact: A = serde_json::from_value(changed).unwrap();
    expect(&artefact.check(&world), rule, &what);
}

fn expect(findings: &[Finding], rule: &str, what: &str) {
    assert!(
        findings.iter().any(|finding| finding.rule == rule),
        "{what} should break {rule}: {findings:#?}"
    );
}

/// The rules that an artefact violates.
fn rules_of<A: Artefact>(
    artefact: Option<&A>,
    prior: &PriorArtefacts,
) -> Vec<(Kind, Severity, String, String, String)> {
    let findings = artefact.map(|artefact| artefact.check(prior)).unwrap_or_default();
    findings.into_iter().map(|f| (A::KIND, f.severity, f.rule, f.path, f.message)).collect()
}

#[test]
fn a_sound_analysis_breaks_no_rule() {
    let world = world();
    let mut all = rules_of(world.evidence.as_ref(), &world);
    all.extend(rules_of(world.situation_analysis.as_ref(), &world));
    all.extend(rules_of(world.competitor_ladder.as_ref(), &world));
    all.extend(rules_of(world.sostac.as_ref(), &world));
    all.extend(rules_of(world.positioning.as_ref(), &world));
    all.extend(rules_of(world.icps.as_ref(), &world));
    all.extend(rules_of(world.north_star.as_ref(), &world));
    all.extend(rules_of(world.marketing_7ps.as_ref(), &world));
    all.extend(rules_of(world.content_calendar.as_ref(), &world));
    all.extend(rules_of(world.asset_briefs.as_ref(), &world));
    all.extend(rules_of(world.amec.as_ref(), &world));
    all.extend(rules_of(world.clv.as_ref(), &world));
    assert_eq!(all, []);
    for name in ["content_calendar_1", "content_calendar_2", "content_calendar_3"] {
        assert_eq!(built::<CalendarBlockDraft>(draft(name), &world).check(&world), [], "{name}");
    }
}

#[test]
fn every_artefact_survives_its_json() {
    let world = world();
    let mut read = start();
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::RunReport) {
        read.insert(kind, &world.get_json(kind).unwrap()).unwrap();
    }
    assert_eq!(read, world);
}
