//! What a marketing analysis is made of: the brief, the artefacts and the rules that judge them,
//! customer lifetime value, the prompts that ask models for drafts, and the report.
//!
//! Everything here is decided from its arguments alone: no clock, no network, no store.

pub mod artefact;
pub mod brief;
pub mod clv;
pub mod planning;
pub mod prompts;
pub mod report;
