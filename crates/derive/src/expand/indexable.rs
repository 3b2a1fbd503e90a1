//! The code of `#[derive(Indexable)]`: the constructors of the indexes, the implementation, and the checks that
//! the struct is a row.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::ast::{Column, Index, Record};
use crate::spelling::spelling;

use super::generics::where_clause;
use super::private;

/// Writes all of it.
///
/// What a generic struct is depends on its parameters, so that there the bounds say what has to hold. For any other it
/// is checked once, at the tokens that are to change.
pub(crate) fn expand(record: &Record<'_>) -> TokenStream {
    let constructors = constructors(record);
    let implementation = implementation(record);
    let Some(checks) = checks(record) else {
        return quote!(#constructors #implementation);
    };
    let stand_in = stand_in(record);
    quote! {
        const _: () = {
            #constructors
            #implementation
            #checks
            #stand_in
        };
    }
}

fn constructors(record: &Record<'_>) -> Option<TokenStream> {
    if record.indexes.is_empty() {
        return None;
    }
    let ident = record.ident;
    let (parameters, arguments, _) = record.generics.split_for_impl();
    let bounds = where_clause(record);
    let constructors = record
        .indexes
        .iter()
        .map(|index| constructor(record, index));
    Some(quote! {
        #[automatically_derived]
        impl #parameters #ident #arguments #bounds {
            #(#constructors)*
        }
    })
}

fn constructor(record: &Record<'_>, index: &Index) -> TokenStream {
    let private = private(&record.root);
    let Index {
        name,
        constructor,
        columns,
    } = index;
    let vis = record.vis;
    let doc = format!(
        "The index of `{}` by {}.",
        record.ident.unraw(),
        in_words(record, columns)
    );
    let fields = columns
        .iter()
        .map(|column| &record.fields[column.field].name);
    let key = key_type(record, columns);
    let values = columns.iter().map(|column| value(record, column));
    let value = match columns.len() {
        1 => quote!(#(#values)*),
        _ => quote!((#(#values),*)),
    };
    quote! {
        #[doc = #doc]
        #vis fn #constructor() -> #private::Index<Self, #key> {
            #private::Index::<Self, #key>::declared(#name, [#(#fields),*], |row: &Self| #value)
        }
    }
}

/// The type of the key of an index: a tuple if it has several columns.
pub(crate) fn key_type(record: &Record<'_>, columns: &[Column]) -> TokenStream {
    let types = columns.iter().map(|column| {
        let ty = record.fields[column.field].ty;
        if column.descending {
            quote!(::core::cmp::Reverse<#ty>)
        } else {
            quote!(#ty)
        }
    });
    match columns.len() {
        1 => quote!(#(#types)*),
        _ => quote!((#(#types),*)),
    }
}

/// The value of a column, of a `row`.
fn value(record: &Record<'_>, column: &Column) -> TokenStream {
    let member = &record.fields[column.field].member;
    let value = quote!(::core::clone::Clone::clone(&row.#member));
    if column.descending {
        quote!(::core::cmp::Reverse(#value))
    } else {
        value
    }
}

fn in_words(record: &Record<'_>, columns: &[Column]) -> String {
    let words = columns.iter().map(|column| {
        let down = if column.descending {
            ", the greatest first"
        } else {
            ""
        };
        format!("`{}`{down}", record.fields[column.field].name)
    });
    words.collect::<Vec<_>>().join(", then by ")
}

fn implementation(record: &Record<'_>) -> TokenStream {
    let private = private(&record.root);
    let ident = record.ident;
    let (parameters, arguments, _) = record.generics.split_for_impl();
    let bounds = where_clause(record);
    let shape = shape(record);
    let indexes = (!record.indexes.is_empty()).then(|| {
        let constructors = record.indexes.iter().map(|index| &index.constructor);
        quote! {
            fn indexes() -> ::std::vec::Vec<#private::IndexSchema> {
                ::std::vec![#(Self::#constructors().schema()),*]
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl #parameters #private::Indexable for #ident #arguments #bounds {
            type Key = ();
            fn default_index() -> #private::Index<Self, ()> {
                #private::Index::unkeyed()
            }
            fn shape() -> #private::Shape {
                #shape
            }
            #indexes
        }
    }
}

fn shape(record: &Record<'_>) -> TokenStream {
    let private = private(&record.root);
    let struct_name = record.ident.unraw().to_string();
    if record.fields.is_empty() {
        return quote!(#private::Shape::structure::<&'static str>(#struct_name, []));
    }
    let fields = record.fields.iter().map(|field| {
        let (name, ty, written) = (&field.name, field.ty, spelling(field.ty));
        quote!((#name, (&#private::probe::Probe::<#ty>::new()).field_shape(#written)))
    });
    quote! {
        #[allow(unused_imports)]
        use #private::probe::{ByName as _, ByShape as _};
        #private::Shape::structure(#struct_name, [#(#fields),*])
    }
}

/// The checks that the fields of indexes can be keys, reported at their types, and that the struct has all the derives
/// of a row, reported at its name. None for a generic struct.
pub(crate) fn checks(record: &Record<'_>) -> Option<TokenStream> {
    if !record.generics.params.is_empty() {
        return None;
    }
    let private = private(&record.root);
    let ident = record.ident;
    let columns = record.indexes.iter().flat_map(|index| &index.columns);
    let fields: BTreeSet<usize> = columns.map(|column| column.field).collect();
    let keys = fields.into_iter().map(|field| {
        let ty = record.fields[field].ty;
        quote_spanned!(ty.span()=> key::<#ty>();)
    });
    let key = (!record.indexes.is_empty()).then(|| quote!(fn key<K: #private::IndexKey>() {}));
    let row = quote_spanned!(ident.span()=> row::<#ident>(););
    Some(quote! {
        #[allow(dead_code)]
        fn checks() {
            #key
            fn row<R: #private::Row>() {}
            #(#keys)*
            #row
        }
    })
}

/// What the constructors call where a key is not an `IndexKey`. The checks have reported that, at the field, and the
/// compiler need not say it again for each use of the key: where the methods of `Index` itself don't apply, it finds
/// these. They never run.
fn stand_in(record: &Record<'_>) -> Option<TokenStream> {
    if record.indexes.is_empty() {
        return None;
    }
    let private = private(&record.root);
    let ident = record.ident;
    Some(quote! {
        #[allow(dead_code)]
        trait __NotAKey: Sized {
            fn declared<N, C, F>(_: N, _: C, _: F) -> Self {
                ::core::unreachable!()
            }
            fn schema(&self) -> #private::IndexSchema {
                ::core::unreachable!()
            }
        }
        impl<K> __NotAKey for #private::Index<#ident, K> {}
    })
}
