//! Random keys: a strategy for each key type of the standard library and for composites of them, made to meet the
//! corners of their orders. The types behind features are in the files beside this one: `uuid_keys.rs`,
//! `decimal_keys.rs`, `chrono_keys.rs`, `jiff_keys.rs`, each with a macro of the file's name.
//!
//! A store that proves its `ORDER BY` includes the files and generates a test for each type:
//!
//! ```text
//! #[macro_use]
//! #[path = "../../schema/tests/common/keys.rs"]
//! mod keys;
//! use keys::*;
//!
//! macro_rules! order_test {
//!     ($name:ident, $type:ty, $strategy:expr) => {
//!         #[test]
//!         fn $name() {
//!             check_order::<$type>($strategy)
//!         }
//!     };
//! }
//! for_each_key_type!(order_test);
//! ```
//!
//! Texts hold NULs. A database whose texts can't leaves out the keys with a NUL in a `KeyValue::Text`.

pub(crate) use std::cmp::Reverse;
pub(crate) use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
pub(crate) use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use deltaview_schema::{NotNan, OrderedFloat};
pub(crate) use proptest::option::of;
pub(crate) use proptest::prelude::*;

/// Calls `$callback!(name, Type, strategy)` for each key type. The names are lower-case and unique, fit to be those of
/// functions and tables; the strategies are expressions of [`Strategy`]`<Value = Type>`.
macro_rules! for_each_key_type {
    ($callback:ident) => {
        $callback!(bool_key, bool, any::<bool>());
        $callback!(i8_key, i8, any::<i8>());
        $callback!(
            i16_key,
            i16,
            edges_or_any([i16::MIN, -256, -1, 0, 1, 255, 256, i16::MAX])
        );
        $callback!(
            i32_key,
            i32,
            edges_or_any([i32::MIN, -65_536, -1, 0, 1, 65_536, i32::MAX])
        );
        $callback!(i64_key, i64, i64_keys());
        $callback!(i128_key, i128, i128_keys());
        $callback!(u8_key, u8, any::<u8>());
        $callback!(
            u16_key,
            u16,
            edges_or_any([0, 1, 255, 256, 0x7FFF, 0x8000, u16::MAX])
        );
        $callback!(
            u32_key,
            u32,
            edges_or_any([0, 1, 0x7FFF_FFFF, 0x8000_0000, u32::MAX])
        );
        $callback!(
            u64_key,
            u64,
            edges_or_any([0, 1, i64::MAX as u64, 1 << 63, u64::MAX])
        );
        $callback!(u128_key, u128, u128_keys());
        $callback!(char_key, char, char_keys());
        $callback!(string_key, String, string_keys());
        $callback!(byte_string_key, Vec<u8>, byte_string_keys());
        $callback!(
            byte_array_key,
            [u8; 3],
            any::<[u8; 3]>().prop_map(|bytes| bytes.map(edge_byte))
        );
        $callback!(
            ordered_f64_key,
            OrderedFloat<f64>,
            double().prop_map(OrderedFloat)
        );
        $callback!(
            ordered_f32_key,
            OrderedFloat<f32>,
            single().prop_map(OrderedFloat)
        );
        $callback!(
            not_nan_f64_key,
            NotNan<f64>,
            double().prop_filter_map("NaN", |x| NotNan::new(x).ok())
        );
        $callback!(
            not_nan_f32_key,
            NotNan<f32>,
            single().prop_filter_map("NaN", |x| NotNan::new(x).ok())
        );
        $callback!(duration_key, Duration, duration_keys());
        $callback!(system_time_key, SystemTime, system_time_keys());
        $callback!(ipv4_key, Ipv4Addr, ipv4_keys());
        $callback!(ipv6_key, Ipv6Addr, ipv6_keys());
        $callback!(
            ip_key,
            IpAddr,
            prop_oneof![
                ipv4_keys().prop_map(IpAddr::V4),
                ipv6_keys().prop_map(IpAddr::V6)
            ]
        );

        $callback!(option_i64_key, Option<i64>, of(i64_keys()));
        $callback!(option_string_key, Option<String>, of(string_keys()));
        $callback!(
            option_byte_string_key,
            Option<Vec<u8>>,
            of(byte_string_keys())
        );
        $callback!(option_u128_key, Option<u128>, of(u128_keys()));
        $callback!(option_unit_key, Option<()>, of(Just(())));
        $callback!(option_single_key, Option<(String,)>, of((string_keys(),)));
        $callback!(option_option_key, Option<Option<i64>>, of(of(i64_keys())));
        $callback!(
            option_thrice_key,
            Option<Option<Option<bool>>>,
            of(of(of(any::<bool>())))
        );
        $callback!(
            option_reverse_key,
            Option<Reverse<String>>,
            of(string_keys().prop_map(Reverse))
        );
        $callback!(
            option_pair_key,
            Option<(String, Vec<u8>)>,
            of((string_keys(), byte_string_keys()))
        );
        $callback!(
            reverse_string_key,
            Reverse<String>,
            string_keys().prop_map(Reverse)
        );
        $callback!(
            reverse_option_key,
            Reverse<Option<String>>,
            of(string_keys()).prop_map(Reverse)
        );
        $callback!(
            reverse_u128_key,
            Reverse<u128>,
            u128_keys().prop_map(Reverse)
        );
        $callback!(
            reverse_reverse_key,
            Reverse<Reverse<i64>>,
            i64_keys().prop_map(|key| Reverse(Reverse(key)))
        );
        $callback!(
            reverse_pair_key,
            Reverse<(Option<char>, i8)>,
            (of(char_keys()), small()).prop_map(Reverse)
        );
        $callback!(
            three_key,
            (String, Option<i64>, Reverse<u128>),
            (string_keys(), of(i64_keys()), u128_keys().prop_map(Reverse))
        );
        $callback!(
            two_strings_key,
            (String, String),
            (string_keys(), string_keys())
        );
        $callback!(
            option_then_reverse_key,
            (Option<i8>, Reverse<Option<i8>>),
            (of(small()), of(small()).prop_map(Reverse))
        );
        $callback!(
            nested_key,
            ((i8, bool), (Option<String>, (Reverse<Vec<u8>>,))),
            (
                (small(), any::<bool>()),
                (of(string_keys()), (byte_string_keys().prop_map(Reverse),))
            )
        );
        $callback!(
            deep_option_key,
            (Option<(Option<String>, Reverse<i128>)>, bool),
            (
                of((of(string_keys()), i128_keys().prop_map(Reverse))),
                any::<bool>()
            )
        );
        $callback!(
            option_reverse_option_key,
            Option<Reverse<Option<(Vec<u8>, i8)>>>,
            of(of((byte_string_keys(), small())).prop_map(Reverse))
        );
        $callback!(
            eight_key,
            (
                bool,
                Option<i8>,
                Reverse<i8>,
                Option<bool>,
                Option<Reverse<bool>>,
                i8,
                Reverse<Option<i8>>,
                String
            ),
            (
                any::<bool>(),
                of(small()),
                small().prop_map(Reverse),
                of(any::<bool>()),
                of(any::<bool>().prop_map(Reverse)),
                small(),
                of(small()).prop_map(Reverse),
                string_keys(),
            )
        );
    };
}

