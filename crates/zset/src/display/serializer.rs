//! A serde serialiser whose output is a [`Node`].
//!
//! Owns the mapping of serde's data model. Never fails as a whole: the error of a nested value becomes a
//! [`Node::Failed`] in its place.

use std::fmt;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::node::{Node, hexadecimal};

/// A value as a tree.
pub(super) fn to_node<T: Serialize + ?Sized>(value: &T) -> Node {
    value
        .serialize(NodeSerializer)
        .unwrap_or_else(|Refused(reason)| Node::Failed(reason))
}

/// Why a value's own `Serialize` gave up.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

impl Error for Refused {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Refused(message.to_string())
    }
}

struct NodeSerializer;

macro_rules! scalars {
    ($variant:ident: $($method:ident $type:ty),*) => {$(
        fn $method(self, value: $type) -> Result<Node, Refused> {
            Ok(Node::$variant(value.to_string()))
        }
    )*};
}

impl Serializer for NodeSerializer {
    type Ok = Node;
    type Error = Refused;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Entries;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    scalars!(Number: serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128);
    scalars!(Number: serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128);
    scalars!(Number: serialize_f32 f32, serialize_f64 f64);
    scalars!(Text: serialize_char char, serialize_str &str);
    scalars!(Word: serialize_bool bool, serialize_unit_struct &'static str);

    fn serialize_bytes(self, value: &[u8]) -> Result<Node, Refused> {
        Ok(Node::Word(hexadecimal(value)))
    }

    fn serialize_none(self) -> Result<Node, Refused> {
        Ok(Node::None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Node, Refused> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Node, Refused> {
        Ok(Node::Tuple(Vec::new()))
    }

    fn serialize_unit_variant(
        self,
        _enum: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Node, Refused> {
        Ok(Node::Word(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Node, Refused> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _enum: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Node, Refused> {
        Ok(Node::Variant(variant, Box::new(to_node(value))))
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Items, Refused> {
        Ok(Items::default())
    }

    fn serialize_tuple(self, _len: usize) -> Result<Items, Refused> {
        Ok(Items::default())
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Items, Refused> {
        Ok(Items::default())
    }

    fn serialize_tuple_variant(
        self,
        _enum: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Items, Refused> {
        Ok(Items {
            name: variant,
            items: Vec::new(),
        })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Entries, Refused> {
        Ok(Entries {
            // serde's derive writes a struct with a `flatten` field as a map of unknown length.
            may_be_struct: len.is_none(),
            key: None,
            entries: Vec::new(),
        })
    }

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Fields, Refused> {
        Ok(Fields {
            name,
            fields: Vec::new(),
        })
    }

    fn serialize_struct_variant(
        self,
        _enum: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Fields, Refused> {
        self.serialize_struct(variant, len)
    }
}

/// The items of a sequence or a tuple; `name` is a variant's.
#[derive(Default)]
struct Items {
    name: &'static str,
    items: Vec<Node>,
}

impl Items {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.items.push(to_node(value));
        Ok(())
    }
}

impl SerializeSeq for Items {
    type Ok = Node;
    type Error = Refused;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.push(value)
    }

    fn end(self) -> Result<Node, Refused> {
        Ok(Node::Sequence(self.items))
    }
}

impl SerializeTuple for Items {
    type Ok = Node;
    type Error = Refused;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.push(value)
    }

    fn end(self) -> Result<Node, Refused> {
        Ok(Node::Tuple(self.items))
    }
}

impl SerializeTupleStruct for Items {
    type Ok = Node;
    type Error = Refused;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.push(value)
    }

    fn end(self) -> Result<Node, Refused> {
        Ok(Node::Tuple(self.items))
    }
}

impl SerializeTupleVariant for Items {
    type Ok = Node;
    type Error = Refused;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.push(value)
    }

    fn end(self) -> Result<Node, Refused> {
        let data = Box::new(Node::Tuple(self.items));
        Ok(Node::Variant(self.name, data))
    }
}

/// The fields of a struct; `name` is the struct's or a variant's.
struct Fields {
    name: &'static str,
    fields: Vec<(String, Node)>,
}

impl Fields {
    fn push<T: Serialize + ?Sized>(&mut self, field: &str, value: &T) -> Result<(), Refused> {
        self.fields.push((field.to_owned(), to_node(value)));
        Ok(())
    }

    fn into_struct(self) -> Node {
        Node::Struct {
            name: self.name,
            fields: self.fields,
        }
    }
}

impl SerializeStruct for Fields {
    type Ok = Node;
    type Error = Refused;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        field: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        self.push(field, value)
    }

    fn end(self) -> Result<Node, Refused> {
        Ok(self.into_struct())
    }
}

impl SerializeStructVariant for Fields {
    type Ok = Node;
    type Error = Refused;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        field: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        self.push(field, value)
    }

    fn end(self) -> Result<Node, Refused> {
        Ok(Node::Variant(self.name, Box::new(self.into_struct())))
    }
}

/// The entries of a map.
struct Entries {
    may_be_struct: bool,
    /// A key that waits for its value.
    key: Option<Node>,
    entries: Vec<(Node, Node)>,
}

impl SerializeMap for Entries {
    type Ok = Node;
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        self.key = Some(to_node(key));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        let key = self.key.take();
        let key = key.ok_or_else(|| Refused("a map gave a value without its key".to_owned()))?;
        self.entries.push((key, to_node(value)));
        Ok(())
    }

    fn end(self) -> Result<Node, Refused> {
        let named = |(key, value): &(Node, Node)| match key {
            Node::Text(name) => Some((name.clone(), value.clone())),
            _ => None,
        };
        if self.may_be_struct
            && let Some(fields) = self.entries.iter().map(named).collect()
        {
            return Ok(Node::Struct { name: "", fields });
        }
        Ok(Node::Map(self.entries))
    }
}
