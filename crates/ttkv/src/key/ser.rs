//! Keys into bytes: a serde serializer that appends to a `Vec<u8>`.

use deltaview_schema::order;
use serde::ser::{self, Serialize, Serializer};

use super::error::{KeyError, KeyErrorKind};
use super::{MAX_DEPTH, tag};

type Result<T = ()> = std::result::Result<T, KeyError>;

pub(super) struct KeySerializer<'out> {
    out: &'out mut Vec<u8>,
    depth: usize,
    /// Whether the list that comes next is a set without an order.
    is_unordered: bool,
}

/// Whether a type is a set whose elements come in no particular order. Serde shows it as a list.
fn is_unordered_set<T: ?Sized>() -> bool {
    const POINTERS: [&str; 4] = [
        "&",
        "alloc::boxed::Box<",
        "alloc::rc::Rc<",
        "alloc::sync::Arc<",
    ];
    const SETS: [&str; 3] = [
        "std::collections::hash::set::HashSet<",
        "hashbrown::set::HashSet<",
        "indexmap::set::IndexSet<",
    ];
    let mut name = std::any::type_name::<T>();
    while let Some(inner) = POINTERS
        .iter()
        .find_map(|pointer| name.strip_prefix(pointer))
    {
        name = inner;
    }
    SETS.iter().any(|set| name.starts_with(set))
}

impl<'out> KeySerializer<'out> {
    pub(super) fn new(out: &'out mut Vec<u8>) -> Self {
        Self {
            out,
            depth: 0,
            is_unordered: false,
        }
    }

    pub(super) fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.is_unordered = is_unordered_set::<T>();
        value.serialize(self)
    }

    fn push(&mut self, byte: u8) -> Result {
        self.out.push(byte);
        Ok(())
    }

    fn positive(&mut self, value: u128) -> Result {
        let length = 16 - value.leading_zeros() as usize / 8;
        self.out.push(tag::POSITIVE + length as u8);
        self.out
            .extend_from_slice(&value.to_be_bytes()[16 - length..]);
        Ok(())
    }

    fn integer(&mut self, value: i128) -> Result {
        if let Ok(value) = u128::try_from(value) {
            return self.positive(value);
        }
        // What is left after -1, in two's complement: the bits flipped.
        let below = !value.cast_unsigned();
        let length = 16 - below.leading_zeros() as usize / 8;
        self.out.push(tag::NEGATIVE - length as u8);
        let flipped = value.to_be_bytes();
        self.out.extend_from_slice(&flipped[16 - length..]);
        Ok(())
    }

    fn bytes(&mut self, tag: u8, bytes: &[u8]) -> Result {
        self.out.push(tag);
        order::push_bytes(bytes, self.out);
        Ok(())
    }

    fn enter(&mut self, tag: u8) -> Result {
        if self.depth == MAX_DEPTH {
            return Err(KeyError::too_deep());
        }
        self.depth += 1;
        self.push(tag)
    }

    fn leave(&mut self) -> Result {
        self.depth -= 1;
        self.push(tag::END)
    }

    fn enter_variant(&mut self, position: u32) -> Result {
        self.enter(tag::VARIANT)?;
        self.positive(position.into())
    }

    fn items<'ser>(&'ser mut self) -> Items<'ser, 'out> {
        Items {
            ser: self,
            unordered: None,
        }
    }
}

