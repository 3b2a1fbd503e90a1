//! Bytes into rows: a serde deserializer over a slice, which takes canonical encodings only.

use ciborium_ll::{Decoder, Error as HeaderError, Header, simple, tag};
use serde::de::{Deserializer, Visitor};

use super::access::{Elements, Entries, Variant};
use super::error::{CodecError, CodecErrorKind};
use super::ser::one_spelling;
use super::{MAX_DEPTH, NULL, WRAPPED_NULL, from_long_header, from_short_header, header_bytes};

type Result<T> = std::result::Result<T, CodecError>;

/// Reads items from a slice, one after the other.
pub(super) struct RowDeserializer<'de> {
    bytes: &'de [u8],
    at: usize,
    depth: usize,
}

/// A header, and where it begins.
struct Item {
    header: Header,
    start: usize,
}

impl Item {
    fn mismatch(&self, expected: &str) -> CodecError {
        let error = match self.header {
            Header::Positive(v) => CodecError::mismatch(format_args!("the integer {v}"), expected),
            Header::Negative(v) => {
                CodecError::mismatch(format_args!("the integer {}", below_zero(v)), expected)
            }
            Header::Bytes(_) => CodecError::mismatch("a byte string", expected),
            Header::Text(_) => CodecError::mismatch("text", expected),
            Header::Array(_) => CodecError::mismatch("an array", expected),
            Header::Map(_) => CodecError::mismatch("a map", expected),
            Header::Tag(tag) => CodecError::mismatch(format_args!("the tag {tag}"), expected),
            Header::Float(v) => CodecError::mismatch(format_args!("the float {v}"), expected),
            Header::Simple(simple::NULL) => CodecError::mismatch("null", expected),
            Header::Simple(_) => CodecError::mismatch("a boolean", expected),
            Header::Break => CodecError::mismatch("a break", expected),
        };
        error.or_at(self.start)
    }
}

/// The integer that CBOR writes as a negative with this argument.
fn below_zero(argument: u64) -> i128 {
    -1 - i128::from(argument)
}

enum Integer {
    Positive(u128),
    Negative(i128),
}

