//! Ways to lower the cost of a call: half-price service for calls that can wait, a weaker model
//! when the budget is too small for a stronger one.

use super::{Candidate, Route, RouteError, RouteRequest, route};
use crate::{
    catalog::{Model, Role, ServiceTier},
    rulebook::Rulebook,
};

/// Inserts before each model the same model at flex service, if its provider offers that and its
/// price is known.
///
/// After a refused flex attempt the next candidate is the same model at standard service.
#[must_use]
pub fn with_flex(chain: Vec<Candidate>, offered: impl Fn(&Model) -> bool) -> Vec<Candidate> {
    let both = |candidate: Candidate| {
        let is_offered = candidate.model.price.flex.is_some() && offered(&candidate.model);
        let flex =
            is_offered.then(|| Candidate { service_tier: ServiceTier::Flex, ..candidate.clone() });
        flex.into_iter().chain([candidate])
    };
    chain.into_iter().flat_map(both).collect()
}

/// The same call one role lower, for a budget that is too small for `from`. `None` for models that
/// were named by the caller, and below the cheapest role.
pub fn step_down(
    rules: &Rulebook,
    request: &RouteRequest<'_>,
    from: &Route,
) -> Option<Result<Route, RouteError>> {
    if request.model.is_some_and(|name| name != "auto") {
        return None;
    }
    let role = Role::CHAT.into_iter().take_while(|role| Some(*role) != from.role).last()?;
    let lower = RouteRequest { model: Some(role.as_str()), ..*request };
    Some(route(rules, &lower).map(|lower| Route {
        downgraded: true,
        reason: format!("{}; the budget left carries only {}", from.reason, role.as_str()),
        ..lower
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::Capability,
        routing::Evidence,
        tier::{Tier, Tiers},
    };

    fn request<'a>(tiers: &'a Tiers, model: Option<&'a str>) -> RouteRequest<'a> {
        RouteRequest {
            task_type: "icp_generation",
            model,
            complexity: None,
            terms: tiers.terms(Tier::Enterprise),
            allow_downgrade: false,
            input_tokens: 1_000,
            counted_tokens: None,
            max_output_tokens: None,
            effort: None,
            needs: &[Capability::StructuredOutput],
            max_searches: 0,
            evidence: Evidence::default(),
            today: "2026-11-22".parse().unwrap(),
        }
    }

    #[test]
    fn downgrades_go_role_by_role_except_for_named_models() {
        let (rules, tiers) = (Rulebook::bundled().unwrap(), Tiers::bundled().unwrap());
        let routed = route(&rules, &request(&tiers, None)).unwrap();
        assert_eq!(routed.role, Some(Role::Mini));
        let lower = step_down(&rules, &request(&tiers, None), &routed).unwrap().unwrap();
        assert_eq!((lower.role, lower.downgraded), (Some(Role::Nano), true));
        assert!(lower.chain[0].bound < routed.chain[0].bound);
        assert!(step_down(&rules, &request(&tiers, None), &lower).is_none());
        assert!(step_down(&rules, &request(&tiers, Some("mini")), &routed).is_none());
    }

    #[test]
    fn flex_is_tried_before_the_standard_service() {
        let (rules, tiers) = (Rulebook::bundled().unwrap(), Tiers::bundled().unwrap());
        let chain = route(&rules, &request(&tiers, None)).unwrap().chain;
        let flex = with_flex(chain.clone(), |model| model.provider == "openai");
        let names: Vec<_> = flex.iter().map(|it| (it.model.id.as_str(), it.service_tier)).collect();
        let (flex_tier, standard) = (ServiceTier::Flex, ServiceTier::Standard);
        assert_eq!(
            names,
            [("gpt-5-mini", flex_tier), ("gpt-5-mini", standard), ("gemini-2.5-flash", standard)],
            "held at the standard price: a flex request may be served as a standard one"
        );
        assert_eq!(flex[0].bound, flex[1].bound);
        assert_eq!(with_flex(chain.clone(), |_| false), chain);
    }

    #[test]
    fn a_search_reserves_the_models_whole_context() {
        let (rules, tiers) = (Rulebook::bundled().unwrap(), Tiers::bundled().unwrap());
        let needs = [Capability::StructuredOutput, Capability::WebSearch];
        let asked = RouteRequest { max_searches: 2, needs: &needs, ..request(&tiers, None) };
        let chain = route(&rules, &asked).unwrap().chain;
        let price = |index: usize, searches| {
            let model = &chain[index].model;
            model.price.bound(model.max_input, chain[index].max_output_tokens, searches)
        };
        assert_eq!(chain[0].bound, price(0, 2), "OpenAI searches and structures at once");
        assert_eq!(chain[1].bound, price(1, 2) + price(1, 0), "Gemini needs a call for each");
    }
}
