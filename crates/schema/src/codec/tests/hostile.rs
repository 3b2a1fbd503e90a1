//! Bytes that no row made: each is a typed error, and none costs more than its length.

use proptest::sample::Index;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes_are_refused_or_are_a_row(bytes in vec(any::<u8>(), 0..60)) {
        is_a_row::<Rich>(&bytes)?;
        is_exact::<Vec<Shape>>(&bytes)?;
        is_a_row::<Untagged>(&bytes)?;
        is_a_row::<Flat>(&bytes)?;
        is_exact::<BTreeMap<i128, Option<Option<f32>>>>(&bytes)?;
        is_exact::<(f64, Blob)>(&bytes)?;
    }

    /// Bytes drawn from the headers that rows are made of get further than random ones.
    #[test]
    fn likely_bytes_are_refused_or_are_a_row(
        picks in vec(any::<Index>(), 0..40),
    ) {
        const LIKELY: &[u8] = &[
            0x00, 0x18, 0x1b, 0x20, 0x38, 0x41, 0x49, 0x61, 0x62, 0x78, 0x80, 0x81, 0x82, 0x83, 0x98,
            0x9f, 0xa0, 0xa1, 0xa2, 0xbf, 0xc2, 0xc3, 0xd9, 0xde, 0x17, 0xf4, 0xf6, 0xf7, 0xf9, 0xff,
        ];
        let bytes: Vec<u8> = picks.iter().map(|pick| *pick.get(LIKELY)).collect();
        is_a_row::<Vec<Untagged>>(&bytes)?;
        is_exact::<Vec<Option<Option<Wrapper>>>>(&bytes)?;
        is_exact::<(Option<()>, BTreeMap<i128, Vec<Couple>>)>(&bytes)?;
        is_exact::<Vec<(i128, f32)>>(&bytes)?;
    }

    #[test]
    fn mutated_rows_are_refused_or_are_another_row(
        row in rich(),
        at in any::<Index>(),
        with in any::<u8>(),
        how in 0..4,
    ) {
        let bytes = mutated(&row, at, with, how);
        is_a_row::<Rich>(&bytes)?;
    }

    #[test]
    fn mutated_rows_without_buffers_are_refused_or_are_another_row(
        row in rich(),
        at in any::<Index>(),
        with in any::<u8>(),
        how in 0..4,
    ) {
        let Rich { big, letter, name, nested, couple, shape, map, array, .. } = row;
        let row: Unbuffered = (big, letter, name, nested, couple, shape, map, array);
        let bytes = mutated(&row, at, with, how);
        is_exact::<Unbuffered>(&bytes)?;
    }

    #[test]
    fn a_row_cut_short_is_refused(row in rich(), at in any::<Index>()) {
        let bytes = encode(&row).unwrap();
        let cut = &bytes[..at.index(bytes.len())];
        let error = decode::<Rich>(cut).unwrap_err();
        prop_assert_eq!(error.kind(), CodecErrorKind::Truncated);
        prop_assert!(error.offset().is_some_and(|offset| offset <= cut.len()));
    }

    #[test]
    fn a_row_with_more_behind_it_is_refused(row in rich(), more in vec(any::<u8>(), 1..4)) {
        let mut bytes = encode(&row).unwrap();
        let length = bytes.len();
        bytes.extend(more);
        let error = decode::<Rich>(&bytes).unwrap_err();
        prop_assert_eq!(error.kind(), CodecErrorKind::TrailingBytes);
        prop_assert_eq!(error.offset(), Some(length));
    }
}

/// What a row has that serde doesn't buffer before it looks.
type Unbuffered = (
    (i128, u128),
    char,
    String,
    Vec<Wrapper>,
    Couple,
    Shape,
    BTreeMap<Point, Vec<Option<()>>>,
    [Option<bool>; 3],
);

fn mutated<T: Serialize>(row: &T, at: Index, with: u8, how: i32) -> Vec<u8> {
    let mut bytes = encode(row).unwrap();
    let at = at.index(bytes.len());
    match how {
        0 => bytes[at] = with,
        1 => bytes[at] ^= 1 << (with % 8),
        2 => bytes.insert(at, with),
        _ => {
            bytes.remove(at);
        }
    }
    bytes
}

/// Decoding fails with a place and a message, or gives a row.
///
/// Not always *the* row of these bytes: serde's buffers, for one, take a byte string for text.
fn is_a_row<T>(bytes: &[u8]) -> Result<(), TestCaseError>
where
    T: Serialize + DeserializeOwned + PartialEq + fmt::Debug,
{
    match decode::<T>(bytes) {
        Ok(row) => prop_assert_eq!(decode::<T>(&encode(&row).unwrap()).unwrap(), row),
        Err(error) => prop_assert!(error.offset().is_some_and(|offset| offset <= bytes.len())),
    }
    Ok(())
}

/// Decoding fails with a place and a message, or gives the row that has exactly these bytes.
fn is_exact<T>(bytes: &[u8]) -> Result<(), TestCaseError>
where
    T: Serialize + DeserializeOwned,
{
    match decode::<T>(bytes) {
        Ok(row) => prop_assert_eq!(encode(&row).unwrap(), bytes),
        Err(error) => {
            prop_assert!(error.offset().is_some_and(|offset| offset <= bytes.len()));
            prop_assert!(error.to_string().contains(", at byte "));
        }
    }
    Ok(())
}

