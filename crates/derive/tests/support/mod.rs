//! Stands for the facade in tests of the derives alone: the root that `#[index(crate = "…")]` names.
#![allow(unreachable_pub, unused_imports)]

/// What generated code refers to.
pub mod __private {
    pub use deltaview_schema::{
        ColumnType, Index, IndexKey, IndexSchema, Indexable, KeyColumn, KeyValue, Row, Shape, probe,
    };
}
