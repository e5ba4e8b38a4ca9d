//! Metadata about the origin of an artefact.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use domain::{BusinessId, TaskId, Time};

/// Version of the artefacts' JSON; increased by breaking changes.
pub const SCHEMA_VERSION: u32 = 1;

/// Origin of an artefact, filled in by the code that stores it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// The value of [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The analysis it belongs to.
    pub task_id: TaskId,
    /// The business that it belongs to.
    pub business_id: BusinessId,
    /// The time at which it was finished.
    pub generated_at: Time,
    /// The model that wrote it; `None` for computed artefacts.
    pub model_used: Option<String>,
    /// Language of the texts.
    pub language: String,
    /// Currency of the amounts.
    pub currency: String,
}

impl Header {
    /// The artefact's JSON with the fields of this header added. Parsers of the artefact's type
    /// ignore them.
    pub fn stamp(&self, artefact: Value) -> Value {
        match (artefact, serde_json::to_value(self)) {
            (Value::Object(mut fields), Ok(Value::Object(header))) => {
                fields.extend(header);
                Value::Object(fields)
            }
            (artefact, _) => artefact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artefact::{Kind, fixture};

    #[test]
    fn a_header_does_not_change_the_artefact() {
        let header = Header {
            schema_version: SCHEMA_VERSION,
            task_id: TaskId::new("task-1").unwrap(),
            business_id: BusinessId::new("biz-1").unwrap(),
            generated_at: Time::from_unix_ms(0),
            model_used: None,
            language: "en".into(),
            currency: "EUR".into(),
        };
        let world = fixture::world();
        let mut read = world.clone();
        for kind in Kind::ALL {
            let Some(plain) = world.get_json(kind) else { continue };
            let stamped = header.stamp(plain);
            assert_eq!(stamped["task_id"], "task-1");
            read.insert(kind, &stamped).unwrap();
        }
        assert_eq!(read, world);
    }
}
