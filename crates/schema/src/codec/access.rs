//! The inside of arrays, maps and enums, as serde walks through them.

use serde::de::{self, DeserializeSeed, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::de::RowDeserializer;
use super::error::{CodecError, CodecErrorKind};

type Result<T> = std::result::Result<T, CodecError>;

/// Reads an item, and gives an error that has no place yet the item's own.
fn placed<'de, S: DeserializeSeed<'de>>(
    de: &mut RowDeserializer<'de>,
    seed: S,
) -> Result<S::Value> {
    let start = de.at();
    seed.deserialize(de).map_err(|error| error.or_at(start))
}

/// The elements of an array, or the fields of a struct.
pub(super) struct Elements<'a, 'de> {
    pub(super) de: &'a mut RowDeserializer<'de>,
    pub(super) left: usize,
    /// How many elements the array has in all.
    pub(super) length: usize,
    pub(super) start: usize,
    /// How many fields a struct may have beyond the elements stored.
    pub(super) missing: usize,
}

impl<'de> de::SeqAccess<'de> for Elements<'_, 'de> {
    type Error = CodecError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.left > 0 {
            self.left -= 1;
            return placed(&mut *self.de, seed).map(Some);
        }
        if self.missing > 0 {
            self.missing -= 1;
            let (length, start) = (self.length, self.start);
            return seed.deserialize(Missing { length, start }).map(Some);
        }
        Ok(None)
    }

    /// True to the bytes: a length beyond them was refused before.
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// What a struct finds after the last element of its array: a unit, if it can do with one.
///
/// The one who can is an adjacently tagged enum: for a unit variant serde writes the tag alone, and
/// still asks for the content when it reads fields by position.
struct Missing {
    length: usize,
    start: usize,
}

impl Missing {
    fn error(&self) -> CodecError {
        let found = format_args!("an array of {}", self.length);
        CodecError::mismatch(found, "an array of a struct's fields, which are more")
            .or_at(self.start)
    }
}

impl<'de> Deserializer<'de> for Missing {
    type Error = CodecError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        // Whatever the visitor says of a unit, what is wrong is the array.
        visitor.visit_unit().map_err(|_: CodecError| self.error())
    }

    // An option would take a unit for `None`, but a field that was not stored is not known.
    fn deserialize_option<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value> {
        Err(self.error())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The entries of a map, in the order of their keys' bytes.
pub(super) struct Entries<'a, 'de> {
    de: &'a mut RowDeserializer<'de>,
    left: usize,
    last_key: &'de [u8],
    value_due: bool,
}

impl<'a, 'de> Entries<'a, 'de> {
    pub(super) fn new(de: &'a mut RowDeserializer<'de>, length: usize) -> Self {
        Self {
            de,
            left: length,
            last_key: &[],
            value_due: false,
        }
    }

    /// Whether every entry was asked for.
    pub(super) fn are_read(&self) -> bool {
        self.left == 0 && !self.value_due
    }
}

impl<'de> de::MapAccess<'de> for Entries<'_, 'de> {
    type Error = CodecError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let start = self.de.at();
        let value = placed(&mut *self.de, seed)?;
        let key = self.de.since(start);
        // No key is empty, so the first one is above the empty start.
        if key <= self.last_key {
            return Err(CodecError::new(
                CodecErrorKind::NotCanonical,
                "found a key of a map that is not above the one before it",
            )
            .or_at(start));
        }
        self.last_key = key;
        self.value_due = true;
        Ok(Some(value))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        self.value_due = false;
        placed(&mut *self.de, seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// An enum: the name of its variant alone, or with its data.
pub(super) struct Variant<'a, 'de> {
    pub(super) de: &'a mut RowDeserializer<'de>,
    pub(super) start: usize,
    pub(super) has_data: bool,
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = CodecError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let variant = seed.deserialize(VariantName(&mut *self.de))?;
        Ok((variant, self))
    }
}

impl Variant<'_, '_> {
    fn with_data(&self) -> Result<()> {
        if self.has_data {
            return Ok(());
        }
        let error = CodecError::mismatch("a variant without data", "one that holds some");
        Err(error.or_at(self.start))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = CodecError;

    fn unit_variant(self) -> Result<()> {
        if self.has_data {
            let error = CodecError::mismatch("a variant with data", "one that holds none");
            return Err(error.or_at(self.start));
        }
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        self.with_data()?;
        placed(self.de, seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value> {
        self.with_data()?;
        self.de.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.with_data()?;
        self.de.deserialize_struct("", fields, visitor)
    }
}

/// The name of a variant, which is text: serde's own visitors would take an index as well.
struct VariantName<'a, 'de>(&'a mut RowDeserializer<'de>);

impl<'de> Deserializer<'de> for VariantName<'_, 'de> {
    type Error = CodecError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.deserialize_str(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
