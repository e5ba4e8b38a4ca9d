//! The fields of a document: as text, which is what most stores keep, and as values.

mod writer;

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, OnceLock},
};

use serde::{
    Serialize,
    de::{DeserializeOwned, Error as _, IgnoredAny},
};
use serde_json::{Error, Map, Value};
use writer::{Place, Written};

/// Fields by their names.
pub type Fields = Map<String, Value>;

/// The deepest nesting that `serde_json` reads.
const DEEPEST: usize = 127;

/// The fields of a document; clones share them.
///
/// One form is there from the beginning, and the other is made when somebody asks for it: most
/// documents are written and read as stored types, which need no values in between. It dereferences
/// to the fields.
#[derive(Clone, Default)]
pub struct Body(Arc<Forms>);

#[derive(Default)]
struct Forms {
    text: OnceLock<Box<str>>,
    /// Where the fields lie in the text, if it was written here and no name is escaped in it.
    places: Option<Box<[Place]>>,
    fields: OnceLock<Fields>,
}

impl Body {
    /// The fields of a value, which must be an object that can be read again.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        let Written { text, places, depth } = writer::write(value)?;
        if !text.starts_with('{') {
            return Err(no_object());
        }
        if depth > DEEPEST {
            return Err(too_deep());
        }
        // Names are compared as they stand in the text.
        let is_plain =
            |place: &Place| text.get(place.name.clone()).is_some_and(|name| !name.contains('\\'));
        let places = places.iter().all(is_plain).then(|| places.into());
        let forms = Forms { places, ..Forms::default() };
        forms.text.get_or_init(|| text.into());
        Ok(Self(Arc::new(forms)))
    }

    /// The fields of a text that nobody has read yet.
    pub fn parse(text: String) -> Result<Self, Error> {
        serde_json::from_str::<IgnoredAny>(&text)?;
        if !text.trim_ascii_start().starts_with('{') {
            return Err(no_object());
        }
        // Few brackets cannot be deep, and counting them is quick.
        if text.bytes().filter(|byte| is_opening(*byte)).count() > DEEPEST && depth(&text) > DEEPEST
        {
            return Err(too_deep());
        }
        let body = Self::default();
        body.0.text.get_or_init(|| text.into());
        Ok(body)
    }

    /// The fields as JSON text.
    pub fn text(&self) -> &str {
        self.0.text.get_or_init(|| serde_json::to_string(self.fields()).unwrap_or_default().into())
    }

    fn fields(&self) -> &Fields {
        let read = || {
            self.0.text.get().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
        };
        self.0.fields.get_or_init(read)
    }

    /// Reads the fields into a stored type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        match self.0.text.get() {
            Some(text) => serde_json::from_str(text),
            None => T::deserialize(self.fields()),
        }
    }

    /// Some fields by their names; of a text that was written here, the others are not looked into.
    pub fn pick<const N: usize>(&self, names: [&str; N]) -> [Option<Value>; N] {
        let (Some(text), Some(places)) = (self.0.text.get(), &self.0.places) else {
            return names.map(|name| self.fields().get(name).cloned());
        };
        names.map(|name| {
            // The last of equal names, as whoever reads the whole text finds it.
            let is_it = |place: &&Place| {
                place.name.len() == name.len() && text.get(place.name.clone()) == Some(name)
            };
            let place = places.iter().rfind(is_it)?;
            serde_json::from_str(text.get(place.value.clone())?).ok()
        })
    }

    /// The fields, to be changed.
    pub fn into_fields(self) -> Fields {
        self.fields();
        match Arc::try_unwrap(self.0) {
            Ok(forms) => forms.fields.into_inner().unwrap_or_default(),
            Err(shared) => Self(shared).fields().clone(),
        }
    }
}

fn no_object() -> Error {
    Error::custom("a document must be a JSON object")
}

fn too_deep() -> Error {
    Error::custom(format!("a document may be nested {DEEPEST} levels deep"))
}

