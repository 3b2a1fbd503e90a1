//! The bytes themselves. A change here is a new format: stored tables would no longer open.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::*;
use crate::codec::encode_into;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn is_written<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(value: T, expected: &str) {
    assert_eq!(hex(&round_trip(value)), expected);
}

#[test]
fn a_struct_is_an_array_of_its_fields() {
    is_written(Point { x: -3, y: None }, "8222f6");
    is_written(Point { x: 300, y: Some(7) }, "8219012c07");
    is_written(Unit, "f6");
    is_written(Wrapper(Some(Some(Point { x: 0, y: None }))), "8200f6");
    is_written(Couple('é', Blob(vec![1, 2])), "8262c3a9420102");
}

#[test]
fn an_enum_is_its_name_or_a_map_of_its_name_to_its_data() {
    is_written(Shape::Nothing, "674e6f7468696e67");
    is_written(Shape::Null(()), "a1644e756c6cf6");
    is_written(Shape::One(Some(1)), "a1634f6e6501");
    is_written(Shape::Two("a".into(), 2), "a16354776f82616102");
    let at = Point { x: 1, y: None };
    let name = "a".into();
    is_written(Shape::Named { at, name }, "a1654e616d6564828201f66161");
}

#[test]
fn tagged_enums_are_arrays_that_begin_with_the_tag() {
    is_written(Internal::Empty, "8165456d707479");
    is_written(
        Internal::Point(Point { x: 1, y: None }),
        "8365506f696e7401f6",
    );
    is_written(Adjacent::Empty, "8165456d707479");
    is_written(Adjacent::One(1), "82634f6e6501");
}

#[test]
fn a_flattened_struct_is_a_sorted_map() {
    let flat = Flat {
        id: 1,
        point: Point { x: 2, y: None },
        more: BTreeMap::from([("a".into(), Untagged::Null)]),
    };
    is_written(flat, "a46161f66178026179f662696401");
}

#[test]
fn integers_take_the_shortest_form() {
    is_written(23_u8, "17");
    is_written(24_i128, "1818");
    is_written(-24_i8, "37");
    is_written(-25_i64, "3818");
    is_written(i64::MIN, "3b7fffffffffffffff");
    is_written(u64::MAX, "1bffffffffffffffff");
    is_written(u128::from(u64::MAX) + 1, "c249010000000000000000");
    is_written(u128::MAX, "c250ffffffffffffffffffffffffffffffff");
    is_written(-i128::from(u64::MAX) - 1, "3bffffffffffffffff");
    is_written(-i128::from(u64::MAX) - 2, "c349010000000000000000");
    is_written(i128::MAX, "c2507fffffffffffffffffffffffffffffff");
    is_written(i128::MIN, "c3507fffffffffffffffffffffffffffffff");
}

#[test]
fn floats_take_the_shortest_form_and_one_spelling() {
    is_written(1.5_f64, "f93e00");
    is_written(1.1_f64, "fb3ff199999999999a");
    is_written(1.1_f32, "fa3f8ccccd");
    is_written(f64::NEG_INFINITY, "f9fc00");
    is_written(f32::MIN_POSITIVE, "fa00800000");
    is_written(5e-324_f64, "fb0000000000000001");
    for zero in [0.0, -0.0] {
        assert_eq!(hex(&encode(&zero).unwrap()), "f90000");
    }
    for bits in [
        0x7ff8_0000_0000_0000,
        0xfff8_0000_0000_0000,
        0x7ff0_0000_dead_beef,
    ] {
        assert_eq!(hex(&encode(&f64::from_bits(bits)).unwrap()), "f97e00");
        assert!(decode::<f64>(&[0xf9, 0x7e, 0x00]).unwrap().is_nan());
        assert!(decode::<f32>(&[0xf9, 0x7e, 0x00]).unwrap().is_nan());
    }
    assert_eq!(
        hex(&encode(&f32::from_bits(0xffc0_0001)).unwrap()),
        "f97e00"
    );
}

