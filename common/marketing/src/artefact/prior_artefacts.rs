//! The brief and the artefacts that came before a step and that it builds on.

use domain::vector::Passage;
use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Assumption, Kind,
    amec::Amec,
    asset_briefs::AssetBriefs,
    clv::Clv,
    competitor_ladder::CompetitorLadder,
    content_calendar::ContentCalendar,
    evidence::{Evidence, EvidenceLevel, Offsets, SourceKind, locate},
    icps::Icps,
    marketing_7ps::Marketing7ps,
    north_star::NorthStar,
    passage,
    positioning::{Positioning, PositioningOption},
    run_report::RunReport,
    situation_analysis::SituationAnalysis,
    sostac::Sostac,
};
use crate::brief::Brief;

/// A text that evidence may quote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceText {
    /// The id: `src_` and a slug.
    pub id: String,
    /// The kind of the source.
    pub kind: SourceKind,
    /// The title of the text.
    pub title: String,
    /// The whole text.
    pub text: String,
    /// The address of the text, if it has one.
    pub url: Option<String>,
    /// The publisher; the business itself when `None`.
    pub publisher: Option<String>,
    /// The document in the knowledge base that its parts come from.
    pub document_id: Option<String>,
    /// The parts of that document; empty when the text is whole.
    pub parts: Vec<DocumentPart>,
}

/// A part of a document inside a text that joins several parts; all values are in characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DocumentPart {
    /// Offset of the part in the text.
    pub at: usize,
    /// Offset of the part in the document.
    pub start: usize,
    /// Length of the part.
    pub length: usize,
}

impl SourceText {
    /// The range of a quote in the document, if it lies within one part.
    pub fn locate(&self, quote: &str) -> Option<Offsets> {
        let found = locate(quote, &self.text)?;
        let Some(part) = self.parts.iter().rev().find(|part| part.at <= found.start) else {
            return Some(found);
        };
        let in_document = |position: usize| position - part.at + part.start;
        (found.end <= part.at + part.length)
            .then(|| Offsets { start: in_document(found.start), end: in_document(found.end) })
    }
}

/// The brief, the limits of the run, and all artefacts so far.
#[derive(Clone, PartialEq, Debug)]
pub struct PriorArtefacts {
    /// The brief.
    pub brief: Brief,
    /// How many customer profiles were requested.
    pub icp_limit: u32,
    /// How many customer profiles the tier allows.
    pub tier_max_icps: u32,
    /// The day of the run.
    pub today: Date,
    /// The texts that evidence may quote.
    pub documents: Vec<SourceText>,
    /// The evidence.
    pub evidence: Option<Evidence>,
    /// The situation analysis.
    pub situation_analysis: Option<SituationAnalysis>,
    /// The competitor ladder.
    pub competitor_ladder: Option<CompetitorLadder>,
    /// The plan, or only its opening.
    pub sostac: Option<Sostac>,
    /// The positioning.
    pub positioning: Option<Positioning>,
    /// Customer profiles.
    pub icps: Option<Icps>,
    /// The north-star metric.
    pub north_star: Option<NorthStar>,
    /// The marketing mix.
    pub marketing_7ps: Option<Marketing7ps>,
    /// The content calendar.
    pub content_calendar: Option<ContentCalendar>,
    /// The creative briefs.
    pub asset_briefs: Option<AssetBriefs>,
    /// The measurement plan.
    pub amec: Option<Amec>,
    /// The customer lifetime value.
    pub clv: Option<Clv>,
    /// The run report.
    pub run_report: Option<RunReport>,
}

/// The error for stored JSON that is not an artefact of its kind.
#[derive(Debug, thiserror::Error)]
#[error("the stored {kind} cannot be read: {cause}")]
pub struct Unreadable {
    /// The expected kind.
    pub kind: Kind,
    /// The cause.
    #[source]
    pub cause: serde_json::Error,
}

