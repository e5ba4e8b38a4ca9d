//! Identifiers that become document keys: their characters are checked once, at the edge, so that
//! no id can address another document.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

/// The error for a text that cannot be an identifier.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an id must be 1 to 128 characters of A-Z a-z 0-9 . _ - and start with a letter or digit")]
pub struct InvalidId;

fn is_valid(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=128).contains(&text.len())
        && text.bytes().all(allowed)
        && text.as_bytes()[0].is_ascii_alphanumeric()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks the characters; see [`InvalidId`].
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                if is_valid(&text) { Ok(Self(text)) } else { Err(InvalidId) }
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

id! {
    /// A tenant: the business whose budget pays and whose data is separate.
    BusinessId
}
id! {
    /// One marketing analysis.
    TaskId
}
id! {
    /// One paid model call; see [`CallId::derive`].
    CallId
}

impl CallId {
    /// The id of a call with an idempotency key: the same business, origin, key and generation
    /// always give the same id, and no other business or origin can produce it.
    pub fn derive(business: &BusinessId, origin: &str, key: &str, generation: u32) -> Self {
        Self(digest(&["call", business.as_str(), origin, key, &generation.to_string()]))
    }
}

/// SHA-256 over length-prefixed parts, in hexadecimal: `["ab","c"]` and `["a","bc"]` differ.
pub fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        hex.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        hex.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_reach_another_collection() {
        for bad in ["", "a/b", "../x", ".hidden", "a b", "é", &"x".repeat(129)] {
            assert_eq!(BusinessId::new(bad), Err(InvalidId), "{bad}");
        }
        assert!(BusinessId::new("biz-123_A.b").is_ok());
        assert!(serde_json::from_str::<TaskId>("\"a/b\"").is_err());
    }

    #[test]
    fn call_ids_separate_businesses_origins_keys_and_generations() {
        let (a, b) = (BusinessId::new("a").unwrap(), BusinessId::new("b").unwrap());
        let base = CallId::derive(&a, "task", "k", 0);
        assert_eq!(base, CallId::derive(&a, "task", "k", 0));
        for other in [
            CallId::derive(&b, "task", "k", 0),
            CallId::derive(&a, "client", "k", 0),
            CallId::derive(&a, "task", "k2", 0),
            CallId::derive(&a, "task", "k", 1),
            CallId::derive(&a, "taskk", "", 0),
        ] {
            assert_ne!(base, other);
        }
    }
}