impl<'de> RowDeserializer<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            depth: 0,
        }
    }

    /// Checks that the row was all there is.
    pub(super) fn end(&self) -> Result<()> {
        match self.rest().len() {
            0 => Ok(()),
            more => Err(self.fault(
                CodecErrorKind::TrailingBytes,
                format_args!("{more} more bytes follow a whole row, where nothing was expected"),
            )),
        }
    }

    /// Where the next item begins.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What was read since an earlier [`at`](Self::at).
    pub(super) fn since(&self, start: usize) -> &'de [u8] {
        &self.bytes[start..self.at]
    }

    fn rest(&self) -> &'de [u8] {
        &self.bytes[self.at..]
    }

    fn fault(&self, kind: CodecErrorKind, message: impl std::fmt::Display) -> CodecError {
        CodecError::new(kind, message).or_at(self.at)
    }

    fn enter(&mut self) -> Result<()> {
        if self.depth == MAX_DEPTH {
            return Err(CodecError::too_deep().or_at(self.at));
        }
        self.depth += 1;
        Ok(())
    }

    /// Reads the next header, if it is one that the serializer writes, spelled as it spells it.
    fn item(&mut self) -> Result<Item> {
        if let Some(header) = self.rest().first().copied().and_then(from_short_header) {
            let start = self.at;
            self.at += 1;
            return Ok(Item { header, start });
        }
        if let Some((header, length)) = from_long_header(self.rest()) {
            let start = self.at;
            self.at += length;
            return Ok(Item { header, start });
        }
        self.odd_item()
    }

    /// Reads a header that is a float, or one to refuse.
    fn odd_item(&mut self) -> Result<Item> {
        let mut decoder = Decoder::from(self.rest());
        let header = decoder.pull().map_err(|error| match error {
            HeaderError::Io(_) => self.fault(
                CodecErrorKind::Truncated,
                "the bytes end where an item was expected",
            ),
            HeaderError::Syntax(_) => {
                self.fault(CodecErrorKind::Malformed, "found bytes that are not CBOR")
            }
        })?;
        let length = decoder.offset();
        match header {
            Header::Bytes(None) | Header::Text(None) | Header::Array(None) | Header::Map(None) => {
                return Err(self.fault(
                    CodecErrorKind::NotCanonical,
                    "found an item of indefinite length where a definite one was expected",
                ));
            }
            Header::Break | Header::Simple(0..=19 | 23..) => {
                return Err(self.fault(
                    CodecErrorKind::Malformed,
                    "found a simple value that is neither a boolean nor null",
                ));
            }
            _ => {}
        }
        let spelled = match header {
            Header::Float(v) => Header::Float(one_spelling(v)),
            other => other,
        };
        let (canonical, canonical_length) = header_bytes(spelled);
        if self.rest()[..length] != canonical[..canonical_length] {
            return Err(self.fault(
                CodecErrorKind::NotCanonical,
                "found a number or length that is not in its one canonical spelling",
            ));
        }
        let start = self.at;
        self.at += length;
        Ok(Item { header, start })
    }

    /// Checks a claimed count of items, each of one byte at least, before anything is made for them.
    fn claim(&self, item: &Item, what: &str, count: usize, least: usize) -> Result<()> {
        let left = self.rest().len();
        if count.saturating_mul(least) <= left {
            return Ok(());
        }
        let message = format_args!("found {what} of {count}, but only {left} bytes follow");
        Err(CodecError::new(CodecErrorKind::Truncated, message).or_at(item.start))
    }

    fn take(&mut self, item: &Item, what: &str, length: usize) -> Result<&'de [u8]> {
        self.claim(item, what, length, 1)?;
        let taken = &self.rest()[..length];
        self.at += length;
        Ok(taken)
    }

    fn text(&mut self, item: &Item, length: usize) -> Result<&'de str> {
        let bytes = self.take(item, "a text with a length", length)?;
        std::str::from_utf8(bytes).map_err(|_| {
            CodecError::new(CodecErrorKind::Malformed, "found a text that is not UTF-8")
                .or_at(item.start)
        })
    }

    /// Reads the byte string of an integer beyond 64 bits.
    fn big(&mut self, outer: &Item) -> Result<u128> {
        let inner = self.item()?;
        let Header::Bytes(Some(length)) = inner.header else {
            return Err(inner.mismatch("the bytes of a big integer"));
        };
        let digits = self.take(&inner, "a byte string with a length", length)?;
        if length <= 8 || digits[0] == 0 {
            let message = "found a big integer with leading zeros, or one that fits 64 bits";
            return Err(CodecError::new(CodecErrorKind::NotCanonical, message).or_at(outer.start));
        }
        let mut padded = [0; 16];
        let Some(unused) = padded.len().checked_sub(length) else {
            let found = format_args!("an integer of {length} bytes");
            return Err(CodecError::mismatch(found, "one of 16 bytes at most").or_at(outer.start));
        };
        padded[unused..].copy_from_slice(digits);
        Ok(u128::from_be_bytes(padded))
    }

    fn integer(&mut self, item: &Item) -> Result<Integer> {
        let value = match item.header {
            Header::Positive(v) => Integer::Positive(v.into()),
            Header::Negative(v) => Integer::Negative(below_zero(v)),
            Header::Tag(tag::BIGPOS) => Integer::Positive(self.big(item)?),
            Header::Tag(tag::BIGNEG) => {
                let below = self.big(item)?;
                let Ok(below) = i128::try_from(below) else {
                    let found = format_args!("an integer below {}", i128::MIN);
                    return Err(
                        CodecError::mismatch(found, "an integer of 128 bits at most")
                            .or_at(item.start),
                    );
                };
                Integer::Negative(-1 - below)
            }
            _ => return Err(item.mismatch("an integer")),
        };
        Ok(value)
    }

    /// Reads the elements of an array that has `item` as its header.
    ///
    /// `fields` is how many elements a struct asks for, and 0 for what is not a struct.
    fn array<V: Visitor<'de>>(
        &mut self,
        item: &Item,
        length: usize,
        fields: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.claim(item, "an array with a length", length, 1)?;
        self.enter()?;
        let mut elements = Elements {
            de: self,
            left: length,
            length,
            start: item.start,
            missing: fields.saturating_sub(length),
        };
        let value = visitor.visit_seq(&mut elements)?;
        if elements.left > 0 {
            let found = format_args!("an array of {length}");
            let expected = format_args!("one of {}", length - elements.left);
            return Err(CodecError::mismatch(found, expected).or_at(item.start));
        }
        self.depth -= 1;
        Ok(value)
    }

    fn map<V: Visitor<'de>>(&mut self, item: &Item, length: usize, visitor: V) -> Result<V::Value> {
        self.claim(item, "a map with a length", length, 2)?;
        self.enter()?;
        let mut entries = Entries::new(self, length);
        let value = visitor.visit_map(&mut entries)?;
        if !entries.are_read() {
            let found = format_args!("a map of {length} entries");
            return Err(CodecError::mismatch(found, "one of fewer").or_at(item.start));
        }
        self.depth -= 1;
        Ok(value)
    }

    fn struct_array<V: Visitor<'de>>(&mut self, fields: usize, visitor: V) -> Result<V::Value> {
        let item = self.item()?;
        match item.header {
            Header::Array(Some(length)) => self.array(&item, length, fields, visitor),
            _ => Err(item.mismatch("an array of a struct's fields")),
        }
    }

    /// Reads what is inside a `Some`, and the tag around it if it would be null without.
    fn some<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        self.enter()?;
        if self.rest().starts_with(&WRAPPED_NULL) {
            self.at += WRAPPED_NULL.len();
            if self.rest().first() != Some(&NULL) && !self.rest().starts_with(&WRAPPED_NULL) {
                let inner = self.item()?;
                let message = "found something else where the null inside a `Some` was expected";
                return Err(
                    CodecError::new(CodecErrorKind::NotCanonical, message).or_at(inner.start)
                );
            }
        }
        let value = visitor.visit_some(&mut *self)?;
        self.depth -= 1;
        Ok(value)
    }
}

