//! Columns of values as Postgres's arrays, in its binary format. It owns how a key's value is written on the wire.

use std::error::Error as StdError;

use bytes::BytesMut;
use deltaview_schema::{ColumnType, KeyValue};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// Text with a NUL, which Postgres can't hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HasNul;

/// A column of values, to be bound as one array.
#[derive(Debug)]
pub(crate) struct Array {
    element: Type,
    values: i32,
    has_null: bool,
    /// Each value behind its length.
    body: Vec<u8>,
}

impl Array {
    pub(crate) fn of(column_type: ColumnType) -> Self {
        Self {
            element: element(column_type),
            values: 0,
            has_null: false,
            body: Vec::new(),
        }
    }

    /// How many bytes it has.
    pub(crate) fn size(&self) -> usize {
        self.body.len()
    }

    pub(crate) fn push(&mut self, value: &KeyValue<'_>) -> Result<(), HasNul> {
        with_bytes(value, |bytes| self.push_bytes(bytes))
    }

    pub(crate) fn push_int(&mut self, value: i64) {
        self.push_bytes(Some(&value.to_be_bytes()));
    }

    pub(crate) fn push_bytes(&mut self, value: Option<&[u8]>) {
        self.values += 1;
        if let Some(bytes) = value {
            // A value that is too long for Postgres is refused before it comes here.
            let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
            self.body.extend_from_slice(&length.to_be_bytes());
            self.body.extend_from_slice(bytes);
        } else {
            self.has_null = true;
            self.body.extend_from_slice(&(-1_i32).to_be_bytes());
        }
    }

    /// The type of the array.
    pub(crate) fn array_type(&self) -> Type {
        match self.element {
            Type::BOOL => Type::BOOL_ARRAY,
            Type::INT8 => Type::INT8_ARRAY,
            Type::TEXT => Type::TEXT_ARRAY,
            Type::UUID => Type::UUID_ARRAY,
            _ => Type::BYTEA_ARRAY,
        }
    }
}

impl ToSql for Array {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        // Dimensions, whether there are NULLs, the type; then the length and the first place of each dimension.
        let dimensions = i32::from(self.values > 0);
        out.extend_from_slice(&dimensions.to_be_bytes());
        out.extend_from_slice(&i32::from(self.has_null).to_be_bytes());
        out.extend_from_slice(&self.element.oid().to_be_bytes());
        if dimensions > 0 {
            out.extend_from_slice(&self.values.to_be_bytes());
            out.extend_from_slice(&1_i32.to_be_bytes());
        }
        out.extend_from_slice(&self.body);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A single value of a key, to be bound; text ends before its first NUL.
#[derive(Clone, Debug)]
pub(crate) struct Single {
    pub(crate) element: Type,
    bytes: Option<Vec<u8>>,
    /// Whether the text had a NUL.
    pub(crate) is_cut: bool,
}

impl Single {
    /// The value and its type.
    pub(crate) fn bound(self) -> (Box<dyn ToSql + Sync + Send>, Type) {
        let element = self.element.clone();
        (Box::new(self), element)
    }

    pub(crate) fn new(value: &KeyValue<'_>, column_type: ColumnType) -> Self {
        let mut single = Self {
            element: element(column_type),
            bytes: None,
            is_cut: false,
        };
        let kept = with_bytes(value, |bytes| bytes.map(<[u8]>::to_vec));
        match (kept, value) {
            (Ok(bytes), _) => single.bytes = bytes,
            (Err(HasNul), KeyValue::Text(text)) => {
                let kept = text.split('\0').next().unwrap_or_default();
                single.bytes = Some(kept.as_bytes().to_vec());
                single.is_cut = true;
            }
            (Err(HasNul), _) => unreachable!("only text has characters"),
        }
        single
    }

    /// Whether both are the same value.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.bytes == other.bytes && !self.is_cut && !other.is_cut
    }
}

impl ToSql for Single {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        Ok(match &self.bytes {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A value as it comes over the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a>(pub(crate) Option<&'a [u8]>);

impl Raw<'_> {
    /// Whether it is this value of a key.
    pub(crate) fn is(&self, value: &KeyValue<'_>) -> bool {
        with_bytes(value, |bytes| bytes == self.0) == Ok(true)
    }
}

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn element(column_type: ColumnType) -> Type {
    match column_type {
        ColumnType::Bool => Type::BOOL,
        ColumnType::Int => Type::INT8,
        ColumnType::Text => Type::TEXT,
        ColumnType::Uuid => Type::UUID,
        _ => Type::BYTEA,
    }
}

/// The binary format of a value.
fn with_bytes<R>(value: &KeyValue<'_>, take: impl FnOnce(Option<&[u8]>) -> R) -> Result<R, HasNul> {
    Ok(match value {
        KeyValue::Null => take(None),
        KeyValue::Bool(value) => take(Some(&[u8::from(*value)])),
        KeyValue::Int(value) => take(Some(&value.to_be_bytes())),
        KeyValue::Text(text) if text.contains('\0') => return Err(HasNul),
        KeyValue::Text(text) => take(Some(text.as_bytes())),
        KeyValue::Bytes(bytes) => take(Some(bytes)),
    })
}
