//! The where clause of generated implementations: what the parameters of a generic struct have to be.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::visit::{self, Visit};
use syn::{Type, TypePath, WhereClause, WherePredicate, parse_quote};

use crate::ast::Record;

/// The where clause of a struct's implementations: the user's own, `Indexable` for each parameter that a field holds
/// and for each associated type of one, `IndexKey` for each type of a key that mentions one.
pub(crate) fn where_clause(record: &Record<'_>) -> Option<WhereClause> {
    let parameters: BTreeSet<Ident> = record
        .generics
        .type_params()
        .map(|parameter| parameter.ident.clone())
        .collect();
    if parameters.is_empty() {
        return record.generics.where_clause.clone();
    }
    let private = super::private(&record.root);
    let mut uses = Uses::of(&parameters);
    record
        .fields
        .iter()
        .for_each(|field| uses.visit_type(field.ty));

    let mut predicates: Vec<WherePredicate> = Vec::new();
    for parameter in record
        .generics
        .type_params()
        .map(|parameter| &parameter.ident)
    {
        predicates.push(if uses.held.contains(parameter) {
            parse_quote!(#parameter: #private::Indexable)
        } else {
            // The row must live as long as the graph, and so must what its type mentions.
            parse_quote!(#parameter: 'static)
        });
    }
    predicates.extend(
        uses.associated
            .values()
            .map(|ty| parse_quote!(#ty: #private::Indexable)),
    );
    predicates
        .extend(key_types(record, &parameters).map(|ty| parse_quote!(#ty: #private::IndexKey)));

    let mut clause: WhereClause = record
        .generics
        .where_clause
        .clone()
        .unwrap_or_else(|| parse_quote!(where));
    clause.predicates.extend(predicates);
    Some(clause)
}

/// The types of key columns that mention a parameter, each once.
fn key_types<'r>(
    record: &'r Record<'_>,
    parameters: &'r BTreeSet<Ident>,
) -> impl Iterator<Item = &'r Type> {
    let mut seen = BTreeSet::new();
    let columns = record.indexes.iter().flat_map(|index| &index.columns);
    columns
        .map(|column| record.fields[column.field].ty)
        .filter(move |ty| {
            let mut uses = Uses::of(parameters);
            uses.visit_type(ty);
            uses.any && seen.insert(ty.to_token_stream().to_string())
        })
}

/// What a type mentions of a struct's parameters.
struct Uses<'a> {
    parameters: &'a BTreeSet<Ident>,
    /// Whether it mentions any, however.
    any: bool,
    /// Those that it holds values of, as far as can be told: not those of a `PhantomData`.
    held: BTreeSet<Ident>,
    /// Associated types like `T::Item`, by how they are written.
    associated: BTreeMap<String, TypePath>,
}

impl<'a> Uses<'a> {
    fn of(parameters: &'a BTreeSet<Ident>) -> Self {
        Self {
            parameters,
            any: false,
            held: BTreeSet::new(),
            associated: BTreeMap::new(),
        }
    }
}

impl<'ast> Visit<'ast> for Uses<'_> {
    fn visit_type_path(&mut self, ty: &'ast TypePath) {
        let first = ty.path.segments.first().map(|segment| &segment.ident);
        let last = ty.path.segments.last().map(|segment| &segment.ident);
        if let Some(first) =
            first.filter(|first| ty.qself.is_none() && self.parameters.contains(*first))
        {
            self.any = true;
            if ty.path.segments.len() == 1 {
                self.held.insert(first.clone());
            } else {
                self.associated
                    .insert(ty.to_token_stream().to_string(), ty.clone());
            }
        } else if last.is_some_and(|last| last == "PhantomData") {
            let held = std::mem::take(&mut self.held);
            visit::visit_type_path(self, ty);
            self.held = held;
        } else {
            visit::visit_type_path(self, ty);
        }
    }
}

/// The tokens of the where clause of a row that is sure to be one: for the fallback, which asks nothing of keys.
pub(crate) fn bounds_only_static(record: &Record<'_>) -> TokenStream {
    let clause = record.generics.where_clause.as_ref();
    let own = clause
        .map(|clause| clause.predicates.iter().collect::<Vec<_>>())
        .unwrap_or_default();
    let parameters = record
        .generics
        .type_params()
        .map(|parameter| &parameter.ident);
    quote!(where #(#own,)* #(#parameters: 'static,)*)
}
