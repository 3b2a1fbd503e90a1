//! What is written where a derive has errors: enough for the rest of the user's program to be checked as if it had
//! none, so that the compiler reports nothing that only follows from them. None of it ever runs.

use proc_macro2::TokenStream;
use quote::quote;

use crate::ast::{Enumeration, Record};
use crate::expand::{bounds_only_static, checks, key_type, private};

/// `Indexable`, and a constructor for each index whose name is known: with its key where that is known too, and with
/// any key the caller expects where it is not.
pub(crate) fn indexable(record: &Record<'_>) -> TokenStream {
    // A row is 'static: an implementation for a type that borrows would be one more error.
    if record.generics.lifetimes().next().is_some() {
        return TokenStream::new();
    }
    let private = private(&record.root);
    let ident = record.ident;
    let vis = record.vis;
    let (parameters, arguments, _) = record.generics.split_for_impl();
    let bounds = bounds_only_static(record);
    let constructors = record.indexes.iter().map(|index| {
        let name = &index.constructor;
        let (parameter, key) = if index.columns.is_empty() {
            (quote!(<K: #private::IndexKey>), quote!(K))
        } else {
            (TokenStream::new(), key_type(record, &index.columns))
        };
        quote! {
            #vis fn #name #parameter() -> #private::Index<Self, #key> {
                ::core::unreachable!()
            }
        }
    });
    // What can be said of the keys and the derives is said along with the errors; that an enum or a union lacks derives
    // is not of interest where it can't be a row at all.
    let checks = checks(record)
        .filter(|_| record.is_struct)
        .map(|checks| quote!(const _: () = { #checks };));
    quote! {
        #[automatically_derived]
        #[allow(dead_code, missing_docs)]
        impl #parameters #ident #arguments #bounds {
            #(#constructors)*
        }
        #[automatically_derived]
        impl #parameters #private::Indexable for #ident #arguments #bounds {
            type Key = ();
            fn default_index() -> #private::Index<Self, ()> {
                ::core::unreachable!()
            }
            fn shape() -> #private::Shape {
                ::core::unreachable!()
            }
        }
        #checks
    }
}

/// `IndexKey` and `Indexable`.
pub(crate) fn index_key(enumeration: &Enumeration<'_>) -> TokenStream {
    if enumeration.generics.lifetimes().next().is_some() {
        return TokenStream::new();
    }
    let private = private(&enumeration.root);
    let ident = enumeration.ident;
    let (parameters, arguments, bounds) = enumeration.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #parameters #private::IndexKey for #ident #arguments #bounds {
            fn columns() -> ::std::vec::Vec<#private::KeyColumn> {
                ::core::unreachable!()
            }
            fn values<'a>(&'a self, _: &mut ::std::vec::Vec<#private::KeyValue<'a>>) {}
            fn encode(&self, _: &mut ::std::vec::Vec<u8>) {}
        }
        #[automatically_derived]
        impl #parameters #private::Indexable for #ident #arguments #bounds {
            type Key = ();
            fn default_index() -> #private::Index<Self, ()> {
                ::core::unreachable!()
            }
            fn shape() -> #private::Shape {
                ::core::unreachable!()
            }
        }
    }
}
