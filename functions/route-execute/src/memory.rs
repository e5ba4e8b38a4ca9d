//! What one instance remembers between calls: which models fail, and which model serves which
//! session. Losing it costs a few attempts; it decides nothing about money.

mod affinity;
mod breaker;

use affinity::Affinity;
use breaker::Breakers;

/// An instance's memory.
#[derive(Default)]
pub struct Memory {
    pub(crate) breakers: Breakers,
    pub(crate) affinity: Affinity,
}
