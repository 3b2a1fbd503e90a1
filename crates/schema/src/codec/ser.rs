//! Rows into bytes: a serde serializer that appends to a `Vec<u8>` and builds no value in between.

use std::fmt::Display;
use std::io::Write;

use ciborium_ll::{Header, simple, tag};
use serde::ser::{self, Serialize, Serializer};

use super::error::{CodecError, CodecErrorKind};
use super::{MAX_DEPTH, NULL, WRAPPED_NULL, header_bytes, short_header};

type Result<T = ()> = std::result::Result<T, CodecError>;

/// Appends one item to `out`.
pub(super) struct RowSerializer<'out> {
    out: &'out mut Vec<u8>,
    depth: usize,
}

impl<'out> RowSerializer<'out> {
    pub(super) fn new(out: &'out mut Vec<u8>) -> Self {
        Self { out, depth: 0 }
    }

    fn push(&mut self, header: Header) {
        if let Some(byte) = short_header(header) {
            self.out.push(byte);
            return;
        }
        let (bytes, length) = header_bytes(header);
        self.out.extend_from_slice(&bytes[..length]);
    }

    /// Puts a header before what was written since `start`.
    fn push_before(&mut self, start: usize, header: Header) {
        let (bytes, length) = header_bytes(header);
        self.out
            .splice(start..start, bytes[..length].iter().copied());
    }

    fn text(&mut self, text: &str) {
        self.push(Header::Text(Some(text.len())));
        self.out.extend_from_slice(text.as_bytes());
    }

    /// An integer beyond 64 bits, as a tagged byte string without leading zeros.
    fn big(&mut self, tag: u64, magnitude: u128) {
        let bytes = magnitude.to_be_bytes();
        let digits = &bytes[magnitude.leading_zeros() as usize / 8..];
        self.push(Header::Tag(tag));
        self.push(Header::Bytes(Some(digits.len())));
        self.out.extend_from_slice(digits);
    }

    fn enter(&mut self) -> Result {
        if self.depth == MAX_DEPTH {
            return Err(CodecError::too_deep());
        }
        self.depth += 1;
        Ok(())
    }

    /// Begins the map of one entry that an enum with data is.
    fn enter_variant(&mut self, variant: &str) -> Result {
        self.enter()?;
        self.push(Header::Map(Some(1)));
        self.text(variant);
        Ok(())
    }

    fn items<'ser>(
        &'ser mut self,
        length: Option<usize>,
        outer: usize,
    ) -> Result<Items<'ser, 'out>> {
        self.enter()?;
        let start = self.out.len();
        if length.is_some() {
            self.push(Header::Array(length));
        }
        Ok(Items {
            start,
            announced: length,
            written: 0,
            outer,
            ser: self,
        })
    }
}

