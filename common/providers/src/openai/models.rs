//! `GET /models`: the models that the provider serves, and their end dates.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use ports::{ListedModel, ProviderError};
use serde_json::Value;

use crate::http::unreadable;

/// Parses the list.
pub(super) fn parse(answer: &Value) -> Result<Vec<ListedModel>, ProviderError> {
    let models =
        answer["data"].as_array().ok_or_else(|| unreadable("the list of models is none"))?;
    let model = |model: &Value| {
        let id = model["id"].as_str()?.to_owned();
        Some(ListedModel { id, shutdown: day(&model["shutdown_date"]) })
    };
    Ok(models.iter().filter_map(model).collect())
}

/// A date as text, with or without a time, or in seconds since 1970; `None` for anything else.
fn day(date: &Value) -> Option<Date> {
    match date {
        Value::String(text) => text.get(..10)?.parse().ok(),
        Value::Number(seconds) => {
            let moment = Timestamp::from_second(seconds.as_i64()?).ok()?;
            Some(moment.to_zoned(TimeZone::UTC).date())
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_notation_of_a_last_day_is_read() {
        let check = |value: Value, expect: Option<Date>| assert_eq!(day(&value), expect, "{value}");
        check(json!("2026-12-11"), Some(date(2026, 12, 11)));
        check(json!("2026-12-11T08:00:00Z"), Some(date(2026, 12, 11)));
        check(json!(1_796_947_200), Some(date(2026, 12, 11)));
        for nothing in [
            json!(null),
            json!("soon"),
            json!("é2026-12-11"),
            json!(1e300),
            json!({}),
            json!(i64::MAX),
        ] {
            check(nothing, None);
        }
    }
}
