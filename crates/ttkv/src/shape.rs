//! What a type looks like to serde, in words, so that a map which is opened with other types is an error.
//!
//! A type is asked to read itself, and what it asks for is noted. It is given zeros, empty text and empty lists. Where it
//! does not take them, nothing is known. Names of types are not noted, nor variants: those may change.

use serde::de::value::Error as Refused;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};

/// So deep it is looked, at most.
const DEPTH: usize = 5;

/// The shape of a type: `integer`, `[text]`, `(text, float?)`, `{ name: text, price: integer }`, `any` where nothing is
/// known of a part; nothing, where nothing is known at all.
pub(crate) fn of<T: DeserializeOwned>() -> Option<String> {
    let mut shape = String::new();
    let probe = Probe {
        shape: &mut shape,
        depth: DEPTH,
    };
    // Where it is refused, what was asked for until then is always the same.
    if T::deserialize(probe).is_err() {
        shape.push('…');
    }
    (!shape.starts_with("any")).then_some(shape)
}

struct Probe<'a> {
    shape: &'a mut String,
    depth: usize,
}

impl Probe<'_> {
    fn atom(self, name: &str) {
        self.shape.push_str(name);
    }

    /// What has parts, between two brackets.
    fn parts<T>(
        self,
        [open, close]: [&str; 2],
        count: usize,
        names: &'static [&'static str],
        visit: impl FnOnce(&mut Parts<'_>) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        self.shape.push_str(open);
        let mut parts = Parts {
            left: if self.depth == 0 { 0 } else { count },
            depth: self.depth.saturating_sub(1),
            shape: self.shape,
            given: 0,
            names,
        };
        let value = visit(&mut parts)?;
        parts.shape.push_str(close);
        Ok(value)
    }
}

/// Parts, each given when it is asked for.
struct Parts<'a> {
    shape: &'a mut String,
    depth: usize,
    left: usize,
    given: usize,
    names: &'static [&'static str],
}

impl Parts<'_> {
    fn next<'de, T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.given > 0 {
            self.shape.push_str(", ");
        }
        if let Some(name) = self.names.get(self.given) {
            self.shape.push_str(name);
            self.shape.push_str(": ");
        }
        self.left -= 1;
        self.given += 1;
        let probe = Probe {
            shape: &mut *self.shape,
            depth: self.depth,
        };
        seed.deserialize(probe).map(Some)
    }
}

impl<'de> SeqAccess<'de> for &mut Parts<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        self.next(seed)
    }
}

impl<'de> MapAccess<'de> for &mut Parts<'_> {
    type Error = Refused;

    fn next_key_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        self.next(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        let value = self.next(seed)?;
        value.ok_or_else(|| Refused::custom("a key without a value"))
    }
}

macro_rules! atoms {
    ($($name:literal $visit:ident $value:expr => $($method:ident)+;)+) => {
        $($(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            self.atom($name);
            visitor.$visit($value)
        })+)+
    };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Refused;

    fn is_human_readable(&self) -> bool {
        false
    }

    atoms! {
        "bool" visit_bool false => deserialize_bool;
        "integer" visit_u8 0 => deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128;
        "float" visit_f64 0.0 => deserialize_f32 deserialize_f64;
        "text" visit_str "" => deserialize_str deserialize_string;
        "text" visit_char '0' => deserialize_char;
        "bytes" visit_bytes &[] => deserialize_bytes deserialize_byte_buf;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.atom("any");
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let Self { shape, depth } = self;
        if depth == 0 {
            shape.push_str("any");
            return visitor.visit_none();
        }
        let inner = Probe {
            shape: &mut *shape,
            depth: depth - 1,
        };
        let value = visitor.visit_some(inner);
        shape.push('?');
        value
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.atom("null");
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.parts(["[", "]"], 1, &[], |parts| visitor.visit_seq(parts))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.parts(["(", ")"], length, &[], |parts| visitor.visit_seq(parts))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.parts(["map (", ")"], 2, &[], |parts| visitor.visit_map(parts))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.parts(["{ ", " }"], fields.len(), fields, |parts| {
            visitor.visit_seq(parts)
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Refused> {
        self.atom("enum");
        Err(Refused::custom("which variant there is can't be known"))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::of;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is of interest")]
    struct Product {
        name: String,
        price: Option<i64>,
        parts: Vec<Product>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is of interest")]
    enum Event {
        Opened,
        Paid(i64),
    }

    #[test]
    fn shapes_are_what_is_stored() {
        assert_eq!(of::<u8>().as_deref(), Some("integer"));
        assert_eq!(of::<(String, f32)>().as_deref(), Some("(text, float)"));
        assert_eq!(
            of::<BTreeMap<char, Option<bool>>>().as_deref(),
            Some("map (text, bool?)")
        );
        assert_eq!(of::<[(); 2]>().as_deref(), Some("(null, null)"));
        assert_eq!(of::<(u8, Event, u8)>().as_deref(), Some("(integer, enum…"));
        let product = of::<Product>().unwrap();
        assert!(
            product.starts_with("{ name: text, price: integer?, parts: [{ name: text,"),
            "{product}"
        );
        assert!(product.len() < 1_000, "{product}");
    }
}
