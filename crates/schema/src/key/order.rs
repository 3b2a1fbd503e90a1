//! The order-preserving encoding: bytes that compare as the keys do.
//!
//! | key | bytes |
//! | --- | --- |
//! | `bool` | one: `00` for false, `01` for true |
//! | `u8` to `u128` | 1 to 16: big-endian |
//! | `i8` to `i128` | 1 to 16: big-endian, the sign bit flipped |
//! | `char` | 4: its code point as a `u32` |
//! | `String`, `Vec<u8>` | its bytes, each `00` as `00 FF`, then `00 00` |
//! | `[u8; N]` | its N bytes |
//! | `OrderedFloat`, `NotNan` | 4 or 8: its bits; if positive with the sign bit flipped, if negative with all bits flipped; −0 as 0; every NaN as the NaN `7FC00000` or `7FF8000000000000`, the greatest |
//! | `Duration`, `SystemTime` | 12: nanoseconds (since 1970 for a time), as an integer of 96 bits with sign |
//! | `Ipv4Addr`, `Ipv6Addr` | 4 or 16: its octets |
//! | `IpAddr` | 5 or 17: `04` or `06`, then its octets |
//! | an enum by `#[derive(IndexKey)]` | 8: the variant's position, from 0, or its discriminant where the enum writes them, as an `i64` |
//! | `uuid::Uuid` | 16: its bytes |
//! | `rust_decimal::Decimal` | 28: its floor as an `i128`; the rest in units of 10⁻²⁸, as an integer of 96 bits without sign |
//! | `chrono::NaiveDate`, `jiff::civil::Date` | 8: year × 10 000 + month × 100 + day, as an `i64` |
//! | `chrono::NaiveTime` | 8: seconds since midnight, then nanoseconds (10⁹ and more in a leap second), each a `u32` |
//! | `chrono::NaiveDateTime` | 16: the date, then the time |
//! | `chrono::DateTime` of any zone | 16: the date and the time in UTC |
//! | `chrono::TimeDelta`, `jiff::SignedDuration` | 12: nanoseconds, as an integer of 96 bits with sign |
//! | `jiff::civil::Time` | 8: nanoseconds since midnight, as an `i64` |
//! | `jiff::civil::DateTime` | 16: the date, then the time |
//! | `jiff::Timestamp`, `jiff::Zoned` | 12: nanoseconds since 1970 in UTC, as an integer of 96 bits with sign |
//! | `None`, `Some(key)` | `00`, or `01` and the key |
//! | `()`, tuple | nothing, or its parts one after the other |
//! | `Reverse(key)` | the key with every bit flipped |
//!
//! Integers are big-endian everywhere, and those with sign have the sign bit flipped. No encoding is a prefix of
//! another of the same type, so that parts can stand one after the other. The encodings are stored: they never change.
//!
//! ```
//! use std::cmp::Reverse;
//! use deltaview_schema::IndexKey;
//!
//! let mut bytes = Vec::new();
//! (Some("a\0".to_string()), Reverse(1_u16)).encode(&mut bytes);
//! assert_eq!(bytes, [1, b'a', 0, 0xFF, 0, 0, 0xFF, 0xFE]);
//! ```

/// Appends a byte string of any length: `00` becomes `00 FF`, and `00 00` ends it.
pub fn push_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        out.push(byte);
        if byte == 0 {
            out.push(0xFF);
        }
    }
    out.extend([0, 0]);
}

/// Appends a double: NaN is the greatest, −0 is 0.
pub fn push_f64(value: f64, out: &mut Vec<u8>) {
    let bits = if value.is_nan() {
        f64::NAN.to_bits() & !(1 << 63)
    } else {
        (value + 0.0).to_bits()
    };
    let ordered = if bits >> 63 == 0 {
        bits ^ (1 << 63)
    } else {
        !bits
    };
    out.extend(ordered.to_be_bytes());
}

/// Appends a float: NaN is the greatest, −0 is 0.
pub fn push_f32(value: f32, out: &mut Vec<u8>) {
    let bits = if value.is_nan() {
        f32::NAN.to_bits() & !(1 << 31)
    } else {
        (value + 0.0).to_bits()
    };
    let ordered = if bits >> 31 == 0 {
        bits ^ (1 << 31)
    } else {
        !bits
    };
    out.extend(ordered.to_be_bytes());
}

/// Appends nanoseconds as an integer of 96 bits with sign, enough for any count of seconds in 64 bits.
pub(super) fn push_nanoseconds(nanoseconds: i128, out: &mut Vec<u8>) {
    const SIGN: i128 = 1 << 95;
    debug_assert!((-SIGN..SIGN).contains(&nanoseconds), "seconds in 64 bits");
    out.extend_from_slice(&(nanoseconds ^ SIGN).to_be_bytes()[4..]);
}

/// Appends what `encode` appends, with every bit flipped: the order is reversed.
pub fn push_reversed(out: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    encode(out);
    for byte in &mut out[start..] {
        *byte = !*byte;
    }
}