#[test]
fn every_layer_of_an_option_is_told_from_the_others() {
    is_written(None::<i64>, "f6");
    is_written(Some(5_i64), "05");
    is_written(Some(Some(5_i64)), "05");

    is_written(None::<()>, "f6");
    is_written(Some(()), "d9de17f6");
    is_written(Some(Unit), "d9de17f6");

    is_written(None::<Option<u8>>, "f6");
    is_written(Some(None::<u8>), "d9de17f6");
    is_written(Some(Some(0_u8)), "00");

    type Deep = Option<Option<Option<()>>>;
    is_written::<Deep>(None, "f6");
    is_written::<Deep>(Some(None), "d9de17f6");
    is_written::<Deep>(Some(Some(None)), "d9de17d9de17f6");
    is_written::<Deep>(Some(Some(Some(()))), "d9de17d9de17d9de17f6");

    is_written(Some(Untagged::Null), "d9de17f6");
    is_written(Some(vec![None, Some(())]), "82f6d9de17f6");
    is_written(
        (Some(Shape::Null(())), Some([None::<u8>])),
        "82a1644e756c6cf681f6",
    );
}

#[test]
fn maps_are_sorted_by_the_bytes_of_their_keys() {
    let map = BTreeMap::from([(-1, 'a'), (0, 'b'), (24, 'c')]);
    is_written(map, "a300616218186163206161");
    // Shorter text sorts first here, longer or not in the alphabet.
    let map = BTreeMap::from([("aa".to_string(), 1), ("b".to_string(), 2)]);
    is_written(map, "a261620262616101");
    is_written(BTreeMap::<u8, u8>::new(), "a0");
    is_written(BTreeSet::from([2, 1]), "820102");
    let nested = BTreeMap::from([(
        BTreeMap::from([("bb".to_string(), 1), ("c".to_string(), 2)]),
        (),
    )]);
    is_written(nested, "a1a261630262626201f6");
}

#[test]
fn a_hash_map_is_written_alike_in_any_order() {
    let entries: Vec<(String, u32)> = (0..200).map(|i| (format!("key {}", i * i), i)).collect();
    // Each map has its own hasher, so the two iterate differently.
    let forwards: HashMap<_, _> = entries.iter().cloned().collect();
    let backwards: HashMap<_, _> = entries.iter().rev().cloned().collect();
    assert!(forwards.keys().ne(backwards.keys()), "the orders differ");
    let sorted: BTreeMap<_, _> = entries.into_iter().collect();
    let bytes = round_trip(forwards);
    assert_eq!(bytes, encode(&backwards).unwrap());
    assert_eq!(bytes, encode(&sorted).unwrap());
}

/// A sequence or map of the given elements that doesn't say its length, or says another.
struct Announced<'a>(Option<usize>, &'a [u16], bool);

impl Serialize for Announced<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{SerializeMap, SerializeSeq};
        if self.2 {
            let mut map = serializer.serialize_map(self.0)?;
            for element in self.1 {
                map.serialize_entry(element, &())?;
            }
            map.end()
        } else {
            let mut seq = serializer.serialize_seq(self.0)?;
            for element in self.1 {
                seq.serialize_element(element)?;
            }
            seq.end()
        }
    }
}

#[test]
fn an_unknown_length_is_written_as_a_known_one() {
    let elements: Vec<u16> = (0..300).collect();
    let nested = (1, Announced(None, &elements, false), 2);
    assert_eq!(
        encode(&nested).unwrap(),
        encode(&(1, &elements, 2)).unwrap()
    );

    let backwards: Vec<u16> = (0..300).rev().collect();
    let map: BTreeMap<u16, ()> = elements.iter().map(|&e| (e, ())).collect();
    let nested = (1, Announced(None, &backwards, true), 2);
    assert_eq!(encode(&nested).unwrap(), encode(&(1, &map, 2)).unwrap());
}

#[test]
fn a_wrong_length_is_an_error() {
    for (announced, is_map) in [(2, false), (4, false), (2, true), (4, true)] {
        let error = encode(&Announced(Some(announced), &[1, 2, 3], is_map)).unwrap_err();
        assert_eq!(error.kind(), CodecErrorKind::WrongLength);
        assert!(
            error
                .to_string()
                .contains(&format!("announced {announced} "))
        );
        assert!(error.to_string().contains("wrote 3"));
    }
}

#[test]
fn a_key_held_twice_is_an_error() {
    let error = encode(&Announced(Some(3), &[7, 1, 7], true)).unwrap_err();
    assert_eq!(error.kind(), CodecErrorKind::DuplicateKey);
    assert_eq!(
        error.to_string(),
        "a map holds two keys with the same encoding, 07: keys of a stored map must differ"
    );
    let error = encode(&Announced(None, &[7, 7], true)).unwrap_err();
    assert_eq!(error.kind(), CodecErrorKind::DuplicateKey);
}

