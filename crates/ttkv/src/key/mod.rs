//! Keys as bytes that compare as the keys do: a canonical encoding of whatever serde can write.
//!
//! It owns those bytes, and never knows which map they are of or where they are kept.
//!
//! ```
//! use deltaview_ttkv::key;
//!
//! let [less, greater] = [("a", -1), ("a", 300)].map(|pair| key::encode(&pair));
//! assert!(less? < greater?);
//! assert_eq!(key::decode::<(String, i64)>(&key::encode(&("a", 300))?)?, ("a".to_string(), 300));
//! # Ok::<(), key::KeyError>(())
//! ```
//!
//! # The format
//!
//! Each item begins with a byte that says what it is, so that the bytes can be read without the type.
//!
//! | item | bytes |
//! | --- | --- |
//! | end of a list, a map or a variant | `00` |
//! | `None`, `()`, a unit struct | `01` |
//! | `Some(x)`, where `x` is written as `01` or begins with `02` | `02`, and `x` |
//! | any other `Some(x)`, a newtype struct | `x` |
//! | `false`, `true` | `08`, `09` |
//! | an integer of any width, from 0 on | `30` + n, and its n bytes, big-endian, without leading zeros |
//! | an integer below 0 | `2F` - n, and the n bytes of -1 minus it, big-endian, without leading zeros, all bits flipped |
//! | `f32`, `f64` | `48`, and the eight bytes of [`deltaview_schema::order::push_f64`]; -0 is 0 |
//! | a byte string | `50`, its bytes with each `00` as `00 FF`, and `00 00` |
//! | text, a `char` | `51`, its UTF-8 in the same way |
//! | a list, a tuple, a struct (its fields in order, without names) | `58`, the items, `00` |
//! | a map | `59`, each key and its value in the order of the keys' bytes, `00` |
//! | a variant of an enum | `5A`, its position from 0 as an integer, what it holds, `00` |
//!
//! # Order
//!
//! The order of the bytes is the derived `Ord` of ordinary types: bools, integers of all widths, `char`, text, `Option`,
//! tuples, structs, enums, lists, `BTreeMap`, `BTreeSet`, and floats by number. Types that serialise as something else are
//! ordered as that: a `Reverse` as what is in it, a time that is written as text as its text, an enum with
//! `#[serde(tag)]` by the names of its variants.
//!
//! # One key
//!
//! Keys that are equal in Rust have the same bytes: maps are sorted by key, also those without an order; the elements of a
//! `HashSet` are sorted too; and -0 is 0. An integer has the same bytes in every width, so a key of `u32` may become one
//! of `u64`. What would break that is an error: a NaN, which equals nothing; a map with a key twice; a field that is left
//! out by `skip_serializing_if`, as fields go by position. Two things can't be seen from here: a set without an order
//! inside of a `#[serde(transparent)]` wrapper of yours, which should be a `BTreeSet`; and a type whose `Eq` says more
//! than its `Serialize` shows.
//!
//! # Change of types
//!
//! Structs are their fields by position, enums their variants by position: names may change, and a variant may be added
//! at the end. A field that is added or moved makes other keys.

mod de;
mod error;
mod ser;
#[cfg(test)]
mod tests;

pub use error::{KeyError, KeyErrorKind};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// How deep lists, maps and variants may nest.
const MAX_DEPTH: usize = 64;

/// The bytes that items begin with.
mod tag {
    pub(super) const END: u8 = 0x00;
    pub(super) const NULL: u8 = 0x01;
    pub(super) const SOME: u8 = 0x02;
    pub(super) const FALSE: u8 = 0x08;
    pub(super) const TRUE: u8 = 0x09;
    /// -1; one less for each byte of what is below it.
    pub(super) const NEGATIVE: u8 = 0x2F;
    /// 0; one more for each byte.
    pub(super) const POSITIVE: u8 = 0x30;
    pub(super) const FLOAT: u8 = 0x48;
    pub(super) const BYTES: u8 = 0x50;
    pub(super) const TEXT: u8 = 0x51;
    pub(super) const LIST: u8 = 0x58;
    pub(super) const MAP: u8 = 0x59;
    pub(super) const VARIANT: u8 = 0x5A;
}

/// Encodes a key.
///
/// # Errors
///
/// A [`KeyError`] where the value can't be a key: see the module's head. Nesting is at most 64 deep.
pub fn encode<K: Serialize + ?Sized>(key: &K) -> Result<Vec<u8>, KeyError> {
    let mut out = Vec::new();
    ser::KeySerializer::new(&mut out).value(key)?;
    Ok(out)
}

/// Decodes a key from exactly the bytes that [`encode`] made of it.
///
/// The key is encoded again and the bytes are compared: no type says by itself that its elements have an order, as those
/// of a set have, and bytes out of that order would be a second key for the same value.
///
/// # Errors
///
/// A [`KeyError`] where the bytes are cut short, are followed by more, are not those that [`encode`] would have made, nest
/// more than 64 deep, or hold something other than a `K`. Any bytes may be given.
pub fn decode<K: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<K, KeyError> {
    let key = read(bytes)?;
    if encode(&key)? == bytes {
        return Ok(key);
    }
    Err(KeyError::new(
        KeyErrorKind::NotCanonical,
        "the bytes are of a key that has others".to_owned(),
    ))
}

/// Reads a key of bytes that may not be the ones it is encoded as.
fn read<K: DeserializeOwned>(bytes: &[u8]) -> Result<K, KeyError> {
    let mut deserializer = de::KeyDeserializer::new(bytes);
    let key = K::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(key)
}
