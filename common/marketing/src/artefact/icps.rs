//! Ideal customer profiles, ranked by a priority that is computed from their scores.

mod profile;
mod rules;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use profile::{
    Buying, Channel, CommitteeMember, ContentPreferences, Demographics, Firmographics, IcpDraft,
    IcpScores, IcpType, Influence, Job, Jobs, Objection, Pain, Psychographics, Score, Trigger,
};

use super::{Artefact, Assumption, Draft, Finding, Kind, PriorArtefacts};

/// What a model writes as profiles.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IcpsDraft {
    /// As many profiles as `icp_count` asks for, each clearly different from the others.
    pub icps: Vec<IcpDraft>,
    /// What is taken for granted.
    pub assumptions: Vec<Assumption>,
}

/// The customer profiles, the highest priority first.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Icps {
    /// The profiles, ordered by rank.
    pub icps: Vec<Icp>,
    /// Assumptions of the profiles.
    pub assumptions: Vec<Assumption>,
}

/// A profile with its computed priority, rank and role.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Icp {
    /// The profile as written.
    #[serde(flatten)]
    pub profile: IcpDraft,
    /// The priority from 0 to 1; see [`IcpScores::priority`].
    pub priority: f64,
    /// The rank; 1 is the highest priority.
    pub rank: u32,
    /// The role in the plan.
    pub role: IcpRole,
}

/// The role of a profile in the plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IcpRole {
    /// Gets most of the effort.
    Primary,
    /// Is served as well.
    Secondary,
}

impl std::ops::Deref for Icp {
    type Target = IcpDraft;

    fn deref(&self) -> &IcpDraft {
        &self.profile
    }
}

impl Icps {
    /// The profile that gets most of the effort.
    pub fn primary(&self) -> Option<&Icp> {
        self.icps.iter().find(|icp| icp.role == IcpRole::Primary)
    }
}

impl Draft for IcpsDraft {
    type Artefact = Icps;

    /// Ranks the profiles; of two with the same priority the one written first comes first.
    fn build(self, _: &PriorArtefacts) -> Icps {
        let mut profiles: Vec<(f64, IcpDraft)> =
            self.icps.into_iter().map(|profile| (profile.scores.priority(), profile)).collect();
        profiles.sort_by(|one, other| other.0.total_cmp(&one.0));
        let ranked = (1..).zip(profiles).map(|(rank, (priority, profile))| Icp {
            profile,
            priority,
            rank,
            role: if rank == 1 { IcpRole::Primary } else { IcpRole::Secondary },
        });
        Icps { icps: ranked.collect(), assumptions: self.assumptions }
    }
}

impl Artefact for Icps {
    const KIND: Kind = Kind::Icps;

    fn check(&self, prior: &PriorArtefacts) -> Vec<Finding> {
        rules::check(self, prior)
    }
}
