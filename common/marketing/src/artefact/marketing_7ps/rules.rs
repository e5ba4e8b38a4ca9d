//! The rules M1 to M6.

use super::{Marketing7ps, MixDecision, Price, PricePeriod, Promotion};
use crate::{
    artefact::{
        Finding, PriorArtefacts,
        finding::Findings,
        grounds::{Grounds, refer, refer_all},
        similarity::same_channel,
        wording,
    },
    brief::Period,
};

pub(super) fn check(mix: &Marketing7ps, prior: &PriorArtefacts) -> Vec<Finding> {
    let mut findings = Findings::default();
    let grounds = Grounds::new(prior, &mix.assumptions);
    wording::check(&mut findings, mix);
    for (name, decision) in mix.decisions() {
        check_decision(&mut findings, &format!("{name}.decision"), decision, prior);
    }
    check_actions(&mut findings, mix);
    check_price(&mut findings, &mix.price, prior, &grounds);
    check_promotion(&mut findings, &mix.promotion, prior);
    findings.count("shape", "product.roadmap_asks", mix.product.roadmap_asks.len(), 0..=5);
    findings.count("M1", "place.channels", mix.place.channels.len(), 1..=5);
    findings.count("M1", "people.roles", mix.people.roles.len(), 1..=5);
    findings.count("M1", "process.journey", mix.process.journey.len(), 4..=10);
    findings.count(
        "M1",
        "physical_evidence.proof_assets",
        mix.physical_evidence.proof_assets.len(),
        3..=10,
    );
    findings.into_vec()
}

/// M1 and M3: every P makes a decision, for the position and for a profile.
fn check_decision(
    findings: &mut Findings,
    path: &str,
    decision: &MixDecision,
    prior: &PriorArtefacts,
) {
    findings.count("M1", format!("{path}.changes"), decision.changes.len(), 1..=5);
    findings.count("shape", format!("{path}.risks"), decision.risks.len(), 0..=3);
    if let Some(positioning) = &prior.positioning
        && decision.positioning_ref != positioning.selected
    {
        let message = format!("must be the selected positioning, `{}`", positioning.selected);
        findings.error("M3", format!("{path}.positioning_ref"), message);
    }
    if decision.icp_refs.is_empty() {
        findings.error(
            "M3",
            format!("{path}.icp_refs"),
            "is decided for nobody; name at least one customer profile",
        );
    }
    for id in &decision.icp_refs {
        refer(
            findings,
            &format!("{path}.icp_refs"),
            id,
            prior.icp_ids().as_ref(),
            "customer profile",
        );
    }
    refer(
        findings,
        &format!("{path}.kpi_metric_id"),
        &decision.kpi_metric_id,
        prior.metric_ids().as_ref(),
        "metric",
    );
    for (i, change) in decision.changes.iter().enumerate() {
        findings.number(format!("{path}.changes[{i}].week"), f64::from(change.week), 1.0..=13.0);
    }
}

/// M6: no two Ps plan the same action.
fn check_actions(findings: &mut Findings, mix: &Marketing7ps) {
    let decisions = mix.decisions();
    for (i, (name, decision)) in decisions.iter().enumerate() {
        for (earlier, other) in &decisions[..i] {
            let shared = decision.changes.iter().position(|change| {
                other
                    .changes
                    .iter()
                    .any(|planned| wording::repeats(&planned.action, &change.action))
            });
            if let Some(i) = shared {
                let path = format!("{name}.decision.changes[{i}].action");
                findings.warning(
                    "M6",
                    path,
                    format!("is planned under {earlier} already; keep it in one place"),
                );
            }
        }
    }
}