impl PriorArtefacts {
    /// The state at the start of a run: the brief, with its statement (`src_brief`) and documents
    /// (`src_doc_1`…) as sources.
    pub fn new(brief: Brief, icp_limit: u32, tier_max_icps: u32, today: Date) -> Self {
        let statement = SourceText {
            id: "src_brief".into(),
            kind: SourceKind::UserStatement,
            title: format!("What {} says about itself", brief.name),
            text: brief.statement(),
            url: brief.website_url.clone(),
            publisher: None,
            document_id: None,
            parts: Vec::new(),
        };
        let pasted = brief.documents.iter().enumerate().map(|(i, document)| SourceText {
            id: format!("src_doc_{}", i + 1),
            kind: SourceKind::UserDoc,
            title: document.title.clone(),
            text: document.text.clone(),
            url: None,
            publisher: None,
            document_id: None,
            parts: Vec::new(),
        });
        Self {
            icp_limit,
            tier_max_icps,
            today,
            documents: std::iter::once(statement).chain(pasted).collect(),
            brief,
            evidence: None,
            situation_analysis: None,
            competitor_ladder: None,
            sostac: None,
            positioning: None,
            icps: None,
            north_star: None,
            marketing_7ps: None,
            content_calendar: None,
            asset_briefs: None,
            amec: None,
            clv: None,
            run_report: None,
        }
    }

    /// The same with passages from the knowledge base as sources (`src_kept_1`…).
    #[must_use]
    pub fn with_passages(mut self, passages: &[Passage]) -> Self {
        self.documents.extend(passage::sources(passages));
        self
    }

    /// Adds a stored artefact, replacing an earlier one of its kind.
    pub fn insert(&mut self, kind: Kind, stored: &Value) -> Result<(), Unreadable> {
        match kind {
            Kind::Evidence => self.evidence = Some(read(kind, stored)?),
            Kind::SituationAnalysis => self.situation_analysis = Some(read(kind, stored)?),
            Kind::CompetitorLadder => self.competitor_ladder = Some(read(kind, stored)?),
            Kind::Sostac => self.sostac = Some(read(kind, stored)?),
            Kind::Positioning => self.positioning = Some(read(kind, stored)?),
            Kind::Icps => self.icps = Some(read(kind, stored)?),
            Kind::NorthStar => self.north_star = Some(read(kind, stored)?),
            Kind::Marketing7ps => self.marketing_7ps = Some(read(kind, stored)?),
            Kind::ContentCalendar => self.content_calendar = Some(read(kind, stored)?),
            Kind::AssetBriefs => self.asset_briefs = Some(read(kind, stored)?),
            Kind::Amec => self.amec = Some(read(kind, stored)?),
            Kind::Clv => self.clv = Some(read(kind, stored)?),
            Kind::RunReport => self.run_report = Some(read(kind, stored)?),
        }
        Ok(())
    }

    /// The artefact of a kind as JSON, if it exists.
    pub fn get_json(&self, kind: Kind) -> Option<Value> {
        match kind {
            Kind::Evidence => json(self.evidence.as_ref()),
            Kind::SituationAnalysis => json(self.situation_analysis.as_ref()),
            Kind::CompetitorLadder => json(self.competitor_ladder.as_ref()),
            Kind::Sostac => json(self.sostac.as_ref()),
            Kind::Positioning => json(self.positioning.as_ref()),
            Kind::Icps => json(self.icps.as_ref()),
            Kind::NorthStar => json(self.north_star.as_ref()),
            Kind::Marketing7ps => json(self.marketing_7ps.as_ref()),
            Kind::ContentCalendar => json(self.content_calendar.as_ref()),
            Kind::AssetBriefs => json(self.asset_briefs.as_ref()),
            Kind::Amec => json(self.amec.as_ref()),
            Kind::Clv => json(self.clv.as_ref()),
            Kind::RunReport => json(self.run_report.as_ref()),
        }
    }

    /// The positioning that later steps build on.
    pub fn selected_option(&self) -> Option<&PositioningOption> {
        self.positioning.as_ref().and_then(Positioning::selected_option)
    }

    /// How many customer profiles to write: the requested number, at least three, within the tier's
    /// limit.
    pub fn icps_wanted(&self) -> u32 {
        self.icp_limit.clamp(3, self.tier_max_icps.max(3))
    }