impl<'ser, 'out> Serializer for &'ser mut KeySerializer<'out> {
    type Ok = ();
    type Error = KeyError;
    type SerializeSeq = Items<'ser, 'out>;
    type SerializeTuple = Items<'ser, 'out>;
    type SerializeTupleStruct = Items<'ser, 'out>;
    type SerializeTupleVariant = Items<'ser, 'out>;
    type SerializeMap = Entries<'ser, 'out>;
    type SerializeStruct = Items<'ser, 'out>;
    type SerializeStructVariant = Items<'ser, 'out>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, v: bool) -> Result {
        self.push(if v { tag::TRUE } else { tag::FALSE })
    }

    fn serialize_i8(self, v: i8) -> Result {
        self.integer(v.into())
    }

    fn serialize_i16(self, v: i16) -> Result {
        self.integer(v.into())
    }

    fn serialize_i32(self, v: i32) -> Result {
        self.integer(v.into())
    }

    fn serialize_i64(self, v: i64) -> Result {
        self.integer(v.into())
    }

    fn serialize_i128(self, v: i128) -> Result {
        self.integer(v)
    }

    fn serialize_u8(self, v: u8) -> Result {
        self.positive(v.into())
    }

    fn serialize_u16(self, v: u16) -> Result {
        self.positive(v.into())
    }

    fn serialize_u32(self, v: u32) -> Result {
        self.positive(v.into())
    }

    fn serialize_u64(self, v: u64) -> Result {
        self.positive(v.into())
    }

    fn serialize_u128(self, v: u128) -> Result {
        self.positive(v)
    }

    fn serialize_f32(self, v: f32) -> Result {
        self.serialize_f64(v.into())
    }

    fn serialize_f64(self, v: f64) -> Result {
        if v.is_nan() {
            return Err(KeyError::new(
                KeyErrorKind::NotANumber,
                "a NaN cannot be a key, nor a part of one: it equals nothing, itself included",
            ));
        }
        self.out.push(tag::FLOAT);
        order::push_f64(v, self.out);
        Ok(())
    }

    fn serialize_char(self, v: char) -> Result {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, v: &str) -> Result {
        self.bytes(tag::TEXT, v.as_bytes())
    }

    fn serialize_bytes(self, v: &[u8]) -> Result {
        self.bytes(tag::BYTES, v)
    }

    fn serialize_none(self) -> Result {
        self.push(tag::NULL)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result {
        if self.depth == MAX_DEPTH {
            return Err(KeyError::too_deep());
        }
        self.depth += 1;
        let start = self.out.len();
        self.value(value)?;
        self.depth -= 1;
        // What is null, or wraps one already, would be taken for `None` or for a flatter `Some`.
        if let tag::NULL | tag::SOME = self.out[start] {
            self.out.insert(start, tag::SOME);
        }
        Ok(())
    }

    fn serialize_unit(self) -> Result {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result {
        self.serialize_none()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
    ) -> Result {
        self.enter_variant(index)?;
        self.leave()
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result {
        self.value(value)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result {
        self.enter_variant(index)?;
        self.value(value)?;
        self.leave()
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Items<'ser, 'out>> {
        let is_unordered = std::mem::take(&mut self.is_unordered);
        self.enter(tag::LIST)?;
        Ok(Items {
            unordered: is_unordered.then(|| (self.out.len(), Vec::new())),
            ser: self,
        })
    }

    fn serialize_tuple(self, _length: usize) -> Result<Items<'ser, 'out>> {
        self.enter(tag::LIST)?;
        Ok(self.items())
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<Items<'ser, 'out>> {
        self.serialize_tuple(length)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Items<'ser, 'out>> {
        self.enter_variant(index)?;
        Ok(self.items())
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Entries<'ser, 'out>> {
        self.enter(tag::MAP)?;
        Ok(Entries {
            start: self.out.len(),
            key: Vec::new(),
            entries: Vec::new(),
            ser: self,
        })
    }

    fn serialize_struct(self, _name: &'static str, length: usize) -> Result<Items<'ser, 'out>> {
        self.serialize_tuple(length)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Items<'ser, 'out>> {
        self.serialize_tuple_variant(name, index, variant, length)
    }
}

/// The items of a list, a tuple, a struct or a variant.
pub(super) struct Items<'ser, 'out> {
    ser: &'ser mut KeySerializer<'out>,
    /// Of a set without an order: where its elements begin, and those that are written.
    unordered: Option<(usize, Vec<Vec<u8>>)>,
}

impl Items<'_, '_> {
    fn item<T: ?Sized + Serialize>(&mut self, value: &T) -> Result {
        self.ser.value(value)?;
        if let Some((start, elements)) = &mut self.unordered {
            elements.push(self.ser.out.split_off(*start));
        }
        Ok(())
    }

    fn finish(self) -> Result {
        if let Some((_, mut elements)) = self.unordered {
            elements.sort_unstable();
            self.ser.out.extend(elements.into_iter().flatten());
        }
        self.ser.leave()
    }
}

fn skipped(field: &str) -> KeyError {
    KeyError::new(
        KeyErrorKind::SkippedField,
        format!(
            "the field `{field}` was left out: fields go by position here, so remove its `skip_serializing_if`"
        ),
    )
}

macro_rules! items {
    ($($of:ident $method:ident),+) => {
        $(impl ser::$of for Items<'_, '_> {
            type Ok = ();
            type Error = KeyError;
            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> Result {
                self.item(value)
            }
            fn end(self) -> Result {
                self.finish()
            }
        })+
    };
}

items!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! fields {
    ($($of:ident),+) => {
        $(impl ser::$of for Items<'_, '_> {
            type Ok = ();
            type Error = KeyError;
            fn serialize_field<T: ?Sized + Serialize>(&mut self, _field: &'static str, value: &T) -> Result {
                self.item(value)
            }
            fn skip_field(&mut self, field: &'static str) -> Result {
                Err(skipped(field))
            }
            fn end(self) -> Result {
                self.finish()
            }
        })+
    };
}

fields!(SerializeStruct, SerializeStructVariant);

/// The entries of a map.
pub(super) struct Entries<'ser, 'out> {
    ser: &'ser mut KeySerializer<'out>,
    start: usize,
    key: Vec<u8>,
    entries: Vec<(Vec<u8>, Vec<u8>)>,
}

impl ser::SerializeMap for Entries<'_, '_> {
    type Ok = ();
    type Error = KeyError;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result {
        self.ser.value(key)?;
        self.key = self.ser.out.split_off(self.start);
        Ok(())
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result {
        self.ser.value(value)?;
        let value = self.ser.out.split_off(self.start);
        self.entries.push((std::mem::take(&mut self.key), value));
        Ok(())
    }

    fn end(mut self) -> Result {
        self.entries.sort_unstable();
        if self.entries.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(KeyError::new(
                KeyErrorKind::DuplicateKey,
                "a map has a key twice: two keys of it serialise alike",
            ));
        }
        for (key, value) in self.entries {
            self.ser.out.extend(key);
            self.ser.out.extend(value);
        }
        self.ser.leave()
    }
}
