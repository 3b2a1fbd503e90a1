//! The encodings byte by byte, for they are stored and must never change, and which equal keys have unequal rows.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, UNIX_EPOCH};

use super::IndexKey;
#[cfg(any(feature = "chrono", feature = "jiff"))]
use super::KeyValue;
use crate::{NotNan, OrderedFloat, codec};

/// The encoding in hexadecimal.
fn hex<K: IndexKey>(key: K) -> String {
    let mut bytes = Vec::new();
    key.encode(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The value of the key's one column.
#[cfg(any(feature = "chrono", feature = "jiff"))]
fn column<K: IndexKey>(key: &K) -> KeyValue<'static> {
    let mut values = Vec::new();
    key.values(&mut values);
    values.remove(0).into_owned()
}

#[test]
fn numbers_are_encoded_so() {
    assert_eq!(hex((false, true)), "0001");
    assert_eq!(
        hex((-1_i8, -2_i16, 3_i32, i64::MIN)),
        "7f7ffe800000030000000000000000"
    );
    assert_eq!(
        hex((1_u8, 2_u16, 3_u32, 4_u64)),
        "010002000000030000000000000004"
    );
    assert_eq!(hex(-1_i128), "7fffffffffffffffffffffffffffffff");
    assert_eq!(hex(1_u128), "00000000000000000000000000000001");
    assert_eq!(
        hex((OrderedFloat(0.0_f32), OrderedFloat(-0.0_f64))),
        "800000008000000000000000"
    );
    assert_eq!(
        hex((OrderedFloat(-1.5_f32), NotNan::new(1.5_f64).unwrap())),
        "403fffffbff8000000000000"
    );
    assert_eq!(
        hex((OrderedFloat(f32::NAN), OrderedFloat(-f64::NAN))),
        "ffc00000fff8000000000000"
    );
}

#[test]
fn texts_bytes_and_composites_are_encoded_so() {
    assert_eq!(hex('é'), "000000e9");
    assert_eq!(
        hex(("a\0é".to_string(), String::new())),
        "6100ffc3a900000000"
    );
    assert_eq!(hex(vec![0_u8, 0xFF]), "00ffff0000");
    assert_eq!(hex([0_u8, 0xFF]), "00ff");
    assert_eq!(
        hex((None::<u8>, Some(7_u8), Some(None::<u8>))),
        "0001070100"
    );
    assert_eq!(hex((Reverse(1_u8), Reverse(None::<u8>), ())), "feff");
}

#[test]
fn durations_times_and_addresses_are_encoded_so() {
    assert_eq!(hex(Duration::from_nanos(1)), "800000000000000000000001");
    assert_eq!(hex(UNIX_EPOCH), "800000000000000000000000");
    assert_eq!(
        hex(UNIX_EPOCH - Duration::from_secs(1)),
        "7fffffffffffffffc4653600"
    );
    assert_eq!(hex(Ipv4Addr::LOCALHOST), "7f000001");
    assert_eq!(hex(IpAddr::V4(Ipv4Addr::LOCALHOST)), "047f000001");
    assert_eq!(
        hex(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        "0600000000000000000000000000000001"
    );
}

#[cfg(feature = "uuid")]
#[test]
fn uuids_are_encoded_so() {
    assert_eq!(
        hex(uuid::Uuid::from_u128(1 << 120)),
        "01000000000000000000000000000000"
    );
}

#[cfg(feature = "rust_decimal")]
#[test]
fn decimals_are_encoded_so() {
    use rust_decimal::Decimal;
    let (zero, half) = ("000000000000000000000000", "1027e72f1f12813088000000");
    assert_eq!(
        hex(Decimal::ZERO),
        format!("80000000000000000000000000000000{zero}")
    );
    assert_eq!(
        hex(Decimal::new(150, 2)),
        format!("80000000000000000000000000000001{half}")
    );
    assert_eq!(
        hex(Decimal::new(-5, 1)),
        format!("7fffffffffffffffffffffffffffffff{half}")
    );
}

#[cfg(feature = "chrono")]
#[test]
fn chronos_dates_and_times_are_encoded_so() {
    use chrono::{FixedOffset, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
    let date = NaiveDate::from_ymd_opt(2013, 1, 31).unwrap();
    assert_eq!(column(&date), KeyValue::Int(20_130_131));
    assert_eq!(
        column(&NaiveDate::from_ymd_opt(-1, 12, 31).unwrap()),
        KeyValue::Int(-8_769)
    );
    assert_eq!(hex(date), "8000000001332953");
    let leap = NaiveTime::from_hms_nano_opt(23, 59, 59, 1_000_000_001).unwrap();
    assert_eq!(hex(leap), "0001517f3b9aca01");
    assert_eq!(hex(date.and_time(leap)), "80000000013329530001517f3b9aca01");
    let instant = Utc.with_ymd_and_hms(2013, 1, 31, 1, 0, 0).unwrap();
    assert_eq!(hex(instant), "800000000133295300000e1000000000");
    let west = FixedOffset::west_opt(2 * 3_600).unwrap();
    assert_eq!(hex(instant.with_timezone(&west)), hex(instant));
    assert_eq!(hex(TimeDelta::nanoseconds(-1)), "7fffffffffffffffffffffff");
}

#[cfg(feature = "jiff")]
#[test]
fn jiffs_dates_and_times_are_encoded_so() {
    use jiff::{SignedDuration, Timestamp, civil, tz};
    let date = civil::date(2013, 1, 31);
    assert_eq!(column(&date), KeyValue::Int(20_130_131));
    assert_eq!(column(&civil::date(-1, 12, 31)), KeyValue::Int(-8_769));
    assert_eq!(
        column(&civil::time(0, 1, 0, 1)),
        KeyValue::Int(60_000_000_001)
    );
    assert_eq!(hex(date.at(0, 0, 0, 1)), "80000000013329538000000000000001");
    let instant = Timestamp::new(-1, 0).unwrap();
    assert_eq!(hex(instant), "7fffffffffffffffc4653600");
    assert_eq!(
        hex(instant.to_zoned(tz::TimeZone::fixed(tz::offset(2)))),
        hex(instant)
    );
    assert_eq!(
        hex(SignedDuration::from_nanos(-1)),
        "7fffffffffffffffffffffff"
    );
}

/// Checks that the column grows with each of the days, which follow one another.
#[cfg(any(feature = "chrono", feature = "jiff"))]
fn assert_days_ascend<K: IndexKey>(days: impl Iterator<Item = K>) {
    let mut before = i64::MIN;
    for day in days {
        let KeyValue::Int(now) = column(&day) else {
            panic!("{day:?} is no integer");
        };
        assert!(before < now, "{day:?}: {now} is not above {before}");
        before = now;
    }
    assert_ne!(before, i64::MIN, "there are days");
}

#[cfg(feature = "chrono")]
#[test]
fn chronos_days_ascend_from_year_to_year_before_0_too() {
    use chrono::{Datelike, NaiveDate};
    let year = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
    for first in [
        NaiveDate::MIN,
        year(-3),
        year(1999),
        year(NaiveDate::MAX.year() - 2),
    ] {
        assert_days_ascend(first.iter_days().take(6 * 366));
    }
}

#[cfg(feature = "jiff")]
#[test]
fn jiffs_days_ascend_from_year_to_year_before_0_too() {
    use jiff::{ToSpan, civil};
    for first in [
        civil::Date::MIN,
        civil::date(-3, 1, 1),
        civil::date(1999, 1, 1),
        civil::date(9997, 1, 1),
    ] {
        assert_days_ascend(first.series(1.day()).take(6 * 366));
    }
}

/// Whether two keys that are equal are also equal as rows.
fn rows_are_equal<K: IndexKey + serde::Serialize>(a: &K, b: &K) -> bool {
    assert_eq!(a, b);
    codec::encode(a).unwrap() == codec::encode(b).unwrap()
}

#[test]
fn equal_floats_are_equal_rows() {
    assert!(rows_are_equal(&OrderedFloat(0.0_f64), &OrderedFloat(-0.0)));
    assert!(rows_are_equal(
        &OrderedFloat(f32::NAN),
        &OrderedFloat(-f32::NAN)
    ));
    assert!(rows_are_equal(
        &NotNan::new(0.0_f32).unwrap(),
        &NotNan::new(-0.0).unwrap()
    ));
}

#[cfg(feature = "rust_decimal")]
#[test]
fn equal_decimals_are_equal_rows_once_normalised() {
    use rust_decimal::Decimal;
    let mut minus_zero = Decimal::ZERO;
    minus_zero.set_sign_negative(true);
    for (a, b) in [
        (Decimal::ZERO, minus_zero),
        (Decimal::new(10, 1), Decimal::new(100, 2)),
    ] {
        assert!(!rows_are_equal(&a, &b));
        assert!(rows_are_equal(&a.normalize(), &b.normalize()));
    }
}

#[cfg(feature = "chrono")]
#[test]
fn equal_instants_of_chrono_are_equal_rows_in_utc() {
    use chrono::{DateTime, FixedOffset, Utc};
    let here = DateTime::UNIX_EPOCH.with_timezone(&FixedOffset::east_opt(0).unwrap());
    let there = DateTime::UNIX_EPOCH.with_timezone(&FixedOffset::east_opt(3_600).unwrap());
    assert!(!rows_are_equal(&here, &there));
    assert!(rows_are_equal(
        &here.with_timezone(&Utc),
        &there.with_timezone(&Utc)
    ));
}

#[cfg(feature = "jiff")]
#[test]
fn equal_instants_of_jiff_are_equal_rows_as_timestamps() {
    use jiff::{Timestamp, tz};
    let [here, there] =
        [0, 1].map(|hours| Timestamp::UNIX_EPOCH.to_zoned(tz::TimeZone::fixed(tz::offset(hours))));
    assert!(!rows_are_equal(&here, &there));
    assert!(rows_are_equal(&here.timestamp(), &there.timestamp()));
}