    /// Whether artefacts must state assumptions because the evidence is thin.
    pub fn evidence_is_thin(&self) -> bool {
        self.evidence.as_ref().is_none_or(|evidence| evidence.evidence_level == EvidenceLevel::Low)
    }

    /// The assumptions of all artefacts.
    pub fn assumptions(&self) -> Vec<(Kind, &Assumption)> {
        fn tagged(
            kind: Kind,
            assumptions: &[Assumption],
        ) -> impl Iterator<Item = (Kind, &Assumption)> {
            assumptions.iter().map(move |assumption| (kind, assumption))
        }
        let mut all = Vec::new();
        all.extend(self.evidence.iter().flat_map(|it| tagged(Kind::Evidence, &it.assumptions)));
        all.extend(
            self.situation_analysis
                .iter()
                .flat_map(|it| tagged(Kind::SituationAnalysis, &it.assumptions)),
        );
        all.extend(
            self.competitor_ladder
                .iter()
                .flat_map(|it| tagged(Kind::CompetitorLadder, &it.assumptions)),
        );
        all.extend(self.sostac.iter().flat_map(|it| tagged(Kind::Sostac, &it.assumptions)));
        all.extend(
            self.positioning.iter().flat_map(|it| tagged(Kind::Positioning, &it.assumptions)),
        );
        all.extend(self.icps.iter().flat_map(|it| tagged(Kind::Icps, &it.assumptions)));
        all.extend(self.north_star.iter().flat_map(|it| tagged(Kind::NorthStar, &it.assumptions)));
        all.extend(
            self.marketing_7ps.iter().flat_map(|it| tagged(Kind::Marketing7ps, &it.assumptions)),
        );
        all.extend(
            self.content_calendar
                .iter()
                .flat_map(|it| tagged(Kind::ContentCalendar, &it.assumptions)),
        );
        all.extend(
            self.asset_briefs.iter().flat_map(|it| tagged(Kind::AssetBriefs, &it.assumptions)),
        );
        all.extend(self.amec.iter().flat_map(|it| tagged(Kind::Amec, &it.assumptions)));
        all
    }

    /// Ids of the objectives; `None` while there is no plan.
    pub(super) fn objective_ids(&self) -> Option<BTreeSet<&str>> {
        Some(
            self.sostac
                .as_ref()?
                .objectives
                .iter()
                .map(|objective| objective.id.as_str())
                .collect(),
        )
    }

    /// Ids of the customer profiles; `None` if there are none.
    pub(super) fn icp_ids(&self) -> Option<BTreeSet<&str>> {
        Some(self.icps.as_ref()?.icps.iter().map(|icp| icp.id.as_str()).collect())
    }

    /// Ids of the value themes of the selected positioning.
    pub(super) fn theme_ids(&self) -> Option<BTreeSet<&str>> {
        Some(self.selected_option()?.value_themes.iter().map(|theme| theme.id.as_str()).collect())
    }

    /// Ids of all metrics: those of the objectives, the north star and its inputs.
    pub(super) fn metric_ids(&self) -> Option<BTreeSet<&str>> {
        let objectives =
            self.sostac.iter().flat_map(|plan| &plan.objectives).map(|o| o.metric_id.as_str());
        let inputs = self
            .north_star
            .iter()
            .flat_map(|star| &star.input_metrics)
            .map(|input| input.id.as_str());
        let star = self.north_star.iter().map(|star| star.metric.id.as_str());
        let ids: BTreeSet<&str> = objectives.chain(inputs).chain(star).collect();
        (!ids.is_empty()).then_some(ids)
    }

    /// The team's hours per week, if the client named them.
    pub(super) fn weekly_hours(&self) -> Option<f64> {
        self.brief.team_hours_per_week
    }
}

fn read<T: DeserializeOwned>(kind: Kind, stored: &Value) -> Result<T, Unreadable> {
    T::deserialize(stored).map_err(|cause| Unreadable { kind, cause })
}

fn json<T: serde::Serialize>(artefact: Option<&T>) -> Option<Value> {
    artefact.and_then(|artefact| serde_json::to_value(artefact).ok())
}