#[test]
fn a_skipped_field_is_an_error_and_leaves_the_buffer() {
    #[derive(Serialize)]
    struct Skips {
        id: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<u8>,
    }
    #[derive(Serialize)]
    enum SkipsInVariant {
        V {
            #[serde(skip_serializing_if = "Option::is_none")]
            note: Option<u8>,
        },
    }

    let mut out = vec![1, 2, 3];
    let error = encode_into(&("some text", Skips { id: 1, note: None }), &mut out).unwrap_err();
    assert_eq!(error.kind(), CodecErrorKind::SkippedField);
    assert_eq!(error.offset(), None);
    assert_eq!(
        error.to_string(),
        "the field `note` is left out of this row, but fields are stored by position: \
         remove its `skip_serializing_if`"
    );
    assert_eq!(out, [1, 2, 3]);

    encode_into(
        &Skips {
            id: 1,
            note: Some(2),
        },
        &mut out,
    )
    .unwrap();
    assert_eq!(out, [1, 2, 3, 0x82, 1, 2]);

    let error = encode(&SkipsInVariant::V { note: None }).unwrap_err();
    assert_eq!(error.kind(), CodecErrorKind::SkippedField);
}

#[test]
fn a_field_that_serde_skips_both_ways_is_not_stored() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Cached {
        id: u8,
        #[serde(skip)]
        cache: Option<u8>,
        name: String,
    }
    let row = Cached {
        id: 1,
        cache: None,
        name: "a".into(),
    };
    is_written(row, "82016161");
}

#[test]
fn a_variant_with_flattened_fields_is_a_map() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Event {
        Moved {
            id: u8,
            #[serde(flatten)]
            to: Point,
        },
    }
    let to = Point { x: 2, y: Some(3) };
    is_written(
        Event::Moved { id: 1, to },
        "a1654d6f766564a361780261790362696401",
    );
}

#[test]
fn text_that_is_formatted_is_written_in_place() {
    let address: std::net::Ipv4Addr = "192.168.0.1".parse().unwrap();
    struct Shown<T>(T);
    impl<T: fmt::Display> Serialize for Shown<T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&self.0)
        }
    }
    let bytes = encode(&(1, Shown(address), Shown("x".repeat(300)))).unwrap();
    assert_eq!(bytes, encode(&(1, "192.168.0.1", "x".repeat(300))).unwrap());
}

#[test]
fn an_error_of_the_row_type_is_passed_on() {
    struct Fails;
    impl Serialize for Fails {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("the moon is not full"))
        }
    }
    let error = encode(&Fails).unwrap_err();
    assert_eq!(error.kind(), CodecErrorKind::Custom);
    assert_eq!(error.to_string(), "the moon is not full");
}

#[test]
fn a_struct_variant_that_serde_reads_by_name_only_is_a_typed_error() {
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Named { x: u8 },
    }
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(tag = "t", content = "c")]
    enum Beside {
        Named { x: u8 },
    }
    let bytes = encode(&Either::Named { x: 1 }).unwrap();
    assert_eq!(refused::<Either>(&bytes).0, CodecErrorKind::Custom);
    let bytes = encode(&Beside::Named { x: 1 }).unwrap();
    assert_eq!(refused::<Beside>(&bytes).0, CodecErrorKind::Mismatch);
}

#[test]
fn short_headers_are_those_of_the_general_encoder() {
    use crate::codec::{from_short_header, header_bytes, short_header};
    use ciborium_ll::Header;

    for v in 0..300_usize {
        let (number, length) = (v as u64, Some(v));
        for header in [
            Header::Positive(number),
            Header::Negative(number),
            Header::Bytes(length),
            Header::Text(length),
            Header::Array(length),
            Header::Map(length),
            Header::Tag(number),
            Header::Simple(v as u8),
            Header::Float(v as f64),
        ] {
            let (bytes, count) = header_bytes(header);
            if let Some(byte) = short_header(header) {
                assert_eq!([byte], bytes[..count]);
            }
            // A header of one byte is read back as itself; the start of a longer one is not taken.
            if let Some(read) = from_short_header(bytes[0]) {
                assert_eq!((read, count), (header, 1));
            }
        }
    }
}
