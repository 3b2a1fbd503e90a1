//! `rust_decimal`: a decimal is ordered by its value.
//!
//! `1.0` and `1.00` are equal and have one encoding, but serde writes them as they are, so rows that hold them are
//! equal and yet have different bytes. Normalise a decimal before it enters a row, with `Decimal::normalize` (which
//! also makes −0 into 0).

use rust_decimal::Decimal;

use super::atoms::encoded_atom;

encoded_atom!(Decimal, "Decimal", |it, out| push_decimal(*it, out));

/// Appends the greatest integer that is not above the value, then what is left of it in units of 10⁻²⁸, which is
/// exact: a decimal has at most 28 digits after the point.
fn push_decimal(value: Decimal, out: &mut Vec<u8>) {
    let unit = 10_i128.pow(value.scale());
    let rest_in_units =
        value.mantissa().rem_euclid(unit) * 10_i128.pow(Decimal::MAX_SCALE - value.scale());
    out.extend((value.mantissa().div_euclid(unit) ^ i128::MIN).to_be_bytes());
    // Below 10²⁸, which is below 2⁹⁶: the first four bytes are zeros.
    out.extend_from_slice(&rest_in_units.to_be_bytes()[4..]);
}