/// Integers go to the visitor in the width it asked for, or else in the narrowest that holds them.
macro_rules! integers {
    ($($deserialize:ident $visit:ident $int:ty,)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            let item = self.item()?;
            let value = self.integer(&item)?;
            let fits = match value {
                Integer::Positive(v) => <$int>::try_from(v).ok(),
                Integer::Negative(v) => <$int>::try_from(v).ok(),
            };
            match fits {
                Some(v) => visitor.$visit(v),
                None => visit_integer(value, visitor),
            }
        }
    )*};
}

fn visit_integer<'de, V: Visitor<'de>>(value: Integer, visitor: V) -> Result<V::Value> {
    match value {
        Integer::Positive(v) => match u64::try_from(v) {
            Ok(v) => visitor.visit_u64(v),
            Err(_) => visitor.visit_u128(v),
        },
        Integer::Negative(v) => match i64::try_from(v) {
            Ok(v) => visitor.visit_i64(v),
            Err(_) => visitor.visit_i128(v),
        },
    }
}

impl<'de> Deserializer<'de> for &mut RowDeserializer<'de> {
    type Error = CodecError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.rest().starts_with(&WRAPPED_NULL) {
            return self.some(visitor);
        }
        let item = self.item()?;
        match item.header {
            Header::Positive(_) | Header::Negative(_) | Header::Tag(tag::BIGPOS | tag::BIGNEG) => {
                visit_integer(self.integer(&item)?, visitor)
            }
            Header::Bytes(Some(length)) => {
                let bytes = self.take(&item, "a byte string with a length", length)?;
                visitor.visit_borrowed_bytes(bytes)
            }
            Header::Text(Some(length)) => {
                let text = self.text(&item, length)?;
                visitor.visit_borrowed_str(text)
            }
            Header::Array(Some(length)) => self.array(&item, length, 0, visitor),
            Header::Map(Some(length)) => self.map(&item, length, visitor),
            Header::Float(v) => visitor.visit_f64(v),
            Header::Simple(simple::FALSE) => visitor.visit_bool(false),
            Header::Simple(simple::TRUE) => visitor.visit_bool(true),
            // Unit rather than none: serde's buffers give a unit to an option, but no none to a unit.
            Header::Simple(simple::NULL) => visitor.visit_unit(),
            _ => Err(item.mismatch("a value")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let item = self.item()?;
        match item.header {
            Header::Simple(simple::FALSE) => visitor.visit_bool(false),
            Header::Simple(simple::TRUE) => visitor.visit_bool(true),
            _ => Err(item.mismatch("a boolean")),
        }
    }

    integers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128,
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let item = self.item()?;
        let Header::Float(wide) = item.header else {
            return Err(item.mismatch("a float"));
        };
        // A float that an f32 doesn't hold exactly was not written by one.
        let narrow = wide as f32;
        if wide.is_nan() || f64::from(narrow) == wide {
            visitor.visit_f32(narrow)
        } else {
            Err(item.mismatch("a float of 32 bits"))
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let item = self.item()?;
        match item.header {
            Header::Float(v) => visitor.visit_f64(v),
            _ => Err(item.mismatch("a float")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let item = self.item()?;
        let Header::Text(Some(length)) = item.header else {
            return Err(item.mismatch("text"));
        };
        let text = self.text(&item, length)?;
        visitor.visit_borrowed_str(text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let item = self.item()?;
        let Header::Bytes(Some(length)) = item.header else {
            return Err(item.mismatch("a byte string"));
        };
        let bytes = self.take(&item, "a byte string with a length", length)?;
        visitor.visit_borrowed_bytes(bytes)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.rest().first() {
            Some(&NULL) => {
                self.at += 1;
                visitor.visit_none()
            }
            _ => self.some(visitor),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let item = self.item()?;
        match item.header {
            Header::Simple(simple::NULL) => visitor.visit_unit(),
            _ => Err(item.mismatch("null")),
        }
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
        let item = self.item()?;
        match item.header {
            Header::Array(Some(length)) => self.array(&item, length, 0, visitor),
            _ => Err(item.mismatch("an array")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let item = self.item()?;
        match item.header {
            Header::Map(Some(length)) => self.map(&item, length, visitor),
            _ => Err(item.mismatch("a map")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.struct_array(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let item = self.item()?;
        let start = item.start;
        match item.header {
            Header::Text(_) => {
                self.at = start;
                visitor.visit_enum(Variant {
                    de: self,
                    start,
                    has_data: false,
                })
            }
            Header::Map(Some(1)) => {
                self.enter()?;
                let value = visitor.visit_enum(Variant {
                    de: self,
                    start,
                    has_data: true,
                })?;
                self.depth -= 1;
                Ok(value)
            }
            _ => Err(item.mismatch("an enum: a text, or a map of one entry")),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }
}