#[test]
fn no_bytes_at_all() {
    let (kind, message) = refused::<Point>(&[]);
    assert_eq!(kind, CodecErrorKind::Truncated);
    assert_eq!(
        message,
        "the bytes end where an item was expected, at byte 0"
    );
}

#[test]
fn another_type_is_named_with_its_place() {
    let refusals = [
        (
            refused::<Point>(&[0xa0]),
            "found a map where an array of a struct's fields was expected, at byte 0",
        ),
        (
            refused::<Point>(&[0x82, 0x61, b'x', 0xf6]),
            "found text where an integer was expected, at byte 1",
        ),
        (
            refused::<Point>(&[0x82, 0x00, 0x19, 0x01, 0x2c]),
            "found integer `300` where u8 was expected, at byte 2",
        ),
        (
            refused::<(u8, u8)>(&[0x83, 1, 2, 3]),
            "found an array of 3 where one of 2 was expected, at byte 0",
        ),
        (
            refused::<(u8, u8)>(&[0x81, 1]),
            "found 1 elements where a tuple of size 2 was expected, at byte 0",
        ),
        (
            refused::<u64>(&[0x20]),
            "found integer `-1` where u64 was expected, at byte 0",
        ),
        (
            refused::<f32>(&[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]),
            "found the float 1.1 where a float of 32 bits was expected, at byte 0",
        ),
        (
            refused::<Shape>(&[0x61, b'Z']),
            "found the variant `Z` where one of `Nothing`, `Null`, `One`, `Two`, `Named`, `Many` was expected, at byte 0",
        ),
        (
            refused::<Shape>(&[0x63, b'O', b'n', b'e']),
            "found a variant without data where one that holds some was expected, at byte 0",
        ),
        (
            refused::<char>(&[0x62, b'a', b'b']),
            "found string \"ab\" where a character was expected, at byte 0",
        ),
        (
            refused::<bool>(&[0xd8, 0x20, 0xf4]),
            "found the tag 32 where a boolean was expected, at byte 0",
        ),
    ];
    for ((kind, message), expected) in refusals {
        assert_eq!(message, expected);
        assert_eq!(kind, CodecErrorKind::Mismatch);
    }
}

#[test]
fn a_variant_is_named_by_text_and_has_its_own_form() {
    for bytes in [
        &[0x00][..],                                                   // an index
        &[0xa1, 0x02, 0x05],                                           // an index with data
        &[0xa1, 0x67, b'N', b'o', b't', b'h', b'i', b'n', b'g', 0xf6], // a unit with data
        &[0xa0],
    ] {
        assert_eq!(refused::<Shape>(bytes).0, CodecErrorKind::Mismatch);
    }
}

#[test]
fn a_struct_with_a_field_missing_is_refused() {
    // The second field is an Option, which is not a licence to leave it out.
    let (kind, message) = refused::<Point>(&[0x81, 0x05]);
    assert_eq!(kind, CodecErrorKind::Mismatch);
    assert_eq!(
        message,
        "found an array of 1 where an array of a struct's fields, which are more was expected, at byte 0"
    );

    #[derive(Debug, Serialize, Deserialize)]
    struct Defaults {
        #[serde(default)]
        a: u8,
        #[serde(default)]
        b: u8,
    }
    assert_eq!(
        refused::<Defaults>(&[0x81, 0x05]).0,
        CodecErrorKind::Mismatch
    );
    assert_eq!(refused::<Defaults>(&[0x80]).0, CodecErrorKind::Mismatch);
    assert_eq!(
        refused::<Defaults>(&[0x83, 1, 2, 3]).0,
        CodecErrorKind::Mismatch
    );
}

#[test]
fn a_second_spelling_is_refused() {
    let spelled_otherwise: [(&str, Vec<u8>); 12] = [
        ("0 in two bytes", vec![0x18, 0x00]),
        ("255 in three bytes", vec![0x19, 0x00, 0xff]),
        ("a bignum that fits", vec![0xc2, 0x41, 0x05]),
        (
            "a bignum with a zero",
            [&[0xc2, 0x4a, 0, 1][..], &[0; 8]].concat(),
        ),
        ("text of indefinite length", vec![0x7f, 0x61, b'a', 0xff]),
        ("an array of indefinite length", vec![0x9f, 0xff]),
        ("a text's length in two bytes", vec![0x78, 0x01, b'a']),
        ("-0", vec![0xf9, 0x80, 0x00]),
        ("another NaN", vec![0xf9, 0x7e, 0x01]),
        ("1.5 in four bytes", vec![0xfa, 0x3f, 0xc0, 0, 0]),
        ("a wrapped number", vec![0xd9, 0xde, 0x17, 0x05]),
        ("a long tag", vec![0xda, 0, 0, 0xde, 0x17, 0xf6]),
    ];
    for (what, bytes) in spelled_otherwise {
        assert_eq!(
            refused::<Option<ciborium::Value>>(&bytes).0,
            CodecErrorKind::NotCanonical,
            "{what}"
        );
    }
}

