//! The content of a marketing analysis: the brief, the artefacts and the rules that check them,
//! customer lifetime value, the prompts that ask models for drafts, and the report.
//!
//! Every function decides from its arguments alone: no clock, no network, no store.

pub mod artefact;
pub mod brief;
pub mod clv;
pub mod planning;
pub mod prompts;
pub mod report;
