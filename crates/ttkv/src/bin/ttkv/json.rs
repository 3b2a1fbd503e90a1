//! JSON as keys and values: whatever a map has, as JSON, and back.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeTupleVariant, Serializer};
use serde_json::Value;

/// The name under which a variant of an enum is shown: its position, and what it holds.
const VARIANT: &str = "$variant";

/// A key or a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Unsigned(u128),
    Negative(i128),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Json>),
    Map(Vec<(Json, Json)>),
    Variant(u32, Vec<Json>),
}

/// Reads an argument: JSON, or text that is none.
pub(crate) fn parse(text: &str) -> Result<Json> {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => from_value(value),
        Err(_) => Ok(Json::Text(text.to_string())),
    }
}

fn from_value(value: Value) -> Result<Json> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(value),
        Value::Number(number) => {
            let text = number.to_string();
            if let Ok(value) = text.parse() {
                Json::Unsigned(value)
            } else if let Ok(value) = text.parse() {
                Json::Negative(value)
            } else {
                let value: f64 = text.parse().context("a number")?;
                anyhow::ensure!(
                    value.is_finite()
                        && !text
                            .bytes()
                            .all(|byte| byte == b'-' || byte.is_ascii_digit()),
                    "{text} is a number beyond what a map can hold: integers of 128 bits, and floats of 64"
                );
                Json::Float(value)
            }
        }
        Value::String(text) => Json::Text(text),
        Value::Array(items) => {
            Json::List(items.into_iter().map(from_value).collect::<Result<_>>()?)
        }
        Value::Object(mut object) => {
            if object.len() == 1
                && let Some(variant) = object.remove(VARIANT)
            {
                return variant_from(variant);
            }
            let entries = object.into_iter();
            let entries = entries.map(|(key, value)| Ok((Json::Text(key), from_value(value)?)));
            Json::Map(entries.collect::<Result<_>>()?)
        }
    })
}

fn variant_from(value: Value) -> Result<Json> {
    let Json::List(items) = from_value(value)? else {
        anyhow::bail!("a variant is written {{\"{VARIANT}\": [position, what it holds …]}}");
    };
    let mut items = items.into_iter();
    let position = match items.next() {
        Some(Json::Unsigned(position)) => u32::try_from(position).ok(),
        _ => None,
    };
    let position = position.context("a variant begins with its position, from 0")?;
    Ok(Json::Variant(position, items.collect()))
}

impl Json {
    /// As JSON. What JSON does not have is shown as what comes nearest: bytes as hexadecimal text, a key that is no text as
    /// its JSON in text.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Unsigned(value) => number(value.to_string()),
            Self::Negative(value) => number(value.to_string()),
            Self::Float(value) => serde_json::Number::from_f64(*value)
                .map_or_else(|| Value::String(value.to_string()), Value::Number),
            Self::Text(text) => Value::String(text.clone()),
            Self::Bytes(bytes) => {
                Value::String(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
            }
            Self::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Self::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| {
                    let key = match key {
                        Self::Text(text) => text.clone(),
                        other => other.to_value().to_string(),
                    };
                    (key, value.to_value())
                });
                Value::Object(entries.collect())
            }
            Self::Variant(position, items) => {
                let mut list = vec![Value::from(*position)];
                list.extend(items.iter().map(Self::to_value));
                Value::Object(serde_json::Map::from_iter([(
                    VARIANT.to_string(),
                    Value::Array(list),
                )]))
            }
        }
    }
}

/// An integer of any width.
fn number(text: String) -> Value {
    serde_json::from_str(&text).expect("an integer is JSON")
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Unsigned(value) => serializer.serialize_u128(*value),
            Self::Negative(value) => serializer.serialize_i128(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
            }
            Self::Variant(position, items) => {
                // Only a key is written by positions; a value has a variant's name, and never comes here.
                let mut variant =
                    serializer.serialize_tuple_variant("", *position, VARIANT, items.len())?;
                for item in items {
                    variant.serialize_field(item)?;
                }
                variant.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(
            u64::try_from(value).map_or(Json::Negative(value.into()), |value| {
                Json::Unsigned(value.into())
            }),
        )
    }

    /// A key's decoder gives the position of a variant as this, and every other integer as a wider one.
    fn visit_u8<E>(self, position: u8) -> Result<Json, E> {
        Ok(Json::Variant(position.into(), Vec::new()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Unsigned(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Json, E> {
        Ok(u128::try_from(value).map_or(Json::Negative(value), Json::Unsigned))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Json, E> {
        Ok(Json::Unsigned(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_string()))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Json, E> {
        Ok(Json::Bytes(bytes.to_vec()))
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_none<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        Json::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry::<Json, Json>()? {
            if let Json::Variant(position, items) = &key
                && items.is_empty()
            {
                // What is one list and what are several items can't be told apart here.
                let held = match value {
                    Json::Null => Vec::new(),
                    Json::List(items) => items,
                    one => vec![one],
                };
                return Ok(Json::Variant(*position, held));
            }
            map.insert(key.to_value().to_string(), (key, value));
        }
        Ok(Json::Map(map.into_values().collect()))
    }
}