impl<'ser, 'out> Serializer for &'ser mut RowSerializer<'out> {
    type Ok = ();
    type Error = CodecError;
    type SerializeSeq = Items<'ser, 'out>;
    type SerializeTuple = Items<'ser, 'out>;
    type SerializeTupleStruct = Items<'ser, 'out>;
    type SerializeTupleVariant = Items<'ser, 'out>;
    type SerializeMap = Entries<'ser, 'out>;
    type SerializeStruct = Items<'ser, 'out>;
    type SerializeStructVariant = Items<'ser, 'out>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, v: bool) -> Result {
        self.push(Header::Simple(if v { simple::TRUE } else { simple::FALSE }));
        Ok(())
    }

    fn serialize_i8(self, v: i8) -> Result {
        self.serialize_i64(v.into())
    }

    fn serialize_i16(self, v: i16) -> Result {
        self.serialize_i64(v.into())
    }

    fn serialize_i32(self, v: i32) -> Result {
        self.serialize_i64(v.into())
    }

    fn serialize_i64(self, v: i64) -> Result {
        // CBOR counts negatives from -1 down, which is two's complement with its bits flipped.
        self.push(match u64::try_from(v) {
            Ok(v) => Header::Positive(v),
            Err(_) => Header::Negative(!v.cast_unsigned()),
        });
        Ok(())
    }

    fn serialize_i128(self, v: i128) -> Result {
        if let Ok(v) = u128::try_from(v) {
            return self.serialize_u128(v);
        }
        let below = !v.cast_unsigned();
        match u64::try_from(below) {
            Ok(below) => self.push(Header::Negative(below)),
            Err(_) => self.big(tag::BIGNEG, below),
        }
        Ok(())
    }

    fn serialize_u8(self, v: u8) -> Result {
        self.serialize_u64(v.into())
    }

    fn serialize_u16(self, v: u16) -> Result {
        self.serialize_u64(v.into())
    }

    fn serialize_u32(self, v: u32) -> Result {
        self.serialize_u64(v.into())
    }

    fn serialize_u64(self, v: u64) -> Result {
        self.push(Header::Positive(v));
        Ok(())
    }

    fn serialize_u128(self, v: u128) -> Result {
        match u64::try_from(v) {
            Ok(v) => self.push(Header::Positive(v)),
            Err(_) => self.big(tag::BIGPOS, v),
        }
        Ok(())
    }

    fn serialize_f32(self, v: f32) -> Result {
        self.serialize_f64(v.into())
    }

    fn serialize_f64(self, v: f64) -> Result {
        self.push(Header::Float(one_spelling(v)));
        Ok(())
    }

    fn serialize_char(self, v: char) -> Result {
        self.text(v.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, v: &str) -> Result {
        self.text(v);
        Ok(())
    }

    fn collect_str<T: ?Sized + Display>(self, value: &T) -> Result {
        let start = self.out.len();
        write!(self.out, "{value}").map_err(|_| {
            CodecError::new(
                CodecErrorKind::Custom,
                "a field that is stored as text failed to format itself",
            )
        })?;
        let length = self.out.len() - start;
        self.push_before(start, Header::Text(Some(length)));
        Ok(())
    }

    fn serialize_bytes(self, v: &[u8]) -> Result {
        self.push(Header::Bytes(Some(v.len())));
        self.out.extend_from_slice(v);
        Ok(())
    }

    fn serialize_none(self) -> Result {
        self.out.push(NULL);
        Ok(())
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result {
        self.enter()?;
        let start = self.out.len();
        value.serialize(&mut *self)?;
        self.depth -= 1;
        // What is null, or wraps one already, would be taken for `None` or for a flatter `Some`.
        let inner = &self.out[start..];
        if inner == [NULL] || inner.starts_with(&WRAPPED_NULL) {
            self.out.splice(start..start, WRAPPED_NULL);
        }
        Ok(())
    }

    fn serialize_unit(self) -> Result {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result {
        self.serialize_none()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        self.enter_variant(variant)?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items<'ser, 'out>> {
        self.items(length, 0)
    }

    fn serialize_tuple(self, length: usize) -> Result<Items<'ser, 'out>> {
        self.items(Some(length), 0)
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<Items<'ser, 'out>> {
        self.items(Some(length), 0)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Items<'ser, 'out>> {
        self.enter_variant(variant)?;
        self.items(Some(length), 1)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Entries<'ser, 'out>> {
        self.enter()?;
        let start = self.out.len();
        if length.is_some() {
            self.push(Header::Map(length));
        }
        Ok(Entries {
            start,
            body: self.out.len(),
            announced: length,
            keys: Vec::with_capacity(length.unwrap_or(0).min(1024)),
            values: 0,
            ser: self,
        })
    }

    fn serialize_struct(self, _name: &'static str, length: usize) -> Result<Items<'ser, 'out>> {
        self.items(Some(length), 0)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Items<'ser, 'out>> {
        self.enter_variant(variant)?;
        self.items(Some(length), 1)
    }
}

/// Floats that are equal to a database or a person have one spelling: no -0, one NaN.
pub(super) fn one_spelling(v: f64) -> f64 {
    if v.is_nan() {
        f64::from_bits(0x7ff8_0000_0000_0000)
    } else if v == 0.0 {
        0.0
    } else {
        v
    }
}

/// An array under way: a sequence, a tuple, or the fields of a struct.
pub(super) struct Items<'ser, 'out> {
    ser: &'ser mut RowSerializer<'out>,
    start: usize,
    announced: Option<usize>,
    written: usize,
    /// Levels to leave besides the array's own: one for the map around a variant's fields.
    outer: usize,
}

impl Items<'_, '_> {
    fn item<T: ?Sized + Serialize>(&mut self, value: &T) -> Result {
        self.written += 1;
        value.serialize(&mut *self.ser)
    }

    fn close(self) -> Result {
        match self.announced {
            None => self
                .ser
                .push_before(self.start, Header::Array(Some(self.written))),
            Some(announced) => same_length("elements", announced, self.written)?,
        }
        self.ser.depth -= 1 + self.outer;
        Ok(())
    }
}

fn same_length(what: &str, announced: usize, written: usize) -> Result {
    if announced == written {
        return Ok(());
    }
    Err(CodecError::new(
        CodecErrorKind::WrongLength,
        format_args!(
            "a `Serialize` announced {announced} {what} and wrote {written}: correct the length it passes"
        ),
    ))
}

fn skipped(field: &str) -> CodecError {
    CodecError::new(
        CodecErrorKind::SkippedField,
        format_args!(
            "the field `{field}` is left out of this row, but fields are stored by position: \
             remove its `skip_serializing_if`"
        ),
    )
}

impl ser::SerializeSeq for Items<'_, '_> {
    type Ok = ();
    type Error = CodecError;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result {
        self.item(value)
    }

    fn end(self) -> Result {
        self.close()
    }
}

impl ser::SerializeTuple for Items<'_, '_> {
    type Ok = ();
    type Error = CodecError;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result {
        self.item(value)
    }

    fn end(self) -> Result {
        self.close()
    }
}

impl ser::SerializeTupleStruct for Items<'_, '_> {
    type Ok = ();
    type Error = CodecError;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result {
        self.item(value)
    }

    fn end(self) -> Result {
        self.close()
    }
}

impl ser::SerializeTupleVariant for Items<'_, '_> {
    type Ok = ();
    type Error = CodecError;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result {
        self.item(value)
    }

    fn end(self) -> Result {
        self.close()
    }
}

impl ser::SerializeStruct for Items<'_, '_> {
    type Ok = ();
    type Error = CodecError;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, _name: &'static str, value: &T) -> Result {
        self.item(value)
    }

    fn skip_field(&mut self, name: &'static str) -> Result {
        Err(skipped(name))
    }

    fn end(self) -> Result {
        self.close()
    }
}

impl ser::SerializeStructVariant for Items<'_, '_> {
    type Ok = ();
    type Error = CodecError;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, _name: &'static str, value: &T) -> Result {
        self.item(value)
    }

    fn skip_field(&mut self, name: &'static str) -> Result {
        Err(skipped(name))
    }

    fn end(self) -> Result {
        self.close()
    }
}

/// A map under way. Its entries are written as they come and put in order at the end.
pub(super) struct Entries<'ser, 'out> {
    ser: &'ser mut RowSerializer<'out>,
    start: usize,
    /// Where the entries begin, after the header if there is one yet.
    body: usize,
    announced: Option<usize>,
    /// Where each key begins and ends, counted from `body`.
    keys: Vec<(usize, usize)>,
    values: usize,
}

impl Entries<'_, '_> {
    fn sort(&mut self) -> Result {
        let out = &mut *self.ser.out;
        let body = &out[self.body..];
        let key = |&(start, end): &(usize, usize)| &body[start..end];
        if self.keys.is_sorted_by(|a, b| key(a) < key(b)) {
            return Ok(());
        }
        // An entry ends where the next one, in the order of writing, begins.
        let ends = self.keys.iter().skip(1).map(|&(start, _)| start);
        let ends = ends.chain([body.len()]);
        let mut entries: Vec<_> = self.keys.iter().copied().zip(ends).collect();
        entries.sort_unstable_by_key(|(range, _)| key(range));
        if let Some(pair) = entries
            .windows(2)
            .find(|pair| key(&pair[0].0) == key(&pair[1].0))
        {
            return Err(duplicate(key(&pair[0].0)));
        }
        let unsorted = out.split_off(self.body);
        for ((start, _), end) in entries {
            out.extend_from_slice(&unsorted[start..end]);
        }
        Ok(())
    }
}

fn duplicate(key: &[u8]) -> CodecError {
    let shown: String = key.iter().take(32).map(|b| format!("{b:02x}")).collect();
    let more = if key.len() > 32 { "…" } else { "" };
    CodecError::new(
        CodecErrorKind::DuplicateKey,
        format_args!(
            "a map holds two keys with the same encoding, {shown}{more}: keys of a stored map must differ"
        ),
    )
}

impl ser::SerializeMap for Entries<'_, '_> {
    type Ok = ();
    type Error = CodecError;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result {
        same_length("keys of a map", self.values, self.keys.len())?;
        let start = self.ser.out.len();
        key.serialize(&mut *self.ser)?;
        let end = self.ser.out.len();
        self.keys.push((start - self.body, end - self.body));
        Ok(())
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result {
        self.values += 1;
        same_length("values of a map", self.keys.len(), self.values)?;
        value.serialize(&mut *self.ser)
    }

    fn end(mut self) -> Result {
        let entries = self.keys.len();
        same_length("values of a map", entries, self.values)?;
        self.sort()?;
        match self.announced {
            None => self.ser.push_before(self.start, Header::Map(Some(entries))),
            Some(announced) => same_length("entries of a map", announced, entries)?,
        }
        self.ser.depth -= 1;
        Ok(())
    }
}
