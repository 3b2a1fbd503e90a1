//! How a table tells rows apart: by a short row itself, or by sixteen bytes of a long one's hash.
//!
//! Owns the step from a row's encoding to its identity. It never looks inside the encoding.

use std::fmt;

/// What tells a row from every other row of its table: at most 64 bytes, made of its encoding.
///
/// A row whose encoding has at most 64 bytes is its own identity, unless it has exactly 16. Any other row's is the first
/// 128 bits of the BLAKE3 hash of its encoding. Since no row of 16 bytes is its own identity, an identity
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
/// let long = Identity::of(&codec::encode(&("a very wide screen ".repeat(4), 3))?);
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
    /// The most bytes an identity has.
    ///
    /// A longer limit would make the keys of indexes longer, which a database compares whole and of which a page holds few;
    /// up to there a row costs less once as its identity than as a hash with the row beside it.
    pub const MAX_LEN: usize = 64;

    /// The length of a hashed one, and of no other.
    pub const HASH_LEN: usize = 16;

    /// The identity of a row from its whole [encoding](crate::codec::encode).
    ///
    /// # Cost
    /// A copy for a short encoding; one BLAKE3 hash, O(bytes), for any other.
    pub fn of(encoded: &[u8]) -> Self {
        if encoded.len() <= Self::MAX_LEN && encoded.len() != Self::HASH_LEN {
            return Self::padded(encoded);
        }
        Self::padded(&blake3::hash(encoded).as_bytes()[..Self::HASH_LEN])
    }

    /// The identity that was stored as these bytes; `None` if they are more than 64.
    pub fn from_bytes(stored: &[u8]) -> Option<Self> {
        (stored.len() <= Self::MAX_LEN).then(|| Self::padded(stored))
    }

    /// The bytes to store: 0 to 64.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Whether these bytes are the row's encoding itself, so that a table need not store it again.
    pub fn holds_row(&self) -> bool {
        usize::from(self.length) != Self::HASH_LEN
    }

    fn padded(kept: &[u8]) -> Self {
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..kept.len()].copy_from_slice(kept);
        Self {
            bytes,
            length: u8::try_from(kept.len()).expect("an identity has at most 64 bytes"),
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
    fn short_rows_are_kept_but_those_that_are_as_long_as_a_hash() {
        for length in [15, 17, 64] {
            let row = vec![7; length];
            let kept = Identity::of(&row);
            assert_eq!(kept.as_bytes(), row);
            assert!(kept.holds_row());
        }
        for length in [16, 65, 1_000] {
            let row = vec![7; length];
            let hashed = Identity::of(&row);
            assert_eq!(hashed.as_bytes(), &blake3::hash(&row).as_bytes()[..16]);
            assert!(!hashed.holds_row());
        }
    }

    #[test]
    fn the_empty_encoding_is_its_own_identity() {
        let empty = Identity::of(&[]);
        assert_eq!(empty.as_bytes(), [0_u8; 0]);
        assert!(empty.holds_row());
        assert!(empty < Identity::of(&[0]));
    }

    #[test]
    fn more_than_sixty_four_stored_bytes_are_no_identity() {
        assert!(Identity::from_bytes(&[0; 64]).is_some());
        assert_eq!(Identity::from_bytes(&[0; 65]), None);
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
            a in proptest::collection::vec(0_u8..3, 0..80),
            b in proptest::collection::vec(0_u8..3, 0..80),
        ) {
            let (a, b) = (Identity::of(&a), Identity::of(&b));
            prop_assert_eq!(a.cmp(&b), a.as_bytes().cmp(b.as_bytes()));
        }

        #[test]
        fn is_read_back_from_its_bytes(row in proptest::collection::vec(any::<u8>(), 0..100)) {
            let identity = Identity::of(&row);
            prop_assert_eq!(Identity::from_bytes(identity.as_bytes()), Some(identity));
            prop_assert_eq!(identity.holds_row(), identity.as_bytes() == row);
        }
    }
}
