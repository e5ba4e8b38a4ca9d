//! The Supabase project and its key.

use std::time::Duration;

use ports::{Secret, SecretError, SecretSource};
use reqwest::{
    Client, Url,
    header::{HeaderMap, HeaderValue},
    redirect::Policy,
};

use crate::rest::Failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A Supabase project. Neither its address nor its key can be printed.
pub(crate) struct Project {
    url: Secret,
    key: Secret,
    /// Base URL of the REST interface.
    base: Url,
    client: Client,
}

impl Project {
    /// Reads the project's secrets; `None` when the deployment has none.
    pub(crate) async fn read(secrets: &dyn SecretSource) -> Result<Option<Self>, Failure> {
        let Some(url) = address(secrets).await? else { return Ok(None) };
        let key = secrets
            .secret("supabase_key")
            .await
            .map_err(|error| Failure::Unavailable(error.to_string()))?;
        let base = rest_of(url.expose())?;
        let headers = credentials(key.expose())?;
        // A redirect would send the key to another server.
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .redirect(Policy::none())
            .default_headers(headers)
            .build()
            .map_err(|error| Failure::Unavailable(format!("no HTTP client: {error}")))?;
        Ok(Some(Self { url, key, base, client }))
    }

    /// Whether the secrets, read again, are the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.url == other.url && self.key == other.key
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The URL of a table with a query whose values need no escaping.
    pub(crate) fn table(&self, name: &str, query: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{name}", url.path()));
        url.set_query(Some(query));
        url
    }
}

/// The secret `supabase_url`; a blank one counts as not set, because a secret store cannot hold an
/// empty value.
pub(crate) async fn address(secrets: &dyn SecretSource) -> Result<Option<Secret>, Failure> {
    match secrets.secret("supabase_url").await {
        Ok(url) if url.expose().trim().is_empty() => Ok(None),
        Ok(url) => Ok(Some(url)),
        Err(SecretError::NotFound(_)) => Ok(None),
        Err(error @ SecretError::Unavailable(_)) => Err(Failure::Unavailable(error.to_string())),
    }
}

fn rest_of(url: &str) -> Result<Url, Failure> {
    let wrong = |reason: &str| Failure::Unavailable(format!("the secret `supabase_url` {reason}"));
    let mut url = Url::parse(url.trim())
        .map_err(|_| wrong("is not a URL such as https://abc.supabase.co"))?;
    let on_this_machine = matches!(url.host_str(), Some("127.0.0.1" | "localhost"));
    match url.scheme() {
        "https" => {}
        "http" if on_this_machine => {}
        _ => return Err(wrong("must begin with https://, or the key would travel in the clear")),
    }
    url.set_path(&format!("{}/rest/v1", url.path().trim_end_matches('/')));
    Ok(url)
}

/// The headers with the key. Keys of the newer kind (`sb_secret_…`) go into `apikey` only; the
/// older kind is a JWT and also goes into `authorization`, where PostgREST reads the role from it.
fn credentials(key: &str) -> Result<HeaderMap, Failure> {
    let hidden = |text: &str| {
        let wrong = |_| {
            Failure::Unavailable(
                "the secret `supabase_key` holds characters that no key has".into(),
            )
        };
        let mut value = HeaderValue::from_str(text).map_err(wrong)?;
        value.set_sensitive(true);
        Ok::<_, Failure>(value)
    };
    let key = key.trim();
    let mut headers = HeaderMap::new();
    headers.insert("apikey", hidden(key)?);
    if key.starts_with("eyJ") {
        headers.insert(reqwest::header::AUTHORIZATION, hidden(&format!("Bearer {key}"))?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expect: Result<&str, &str>) {
        let found = rest_of(url).map(|url| url.to_string()).map_err(|failure| failure.to_string());
        match (found, expect) {
            (Ok(found), Ok(expect)) => assert_eq!(found, expect),
            (Err(found), Err(expect)) => assert!(found.contains(expect), "{found}"),
            (found, expect) => panic!("{url}: {found:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn the_key_is_sent_only_over_tls() {
        check("https://abc.supabase.co", Ok("https://abc.supabase.co/rest/v1"));
        check(" https://abc.supabase.co/\n", Ok("https://abc.supabase.co/rest/v1"));
        check("http://127.0.0.1:54321", Ok("http://127.0.0.1:54321/rest/v1"));
        check("http://abc.supabase.co", Err("https://"));
        check("http://localhost.example.com", Err("https://"));
        check("abc.supabase.co", Err("is not a URL"));
    }

    #[test]
    fn both_key_kinds_are_sent_and_never_printed() {
        let newer = credentials("sb_secret_1\n").unwrap();
        assert_eq!((newer["apikey"].to_str().unwrap(), newer.len()), ("sb_secret_1", 1));
        let older = credentials("eyJ.a.b").unwrap();
        assert_eq!(older["authorization"].to_str().unwrap(), "Bearer eyJ.a.b");
        assert!(
            !format!("{newer:?}{older:?}").contains("sb_secret_1")
                && !format!("{older:?}").contains("eyJ")
        );
    }
}