/// One of the edges, or any value at all.
pub(crate) fn edges_or_any<T: Arbitrary + Clone + 'static, const N: usize>(
    edges: [T; N],
) -> impl Strategy<Value = T> {
    prop_oneof![proptest::sample::select(edges.to_vec()), any::<T>()]
}

/// So few numbers that parts of tuples are often equal.
pub(crate) fn small() -> impl Strategy<Value = i8> {
    -1_i8..=1
}

pub(crate) fn i64_keys() -> impl Strategy<Value = i64> {
    edges_or_any([
        i64::MIN,
        i64::MIN + 1,
        -(1 << 53) - 1,
        -256,
        -1,
        0,
        1,
        255,
        (1 << 53) + 1,
        i64::MAX,
    ])
}

pub(crate) fn i128_keys() -> impl Strategy<Value = i128> {
    edges_or_any([
        i128::MIN,
        i64::MIN as i128 - 1,
        -1,
        0,
        1,
        i64::MAX as i128 + 1,
        1 << 64,
        i128::MAX,
    ])
}

pub(crate) fn u128_keys() -> impl Strategy<Value = u128> {
    edges_or_any([0, 1, 1 << 63, 1 << 64, 1 << 127, u128::MAX])
}

/// Characters of each length in UTF-8, at the ends of each; those above U+FFFF come before U+E000 in UTF-16.
const CHARS: [char; 16] = [
    '\0',
    '\u{1}',
    ' ',
    '1',
    'A',
    'a',
    'b',
    '\u{7F}',
    '\u{80}',
    'é',
    '\u{7FF}',
    '\u{800}',
    '\u{E000}',
    '\u{FFFF}',
    '\u{10000}',
    '\u{10FFFF}',
];