fn is_opening(byte: u8) -> bool {
    matches!(byte, b'{' | b'[')
}

/// How deep the values of a JSON text are nested.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            byte if !in_string && is_opening(byte) => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl From<Fields> for Body {
    fn from(fields: Fields) -> Self {
        let body = Self::default();
        body.0.fields.get_or_init(|| fields);
        body
    }
}

impl Deref for Body {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        self.fields()
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        let same_text = || Some(self.0.text.get()? == other.0.text.get()?);
        Arc::ptr_eq(&self.0, &other.0)
            || same_text() == Some(true)
            || self.fields() == other.fields()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!({}), |inner, _| json!({ "in": inner }))
    }

    #[test]
    fn both_forms_say_the_same() {
        let fields = json!({ "n": 1, "deep": { "list": [1.5, null, "\"é\""] } });
        let written = Body::of(&fields).unwrap();
        let made = Body::from(fields.as_object().unwrap().clone());
        assert_eq!((written.text(), &written["n"]), (made.text(), &json!(1)));
        assert_eq!(written, made);
        assert_eq!(written.read::<Value>().unwrap(), made.read::<Value>().unwrap());
        assert_eq!(Value::Object(written.clone().into_fields()), fields);
        assert_eq!(written.into_fields(), made.into_fields());
    }

    #[test]
    fn fields_are_picked_from_every_form() {
        let fields = json!({ "a": { "b": 1, "list": [{ "b": 2 }] }, "b": "\"b\":3", "empty": {}, "none": null });
        let expected = [Some(json!("\"b\":3")), Some(json!({})), Some(Value::Null), None, None];
        let written = Body::of(&fields).unwrap();
        let read = Body::parse(fields.to_string()).unwrap();
        let made = Body::from(fields.as_object().unwrap().clone());
        for body in [written, read, made] {
            assert_eq!(body.pick(["b", "empty", "none", "absent", "list"]), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_picked_is_what_the_fields_say(fields in objects()) {
            let body = Body::of(&fields).unwrap();
            proptest::prop_assert_eq!(body.text(), serde_json::to_string(&fields).unwrap());
            for (name, value) in &fields {
                proptest::prop_assert_eq!(&body.pick([name.as_str()])[0], &Some(value.clone()));
            }
        }
    }

    fn objects() -> impl proptest::strategy::Strategy<Value = Fields> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..4)
                    .prop_map(|it| Value::Object(it.into_iter().collect())),
            ]
        });
        prop::collection::btree_map("[ a-z\"\\\\é\n]{0,6}", value, 0..6)
            .prop_map(|it| it.into_iter().collect())
    }

    #[test]
    fn equality_ignores_field_order_but_not_values() {
        let body = |text: &str| Body::parse(text.into()).unwrap();
        assert_eq!(body(r#"{"a": 1, "b": 2}"#), body(r#"{"b":2,"a":1}"#));
        assert_ne!(body(r#"{"a": 1}"#), body(r#"{"a": 2}"#));
    }

    #[test]
    fn what_could_not_be_read_again_is_no_body() {
        assert!(Body::of(&nested(DEEPEST)).is_ok_and(|body| body.contains_key("in")));
        assert!(Body::of(&nested(DEEPEST + 1)).is_err());
        assert!(Body::parse(nested(DEEPEST + 1).to_string()).is_err());
        // Many brackets are not deep, and in a text they are none.
        assert!(Body::of(&json!({ "list": vec![Vec::<u8>::new(); 2 * DEEPEST] })).is_ok());
        assert!(Body::of(&json!({ "text": format!("\\\"{}", "[".repeat(2 * DEEPEST)) })).is_ok());
        for text in ["", "[]", "{\"a\": 1", "{} {}", "null"] {
            assert!(Body::parse(text.into()).is_err(), "{text}");
        }
        assert!(Body::of(&[1]).unwrap_err().to_string().contains("must be a JSON object"));
    }
}