#[test]
fn keys_out_of_order_or_twice_are_refused() {
    type Map = BTreeMap<u8, u8>;
    assert_eq!(
        decode::<Map>(&[0xa2, 1, 0, 2, 0]).unwrap(),
        Map::from([(1, 0), (2, 0)])
    );
    for bytes in [[0xa2, 2, 0, 1, 0], [0xa2, 1, 0, 1, 0]] {
        let (kind, message) = refused::<Map>(&bytes);
        assert_eq!(kind, CodecErrorKind::NotCanonical);
        assert_eq!(
            message,
            "found a key of a map that is not above the one before it, at byte 3"
        );
    }
}

#[test]
fn what_is_not_cbor_is_refused() {
    for bytes in [
        &[0x1c][..],
        &[0xff],
        &[0xf7],
        &[0xf8, 0xff],
        &[0x62, 0xc3, 0x28],
    ] {
        assert_eq!(
            refused::<Option<String>>(bytes).0,
            CodecErrorKind::Malformed
        );
    }
}

#[test]
fn huge_lengths_are_refused_at_once() {
    for major in [0x40, 0x60, 0x80, 0xa0_u8] {
        for length in [u64::MAX, 1 << 62, 1 << 32] {
            let mut bytes = vec![major | 27];
            bytes.extend(length.to_be_bytes());
            bytes.extend([0x61; 100]);
            assert_eq!(refused::<Untagged>(&bytes).0, CodecErrorKind::Truncated);
            assert_eq!(
                refused::<ciborium::Value>(&bytes).0,
                CodecErrorKind::Truncated
            );
        }
    }
    let (_, message) = refused::<Vec<u64>>(&[0x9a, 0xff, 0xff, 0xff, 0xff, 0x00]);
    assert_eq!(
        message,
        "found an array with a length of 4294967295, but only 1 bytes follow, at byte 0"
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tree(Vec<Tree>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Onion(Option<Box<Onion>>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Chain {
    End,
    Link { next: Box<Chain> },
}

#[test]
fn deep_nesting_is_refused() {
    for prefix in [
        &[0x81][..],
        &[0xa1, 0x00],
        &[0xd9, 0xde, 0x17],
        &[0xa1],
        &[0xc2],
        &[0xc6],
    ] {
        let bytes = prefix.repeat(100_000);
        for refusal in [
            refused::<Tree>(&bytes),
            refused::<Onion>(&bytes),
            refused::<Chain>(&bytes),
            refused::<Untagged>(&bytes),
            refused::<ciborium::Value>(&bytes),
            refused::<serde::de::IgnoredAny>(&bytes),
        ] {
            assert_ne!(refusal.0, CodecErrorKind::Custom, "{}", refusal.1);
        }
    }
    assert_eq!(refused::<Tree>(&[0x81; 100_000]).0, CodecErrorKind::TooDeep);
    assert_eq!(
        refused::<ciborium::Value>(&[0x81; 100_000]).0,
        CodecErrorKind::TooDeep
    );
    assert_eq!(
        refused::<Onion>(&[0xd9, 0xde, 0x17].repeat(9_000)).0,
        CodecErrorKind::TooDeep
    );
    // This type would unwrap its own option for ever and never read a byte.
    assert_eq!(refused::<Onion>(&[0x05]).0, CodecErrorKind::TooDeep);
}

#[test]
fn what_is_encoded_at_the_limit_is_decoded() {
    let tree = |levels| (1..levels).fold(Tree(vec![]), |inner, _| Tree(vec![inner]));
    round_trip(tree(128));
    assert_eq!(
        encode(&tree(129)).unwrap_err().kind(),
        CodecErrorKind::TooDeep
    );

    let onion = |levels| (0..levels).fold(Onion(None), |inner, _| Onion(Some(Box::new(inner))));
    round_trip(onion(128));
    assert_eq!(
        encode(&onion(129)).unwrap_err().kind(),
        CodecErrorKind::TooDeep
    );

    let chain = |levels| {
        (0..levels).fold(Chain::End, |next, _| Chain::Link {
            next: Box::new(next),
        })
    };
    // A link is two levels: the map of its name, and the array of its fields.
    round_trip(chain(63));
    assert_eq!(
        encode(&chain(65)).unwrap_err().kind(),
        CodecErrorKind::TooDeep
    );
}

#[test]
fn the_limit_is_the_same_whatever_is_nested() {
    for levels in 60..70 {
        let chain = (0..levels).fold(Chain::End, |next, _| Chain::Link {
            next: Box::new(next),
        });
        if let Ok(bytes) = encode(&chain) {
            assert_eq!(decode::<Chain>(&bytes).unwrap(), chain, "{levels} links");
        }
    }
}

#[test]
fn a_long_value_is_not_quoted_whole() {
    let bytes = encode(&"é".repeat(10_000)).unwrap();
    let (_, message) = refused::<char>(&bytes);
    assert!(message.len() < 400, "{message}");
    assert!(message.ends_with("…, at byte 0"), "{message}");
}