pub(crate) fn char_keys() -> impl Strategy<Value = char> {
    edges_or_any(CHARS)
}

pub(crate) fn string_keys() -> impl Strategy<Value = String> {
    let short = proptest::collection::vec(proptest::sample::select(CHARS.to_vec()), 0..4);
    prop_oneof![4 => short.prop_map(String::from_iter), 1 => any::<String>()]
}

/// Bytes that an encoding can confuse with its own.
pub(crate) fn edge_byte(byte: u8) -> u8 {
    [0x00, 0x01, 0x02, b'a', 0x7F, 0x80, 0xFE, 0xFF][usize::from(byte % 8)]
}

pub(crate) fn byte_string_keys() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>().prop_map(edge_byte), 0..5)
}

pub(crate) fn double() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{ANY, SUBNORMAL};
    let (nan, least) = (f64::from_bits(0xFFF8_0000_0000_0001), f64::from_bits(1));
    let (infinity, tiny) = (f64::INFINITY, f64::MIN_POSITIVE);
    let edges = vec![
        f64::NAN,
        nan,
        infinity,
        -infinity,
        0.0,
        -0.0,
        least,
        -least,
        tiny,
        -tiny,
        1.0,
        f64::MAX,
        f64::MIN,
    ];
    prop_oneof![proptest::sample::select(edges), SUBNORMAL, ANY]
}

pub(crate) fn single() -> impl Strategy<Value = f32> {
    use proptest::num::f32::{ANY, SUBNORMAL};
    let (nan, least) = (f32::from_bits(0xFFC0_0001), f32::from_bits(1));
    let (infinity, tiny) = (f32::INFINITY, f32::MIN_POSITIVE);
    let edges = vec![
        f32::NAN,
        nan,
        infinity,
        -infinity,
        0.0,
        -0.0,
        least,
        -least,
        tiny,
        -tiny,
        1.0,
        f32::MAX,
        f32::MIN,
    ];
    prop_oneof![proptest::sample::select(edges), SUBNORMAL, ANY]
}

/// Nanoseconds below a second, often the first and the last.
pub(crate) fn nanoseconds() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1), Just(999_999_999), 0_u32..1_000_000_000]
}

pub(crate) fn duration_keys() -> impl Strategy<Value = Duration> {
    (edges_or_any([0, 1, 2, 1 << 32, u64::MAX]), nanoseconds())
        .prop_map(|(s, n)| Duration::new(s, n))
}

/// Where the system's clock cannot say a time, 1970.
pub(crate) fn system_time_keys() -> impl Strategy<Value = SystemTime> {
    (any::<bool>(), duration_keys()).prop_map(|(before, duration)| {
        let short = Duration::new(duration.as_secs() >> 1, duration.subsec_nanos());
        let time = if before {
            UNIX_EPOCH.checked_sub(short)
        } else {
            UNIX_EPOCH.checked_add(short)
        };
        time.unwrap_or(UNIX_EPOCH)
    })
}

pub(crate) fn ipv4_keys() -> impl Strategy<Value = Ipv4Addr> {
    edges_or_any([0, 1, 0x7F00_0001, 0x8000_0000, u32::MAX]).prop_map(Ipv4Addr::from_bits)
}

pub(crate) fn ipv6_keys() -> impl Strategy<Value = Ipv6Addr> {
    u128_keys().prop_map(Ipv6Addr::from_bits)
}
