//! The row codec: a row as canonical CBOR, struct fields by position.
//!
//! Owns the bytes in which every row is stored, hashed and compared. It never knows what a row
//! means, which column a field is, or where the bytes are kept.
//!
//! ```
//! use deltaview_schema::codec;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Product {
//!     name: String,
//!     price: i64,
//! }
//!
//! let tv = Product { name: "tv".into(), price: 3 };
//! let bytes = codec::encode(&tv)?;
//! assert_eq!(bytes, [0x82, 0x62, b't', b'v', 0x03]); // an array of "tv" and 3
//! assert_eq!(codec::decode::<Product>(&bytes)?, tv);
//! # Ok::<(), codec::CodecError>(())
//! ```
//!
//! # The format
//!
//! Rows are CBOR (RFC 8949), written as the `ciborium` crate writes the same value, with these
//! differences:
//!
//! | value | here | `ciborium` |
//! | --- | --- | --- |
//! | struct | array of its fields, in order | map by field name |
//! | struct variant `V { .. }` | map of `"V"` to the array of its fields | map of `"V"` to a map |
//! | map | entries sorted by their keys' bytes; equal keys are an error | in iteration order |
//! | sequence or map of unknown length | definite length | indefinite length |
//! | `-0.0` | `0.0` | `-0.0` |
//! | any NaN | the NaN `f9 7e 00` | the NaN's own bits |
//! | `Some(x)`, `x` written as null (`()`, `None`) | tag 56855 around `x` | null, as for `None` |
//! | `Some(x)` of such a tagged `x` | one more tag 56855 around it | null |
//!
//! So `Option<i64>` is the integer or null, and `None`, `Some(None)` and `Some(Some(None))` are
//! three different values.
//!
//! # Canonical
//!
//! Equal rows have equal bytes, and different rows different bytes, so a row may be found, compared
//! and hashed by its bytes alone. [`decode`] holds to it too: it takes shortest headers, definite
//! lengths and sorted maps only, so no second spelling of a row is read (but for what serde buffers, see
//! below).
//!
//! Some things are the row type's part:
//! - *Sets without an order* (`HashSet`) reach the codec as plain sequences and are written as they
//!   iterate, so two equal ones may differ in bytes: use `BTreeSet`. A `HashMap` is sorted.
//! - `skip_serializing_if` has no meaning where fields go by position, and is an error
//!   ([`CodecErrorKind::SkippedField`]). `#[serde(skip)]` works; a field with `skip_serializing`
//!   alone is written but not read back.
//! - `#[serde(flatten)]` makes a struct a map, with its names stored. It works, and costs the space.
//! - Struct variants (`V { .. }`) of untagged and adjacently tagged enums are written, but serde reads
//!   them by name only: [`decode`] is an error. Give the variant a struct instead, `V(Fields)`.
//! - What serde buffers to look at first (flattened, untagged and internally tagged types) cannot
//!   hold integers beyond 64 bits, for which serde's buffer has no place. And the buffer is lenient
//!   where [`decode`] isn't: it gives out a byte string for text, or a number for a variant's name.
//!   No such bytes are ever written.
//!
//! Rows nest at most 128 deep, in both directions: what [`encode`] writes, [`decode`] reads.

mod access;
mod de;
mod error;
mod ser;
#[cfg(test)]
mod tests;

pub use error::{CodecError, CodecErrorKind};

use ciborium_ll::{Encoder, Header, simple};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How deep arrays, maps, options and enums with data may nest.
///
/// A level costs stack in the row type's own serde code, which debug builds spend freely: 128 levels
/// fit a 2 MiB thread stack with room to spare.
const MAX_DEPTH: usize = 128;

/// Tag 56855 (0xde17) with its header: it wraps what would be null inside `Some`.
///
/// Nothing else in a row has this tag, so an item that begins with these bytes is a wrapped null.
const WRAPPED_NULL: [u8; 3] = [0xd9, 0xde, 0x17];

/// CBOR's null: `None`, `()` and unit structs.
const NULL: u8 = 0xf6;

/// Encodes a row, in canonical CBOR.
///
/// # Errors
/// A [`CodecError`] where the row skips a field, holds a map with a key twice, nests more than 128
/// deep, or its `Serialize` fails or miscounts its elements.
///
/// # Cost
/// O(bytes written), plus a sort for each map that doesn't iterate in the order of its keys' bytes.
/// Sequences of unknown length are moved once, to make room for their header.
pub fn encode<T: Serialize + ?Sized>(row: &T) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    encode_into(row, &mut out)?;
    Ok(out)
}

