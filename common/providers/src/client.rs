//! The HTTP client of a provider, and failures before anything was sent.

use std::{sync::OnceLock, time::Duration};

use ports::{Billing, NextMove, ProviderError};

use crate::http::failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that is built at the first request: most processes that could call a provider never do.
#[derive(Default)]
pub(crate) struct Client(OnceLock<reqwest::Client>);

impl Client {
    pub(crate) fn get(&self) -> Result<&reqwest::Client, ProviderError> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let built = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true).build();
        let built = built.map_err(|error| unpaid("client", &error, NextMove::NextModel))?;
        Ok(self.0.get_or_init(|| built))
    }
}

/// A failure that cannot have cost anything.
pub(crate) fn unpaid(code: &str, error: &impl std::fmt::Display, next: NextMove) -> ProviderError {
    failure(code, error.to_string(), next, Billing::None)
}
