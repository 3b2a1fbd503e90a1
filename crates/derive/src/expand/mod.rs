//! Writes the code of a derive: [`indexable`] and [`index_key`] for what is valid, the fallback where something is
//! not.

mod generics;
mod index_key;
mod indexable;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Path};

use crate::error::Errors;
use crate::{fallback, valid};

pub(crate) use generics::bounds_only_static;
pub(crate) use indexable::{checks, key_type};

/// The code of `#[derive(Indexable)]`: the implementation, or errors and the fallback.
pub(crate) fn indexable(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let record = valid::record(input, &mut errors);
    match errors.into_compile_errors() {
        None => indexable::expand(&record),
        Some(errors) => {
            let fallback = fallback::indexable(&record);
            quote!(#errors #fallback)
        }
    }
}

/// The code of `#[derive(IndexKey)]`: the implementations, or errors and the fallback.
pub(crate) fn index_key(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let enumeration = valid::enumeration(input, &mut errors);
    match errors.into_compile_errors() {
        None => index_key::expand(&enumeration),
        Some(errors) => {
            let fallback = fallback::index_key(&enumeration);
            quote!(#errors #fallback)
        }
    }
}

/// The path of what generated code refers to.
pub(crate) fn private(root: &Path) -> TokenStream {
    quote!(#root::__private)
}
