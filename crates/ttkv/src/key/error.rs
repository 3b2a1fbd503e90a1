//! What can go wrong between a key and its bytes.

use std::fmt;

use thiserror::Error;

/// A value that can't be a key, or bytes that are none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct KeyError {
    kind: KeyErrorKind,
    message: String,
}

/// What kind of fault a [`KeyError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// The value has a NaN, which equals nothing.
    NotANumber,
    /// A map has a key twice.
    DuplicateKey,
    /// A field was left out by `skip_serializing_if`, which fields by position can't have.
    SkippedField,
    /// The value or the bytes nest too deep.
    TooDeep,
    /// The bytes end before the key does.
    Truncated,
    /// Bytes follow the key.
    TrailingBytes,
    /// The bytes have something that no key begins with.
    Malformed,
    /// The bytes spell a key otherwise than it is encoded.
    NotCanonical,
    /// The bytes hold something other than the key's type.
    Mismatch,
    /// The key type's own `Serialize` or `Deserialize` failed.
    Custom,
}

impl KeyError {
    /// What kind of fault this is.
    pub fn kind(&self) -> KeyErrorKind {
        self.kind
    }

    pub(super) fn new(kind: KeyErrorKind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        // Serde may quote a whole value: a line of it is enough.
        if message.len() > 300 {
            message.truncate(message.floor_char_boundary(300));
            message.push('…');
        }
        Self { kind, message }
    }

    pub(super) fn too_deep() -> Self {
        let most = super::MAX_DEPTH;
        Self::new(
            KeyErrorKind::TooDeep,
            format!("the key nests more than {most} deep: keep it flatter"),
        )
    }
}

impl serde::ser::Error for KeyError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(KeyErrorKind::Custom, message.to_string())
    }
}

impl serde::de::Error for KeyError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(KeyErrorKind::Custom, message.to_string())
    }

    fn invalid_type(found: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        let message = format!("found {found} where {expected} was expected");
        Self::new(KeyErrorKind::Mismatch, message)
    }

    fn invalid_value(found: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn serde::de::Expected) -> Self {
        let message = format!("found {length} items where {expected} was expected");
        Self::new(KeyErrorKind::Mismatch, message)
    }
}
