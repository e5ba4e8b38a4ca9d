//! The channels to Firestore: opened at first use, with a token on each request and a deadline on
//! each call.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::backoff::{Backoff, jitter};
use gcloud_sdk::google::firestore::v1::{
    Document as Stored, RunQueryRequest, firestore_client::FirestoreClient,
};
use ports::{Document, Key, StoreError, Version};
use rand::RngExt as _;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use super::{FirestoreTarget, READ_TRIES, TIMEOUT, failure, value};
use crate::Credentials;

const GOOGLE: &str = "https://firestore.googleapis.com";
/// Google allows at most 100 streams per connection, and each open listen occupies one.
const LISTEN_CHANNELS: usize = 16;
/// The largest answer in bytes: a page of a hundred large documents.
const LARGEST_ANSWER: usize = 128 * 1024 * 1024;
/// How long to wait between reads that did not reach the service: at least, and at most.
const LEAST_PAUSE: Duration = Duration::from_millis(10);
const READ_BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(200), longest: Duration::from_millis(400) };
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A client whose requests carry a token and the database they are for.
pub(crate) type Client = FirestoreClient<InterceptedService<Channel, Headers>>;

/// One database, reached over channels that connect at first use.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Inner>);

struct Inner {
    target: FirestoreTarget,
    endpoint: Endpoint,
    credentials: Option<Credentials>,
    unary: OnceLock<Channel>,
    listens: [OnceLock<Channel>; LISTEN_CHANNELS],
    next: AtomicUsize,
}

/// Adds the headers of each request.
#[derive(Clone)]
pub(crate) struct Headers {
    token: MetadataValue<Ascii>,
    database: MetadataValue<Ascii>,
}

impl Interceptor for Headers {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.token.clone());
        request.metadata_mut().insert("google-cloud-resource-prefix", self.database.clone());
        Ok(request)
    }
}

impl Connection {
    pub(crate) fn new(
        target: FirestoreTarget,
        credentials: Option<Credentials>,
    ) -> Result<Self, StoreError> {
        let unusable = |error: tonic::transport::Error| StoreError::Unavailable(error.to_string());
        let endpoint = if let Some(host) = &target.emulator {
            Endpoint::from_shared(format!("http://{host}")).map_err(unusable)?
        } else {
            let tls = ClientTlsConfig::new().with_webpki_roots();
            Endpoint::from_static(GOOGLE).tls_config(tls).map_err(unusable)?
        };
        let endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_while_idle(true);
        let credentials = credentials.filter(|_| target.emulator.is_none());
        Ok(Self(Arc::new(Inner {
            target,
            endpoint,
            credentials,
            unary: OnceLock::new(),
            listens: std::array::from_fn(|_| OnceLock::new()),
            next: AtomicUsize::new(0),
        })))
    }

    /// `projects/{project}/databases/{database}`.
    pub(crate) fn database(&self) -> String {
        format!("projects/{}/databases/{}", self.0.target.project, self.0.target.database)
    }

    /// Whether the connection is to the emulator.
    pub(crate) fn is_emulator(&self) -> bool {
        self.0.target.emulator.is_some()
    }

    /// The parent of a collection path, and the collection's own id.
    pub(crate) fn parent(&self, collection: &str) -> (String, String) {
        let root = format!("{}/documents", self.database());
        match collection.rsplit_once('/') {
            Some((parent, id)) => (format!("{root}/{parent}"), id.into()),
            None => (root, collection.into()),
        }
    }

    /// The full name of a document.
    pub(crate) fn name(&self, key: &Key) -> String {
        format!("{}/documents/{key}", self.database())
    }

