//! What a derive is about, after validation: [`Record`] for `Indexable`, [`Enumeration`] for `IndexKey`. These types
//! never hold anything invalid; what was invalid is in the errors beside them.

use proc_macro2::{Ident, Span};
use syn::{Generics, Member, Path, Type, Visibility};

/// A struct that derives `Indexable`.
pub(crate) struct Record<'a> {
    /// The struct's name.
    pub(crate) ident: &'a Ident,
    /// Its visibility, which its constructors get.
    pub(crate) vis: &'a Visibility,
    /// Whether it is a struct at all: always, unless there are errors.
    pub(crate) is_struct: bool,
    /// Its parameters, without lifetimes unless there are errors.
    pub(crate) generics: &'a Generics,
    /// Where the generated code finds deltaview.
    pub(crate) root: Path,
    /// Its fields, in the order of their declaration.
    pub(crate) fields: Vec<Field<'a>>,
    /// Its indexes, in the order of their declaration: those of the struct first.
    pub(crate) indexes: Vec<Index>,
}

/// A field of a struct.
pub(crate) struct Field<'a> {
    /// How an expression accesses it.
    pub(crate) member: Member,
    /// What shapes and columns call it: without `r#`, or its position.
    pub(crate) name: String,
    /// Its type.
    pub(crate) ty: &'a Type,
}

/// An index of a struct.
pub(crate) struct Index {
    /// Its name, without `by_`.
    pub(crate) name: String,
    /// The name of its constructor, with `by_`.
    pub(crate) constructor: Ident,
    /// Its columns, one to eight. None for an index that was declared wrongly, which only the fallback knows.
    pub(crate) columns: Vec<Column>,
}

/// A column of an index.
pub(crate) struct Column {
    /// The position of the field.
    pub(crate) field: usize,
    /// Whether the greatest comes first.
    pub(crate) descending: bool,
}

/// An enum that derives `IndexKey`.
pub(crate) struct Enumeration<'a> {
    /// The enum's name.
    pub(crate) ident: &'a Ident,
    /// Its parameters.
    pub(crate) generics: &'a Generics,
    /// Where the generated code finds deltaview.
    pub(crate) root: Path,
    /// Its variants, in the order of their declaration.
    pub(crate) variants: Vec<&'a Ident>,
    /// Whether any variant has a discriminant of its own, so that the order is theirs.
    pub(crate) discriminants: bool,
}

/// Where the generated code finds deltaview unless the user says otherwise.
pub(crate) fn default_root() -> Path {
    Path {
        leading_colon: Some(Default::default()),
        ..Ident::new("deltaview", Span::call_site()).into()
    }
}
