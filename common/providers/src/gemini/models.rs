//! `GET /models`: the models that the provider serves. It gives no end dates.

use ports::{ListedModel, ProviderError};
use serde_json::Value;

use crate::http::unreadable;

/// Parses a page of the list.
pub(super) fn parse(page: &Value) -> Result<Vec<ListedModel>, ProviderError> {
    // Google leaves out an empty list, like every empty field.
    if !page.is_object() {
        return Err(unreadable("the list of models is none"));
    }
    let names =
        page["models"].as_array().into_iter().flatten().filter_map(|model| model["name"].as_str());
    let id = |name: &str| name.strip_prefix("models/").unwrap_or(name).to_owned();
    Ok(names.map(|name| ListedModel { id: id(name), shutdown: None }).collect())
}
