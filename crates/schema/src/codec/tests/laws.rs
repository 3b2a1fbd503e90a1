//! What holds for every row.

use super::*;

/// What the codec must write exactly as ciborium does.
type Plain = (
    (i64, u64, i128, u128, bool, char),
    (String, Blob, Option<i64>, (), Unit, Vec<Vec<Option<u8>>>),
    (f64, f32, [f64; 2]),
    (BTreeMap<u64, String>, Vec<Sum>),
);

/// An enum without a struct variant, which ciborium writes otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Sum {
    Empty,
    One(i32),
    Two(u8, String),
    Boxed(Box<Sum>),
}

fn sum() -> impl Strategy<Value = Sum> {
    let leaf = prop_oneof![
        Just(Sum::Empty),
        any::<i32>().prop_map(Sum::One),
        (any::<u8>(), text()).prop_map(|(a, b)| Sum::Two(a, b)),
    ];
    leaf.prop_recursive(3, 3, 1, |inner| {
        inner.prop_map(|sum| Sum::Boxed(Box::new(sum)))
    })
}

/// Floats of every shortest form; no NaN and no -0, which the codec alone normalises.
fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        any::<f32>().prop_map(f64::from),
        (-2048_i16..2049).prop_map(|v| f64::from(v) / 8.0),
        (1_i32..2048).prop_map(|v| f64::from(v) * f64::powi(2.0, -24)),
        Just(f64::INFINITY),
    ]
    .prop_map(|v| if v.is_nan() || v == 0.0 { 0.0 } else { v })
}

fn plain() -> impl Strategy<Value = Plain> {
    (
        (
            wide_i64(),
            wide_u64(),
            wide_i128(),
            wide_u128(),
            any::<bool>(),
            any::<char>(),
        ),
        (
            text(),
            blob(),
            of(wide_i64()),
            Just(()),
            Just(Unit),
            vec(vec(of(any::<u8>()), 0..30), 0..4),
        ),
        (
            float(),
            float().prop_map(|v| v as f32 + 0.0),
            [float(), float()],
        ),
        (btree_map(wide_u64(), text(), 0..30), vec(sum(), 0..4)),
    )
}

proptest! {
    #[test]
    fn plain_values_are_written_as_ciborium_writes_them(value in plain()) {
        let bytes = encode(&value).unwrap();
        prop_assert_eq!(&bytes, &by_ciborium(&value));
        prop_assert_eq!(&decode::<Plain>(&bytes).unwrap(), &value);
        prop_assert_eq!(&ciborium::from_reader::<Plain, _>(&bytes[..]).unwrap(), &value);
    }

    #[test]
    fn every_row_comes_back(row in rich()) {
        let bytes = encode(&row).unwrap();
        prop_assert_eq!(&decode::<Rich>(&bytes).unwrap(), &row);
        // And whatever the row, its bytes are one well-formed CBOR item to others.
        let foreign: ciborium::Value = ciborium::from_reader(&bytes[..]).unwrap();
        prop_assert!(foreign.is_array());
    }

    #[test]
    fn any_float_comes_back_but_for_the_sign_of_zero(bits: u64, narrow: u32) {
        let wide = f64::from_bits(bits);
        let back: f64 = decode(&encode(&wide).unwrap()).unwrap();
        prop_assert!(back == wide || back.is_nan() && wide.is_nan());
        let narrow = f32::from_bits(narrow);
        let back: f32 = decode(&encode(&narrow).unwrap()).unwrap();
        prop_assert!(back == narrow || back.is_nan() && narrow.is_nan());
    }

    #[test]
    fn rows_are_equal_exactly_where_their_bytes_are(
        a in vec((of(of(of(Just(())))), point(), shape()), 0..2),
        b in vec((of(of(of(Just(())))), point(), shape()), 0..2),
    ) {
        prop_assert_eq!(a == b, encode(&a).unwrap() == encode(&b).unwrap());
    }

    #[test]
    fn nested_options_are_equal_exactly_where_their_bytes_are(
        a in of(of(vec(of(of(Just(()))), 0..2))),
        b in of(of(vec(of(of(Just(()))), 0..2))),
    ) {
        prop_assert_eq!(a == b, encode(&a).unwrap() == encode(&b).unwrap());
        prop_assert_eq!(decode::<Option<Option<Vec<Option<Option<()>>>>>>(&encode(&a).unwrap()).unwrap(), a);
    }

    /// Field by field, a row that differs in one place only differs in its bytes.
    #[test]
    fn one_changed_field_changes_the_bytes(row in rich(), other in rich(), field in 0_usize..13) {
        let mut changed = row.clone();
        match field {
            0 => changed.flag = other.flag,
            1 => changed.small = other.small,
            2 => changed.natural = other.natural,
            3 => changed.big = other.big,
            4 => changed.letter = other.letter,
            5 => changed.name = other.name,
            6 => changed.nested = other.nested,
            7 => changed.couple = other.couple,
            8 => changed.shape = other.shape,
            9 => changed.map = other.map,
            10 => changed.tagged = other.tagged,
            11 => changed.deep = other.deep,
            _ => changed.array = other.array,
        }
        prop_assert_eq!(row == changed, encode(&row).unwrap() == encode(&changed).unwrap());
    }

    #[test]
    fn encoding_into_a_buffer_appends(row in rich(), before in vec(any::<u8>(), 0..40)) {
        let mut out = before.clone();
        crate::codec::encode_into(&row, &mut out).unwrap();
        prop_assert_eq!(&out[..before.len()], &before[..]);
        prop_assert_eq!(&out[before.len()..], &encode(&row).unwrap()[..]);
    }
}

