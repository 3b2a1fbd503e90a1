//! Bytes into keys: a serde deserializer that takes what the serializer makes, and nothing else.

use serde::de::value::{U8Deserializer, U32Deserializer, U64Deserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, IntoDeserializer,
    MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::error::{KeyError, KeyErrorKind};
use super::{MAX_DEPTH, tag};

type Result<T> = std::result::Result<T, KeyError>;

pub(super) struct KeyDeserializer<'de> {
    bytes: &'de [u8],
    at: usize,
    depth: usize,
}

impl<'de> KeyDeserializer<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            depth: 0,
        }
    }

    /// Makes sure that nothing follows.
    pub(super) fn end(&self) -> Result<()> {
        if self.at == self.bytes.len() {
            return Ok(());
        }
        Err(self.error(KeyErrorKind::TrailingBytes, "something follows the key"))
    }

    fn error(&self, kind: KeyErrorKind, what: &str) -> KeyError {
        KeyError::new(kind, format!("{what}, at byte {} of the key", self.at))
    }

    fn truncated(&self) -> KeyError {
        self.error(KeyErrorKind::Truncated, "the bytes end inside of the key")
    }

    fn peek(&self) -> Result<u8> {
        self.bytes
            .get(self.at)
            .copied()
            .ok_or_else(|| self.truncated())
    }

    /// Takes the tag, if it is this one.
    fn expect(&mut self, tag: u8, what: &str) -> Result<()> {
        if self.peek()? != tag {
            let message = format!("{} where {what} was expected", name_of(self.peek()?));
            return Err(self.error(KeyErrorKind::Mismatch, &message));
        }
        self.at += 1;
        Ok(())
    }

    fn take(&mut self, length: usize) -> Result<&'de [u8]> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or_else(|| self.truncated())?;
        self.at += length;
        Ok(taken)
    }

    fn enter(&mut self) -> Result<()> {
        if self.depth == MAX_DEPTH {
            return Err(KeyError::too_deep());
        }
        self.depth += 1;
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        if self.peek()? != tag::END {
            return Err(self.error(KeyErrorKind::Mismatch, "more items than were expected"));
        }
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    fn integer(&mut self) -> Result<Integer> {
        const POSITIVE_16: u8 = tag::POSITIVE + 16;
        const NEGATIVE_16: u8 = tag::NEGATIVE - 16;
        let tag = self.peek()?;
        let (length, is_negative) = match tag {
            tag::POSITIVE..=POSITIVE_16 => (tag - tag::POSITIVE, false),
            NEGATIVE_16..=tag::NEGATIVE => (tag::NEGATIVE - tag, true),
            other => {
                let message = format!("{} where an integer was expected", name_of(other));
                return Err(self.error(KeyErrorKind::Mismatch, &message));
            }
        };
        let start = self.at;
        self.at += 1;
        let flip = if is_negative { 0xFF } else { 0 };
        let mut magnitude = 0_u128;
        for (i, byte) in self.take(length.into())?.iter().enumerate() {
            let byte = byte ^ flip;
            if i == 0 && byte == 0 {
                self.at = start;
                return Err(self.error(KeyErrorKind::NotCanonical, "an integer with leading zeros"));
            }
            magnitude = magnitude << 8 | u128::from(byte);
        }
        if !is_negative {
            return Ok(Integer::Positive(magnitude));
        }
        match i128::try_from(magnitude) {
            Ok(below) => Ok(Integer::Negative(-1 - below)),
            Err(_) => {
                self.at = start;
                Err(self.error(KeyErrorKind::Malformed, "an integer below 128 bits"))
            }
        }
    }

    fn float(&mut self) -> Result<f64> {
        let start = self.at;
        self.expect(tag::FLOAT, "a float")?;
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.take(8)?);
        let ordered = u64::from_be_bytes(bytes);
        let bits = match ordered >> 63 {
            1 => ordered ^ 1 << 63,
            _ => !ordered,
        };
        let value = f64::from_bits(bits);
        if value.is_nan() || bits == (-0.0_f64).to_bits() {
            self.at = start;
            return Err(self.error(KeyErrorKind::NotCanonical, "a float that no key has"));
        }
        Ok(value)
    }

    /// The bytes of a byte string, whose tag is taken.
    fn unescaped(&mut self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        loop {
            let byte = self.peek()?;
            self.at += 1;
            if byte != 0 {
                out.push(byte);
                continue;
            }
            match self.peek()? {
                0x00 => {
                    self.at += 1;
                    return Ok(out);
                }
                0xFF => {
                    self.at += 1;
                    out.push(0);
                }
                _ => {
                    return Err(
                        self.error(KeyErrorKind::Malformed, "a zero byte that nothing explains")
                    );
                }
            }
        }
    }

    fn text(&mut self) -> Result<String> {
        let start = self.at;
        self.expect(tag::TEXT, "text")?;
        let bytes = self.unescaped()?;
        String::from_utf8(bytes).map_err(|_| {
            self.at = start;
            self.error(KeyErrorKind::Malformed, "text that is no UTF-8")
        })
    }

    fn list<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        self.expect(tag::LIST, "a list")?;
        self.enter()?;
        let value = visitor.visit_seq(Items(self))?;
        self.leave()?;
        Ok(value)
    }

    fn map<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        self.expect(tag::MAP, "a map")?;
        self.enter()?;
        let value = visitor.visit_map(Entries {
            de: self,
            last_key: None,
        })?;
        self.leave()?;
        Ok(value)
    }

    /// Takes the tag and the position of a variant.
    fn variant(&mut self) -> Result<u32> {
        self.expect(tag::VARIANT, "a variant")?;
        self.enter()?;
        let position = match self.integer()? {
            Integer::Positive(position) => u32::try_from(position).ok(),
            Integer::Negative(_) => None,
        };
        position.ok_or_else(|| self.error(KeyErrorKind::Malformed, "a variant without a position"))
    }

    /// What is in a `Some`.
    fn some<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let is_wrapped = self.peek()? == tag::SOME;
        if is_wrapped {
            self.at += 1;
            if !matches!(self.peek()?, tag::NULL | tag::SOME) {
                return Err(self.error(
                    KeyErrorKind::NotCanonical,
                    "a `Some` that need not be told apart",
                ));
            }
        }
        self.enter()?;
        let value = visitor.visit_some(&mut *self)?;
        self.depth -= 1;
        Ok(value)
    }
}

