//! What can go wrong between a row and its bytes.

use std::fmt;

use serde::de::{Expected, Unexpected};
use thiserror::Error;

/// A row that could not be encoded, or bytes that could not be decoded.
///
/// The message says what was found, what was expected and, for bytes, at which byte the item in
/// question begins.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct CodecError(Box<Repr>);

/// What kind of fault a [`CodecError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecErrorKind {
    /// The bytes end before the row does.
    Truncated,
    /// Bytes follow the row.
    TrailingBytes,
    /// The bytes are not CBOR, or use a part of CBOR that no row needs.
    Malformed,
    /// The bytes are CBOR that [`encode`](super::encode) would have spelled otherwise.
    NotCanonical,
    /// The bytes hold something other than the row type: another type, length, value or variant.
    Mismatch,
    /// The row nests more than 128 deep.
    TooDeep,
    /// A field was left out by `skip_serializing_if`, which fields by position cannot have.
    SkippedField,
    /// A map holds two keys with the same encoding.
    DuplicateKey,
    /// A `Serialize` announced another number of elements than it wrote.
    WrongLength,
    /// The row type's own `Serialize` or `Deserialize` failed.
    Custom,
}

impl CodecError {
    /// What kind of fault this is.
    pub fn kind(&self) -> CodecErrorKind {
        self.0.kind
    }

    /// Where in the decoded bytes the faulty item begins, in bytes; `None` for an error of encoding.
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }

    pub(super) fn new(kind: CodecErrorKind, message: impl fmt::Display) -> Self {
        Self(Box::new(Repr {
            kind,
            message: clipped(message.to_string()),
            offset: None,
        }))
    }

    /// Sets the offset, unless a more inner item has already.
    pub(super) fn or_at(mut self, offset: usize) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    pub(super) fn mismatch(found: impl fmt::Display, expected: impl fmt::Display) -> Self {
        Self::new(
            CodecErrorKind::Mismatch,
            format_args!("found {found} where {expected} was expected"),
        )
    }

    pub(super) fn too_deep() -> Self {
        Self::new(
            CodecErrorKind::TooDeep,
            format_args!(
                "the row nests more than {} deep: keep it flatter, or refer to other rows by key",
                super::MAX_DEPTH
            ),
        )
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Repr {
    kind: CodecErrorKind,
    message: String,
    offset: Option<usize>,
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.offset {
            Some(offset) => write!(f, ", at byte {offset}"),
            None => Ok(()),
        }
    }
}

/// Messages of serde may quote a whole value of the row: a line of it is enough.
fn clipped(mut message: String) -> String {
    const MOST: usize = 300;
    if message.len() > MOST {
        message.truncate(message.floor_char_boundary(MOST));
        message.push('…');
    }
    message
}

impl serde::ser::Error for CodecError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(CodecErrorKind::Custom, message)
    }
}

impl serde::de::Error for CodecError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(CodecErrorKind::Custom, message)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::mismatch(found, expected)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::mismatch(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::mismatch(format_args!("{length} elements"), expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::mismatch(
            format_args!("the variant `{variant}`"),
            format_args!("one of {}", Names(expected)),
        )
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::mismatch(
            format_args!("the field `{field}`"),
            format_args!("one of {}", Names(expected)),
        )
    }

    fn missing_field(field: &'static str) -> Self {
        Self::mismatch("no such field", format_args!("the field `{field}`"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(
            CodecErrorKind::Mismatch,
            format_args!("found the field `{field}` twice"),
        )
    }
}

struct Names(&'static [&'static str]);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no names at all");
        }
        for (i, name) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}`{name}`")?;
        }
        Ok(())
    }
}