    pub(crate) fn document(&self, stored: Stored) -> Result<Document, Status> {
        let prefix = format!("{}/documents/", self.database());
        let key = stored.name.strip_prefix(&prefix).and_then(|path| path.rsplit_once('/'));
        let (collection, id) =
            key.ok_or_else(|| Status::data_loss(format!("a foreign document: {}", stored.name)))?;
        let key = Key::new(collection, id);
        let version = stored
            .update_time
            .map(version)
            .ok_or_else(|| Status::data_loss("a document without a version"))?;
        let body = value::decode_fields(stored.fields).map_err(Status::data_loss)?;
        Ok(Document { key, version, body: body.into() })
    }

    async fn client(&self, channel: Channel) -> Result<Client, Status> {
        let token = match &self.0.credentials {
            Some(credentials) => {
                credentials.access_token().await.map_err(|e| Status::unavailable(e.to_string()))?
            }
            // The emulator's token with all rights.
            None => "owner".into(),
        };
        let ascii = |text: String| {
            text.parse().map_err(|_| Status::internal("a header would not be ASCII"))
        };
        let headers =
            Headers { token: ascii(format!("Bearer {token}"))?, database: ascii(self.database())? };
        Ok(FirestoreClient::with_interceptor(channel, headers)
            .max_decoding_message_size(LARGEST_ANSWER))
    }

    /// Makes one call without a retry, within the deadline.
    pub(crate) async fn once<T, F: Future<Output = Result<T, Status>>>(
        &self,
        call: impl FnOnce(Client) -> F,
    ) -> Result<T, Status> {
        let channel = self.0.unary.get_or_init(|| self.0.endpoint.connect_lazy()).clone();
        let answered =
            tokio::time::timeout(TIMEOUT, async { call(self.client(channel).await?).await }).await;
        answered.unwrap_or_else(|_| {
            Err(Status::deadline_exceeded(format!("no answer within {TIMEOUT:?}")))
        })
    }

    /// Makes a read-only call, with retries while the service is unreachable.
    pub(crate) async fn read<T, F: Future<Output = Result<T, Status>>>(
        &self,
        call: impl Fn(Client) -> F,
    ) -> Result<T, StoreError> {
        let mut tried = 1;
        loop {
            match self.once(&call).await {
                Ok(answer) => return Ok(answer),
                Err(status) if status.code() == tonic::Code::Unavailable && tried < READ_TRIES => {
                    let random = |range| rand::rng().random_range(range);
                    let pause = jitter(LEAST_PAUSE, READ_BACKOFF.ceiling(tried), random);
                    tokio::time::sleep(pause).await;
                    tried += 1;
                }
                Err(status) => return Err(failure(&Key::new("documents", ""), &status)),
            }
        }
    }

    /// Runs a query.
    pub(crate) async fn query(
        &self,
        request: &RunQueryRequest,
    ) -> Result<Vec<Document>, StoreError> {
        self.read(|mut client| {
            let request = request.clone();
            async move {
                let mut answers = client.run_query(request).await?.into_inner();
                let mut found = Vec::new();
                while let Some(answer) = answers.message().await? {
                    if let Some(document) = answer.document {
                        found.push(self.document(document)?);
                    }
                }
                Ok(found)
            }
        })
        .await
    }

    /// A client for a long-lived stream; such streams are spread over several channels.
    pub(crate) async fn listener(&self) -> Result<Client, Status> {
        let slot = self.0.next.fetch_add(1, Ordering::Relaxed) % LISTEN_CHANNELS;
        let channel = self.0.listens[slot].get_or_init(|| self.0.endpoint.connect_lazy()).clone();
        self.client(channel).await
    }
}

/// The version of a document: the nanosecond of its last change.
pub(crate) fn version(time: gcloud_sdk::prost_types::Timestamp) -> Version {
    Version(time.seconds.saturating_mul(1_000_000_000).saturating_add(time.nanos.into()))
}

/// The time of a version.
pub(crate) fn update_time(version: Version) -> gcloud_sdk::prost_types::Timestamp {
    let nanos = i32::try_from(version.0.rem_euclid(1_000_000_000)).unwrap_or_default();
    gcloud_sdk::prost_types::Timestamp { seconds: version.0.div_euclid(1_000_000_000), nanos }
}