/// Encodes a row at the end of `out`, which may so be reused from row to row.
///
/// # Errors
/// As [`encode`]. On an error `out` is back at the length it came with.
///
/// ```
/// use deltaview_schema::codec;
///
/// let mut out = vec![1, 2];
/// codec::encode_into(&(7, true), &mut out)?;
/// assert_eq!(out, [1, 2, 0x82, 0x07, 0xf5]);
/// # Ok::<(), codec::CodecError>(())
/// ```
pub fn encode_into<T: Serialize + ?Sized>(row: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = out.len();
    let result = row.serialize(&mut ser::RowSerializer::new(out));
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Decodes a row from exactly the bytes that [`encode`] made of it.
///
/// # Errors
/// A [`CodecError`] where the bytes are cut short, are followed by more, are not canonical CBOR, nest
/// more than 128 deep, or hold something other than a `T`. Any bytes may be given: it neither panics
/// nor, whatever lengths they claim, allocates for more elements than there are bytes.
///
/// # Cost
/// O(bytes read).
///
/// ```
/// use deltaview_schema::codec::{self, CodecErrorKind};
///
/// let error = codec::decode::<(u8, bool)>(&[0x82, 0x07, 0x07]).unwrap_err();
/// assert_eq!(error.kind(), CodecErrorKind::Mismatch);
/// assert_eq!(error.to_string(), "found the integer 7 where a boolean was expected, at byte 2");
/// ```
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut deserializer = de::RowDeserializer::new(bytes);
    let row = T::deserialize(&mut deserializer).map_err(|error| error.or_at(0))?;
    deserializer.end()?;
    Ok(row)
}

/// The bytes of one CBOR header: the first `.1` of `.0`.
fn header_bytes(header: Header) -> ([u8; 9], usize) {
    if let Some((major, argument)) = major_and_argument(header) {
        return argument_bytes(major, argument);
    }
    header_bytes_of_any(header)
}

/// The same by the general encoder: floats need it, and what is spelled here is held to it by a test.
fn header_bytes_of_any(header: Header) -> ([u8; 9], usize) {
    let mut bytes = [0; 9];
    let mut rest = &mut bytes[..];
    Encoder::from(&mut rest)
        .push(header)
        .expect("a CBOR header is at most nine bytes");
    let length = 9 - rest.len();
    (bytes, length)
}

/// The one byte of a header with a small argument. Most are, and need no general encoder.
fn short_header(header: Header) -> Option<u8> {
    let (major, argument) = major_and_argument(header)?;
    match argument {
        0..=23 => Some(major << 5 | argument as u8),
        _ => None,
    }
}

/// What the first three bits of a header say, and the number that it has. None for those that have none.
fn major_and_argument(header: Header) -> Option<(u8, u64)> {
    Some(match header {
        Header::Positive(v) => (0, v),
        Header::Negative(v) => (1, v),
        Header::Bytes(Some(length)) => (2, length as u64),
        Header::Text(Some(length)) => (3, length as u64),
        Header::Array(Some(length)) => (4, length as u64),
        Header::Map(Some(length)) => (5, length as u64),
        Header::Tag(tag) => (6, tag),
        Header::Simple(v) => (7, v.into()),
        _ => return None,
    })
}

/// A header with a number, in its shortest spelling.
fn argument_bytes(major: u8, argument: u64) -> ([u8; 9], usize) {
    let mut bytes = [0; 9];
    let (info, length) = match argument {
        0..=0x17 => (argument as u8, 0),
        0x18..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    bytes[0] = major << 5 | info;
    bytes[1..=length].copy_from_slice(&argument.to_be_bytes()[8 - length..]);
    (bytes, 1 + length)
}

/// A header of several bytes or a tag, and how many bytes it has, where it is in its shortest spelling. Floats, and what is
/// none of a row's, are left to the general decoder.
fn from_long_header(bytes: &[u8]) -> Option<(Header, usize)> {
    let (&first, rest) = bytes.split_first()?;
    let (argument, least, length) = match first & 0x1f {
        short @ 0..24 => (u64::from(short), 0, 1),
        24 => (u64::from(*rest.first()?), 24, 2),
        25 => (u16::from_be_bytes(*rest.first_chunk()?).into(), 0x100, 3),
        26 => (u32::from_be_bytes(*rest.first_chunk()?).into(), 0x1_0000, 5),
        27 => (u64::from_be_bytes(*rest.first_chunk()?), 0x1_0000_0000, 9),
        _ => return None,
    };
    if argument < least {
        return None;
    }
    let size = usize::try_from(argument).ok();
    let header = match first >> 5 {
        0 => Header::Positive(argument),
        1 => Header::Negative(argument),
        2 => Header::Bytes(Some(size?)),
        3 => Header::Text(Some(size?)),
        4 => Header::Array(Some(size?)),
        5 => Header::Map(Some(size?)),
        6 => Header::Tag(argument),
        _ => return None,
    };
    Some((header, length))
}

/// The header that one byte is, unless more bytes belong to it or it is none of a row's.
fn from_short_header(byte: u8) -> Option<Header> {
    let argument = byte & 0x1f;
    let length = Some(usize::from(argument));
    Some(match (byte >> 5, argument) {
        (_, 24..) => return None,
        (0, v) => Header::Positive(v.into()),
        (1, v) => Header::Negative(v.into()),
        (2, _) => Header::Bytes(length),
        (3, _) => Header::Text(length),
        (4, _) => Header::Array(length),
        (5, _) => Header::Map(length),
        (7, v @ (simple::FALSE | simple::TRUE | simple::NULL)) => Header::Simple(v),
        _ => return None,
    })
}
