//! The HTTP client of a provider, and failures that happen before anything is sent.

use std::{sync::OnceLock, time::Duration};

use ports::{Billing, NextMove, ProviderError, Secret};
use reqwest::{RequestBuilder, Url, header::HeaderValue};

use crate::http::failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that is built at the first request: most processes never call a provider.
#[derive(Default)]
pub(crate) struct Client(OnceLock<reqwest::Client>);

impl Client {
    pub(crate) fn get(&self) -> Result<&reqwest::Client, ProviderError> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        // A redirect would send prompts, and keys in custom headers, to another server.
        let nowhere = reqwest::redirect::Policy::none();
        let built = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .redirect(nowhere)
            .build();
        let built = built.map_err(|error| unpaid("client", &error, NextMove::NextModel))?;
        Ok(self.0.get_or_init(|| built))
    }
}

/// An address that is called often, parsed at the first call.
pub(crate) struct Address {
    text: String,
    parsed: OnceLock<Url>,
}

impl Address {
    pub(crate) fn new(text: String) -> Self {
        Self { text, parsed: OnceLock::new() }
    }

    /// A request to the address; nothing is sent yet.
    pub(crate) fn post(&self, client: &reqwest::Client) -> Result<RequestBuilder, ProviderError> {
        if let Some(url) = self.parsed.get() {
            return Ok(client.post(url.clone()));
        }
        let parsed = Url::parse(&self.text)
            .map_err(|error| unpaid("connection", &error, NextMove::NextModel))?;
        Ok(client.post(self.parsed.get_or_init(|| parsed).clone()))
    }
}

/// A key as a header that debug output hides. A trailing newline is removed, because keys are often
/// stored from files.
pub(crate) fn key_header(prefix: &str, key: &Secret) -> Result<HeaderValue, ProviderError> {
    let value = HeaderValue::from_str(&format!("{prefix}{}", key.expose().trim()));
    let mut value = value
        .map_err(|_| unpaid("no_key", &"the key is no text for a header", NextMove::NextModel))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A failure that cannot have been billed.
pub(crate) fn unpaid(code: &str, error: &impl std::fmt::Display, next: NextMove) -> ProviderError {
    failure(code, error.to_string(), next, Billing::None)
}