enum Integer {
    Positive(u128),
    Negative(i128),
}

impl Integer {
    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self {
            Self::Positive(value) => match u64::try_from(value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_u128(value),
            },
            Self::Negative(value) => match i64::try_from(value) {
                Ok(value) => visitor.visit_i64(value),
                Err(_) => visitor.visit_i128(value),
            },
        }
    }
}

fn name_of(tag: u8) -> &'static str {
    match tag {
        tag::END => "an end",
        tag::NULL => "null",
        tag::SOME => "a wrapped null",
        tag::FALSE | tag::TRUE => "a bool",
        0x1F..=0x40 => "an integer",
        tag::FLOAT => "a float",
        tag::BYTES => "a byte string",
        tag::TEXT => "text",
        tag::LIST => "a list",
        tag::MAP => "a map",
        tag::VARIANT => "a variant",
        _ => "a byte that nothing begins with",
    }
}

macro_rules! integers {
    ($($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.integer()?.visit(visitor)
        })+
    };
}

impl<'de> Deserializer<'de> for &mut KeyDeserializer<'de> {
    type Error = KeyError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek()? {
            tag::NULL => {
                self.at += 1;
                visitor.visit_unit()
            }
            tag::SOME => self.some(visitor),
            tag::FALSE | tag::TRUE => self.deserialize_bool(visitor),
            0x1F..=0x40 => self.integer()?.visit(visitor),
            tag::FLOAT => visitor.visit_f64(self.float()?),
            tag::BYTES => self.deserialize_byte_buf(visitor),
            tag::TEXT => visitor.visit_string(self.text()?),
            tag::LIST => self.list(visitor),
            tag::MAP => self.map(visitor),
            // A map of one entry, which is how serde's own buffer knows a variant: its position, and what it holds.
            tag::VARIANT => {
                let position = self.variant()?;
                let value = visitor.visit_map(AsMap {
                    de: self,
                    position: Some(position),
                })?;
                self.leave()?;
                Ok(value)
            }
            other => Err(self.error(KeyErrorKind::Malformed, name_of(other))),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.peek()? == tag::TRUE {
            self.at += 1;
            return visitor.visit_bool(true);
        }
        self.expect(tag::FALSE, "a bool")?;
        visitor.visit_bool(false)
    }

    integers!(deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128);
    integers!(deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128);

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let start = self.at;
        let value = self.float()?;
        if f64::from(value as f32) != value {
            self.at = start;
            return Err(self.error(KeyErrorKind::Mismatch, "a float that 32 bits do not hold"));
        }
        visitor.visit_f64(value)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_byte_buf(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.expect(tag::BYTES, "a byte string")?;
        visitor.visit_byte_buf(self.unescaped()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.peek()? == tag::NULL {
            self.at += 1;
            return visitor.visit_none();
        }
        self.some(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.expect(tag::NULL, "null")?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value> {
        self.list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.map(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.list(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let position = self.variant()?;
        let value = visitor.visit_enum(Variant {
            de: &mut *self,
            position,
        })?;
        self.leave()?;
        Ok(value)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }
}

/// Items up to an end, which is left.
struct Items<'a, 'de>(&'a mut KeyDeserializer<'de>);

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = KeyError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.0.peek()? == tag::END {
            return Ok(None);
        }
        seed.deserialize(&mut *self.0).map(Some)
    }
}

/// Entries up to an end, which is left.
struct Entries<'a, 'de> {
    de: &'a mut KeyDeserializer<'de>,
    last_key: Option<&'de [u8]>,
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = KeyError;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.de.peek()? == tag::END {
            return Ok(None);
        }
        let start = self.de.at;
        let key = seed.deserialize(&mut *self.de)?;
        let bytes = &self.de.bytes[start..self.de.at];
        if self.last_key.is_some_and(|last| last >= bytes) {
            self.de.at = start;
            let what = "a map whose keys are not in order";
            return Err(self.de.error(KeyErrorKind::NotCanonical, what));
        }
        self.last_key = Some(bytes);
        Ok(Some(key))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value> {
        seed.deserialize(&mut *self.de)
    }
}

/// A variant whose type is known. Its end is left.
struct Variant<'a, 'de> {
    de: &'a mut KeyDeserializer<'de>,
    position: u32,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a, 'de> {
    type Error = KeyError;
    type Variant = &'a mut KeyDeserializer<'de>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self::Variant)> {
        let position: U32Deserializer<KeyError> = self.position.into_deserializer();
        Ok((seed.deserialize(position)?, self.de))
    }
}

impl<'de> VariantAccess<'de> for &mut KeyDeserializer<'de> {
    type Error = KeyError;

    fn unit_variant(self) -> Result<()> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value> {
        visitor.visit_seq(Items(self))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_seq(Items(self))
    }
}

