//! The report of a run for readers: one outline, rendered as Markdown and HTML; the calendar also
//! as CSV and ICS.

mod calendar;
mod outline;
mod render;

use crate::artefact::PriorArtefacts;
use domain::{NanoUsd, TaskId, Time};

pub use calendar::{csv, ics};

/// Metadata of a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReportHead {
    /// The task of the analysis.
    pub task_id: TaskId,
    /// The time of the report.
    pub generated_at: Time,
    /// Whether the simulated provider wrote the texts. Every format then says so at the top.
    pub simulated: bool,
    /// The cost of the run.
    pub total_cost: NanoUsd,
    /// The models that wrote the texts.
    pub models_used: Vec<String>,
}

/// The note at the top of simulated reports.
const SIMULATED: &str = "Simulated: no model was asked, the texts are made up for demonstration.";

/// The report as Markdown.
pub fn markdown(prior: &PriorArtefacts, head: &ReportHead) -> String {
    render::markdown(&outline::of(prior, head))
}

/// The report as one HTML page without external resources or scripts.
pub fn html(prior: &PriorArtefacts, head: &ReportHead) -> String {
    let title = format!("{}: marketing analysis", prior.brief.name);
    render::html(&title, &prior.brief.language, &outline::of(prior, head))
}

#[cfg(test)]
mod tests {
    use crate::artefact::fixture::{start, world};

    use super::*;

    fn head(simulated: bool) -> ReportHead {
        ReportHead {
            task_id: TaskId::new("task-1").unwrap(),
            generated_at: "2026-11-23T09:00:00.000Z".parse().unwrap(),
            simulated,
            total_cost: NanoUsd(412_000_000),
            models_used: vec!["gpt-6.1-terra".into()],
        }
    }

    #[test]
    fn parts_follow_the_order_of_a_readers_decisions() {
        let text = markdown(&world(), &head(false));
        let parts = [
            "# Crema Care",
            "## Summary",
            "## Positioning",
            "## Ideal customers",
            "## Plan",
            "## Content calendar",
            "## Measurement",
            "## Evidence",
            "## Assumptions to verify",
        ];
        let places: Vec<usize> =
            parts.iter().map(|part| text.find(part).unwrap_or_else(|| panic!("{part}"))).collect();
        assert!(places.is_sorted(), "{places:?}");
        assert!(text.contains("0.412 USD"));
        assert!(!text.contains("Simulated"));
    }

    #[test]
    fn a_run_that_ended_early_still_has_a_report() {
        let text = markdown(&start(), &head(false));
        assert!(text.contains("## Summary") && !text.contains("## Positioning"));
        assert_eq!(csv(&start(), &head(false)).lines().count(), 1);
        assert!(ics(&start(), &head(false)).ends_with("END:VCALENDAR\r\n"));
    }

    #[test]
    fn every_format_marks_a_simulation_at_the_top() {
        let (world, head) = (world(), head(true));
        for text in
            [markdown(&world, &head), html(&world, &head), csv(&world, &head), ics(&world, &head)]
        {
            let place = text.find("Simulated").unwrap();
            let before = &text[..place];
            assert!(!before.contains("Positioning") && !before.contains("cal_w01"), "{before}");
        }
    }

    #[test]
    fn what_models_write_cannot_become_markup() {
        let mut world = world();
        world.brief.name = "<script>alert(1)</script>".into();
        let option = &mut world.positioning.as_mut().unwrap().options[0].option;
        option.statement = "[click](javascript:alert(1)) | `x` *bold* & \"quoted\"".into();
        world.evidence.as_mut().unwrap().sources[0].url = Some("javascript:alert(1)".into());
        let page = html(&world, &head(false));
        assert!(!page.contains("<script") && !page.contains("href=\"javascript"), "{page}");
        assert!(page.contains("&lt;script&gt;") && page.contains("&quot;quoted&quot;"));
        let text = markdown(&world, &head(false));
        assert!(!text.contains("<script") && text.contains("\\[click\\](javascript"), "{text}");
    }

    #[test]
    fn sources_with_an_address_are_linked() {
        let mut world = world();
        world.evidence.as_mut().unwrap().sources[2].url =
            Some("https://cafes.example/report?a=1&b=2".into());
        assert!(
            html(&world, &head(false))
                .contains("href=\"https://cafes.example/report?a=1&amp;b=2\"")
        );
        assert!(markdown(&world, &head(false)).contains("<https://cafes.example/report?a=1&b=2>"));
    }
}
