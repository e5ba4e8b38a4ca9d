//! `GET /models`: what the provider serves. It does not say until when.

use ports::{ListedModel, ProviderError};
use serde_json::Value;

use crate::http::unreadable;

/// Reads a page of the list.
pub(super) fn parse(page: &Value) -> Result<Vec<ListedModel>, ProviderError> {
    // An empty list is left out like every empty field.
    if !page.is_object() {
        return Err(unreadable("the list of models is none"));
    }
    let names =
        page["models"].as_array().into_iter().flatten().filter_map(|model| model["name"].as_str());
    let id = |name: &str| name.strip_prefix("models/").unwrap_or(name).to_owned();
    Ok(names.map(|name| ListedModel { id: id(name), shutdown: None }).collect())
}
