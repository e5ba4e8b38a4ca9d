//! The rules K1, K3, K4 and K7. K2 (one period for all figures) holds by the type of the inputs, K5
//! by computation, K6 because no model writes this artefact.

use super::Clv;
use crate::{
    artefact::{Finding, PriorArtefacts, finding::Findings},
    brief::Source,
    clv::Value,
};

pub(super) fn check(clv: &Clv, prior: &PriorArtefacts) -> Vec<Finding> {
    let mut findings = Findings::default();
    for missing in &clv.missing {
        findings.warning("K7", format!("inputs.{}", missing.name), missing.ask.clone());
    }
    check_bounds(&mut findings, clv);
    let computed = Clv::compute(prior);
    for ((name, stored), (_, computed)) in
        figures(&clv.value).into_iter().zip(figures(&computed.value))
    {
        let same = match (stored, computed) {
            (Some(stored), Some(computed)) => (stored - computed).abs() <= 0.01,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !same {
            findings.error("K3", format!("value.{name}"), "is not what the inputs give");
        }
    }
    let guessed = clv.inputs.iter().any(|input| input.source != Source::User);
    if guessed != clv.estimate
        || (guessed && clv.value.discounted_end.is_some() && clv.range.is_none())
    {
        findings.error(
            "K4",
            "estimate",
            "a figure from benchmarks or assumptions is an estimate with a range",
        );
    }
    findings.into_vec()
}

/// K1: inputs out of bounds give no value. No repair can fix them, so the client is told.
fn check_bounds(findings: &mut Findings, clv: &Clv) {
    for input in &clv.inputs {
        let sound = match input.name.as_str() {
            "gross_margin" => input.value > 0.0 && input.value <= 1.0,
            "churn" => input.value > 0.0 && input.value < 1.0,
            "cac" => input.value > 0.0,
            _ => input.value >= 0.0,
        };
        if !sound {
            findings.warning(
                "K1",
                format!("inputs.{}", input.name),
                format!("{} is out of bounds, so no value follows", input.value),
            );
        }
    }
}

fn figures(value: &Value) -> [(&'static str, Option<f64>); 10] {
    [
        ("margin_per_period", value.margin_per_period),
        ("simple", value.simple),
        ("discounted_end", value.discounted_end),
        ("discounted_now", value.discounted_now),
        ("within_36_months", value.within_36_months),
        ("ltv_to_cac_simple", value.ltv_to_cac_simple),
        ("ltv_to_cac", value.ltv_to_cac),
        ("payback_periods", value.payback_periods),
        ("payback_with_churn_periods", value.payback_with_churn_periods),
        ("max_allowable_cac", value.max_allowable_cac),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{
        artefact::{
            Artefact, Severity,
            clv::{Clv, PaybackBand, RatioBand},
            fixture::{check_artefact, world},
        },
        brief::{Source, Sourced},
    };

    #[test]
    fn computed_fields_are_refused_in_a_draft() {
        check_artefact::<Clv>("/value/simple", json!(99_999.0), "K3");
        check_artefact::<Clv>("/value/discounted_end", json!(null), "K3");
        check_artefact::<Clv>("/estimate", json!(false), "K4");
        check_artefact::<Clv>("/range", json!(null), "K4");
    }

    #[test]
    fn an_assumed_input_makes_an_estimate_with_a_range() {
        let mut world = world();
        let clv = Clv::compute(&world);
        assert!(clv.estimate, "the discount rate is assumed");
        let range = clv.range.unwrap();
        assert!(range.low < range.base && range.base < range.high);
        world
            .brief
            .unit_economics
            .as_mut()
            .unwrap()
            .discount_rate_annual
            .as_mut()
            .unwrap()
            .source = Source::User;
        let measured = Clv::compute(&world);
        assert_eq!((measured.estimate, measured.range), (false, None));
        assert_eq!(measured.sensitivity.len(), 3);
    }

    #[test]
    fn a_missing_input_is_asked_for_and_never_zero() {
        let mut world = world();
        world.brief.unit_economics.as_mut().unwrap().cac = None;
        let clv = Clv::compute(&world);
        assert_eq!((clv.value.ltv_to_cac, clv.ratio_band, clv.payback_band), (None, None, None));
        assert!(clv.value.simple.is_some());
        assert_eq!(clv.missing.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["cac"]);
        let findings = clv.check(&world);
        assert_eq!(
            findings.iter().map(|f| (f.rule.as_str(), f.severity)).collect::<Vec<_>>(),
            [("K7", Severity::Warning)]
        );

        world.brief.unit_economics = None;
        let clv = Clv::compute(&world);
        assert_eq!((clv.missing.len(), clv.value), (4, crate::clv::Value::default()));
    }

    #[test]
    fn an_input_out_of_bounds_gives_no_value() {
        let mut world = world();
        world.brief.unit_economics.as_mut().unwrap().churn =
            Some(Sourced { value: 1.0, source: Source::User });
        let clv = Clv::compute(&world);
        assert_eq!(clv.value, crate::clv::Value::default());
        assert!(clv.check(&world).iter().any(|finding| finding.rule == "K1"));
    }

    #[test]
    fn ratios_and_paybacks_have_bands() {
        let mut world = world();
        let clv = Clv::compute(&world);
        assert_eq!(
            (clv.ratio_band, clv.payback_band),
            (Some(RatioBand::Healthy), Some(PaybackBand::Good))
        );
        world.brief.unit_economics.as_mut().unwrap().cac =
            Some(Sourced { value: 4000.0, source: Source::User });
        let clv = Clv::compute(&world);
        assert_eq!(
            (clv.ratio_band, clv.payback_band),
            (Some(RatioBand::Losing), Some(PaybackBand::Never))
        );
    }
}
