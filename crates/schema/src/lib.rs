//! What a row and an index are.
//!
//! This crate owns the vocabulary that every other layer speaks: [`Indexable`] and [`Row`] (what a row is),
//! [`Shape`] (the fields and types of a row, as data), [`Index`] and [`IndexKey`] (a key that is computed from a row,
//! and the SQL columns that it becomes), [`TableSchema`] (a stored table, for any dialect), and the [`codec`]
//! (rows as bytes) with their [`Identity`].
//!
//! It never knows a SQL dialect or a driver: a column here has a [`ColumnType`], and what that is called in SQLite or
//! Postgres is the store's business.
//!
//! ```
//! use deltaview_schema::{Index, IndexKey, KeyValue};
//!
//! let by_length = Index::new("length", |word: &String| word.len() as i64);
//! assert_eq!(by_length.key(&"delta".to_string()), 5);
//! assert_eq!(by_length.schema().columns[0].sql_name("length"), "ixd__length__key");
//!
//! // None is NULL in SQL, and is ordered first, as it is in Rust.
//! let mut values = Vec::new();
//! None::<i64>.values(&mut values);
//! assert_eq!(values, [KeyValue::Null]);
//! ```

pub mod codec;
mod identity;
mod index;
mod indexable;
mod key;
#[doc(hidden)]
pub mod probe;
mod shape;
mod table;

pub use identity::Identity;
pub use index::{Index, IndexIdentity};
pub use indexable::{Indexable, Row};
pub use key::{ColumnType, IndexKey, KeyColumn, KeyValue, TimeKey, order};
pub use shape::{Field, Shape};
pub use table::{Column, Difference, IndexSchema, TableSchema, cut_name, describe_differences};

pub use ordered_float::{NotNan, OrderedFloat};
