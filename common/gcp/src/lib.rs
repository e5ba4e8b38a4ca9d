//! Adapters of the ports for Google Cloud: Firestore documents, Pub/Sub events, Cloud Storage
//! artefacts, Secret Manager secrets, Vertex AI vectors, and the gateway to `route-execute` with ID
//! tokens.
//!
//! Every client connects at first use, so that a function answers its first probe before any
//! handshake, and uses Google's emulators when their addresses are given.

mod artifacts;
mod bus;
mod credentials;
mod firestore;
mod gateway;
mod nearness;
mod secrets;
mod vectors;
mod vertex;

pub use artifacts::CloudStorage;
pub use bus::PubSub;
pub use credentials::{Credentials, CredentialsError};
pub use firestore::{Firestore, FirestoreTarget};
pub use gateway::{HttpGateway, HttpTransport};
pub use secrets::SecretManager;
pub use vectors::FirestoreVectors;
pub use vertex::{VertexTarget, VertexVectors};
