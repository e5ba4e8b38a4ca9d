//! Every function as its own process over Google's emulators: the deployment that
//! `terraform/topology.json` describes.
//!
//! Stubs provide what the emulators lack: a metadata server for each function's account, Secret
//! Manager, and Pub/Sub's signatures on deliveries.

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