#[test]
fn large_byte_strings_and_texts_come_back() {
    for length in [0, 23, 24, 255, 256, 65_535, 65_536, 1 << 20] {
        let bytes = round_trip((Blob(vec![0xab; length]), "é".repeat(length / 2)));
        assert_eq!(
            bytes,
            by_ciborium(&(Blob(vec![0xab; length]), "é".repeat(length / 2)))
        );
    }
}

/// Headers are spelled and read here, but for floats: as ciborium does it.
mod headers {
    use ciborium_ll::{Decoder, Header};

    use super::*;
    use crate::codec::{from_long_header, from_short_header, header_bytes, header_bytes_of_any};

    fn header() -> impl Strategy<Value = Header> {
        let length = || wide_u64().prop_map(|length| Some(length as usize));
        prop_oneof![
            wide_u64().prop_map(Header::Positive),
            wide_u64().prop_map(Header::Negative),
            wide_u64().prop_map(Header::Tag),
            length().prop_map(Header::Bytes),
            length().prop_map(Header::Text),
            length().prop_map(Header::Array),
            length().prop_map(Header::Map),
            (20_u8..23).prop_map(Header::Simple),
            any::<f64>().prop_map(Header::Float),
        ]
    }

    /// What is read of bytes, by the quick ways.
    fn read(bytes: &[u8]) -> Option<(Header, usize)> {
        let short = bytes.first().copied().and_then(from_short_header);
        short
            .map(|header| (header, 1))
            .or_else(|| from_long_header(bytes))
    }

    proptest! {
        #[test]
        fn are_spelled_as_ciborium_spells_them(header in header()) {
            let (bytes, length) = header_bytes(header);
            prop_assert_eq!((bytes, length), header_bytes_of_any(header));
            if !matches!(header, Header::Float(_)) {
                prop_assert_eq!(read(&bytes[..length]), Some((header, length)));
                prop_assert_eq!(read(&bytes[..length - 1]), None);
            }
        }

        #[test]
        fn are_read_as_ciborium_reads_them(
            first in any::<u8>(), zeros in 0_usize..9, rest in vec(any::<u8>(), 0..9),
        ) {
            let bytes = [vec![first], vec![0; zeros], rest].concat();
            if let Some((header, length)) = read(&bytes) {
                let mut decoder = Decoder::from(bytes.as_slice());
                prop_assert_eq!(decoder.pull().unwrap(), header);
                prop_assert_eq!(decoder.offset(), length);
                let (canonical, canonical_length) = header_bytes_of_any(header);
                prop_assert_eq!(&bytes[..length], &canonical[..canonical_length]);
            }
        }
    }
}
