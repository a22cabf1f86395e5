//! A JSON value in which no object has a key twice.
//!
//! Readers differ in what they make of a repeated key: some take the first value, some the last. Text with a repeated key
//! therefore means different things to different readers, at whatever depth it stands, and is refused here. Keys are compared
//! after escapes are resolved.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The number of characters of a repeated key that an error message shows.
const SHOWN: usize = 64;

/// A JSON value that was parsed with a check that no object in it has a key twice.
pub(super) struct UniqueKeys(pub(super) Value);

struct Reader;

// === impl UniqueKeys ===

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

// === impl Reader ===

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(UniqueKeys(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let UniqueKeys(value) = fields.next_value()?;
            if values.contains_key(&name) {
                let name: String = name.chars().take(SHOWN).collect();
                return Err(Error::custom(format_args!("{name:?} stands there twice")));
            }
            values.insert(name, value);
        }
        Ok(values.into())
    }
}