/// M4, and G7 for the currency: prices fit the present revenue per customer.
fn check_price(
    findings: &mut Findings,
    price: &Price,
    prior: &PriorArtefacts,
    grounds: &Grounds<'_>,
) {
    let currency = &prior.brief.currency;
    findings.count("M1", "price.price_points", price.price_points.len(), 1..=5);
    grounds.resolve(findings, "price.willingness_basis", &price.willingness_basis);
    for (i, point) in price.price_points.iter().enumerate() {
        let path = format!("price.price_points[{i}]");
        if point.currency != *currency {
            findings.error(
                "G7",
                format!("{path}.currency"),
                format!("is {}; everything is in {currency}", point.currency),
            );
        }
        if !point.amount.is_finite() || point.amount < 0.0 {
            findings.error("M4", format!("{path}.amount"), "is not a price; give zero or more");
        }
    }
    let Some(given) = &prior.brief.unit_economics else { return };
    let Some(revenue) = crate::clv::Inputs::of(given).revenue else { return };
    let period = match given.period {
        Period::Month => PricePeriod::Month,
        Period::Year => PricePeriod::Year,
    };
    let comparable =
        price.price_points.iter().filter(|point| point.period == period).map(|point| point.amount);
    // The cheapest plan may raise prices, but not beyond three times the present revenue per
    // customer.
    if comparable.reduce(f64::min).is_some_and(|cheapest| cheapest > revenue.value * 3.0) {
        let message = format!(
            "the cheapest costs more than three times what a customer brings today ({})",
            revenue.value
        );
        findings.error("M4", "price.price_points", message);
    }
}

/// M2 and M5: the budget is fully divided, among channels that a profile uses.
fn check_promotion(findings: &mut Findings, promotion: &Promotion, prior: &PriorArtefacts) {
    let mix = &promotion.channel_mix;
    findings.count("M1", "promotion.channel_mix", mix.len(), 2..=8);
    let total: f64 = mix.iter().map(|channel| channel.budget_pct).sum();
    if !(99.0..=101.0).contains(&total) {
        findings.error(
            "M2",
            "promotion.channel_mix",
            format!("shares add up to {total:.1}; make it 100"),
        );
    }
    for (i, channel) in mix.iter().enumerate() {
        let path = format!("promotion.channel_mix[{i}]");
        findings.number(format!("{path}.budget_pct"), channel.budget_pct, 0.0..=100.0);
        refer_all(
            findings,
            &format!("{path}.icp_refs"),
            &channel.icp_refs,
            prior.icp_ids().as_ref(),
            "customer profile",
        );
        let Some(icps) = &prior.icps else { continue };
        let named = icps
            .icps
            .iter()
            .flat_map(|icp| &icp.channels)
            .any(|known| same_channel(&known.channel, &channel.channel));
        if !named && channel.reason.is_none() {
            let message = format!(
                "no customer profile is on `{}`; choose one of theirs, or give a reason",
                channel.channel
            );
            findings.error("M5", path, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::artefact::{fixture::check, marketing_7ps::Marketing7ps};

    #[test]
    fn each_rule_finds_its_violation() {
        let check = |pointer, to, rule| check::<Marketing7ps>("marketing_7ps", pointer, to, rule);
        check("/product/decision/changes", json!([]), "M1");
        check("/process/journey", json!([]), "M1");
        check("/promotion/channel_mix/0/budget_pct", json!(40.0), "M2");
        check("/price/decision/positioning_ref", json!("opt_records"), "M3");
        check("/place/decision/icp_refs", json!([]), "M3");
        check("/place/decision/icp_refs", json!(["icp_nobody"]), "G1");
        check("/people/decision/kpi_metric_id", json!("met_unknown"), "G1");
        check("/price/price_points/0/amount", json!(900.0), "M4");
        check("/price/price_points/0/amount", json!(-1.0), "M4");
        check("/price/price_points/0/currency", json!("USD"), "G7");
        check("/promotion/channel_mix/0/channel", json!("billboards"), "M5");
        check(
            "/place/decision/changes/0/action",
            json!("Write the four hours into the contract"),
            "M6",
        );
    }
}
