//! A customer profile as a model writes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An ideal customer profile. Unknown fields are ignored here and nowhere below: the ranked profile
/// lays its own fields beside these.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct IcpDraft {
    /// Unique id, `icp_` and a short slug.
    pub id: String,
    /// A telling name for the group, not for a person.
    pub name: String,
    /// The profile in one sentence.
    pub one_line: String,
    /// Whom the business sells to.
    #[serde(rename = "type")]
    pub kind: IcpType,
    /// The organisation; required for b2b, else null.
    pub firmographics: Option<Firmographics>,
    /// The person; required for b2c, else null.
    pub demographics: Option<Demographics>,
    /// For b2b 1 to 6 roles that take part in buying; for b2c empty.
    pub buying_committee: Vec<CommitteeMember>,
    /// What moves them.
    pub psychographics: Psychographics,
    /// What they want done.
    pub jobs: Jobs,
    /// 3 to 6 pains.
    pub pains: Vec<Pain>,
    /// 2 to 5 gains they hope for.
    pub gains: Vec<String>,
    /// 2 to 5 events that start a search, each observable from outside. "Wants growth" is not an
    /// event.
    pub triggers: Vec<Trigger>,
    /// 2 to 5 objections.
    pub objections: Vec<Objection>,
    /// What they would do without this business, in a few words each.
    pub alternatives: Vec<String>,
    /// How they buy.
    pub buying: Buying,
    /// 2 to 5 channels they can be reached by.
    pub channels: Vec<Channel>,
    /// 1 to 5 places where they gather.
    pub watering_holes: Vec<String>,
    /// What they like to read, hear or watch.
    pub content_preferences: ContentPreferences,
    /// The positioning said to this profile.
    pub positioning_message: String,
    /// 1 to 4 signs that somebody only looks like this profile.
    pub disqualifiers: Vec<String>,
    /// How promising the profile is. Score each profile on its own; not all alike.
    pub scores: IcpScores,
    /// Who is often mistaken for this profile; null if nobody.
    pub anti_persona: Option<String>,
}

/// Whom a business sells to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IcpType {
    /// Organisations.
    B2b,
    /// Consumers.
    B2c,
}

/// An organisation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Firmographics {
    /// Its trade.
    pub industry: String,
    /// How large.
    pub size_band: String,
    /// Where.
    pub geography: String,
    /// What it earns.
    pub revenue_band: String,
    /// What it works with.
    pub technology: Vec<String>,
    /// How it earns.
    pub business_model: String,
}

/// A person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Demographics {
    /// How old.
    pub age_range: String,
    /// What they earn.
    pub income_band: String,
    /// Where they live.
    pub location: String,
    /// With whom.
    pub household: String,
    /// What they do.
    pub occupation: String,
}

/// A role that takes part in buying.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitteeMember {
    /// The role.
    pub role: String,
    /// How senior.
    pub seniority: String,
    /// What it does in the purchase.
    pub influence: Influence,
}

/// Parts in a purchase.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Influence {
    /// Wants it.
    Champion,
    /// Pays.
    Economic,
    /// Uses it.
    User,
    /// Can stop it.
    Blocker,
}

/// What moves them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Psychographics {
    /// 2 to 5.
    pub values: Vec<String>,
    /// 2 to 5.
    pub fears: Vec<String>,
    /// 2 to 5.
    pub aspirations: Vec<String>,
}

/// What they want done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    /// 1 to 3, the most important first.
    pub functional: Vec<Job>,
    /// 1 or 2.
    pub emotional: Vec<Job>,
    /// At most 2.
    pub social: Vec<Job>,
}

/// A job to be done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// When …, want …, so that ….
    pub statement: String,
    /// How they know it is done well.
    pub success_criteria: String,
    /// How they do it today.
    pub current_solution: String,
    /// How content they are with that, 1 to 10.
    pub satisfaction: u32,
    /// How often it comes up.
    pub frequency: String,
    /// How much it matters, 1 to 5.
    pub importance: u32,
}

/// A pain.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pain {
    /// Unique id, `pain_` and a short slug.
    pub id: String,
    /// The pain as one sentence.
    pub text: String,
    /// 1 to 5.
    pub severity: u32,
    /// Id of the value theme of the selected positioning (`thm_`) that eases it; null if none does.
    pub theme_ref: Option<String>,
    /// At least one id of a claim (`clm_`) or of an assumption in this document (`asm_`).
    pub basis: Vec<String>,
}

/// An event that starts a search.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// What happens.
    pub event: String,
    /// What an outsider can see of it.
    pub observable_signal: String,
    /// Where to see it.
    pub where_to_detect: String,
}

/// An objection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objection {
    /// What they say.
    pub text: String,
    /// What is said to it.
    pub answer: String,
    /// Ids of claims (`clm_`) or of assumptions in this document (`asm_`) that back the answer.
    pub basis: Vec<String>,
}

/// How they buy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Buying {
    /// 3 to 6 criteria.
    pub criteria: Vec<String>,
    /// The steps from need to purchase.
    pub process: String,
    /// How many days it takes.
    pub cycle_days: u32,
    /// What they can spend.
    pub budget_range: String,
}

/// A channel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Its name, such as `LinkedIn`, `email`, `trade fairs`.
    pub channel: String,
    /// At least one id of a claim (`clm_`) or of an assumption in this document (`asm_`) that they
    /// are there.
    pub basis: Vec<String>,
    /// How to reach them there.
    pub reach_note: String,
}

/// What they like to read, hear or watch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentPreferences {
    /// 1 to 5.
    pub formats: Vec<String>,
    /// In a few words.
    pub tone: String,
    /// 1 to 6.
    pub topics: Vec<String>,
}

/// How promising a profile is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IcpScores {
    /// How much it hurts.
    pub pain: Score,
    /// How readily they pay.
    pub willingness_to_pay: Score,
    /// How easily they are reached.
    pub reachability: Score,
    /// How well the business serves them.
    pub fit: Score,
    /// How many there are.
    pub size: Score,
}

/// A score with its reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// 1 to 5.
    pub score: u32,
    /// Why, in one sentence.
    pub reason: String,
}

impl IcpScores {
    /// I6: `.30 pain + .20 willingness to pay + .20 reachability + .20 fit + .10 size`, each scaled
    /// from 1..5 to 0..1.
    pub fn priority(&self) -> f64 {
        let scaled = |score: &Score| f64::from(score.score.clamp(1, 5) - 1) / 4.0;
        0.30 * scaled(&self.pain)
            + 0.20 * scaled(&self.willingness_to_pay)
            + 0.20 * scaled(&self.reachability)
            + 0.20 * scaled(&self.fit)
            + 0.10 * scaled(&self.size)
    }

    /// The five scores by name.
    pub fn each(&self) -> [(&'static str, &Score); 5] {
        [
            ("pain", &self.pain),
            ("willingness_to_pay", &self.willingness_to_pay),
            ("reachability", &self.reachability),
            ("fit", &self.fit),
            ("size", &self.size),
        ]
    }
}
