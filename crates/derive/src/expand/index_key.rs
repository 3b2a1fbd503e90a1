//! The code of `#[derive(IndexKey)]`: the enum as a key, which is one integer, and as a row.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;

use crate::ast::Enumeration;

use super::private;

/// Writes all of it.
pub(crate) fn expand(enumeration: &Enumeration<'_>) -> TokenStream {
    let private = private(&enumeration.root);
    let ident = enumeration.ident;
    let (parameters, arguments, bounds) = enumeration.generics.split_for_impl();
    let positions = positions(enumeration);
    let variants = variant_names(enumeration);
    let name = ident.unraw().to_string();
    quote! {
        const _: () = {
            fn position #parameters (key: &#ident #arguments) -> i64 #bounds {
                match key {
                    #(#positions),*
                }
            }
            #[automatically_derived]
            impl #parameters #private::IndexKey for #ident #arguments #bounds {
                fn columns() -> ::std::vec::Vec<#private::KeyColumn> {
                    ::std::vec![#private::KeyColumn::single(#private::ColumnType::Int)]
                }
                fn values<'a>(&'a self, out: &mut ::std::vec::Vec<#private::KeyValue<'a>>) {
                    out.push(#private::KeyValue::Int(position(self)));
                }
                fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
                    #private::IndexKey::encode(&position(self), out);
                }
            }
            #[automatically_derived]
            impl #parameters #private::Indexable for #ident #arguments #bounds {
                type Key = ();
                fn default_index() -> #private::Index<Self, ()> {
                    #private::Index::unkeyed()
                }
                fn shape() -> #private::Shape {
                    #private::Shape::enumeration(#name, [#(#variants),*])
                }
            }
        };
    }
}

/// The arms that give each variant its place in the order of the derived `Ord`: that of the discriminants.
fn positions(enumeration: &Enumeration<'_>) -> impl Iterator<Item = TokenStream> {
    let ident = enumeration.ident;
    enumeration
        .variants
        .iter()
        .zip(0_i64..)
        .map(move |(variant, position)| {
            if enumeration.discriminants {
                quote!(#ident::#variant => #ident::#variant as i64)
            } else {
                quote!(#ident::#variant => #position)
            }
        })
}

/// The variants as the shape has them. The discriminants belong to it where they are the order: stored keys are them.
fn variant_names(enumeration: &Enumeration<'_>) -> impl Iterator<Item = TokenStream> {
    let discriminants = enumeration.discriminants;
    enumeration.variants.iter().map(move |variant| {
        let name = variant.unraw().to_string();
        if discriminants {
            let format = format!("{name} = {{}}");
            quote!(::std::format!(#format, Self::#variant as i64))
        } else {
            quote!(#name)
        }
    })
}
