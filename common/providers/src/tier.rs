//! Names of the service that was asked for and of the one that was given, which is the one that is
//! billed.

use domain::catalog::ServiceTier;

/// How a provider is asked for it; the usual service is not asked for.
pub(crate) fn asked(tier: ServiceTier) -> Option<&'static str> {
    match tier {
        ServiceTier::Standard => None,
        ServiceTier::Flex => Some("flex"),
        ServiceTier::Priority => Some("priority"),
    }
}

/// What a provider says it gave. One that says nothing is taken at its usual price: half of it is
/// only paid to those who say so.
pub(crate) fn served(name: Option<&str>) -> ServiceTier {
    let name = name.unwrap_or_default().to_ascii_lowercase();
    match name.rsplit("on_demand_").next().unwrap_or_default() {
        "flex" => ServiceTier::Flex,
        "priority" | "fast" | "ultrafast" => ServiceTier::Priority,
        _ => ServiceTier::Standard,
    }
}
