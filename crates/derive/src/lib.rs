//! The derive macros of deltaview: `Indexable` for the rows of tables, and `IndexKey` for enums that indexes are of.
//!
//! A derive goes through stages, a module each: `attr` reads the `#[index(…)]` attributes, `valid` resolves them
//! against the fields into the types of `ast`, `expand` writes the code. Errors are collected on the way, so that a
//! user sees all of them at once, each at the token to change; where there is one, `fallback` writes what keeps the
//! compiler from reporting further errors that only follow from it.
//!
//! This crate owns the expansion and its error messages. It never depends on a runtime crate: the code that it writes
//! reaches everything through `::deltaview::__private`, or through the root that `#[index(crate = "…")]` names.

mod ast;
mod attr;
mod error;
mod expand;
mod fallback;
#[cfg(test)]
mod snapshots;
mod spelling;
mod valid;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct a row of tables: implements `Indexable`, and makes a constructor for each index.
///
/// ```
/// # mod support { pub mod __private { pub use deltaview_schema::*; } }
/// # use std::cmp::Reverse;
/// # use deltaview_derive::Indexable;
/// # use deltaview_schema::Index;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
/// # #[index(crate = "crate::support")]
/// #[index(name = "by_basket_and_qty", columns(basket_id, qty desc))]
/// struct LineItem {
///     basket_id: u32,
///     #[index]
///     product_name: String,
///     qty: i64,
/// }
///
/// # fn main() {
/// let by_name: Index<LineItem, String> = LineItem::by_product_name();
/// let by_basket_and_qty: Index<LineItem, (u32, Reverse<i64>)> = LineItem::by_basket_and_qty();
///
/// let row = LineItem { basket_id: 1, product_name: "radio".to_string(), qty: 4 };
/// assert_eq!(by_name.key(&row), "radio");
/// assert_eq!(by_basket_and_qty.key(&row), (1, Reverse(4)));
/// assert_eq!(by_basket_and_qty.name(), "basket_and_qty");
/// # }
/// ```
///
/// | attribute | where | what it makes |
/// | --- | --- | --- |
/// | `#[index]` | field `name` | `Self::by_name() -> Index<Self, FieldType>` |
/// | `#[index(desc)]` | field `name` | `Self::by_name() -> Index<Self, Reverse<FieldType>>`: the greatest first |
/// | `#[index(name = "title")]` | field | the index `title`, made by `Self::by_title()` |
/// | `#[index(name = "by_a_and_b", columns(a, b desc))]` | struct | `Self::by_a_and_b() -> Index<Self, (A, Reverse<B>)>` |
/// | `#[index(crate = "path")]` | struct | nothing: it is where the generated code finds deltaview, by default `::deltaview` |
///
/// Two composite indexes that share an ascending column make clippy's `duplicated_attributes` fire, which takes the names
/// in `columns(…)` for attributes: put `#[allow(clippy::duplicated_attributes)]` on the struct.
///
/// A name with or without `by_` in front is the same name: the constructor has it, the index itself (and so its
/// columns in SQL) does not. A field may have several `#[index(…)]`, a struct too; an index has up to eight columns.
/// The fields of a tuple struct are called `0`, `1`, …; their constructors `by_0`, `by_1`, ….
///
/// A constructor has the visibility of the struct. The shape of the row takes in the shape of each field whose type is
/// `Indexable`, and the written name of any other type.
///
/// # Generic structs
///
/// Type parameters that fields use get the bound `Indexable`; types of keys that mention a parameter get `IndexKey`.
/// Const parameters are free. Lifetime parameters are an error: rows own their data.
///
/// # Errors
///
/// At the offending token, all at once: an unknown option, field or name, a name or a column twice, no columns or more
/// than eight, an enum or a union. A key type that has no order is reported at the field's type, and a struct that
/// lacks one of the derives of a row (Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize) at
/// its name.
#[proc_macro_derive(Indexable, attributes(index))]
pub fn derive_indexable(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::indexable(&input).into()
}

/// Makes an enum without data the key of indexes: implements `IndexKey`, and `Indexable` too.
///
/// The order is that of `#[derive(Ord)]`, which the enum must derive as well: the order of declaration, or of the
/// discriminants where any is written (`Low = -1`). In SQL the key is an integer: the variant's position, or its
/// discriminant. `#[index(crate = "path")]` is as for `Indexable`.
///
/// ```
/// # mod support { pub mod __private { pub use deltaview_schema::*; } }
/// # use deltaview_derive::IndexKey;
/// # use deltaview_schema::Index;
/// #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IndexKey)]
/// # #[index(crate = "crate::support")]
/// enum Status {
///     Open,
///     Paid,
/// }
///
/// # fn main() {
/// let by_status = Index::new("status", |row: &(Status, u8)| row.0.clone());
/// assert!(by_status.key(&(Status::Open, 2)) < by_status.key(&(Status::Paid, 1)));
/// # }
/// ```
///
/// # Errors
///
/// At the offending token, all at once: a variant with fields, a struct or a union, an enum without variants, and
/// discriminants that might not fit an `i64` (those of `#[repr(u64)]`, `#[repr(usize)]` and the 128-bit ones).
#[proc_macro_derive(IndexKey, attributes(index))]
pub fn derive_index_key(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::index_key(&input).into()
}
