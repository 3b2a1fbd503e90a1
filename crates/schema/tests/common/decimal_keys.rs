//! Random decimals, for the feature `rust_decimal`. See `keys.rs`, whose names must be in scope as well.

use super::keys::{Strategy, any, prop_oneof};
pub(crate) use rust_decimal::Decimal;

macro_rules! for_each_decimal_key_type {
    ($callback:ident) => {
        $callback!(decimal_key, Decimal, decimal_keys());
        $callback!(option_decimal_key, Option<Decimal>, of(decimal_keys()));
    };
}

/// Small ones that are often equal at different scales (−0 among them), and any mantissa at any scale.
pub(crate) fn decimal_keys() -> impl Strategy<Value = Decimal> {
    let small = (-2_i64..=2, 0_u32..3, 0_u32..=3, any::<bool>()).prop_map(
        |(mantissa, zeros, scale, negative)| {
            let mut decimal = Decimal::new(mantissa * 10_i64.pow(zeros), scale);
            if decimal.is_zero() {
                decimal.set_sign_negative(negative);
            }
            decimal
        },
    );
    let any_parts = (any::<[u32; 3]>(), any::<bool>(), 0_u32..=Decimal::MAX_SCALE);
    let wide = any_parts.prop_map(|([lo, mid, hi], negative, scale)| {
        Decimal::from_parts(lo, mid, hi, negative, scale)
    });
    let extreme = (any::<bool>(), 0_u32..=Decimal::MAX_SCALE).prop_map(|(negative, scale)| {
        Decimal::from_parts(u32::MAX, u32::MAX, u32::MAX, negative, scale)
    });
    let least = (any::<bool>(), 0_u32..=Decimal::MAX_SCALE)
        .prop_map(|(negative, scale)| Decimal::from_parts(1, 0, 0, negative, scale));
    prop_oneof![4 => small, 4 => wide, 1 => extreme, 1 => least]
}
