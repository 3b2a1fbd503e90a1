//! Single values as keys: those of the standard library, ordered floats and UUIDs. Those of `rust_decimal`, `chrono`
//! and `jiff` are in modules of their own.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{ColumnType, IndexKey, KeyColumn, KeyValue, encoded, order};
use crate::{NotNan, OrderedFloat};

/// Implements [`IndexKey`] for a type with one column: its type, its value, its encoding. Generics stand before the
/// type: `atom!(impl [const N: usize] [u8; N], …)`.
macro_rules! atom {
    (
        impl [$($generics:tt)*] $type:ty,
        $column:expr,
        |$this:ident| $value:expr,
        |$it:ident, $out:ident| $encode:expr
    ) => {
        impl<$($generics)*> $crate::IndexKey for $type {
            fn columns() -> Vec<$crate::KeyColumn> {
                vec![$crate::KeyColumn::single($column)]
            }
            fn values<'a>(&'a self, out: &mut Vec<$crate::KeyValue<'a>>) {
                let $this = self;
                out.push($value);
            }
            fn each_value(&self, visit: &mut dyn FnMut(&$crate::KeyValue<'_>)) {
                let $this = self;
                visit(&$value);
            }
            fn encode(&self, $out: &mut Vec<u8>) {
                let $it = self;
                $encode;
            }
        }
    };
    ($type:ty, $($rest:tt)*) => {
        $crate::key::atoms::atom!(impl [] $type, $($rest)*);
    };
}
pub(super) use atom;

/// Implements [`IndexKey`] for a type whose one column is its encoding: its type, its name, its encoding.
macro_rules! encoded_atom {
    (impl [$($generics:tt)*] $type:ty, $name:expr, |$it:ident, $out:ident| $encode:expr) => {
        $crate::key::atoms::atom!(
            impl [$($generics)*] $type,
            $crate::ColumnType::Encoded($name),
            |this| $crate::key::encoded(this),
            |$it, $out| $encode
        );
    };
    ($type:ty, $($rest:tt)*) => {
        $crate::key::atoms::encoded_atom!(impl [] $type, $($rest)*);
    };
}
pub(super) use encoded_atom;

atom!(
    bool,
    ColumnType::Bool,
    |this| KeyValue::Bool(*this),
    |it, out| out.push(u8::from(*it))
);

macro_rules! small_integers {
    ($($type:ty => $flip:expr),*) => { $(
        atom!($type, ColumnType::Int, |this| KeyValue::Int(i64::from(*this)), |it, out| {
            out.extend((*it ^ $flip).to_be_bytes())
        });
    )* };
}
small_integers!(i8 => i8::MIN, i16 => i16::MIN, i32 => i32::MIN, i64 => i64::MIN, u8 => 0, u16 => 0, u32 => 0);

macro_rules! large_integers {
    ($($type:ty, $name:literal => $flip:expr);*) => { $(
        impl IndexKey for $type {
            fn columns() -> Vec<KeyColumn> {
                vec![KeyColumn::single(ColumnType::Encoded($name))]
            }
            fn values<'a>(&'a self, out: &mut Vec<KeyValue<'a>>) {
                out.push(encoded(self));
            }
            fn each_value(&self, visit: &mut dyn FnMut(&KeyValue<'_>)) {
                visit(&KeyValue::Bytes(Cow::Borrowed(&(*self ^ $flip).to_be_bytes())));
            }
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend((*self ^ $flip).to_be_bytes());
            }
        }
    )* };
}
large_integers!(u64, "u64" => 0; u128, "u128" => 0; i128, "i128" => i128::MIN);

atom!(
    char,
    ColumnType::Text,
    |this| KeyValue::Text(Cow::Owned(this.to_string())),
    |it, out| out.extend(u32::from(*it).to_be_bytes())
);
atom!(
    String,
    ColumnType::Text,
    |this| KeyValue::Text(Cow::Borrowed(this)),
    |it, out| order::push_bytes(it.as_bytes(), out)
);
atom!(
    Vec<u8>,
    ColumnType::Bytes,
    |this| KeyValue::Bytes(Cow::Borrowed(this)),
    |it, out| order::push_bytes(it, out)
);
atom!(
    impl [const N: usize] [u8; N],
    ColumnType::Bytes,
    |this| KeyValue::Bytes(Cow::Borrowed(this)),
    |it, out| out.extend_from_slice(it)
);

macro_rules! floats {
    ($($type:ty, $name:literal, $push:path);*) => { $(
        encoded_atom!($type, $name, |it, out| $push(it.into_inner(), out));
    )* };
}
floats!(
    OrderedFloat<f64>, "f64", order::push_f64; NotNan<f64>, "f64", order::push_f64;
    OrderedFloat<f32>, "f32", order::push_f32; NotNan<f32>, "f32", order::push_f32
);

encoded_atom!(Duration, "Duration", |it, out| order::push_nanoseconds(
    it.as_nanos().cast_signed(),
    out
));
encoded_atom!(SystemTime, "SystemTime", |it, out| order::push_nanoseconds(
    since_epoch(*it),
    out
));

/// Nanoseconds since the Unix epoch, negative before it.
fn since_epoch(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos().cast_signed(),
        Err(before) => -before.duration().as_nanos().cast_signed(),
    }
}

encoded_atom!(Ipv4Addr, "Ipv4Addr", |it, out| out.extend(it.octets()));
encoded_atom!(Ipv6Addr, "Ipv6Addr", |it, out| out.extend(it.octets()));
encoded_atom!(IpAddr, "IpAddr", |it, out| match it {
    IpAddr::V4(address) => {
        out.push(4);
        address.encode(out);
    }
    IpAddr::V6(address) => {
        out.push(6);
        address.encode(out);
    }
});

#[cfg(feature = "uuid")]
atom!(
    uuid::Uuid,
    ColumnType::Uuid,
    |this| KeyValue::Bytes(Cow::Borrowed(this.as_bytes())),
    |it, out| out.extend_from_slice(it.as_bytes())
);
