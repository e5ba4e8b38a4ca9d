//! The thirteen artefacts of an analysis, the drafts that models write for them, and the rules that
//! check them.
//!
//! Every rule has an id, which its findings carry. Each rule is code in the module of its artefact,
//! except those in the last column, which need a judge or are not applied yet.
//!
//! | rules | where | applied | not applied |
//! |---|---|---|---|
//! | G, every text | `wording`, `grounds` | G1 ids and references, G2 placeholders, G4 filler, G7 dates and currency, G8 repetition, G9 quotes | G3 figures without claim, G5 specificity, G6 swap test (judge), G7 language |
//! | EV | [`evidence`], `grounds` | EV1 to EV8 | |
//! | S | [`situation_analysis`] | S1, S3, S4 | S2 (judge) |
//! | L | [`competitor_ladder`], L7 in [`positioning`] | L1 to L7 | |
//! | SO | [`sostac`] | SO1 to SO11 | |
//! | P | [`positioning`] | P1 to P9 | segment fit of P8 (judge), reading grade of P9 |
//! | I | [`icps`] | I1 to I8 | |
//! | M | [`marketing_7ps`] | M1 to M6 | |
//! | N | [`north_star`] | N1 to N7 | |
//! | C | [`content_calendar`] | C1 to C11 | |
//! | B | [`asset_briefs`] | B1 to B5 | |
//! | A | [`amec`] | A1 to A7 | |
//! | K | [`clv`] | K1 to K5, K7 | K6 (no model writes there) |
//! | R | [`route_back`] | R1 to R11 | |
//!
//! The rule `shape` covers the counts and lengths of a draft's fields.

pub mod amec;
pub mod asset_briefs;
pub mod assumption;
pub mod clv;
pub mod competitor_ladder;
pub mod content_calendar;
pub mod evidence;
pub mod finding;
pub mod header;
pub mod icps;
pub mod marketing_7ps;
pub mod north_star;
pub mod passage;
pub mod positioning;
pub mod prior_artefacts;
pub mod route_back;
pub mod run_report;
pub mod situation_analysis;
pub mod sostac;

#[cfg(test)]
pub(crate) mod fixture;
mod graph;
mod grounds;
#[cfg(test)]
mod properties;
mod similarity;
mod wording;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

pub use self::{
    assumption::Assumption,
    finding::{Finding, Severity, has_errors},
    header::Header,
    prior_artefacts::{PriorArtefacts, SourceText},
};
pub use domain::artefact::{Kind, UnknownKind};

/// A finished artefact, or a part of one that is checked on its own.
pub trait Artefact: Serialize + DeserializeOwned {
    /// The kind of the artefact, or of the artefact that this is a part of.
    const KIND: Kind;

    /// The violations of its rules. Without findings of severity error the artefact may be used.
    fn check(&self, prior: &PriorArtefacts) -> Vec<Finding>;
}

/// The answer of a model for an artefact. Nothing in a draft is trusted: everything that can be
/// computed is added by [`Draft::build`].
pub trait Draft: DeserializeOwned + JsonSchema {
    /// The artefact that the draft becomes.
    type Artefact: Artefact;

    /// Adds everything that is computed. It never fails; [`Artefact::check`] reports what is wrong
    /// with the draft.
    fn build(self, prior: &PriorArtefacts) -> Self::Artefact;
}
