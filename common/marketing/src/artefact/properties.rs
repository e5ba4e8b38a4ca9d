//! Property tests: building and checking any draft ends, and computed values stay within their
//! bounds.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    Artefact, Draft,
    amec::Amec,
    asset_briefs::AssetBriefs,
    competitor_ladder::CompetitorLadder,
    content_calendar::CalendarBlockDraft,
    evidence::EvidenceDraft,
    fixture,
    icps::IcpsDraft,
    marketing_7ps::Marketing7ps,
    north_star::NorthStarDraft,
    positioning::PositioningDraft,
    situation_analysis::SituationAnalysis,
    sostac::{SostacOpeningDraft, SostacPlanDraft},
};

/// Pointers to all values inside a value.
fn pointers(at: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(entries) => entries.iter().enumerate().for_each(|(i, entry)| {
            found.push(format!("{at}/{i}"));
            pointers(&format!("{at}/{i}"), entry, found);
        }),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            found.push(format!("{at}/{name}"));
            pointers(&format!("{at}/{name}"), field, found);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Another value, of the same type where possible, so that most changed drafts can still be parsed.
fn other_value(old: &Value, text: &str, number: f64) -> Value {
    match old {
        Value::String(_) => json!(text),
        // Half of the numbers stay whole, for integer fields.
        Value::Number(_) if number.fract().abs() < 0.5 => json!(number.abs().trunc().min(4e9)),
        Value::Number(_) => json!(number),
        Value::Array(_) => json!([]),
        Value::Bool(old) => json!(!old),
        Value::Null | Value::Object(_) => Value::Null,
    }
}

fn survives<D: Draft>(name: &str, places: &[usize], text: &str, number: f64) {
    let mut draft = fixture::draft(name);
    for place in places {
        let mut found = Vec::new();
        pointers("", &draft, &mut found);
        let pointer = &found[place % found.len()];
        let value = other_value(draft.pointer(pointer).unwrap(), text, number);
        fixture::change(&mut draft, pointer, value);
    }
    if let Ok(draft) = serde_json::from_value::<D>(draft) {
        let world = fixture::world();
        let artefact = draft.build(&world);
        artefact.check(&world);
        let json = serde_json::to_value(&artefact).unwrap();
        let scores = ["/coverage", "/claims/0/confidence", "/options/0/score", "/icps/0/priority"];
        for score in
            scores.into_iter().filter_map(|pointer| json.pointer(pointer)).filter_map(Value::as_f64)
        {
            assert!((0.0..=1.0).contains(&score), "{score}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_draft_is_checked_without_a_panic(
        places in prop::collection::vec(any::<usize>(), 1..6),
        text in ".{0,40}",
        number in -1e12f64..1e12,
    ) {
        survives::<EvidenceDraft>("evidence", &places, &text, number);
        survives::<SituationAnalysis>("situation_analysis", &places, &text, number);
        survives::<CompetitorLadder>("competitor_ladder", &places, &text, number);
        survives::<SostacOpeningDraft>("sostac_opening", &places, &text, number);
        survives::<PositioningDraft>("positioning", &places, &text, number);
        survives::<IcpsDraft>("icps", &places, &text, number);
        survives::<NorthStarDraft>("north_star", &places, &text, number);
        survives::<Marketing7ps>("marketing_7ps", &places, &text, number);
        survives::<SostacPlanDraft>("sostac_plan", &places, &text, number);
        survives::<CalendarBlockDraft>("content_calendar_1", &places, &text, number);
        survives::<AssetBriefs>("asset_briefs", &places, &text, number);
        survives::<Amec>("amec", &places, &text, number);
    }
}
