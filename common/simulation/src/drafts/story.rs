//! What all drafts share: a few facts about the business, claims to cite, and the choices of this
//! request.

use jiff::civil::Date;
use marketing::{
    artefact::{Assumption, assumption::Level},
    brief::BusinessModel,
};

use super::wording::phrase;
use crate::{chance::Chance, context::Context};

pub(super) struct Story<'a> {
    pub(super) context: &'a Context,
    /// Name of the business.
    pub(super) name: String,
    /// Its industry.
    pub(super) trade: String,
    /// Its location.
    pub(super) place: String,
    /// Its first offer.
    pub(super) offer: String,
    step: &'a str,
    chance: Chance,
}

impl<'a> Story<'a> {
    pub(super) fn new(step: &'a str, context: &'a Context, chance: Chance) -> Self {
        let brief = &context.brief;
        let trade = phrase(&brief.industry, 3, "its trade");
        let offer = brief.offer.first().map_or(trade.as_str(), |offer| offer.name.as_str());
        Self {
            name: phrase(&brief.name, 3, "the business"),
            place: phrase(&brief.location, 2, "its area"),
            offer: phrase(offer, 3, &trade),
            trade,
            context,
            step,
            chance: chance.with(step),
        }
    }

    /// The source of choices for the named place in a draft.
    pub(super) fn at(&self, place: &str) -> Chance {
        self.chance.with(place)
    }

    pub(super) fn sells_to_businesses(&self) -> bool {
        match self.context.brief.business_model {
            BusinessModel::B2bSaas | BusinessModel::B2bServices => true,
            BusinessModel::B2cEcom
            | BusinessModel::B2cSubscription
            | BusinessModel::Marketplace
            | BusinessModel::LocalService
            | BusinessModel::Nonprofit
            | BusinessModel::Other => false,
        }
    }

    /// A citation for index `n`: a claim, or the first assumption while there are no claims.
    pub(super) fn basis(&self, n: usize) -> Vec<String> {
        let claim = in_turn(&self.context.claims, n);
        vec![claim.map_or_else(|| self.assumption_id(1), |claim| claim.id.clone())]
    }

    /// Assumptions from pairs of statement and check. Their ids contain the step's name, because
    /// plans merge lists.
    pub(super) fn assumptions<const N: usize>(
        &self,
        assumed: [(&str, &str); N],
    ) -> Vec<Assumption> {
        let grades = [Level::High, Level::Med, Level::Low];
        let assumption =
            |(n, ((text, how_to_verify), impact)): (usize, ((&str, &str), Level))| Assumption {
                id: self.assumption_id(n),
                text: text.into(),
                impact,
                how_to_verify: how_to_verify.into(),
            };
        (1..).zip(assumed.into_iter().zip(grades.into_iter().cycle())).map(assumption).collect()
    }

    pub(super) fn assumption_id(&self, n: usize) -> String {
        format!("asm_{}_{n}", self.step)
    }

    /// Channels named in the brief, then suitable ones: at least three.
    pub(super) fn channels(&self) -> Vec<String> {
        let usual = if self.sells_to_businesses() {
            ["LinkedIn", "email", "trade press"]
        } else {
            ["Instagram", "email", "local partners"]
        };
        let mut channels: Vec<String> = Vec::new();
        for channel in self.context.brief.current_channels.iter().map(String::as_str).chain(usual) {
            let channel = phrase(channel, 3, "email");
            if !channels.iter().any(|known| known.eq_ignore_ascii_case(&channel)) {
                channels.push(channel);
            }
        }
        channels.truncate(5);
        channels
    }

    /// Ids of metrics, beginning with the north star's.
    pub(super) fn metric_ids(&self) -> Vec<String> {
        let star = self.context.north_star.iter();
        let star = star.flat_map(|star| std::iter::once(&star.metric).chain(&star.input_metrics));
        let objectives =
            self.context.objectives.iter().map(|objective| objective.metric_id.clone());
        star.map(|metric| metric.id.clone()).chain(objectives).collect()
    }

    pub(super) fn in_weeks(&self, weeks: i64) -> Date {
        self.context.today.saturating_add(jiff::Span::new().weeks(weeks))
    }
}

/// Entry `n` of a list, counted cyclically; `None` for an empty list.
pub(super) fn in_turn<T>(list: &[T], n: usize) -> Option<&T> {
    list.get(n.checked_rem(list.len())?)
}
