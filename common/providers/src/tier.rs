//! Names of the service tier that was requested and of the one that was served, which is billed.

use domain::catalog::ServiceTier;

/// The provider's name for a requested tier; `None` for the standard service.
pub(crate) fn asked(tier: ServiceTier) -> Option<&'static str> {
    match tier {
        ServiceTier::Standard => None,
        ServiceTier::Flex => Some("flex"),
        ServiceTier::Priority => Some("priority"),
    }
}

/// The tier that a provider reports. Without a report the standard price applies, because the half
/// price is only assumed when the provider confirms it.
pub(crate) fn served(name: Option<&str>) -> ServiceTier {
    let name = name.unwrap_or_default().to_ascii_lowercase();
    match name.rsplit("on_demand_").next().unwrap_or_default() {
        "flex" => ServiceTier::Flex,
        "priority" | "fast" | "ultrafast" => ServiceTier::Priority,
        _ => ServiceTier::Standard,
    }
}
