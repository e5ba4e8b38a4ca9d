//! The HTTPS transport to other functions, mainly to `route-execute`, with an ID token that
//! identifies the caller.

use std::{sync::OnceLock, time::Duration};

use async_trait::async_trait;
use client::{COST_HEADER, RemoteGateway, Transport, WireAnswer, WireRequest};
use google_cloud_auth::credentials::idtoken::IDTokenCredentials;
use ports::GatewayError;

use crate::credentials;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The gateway over HTTPS.
pub type HttpGateway = RemoteGateway<HttpTransport>;

/// Sends requests to another function's service.
pub struct HttpTransport {
    url: String,
    audience: String,
    /// Built at the first call, because building it reads the machine's certificates.
    connected: OnceLock<(reqwest::Client, IDTokenCredentials)>,
}

impl HttpTransport {
    /// A transport to the service at `url`, with tokens for `audience`.
    pub fn new(url: &str, audience: &str) -> Self {
        Self {
            url: url.trim_end_matches('/').into(),
            audience: audience.into(),
            connected: OnceLock::new(),
        }
    }

    fn connected(&self) -> Result<&(reqwest::Client, IDTokenCredentials), GatewayError> {
        if let Some(connected) = self.connected.get() {
            return Ok(connected);
        }
        let client =
            reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true).build();
        let tokens = credentials::id_tokens(&self.audience).map_err(unavailable)?;
        let connected = (client.map_err(unavailable)?, tokens);
        Ok(self.connected.get_or_init(|| connected))
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn post(&self, request: WireRequest) -> Result<WireAnswer, GatewayError> {
        let (client, tokens) = self.connected()?;
        let token = tokens.id_token().await.map_err(unavailable)?;
        let mut sent = client.post(format!("{}{}", self.url, request.path)).bearer_auth(token);
        for (name, value) in request.headers {
            sent = sent.header(name, value);
        }
        let response =
            sent.timeout(request.timeout).json(&request.body).send().await.map_err(unavailable)?;
        let cost = response
            .headers()
            .get(COST_HEADER)
            .and_then(|value| value.to_str().ok())
            .map(Into::into);
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(unavailable)?.into();
        Ok(WireAnswer { status, cost, body })
    }
}

fn unavailable(error: impl std::fmt::Display) -> GatewayError {
    GatewayError::Unavailable(error.to_string())
}