/// A variant whose type is not known, as a map of its position to what it holds: nothing, one item, or a list of several.
/// Its end is left.
struct AsMap<'a, 'de> {
    de: &'a mut KeyDeserializer<'de>,
    position: Option<u32>,
}

impl<'de> MapAccess<'de> for AsMap<'_, 'de> {
    type Error = KeyError;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some(position) = self.position.take() else {
            return Ok(None);
        };
        // Serde's buffer takes these two widths for a position, and all other integers come as wide ones.
        let read = match u8::try_from(position) {
            Ok(position) => seed.deserialize(U8Deserializer::<KeyError>::new(position)),
            Err(_) => seed.deserialize(U64Deserializer::<KeyError>::new(position.into())),
        };
        read.map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value> {
        seed.deserialize(Held { de: &mut *self.de })
    }
}

/// What a variant holds.
struct Held<'a, 'de> {
    de: &'a mut KeyDeserializer<'de>,
}

impl<'de> Deserializer<'de> for Held<'_, 'de> {
    type Error = KeyError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.de.peek()? == tag::END {
            return visitor.visit_unit();
        }
        // Whether one item follows or more shows only behind the first.
        let (start, depth) = (self.de.at, self.de.depth);
        IgnoredAny::deserialize(&mut *self.de)?;
        let is_one = self.de.peek()? == tag::END;
        (self.de.at, self.de.depth) = (start, depth);
        if is_one {
            self.de.deserialize_any(visitor)
        } else {
            visitor.visit_seq(Items(self.de))
        }
    }

    /// Without the look ahead, which at every depth anew would take for ever.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_seq(Items(self.de))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}
