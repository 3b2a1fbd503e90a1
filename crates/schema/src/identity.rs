//! How a table tells rows apart: by at most sixteen bytes each.
//!
//! Owns the step from a row's encoding to its identity. It never looks inside the encoding.

use std::fmt;

/// What tells a row from every other row of its table: at most 16 bytes, made of its encoding.
///
/// A row whose encoding is *shorter* than 16 bytes is its own identity. Any other row's is the first
/// 128 bits of the BLAKE3 hash of its encoding. Since a raw encoding has 15 bytes at most, an identity
/// of 16 bytes is always a hash: no row can be written so that its encoding passes for another row's
/// hash. The hash is a cryptographic one because rows hold what users type; two rows made to
/// collide would be merged into one.
///
/// Identities order by their bytes, as a database orders them.
///
/// ```
/// use deltaview_schema::{Identity, codec};
///
/// let short = Identity::of(&codec::encode(&("tv", 3))?);
/// assert_eq!(short.as_bytes(), [0x82, 0x62, b't', b'v', 0x03]);
/// assert!(short.holds_row());
///
/// let long = Identity::of(&codec::encode(&("a very wide screen", 3))?);
/// assert_eq!(long.as_bytes().len(), 16);
/// assert!(!long.holds_row());
/// # Ok::<(), codec::CodecError>(())
/// ```
// The order of the fields matters: unused bytes are zero, so comparing the padded bytes and then the
// length is comparing `as_bytes()`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    bytes: [u8; Identity::MAX_LEN],
    length: u8,
}

impl Identity {
    /// The most bytes an identity has, and the length of every hashed one.
    pub const MAX_LEN: usize = 16;

    /// The identity of a row from its whole [encoding](crate::codec::encode).
    ///
    /// # Cost
    /// A copy for a short encoding; one BLAKE3 hash, O(bytes), for any other.
    pub fn of(encoded: &[u8]) -> Self {
        if encoded.len() < Self::MAX_LEN {
            return Self::padded(encoded);
        }
        Self::padded(&blake3::hash(encoded).as_bytes()[..Self::MAX_LEN])
    }

    /// The identity that was stored as these bytes; `None` if they are more than 16.
    pub fn from_bytes(stored: &[u8]) -> Option<Self> {
        (stored.len() <= Self::MAX_LEN).then(|| Self::padded(stored))
    }

    /// The bytes to store: 0 to 16.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Whether these bytes are the row's encoding itself, so that a table need not store it again.
    pub fn holds_row(&self) -> bool {
        usize::from(self.length) < Self::MAX_LEN
    }

    fn padded(kept: &[u8]) -> Self {
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..kept.len()].copy_from_slice(kept);
        Self {
            bytes,
            length: u8::try_from(kept.len()).expect("an identity has at most 16 bytes"),
        }
    }
}

/// In lower-case hexadecimal, as a person would look it up in a table.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Identity;

    #[test]
    fn fifteen_bytes_are_kept_and_sixteen_are_hashed() {
        let kept = Identity::of(&[7; 15]);
        assert_eq!(kept.as_bytes(), [7; 15]);
        assert!(kept.holds_row());

        let hashed = Identity::of(&[7; 16]);
        assert_eq!(hashed.as_bytes(), &blake3::hash(&[7; 16]).as_bytes()[..16]);
        assert!(!hashed.holds_row());
    }

    #[test]
    fn the_empty_encoding_is_its_own_identity() {
        let empty = Identity::of(&[]);
        assert_eq!(empty.as_bytes(), [0_u8; 0]);
        assert!(empty.holds_row());
        assert!(empty < Identity::of(&[0]));
    }

    #[test]
    fn more_than_sixteen_stored_bytes_are_no_identity() {
        assert!(Identity::from_bytes(&[0; 16]).is_some());
        assert_eq!(Identity::from_bytes(&[0; 17]), None);
    }

    #[test]
    fn shows_as_hexadecimal() {
        let identity = Identity::of(&[0x00, 0x0a, 0xff]);
        assert_eq!(identity.to_string(), "000aff");
        assert_eq!(format!("{identity:?}"), "Identity(000aff)");
    }

    proptest! {
        #[test]
        fn orders_as_its_bytes(
            a in proptest::collection::vec(0_u8..3, 0..20),
            b in proptest::collection::vec(0_u8..3, 0..20),
        ) {
            let (a, b) = (Identity::of(&a), Identity::of(&b));
            prop_assert_eq!(a.cmp(&b), a.as_bytes().cmp(b.as_bytes()));
        }

        #[test]
        fn is_read_back_from_its_bytes(row in proptest::collection::vec(any::<u8>(), 0..40)) {
            let identity = Identity::of(&row);
            prop_assert_eq!(Identity::from_bytes(identity.as_bytes()), Some(identity));
            prop_assert_eq!(identity.holds_row(), identity.as_bytes() == row);
        }
    }
}
