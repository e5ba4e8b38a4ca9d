//! Google Cloud behind the ports: Firestore documents, Pub/Sub events, Cloud Storage artefacts,
//! Secret Manager secrets, Vertex AI vectors, and the gateway to `route-execute` with ID tokens.
//!
//! Every client connects at its first use, so that a function answers its first probe before any
//! handshake, and speaks to Google's emulators when it is told where they are.

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
