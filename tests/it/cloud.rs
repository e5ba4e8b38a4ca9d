//! Every function as its own process, over Google's emulators: the deployment that
//! `terraform/topology.json` describes.
//!
//! What the emulators lack stands beside them: a metadata server for each function's account,
//! Secret Manager, and the signature that Pub/Sub puts on its deliveries.

mod access;
mod analysis;
mod chaos;
mod crash;
mod deployment;
mod google;
mod overspend;
mod topology;
mod versions;

pub(crate) use deployment::Deployment;
