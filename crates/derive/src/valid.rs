//! Resolves what attributes say against the fields, and checks it. What comes out is valid; what is not is left out
//! and reported.

use std::collections::BTreeMap;

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::{Attribute, Data, DataEnum, DeriveInput, Fields, LitStr, Member};

use crate::ast::{Column, Enumeration, Field, Index, Record, default_root};
use crate::attr::{self, DeclaredColumn, DeclaredIndex, FieldIndex};
use crate::error::Errors;

/// The most columns an index can have: the longest tuple that is a key.
const MOST_COLUMNS: usize = 8;

/// Checks a type that derives `Indexable`. An enum or a union gives a record without fields.
pub(crate) fn record<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Record<'a> {
    let name = &input.ident;
    match &input.data {
        Data::Struct(_) => {}
        Data::Enum(_) => errors.at(
            name,
            format!(
                "`Indexable` is for structs: for an enum without data use `#[derive(IndexKey)]`, \
                 for one with data implement `Indexable for {name}` by hand, with a `Shape::opaque`"
            ),
        ),
        Data::Union(_) => errors.at(name, "`Indexable` is for structs: a union can't be a row"),
    }
    let Data::Struct(data) = &input.data else {
        return Record {
            ident: name,
            vis: &input.vis,
            is_struct: false,
            generics: &input.generics,
            root: attr::of_struct(&input.attrs, &mut Errors::default())
                .root
                .unwrap_or_else(default_root),
            fields: Vec::new(),
            indexes: Vec::new(),
        };
    };
    for lifetime in input.generics.lifetimes() {
        errors.at(
            &lifetime.lifetime,
            format!(
                "a row owns its data, so `{name}` can't have the lifetime `{}`: use owned types, like `String` \
                 for `&str`",
                lifetime.lifetime
            ),
        );
    }
    let attrs = attr::of_struct(&input.attrs, errors);
    let fields = fields(&data.fields);
    let mut indexes = Indexes {
        fields: &fields,
        taken: BTreeMap::new(),
        found: Vec::new(),
        errors,
    };
    for declared in attrs.indexes {
        indexes.of_struct(declared);
    }
    for (position, field) in data.fields.iter().enumerate() {
        for declared in attr::of_field(&field.attrs, indexes.errors) {
            indexes.of_field(position, declared);
        }
    }
    Record {
        ident: name,
        vis: &input.vis,
        is_struct: true,
        generics: &input.generics,
        root: attrs.root.unwrap_or_else(default_root),
        indexes: indexes.found,
        fields,
    }
}

/// Checks a type that derives `IndexKey`. A struct or a union gives an enumeration without variants.
pub(crate) fn enumeration<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Enumeration<'a> {
    let name = &input.ident;
    let attrs = attr::of_enum(&input.attrs, errors);
    let mut found = Enumeration {
        ident: name,
        generics: &input.generics,
        root: attrs.root.unwrap_or_else(default_root),
        variants: Vec::new(),
        discriminants: false,
    };
    match &input.data {
        Data::Enum(data) => variants(name, data, &input.attrs, &mut found, errors),
        Data::Struct(_) => errors.at(
            name,
            "`IndexKey` is for enums without data: for a key of several fields declare an index on the row, \
             `#[index(name = \"…\", columns(…))]`",
        ),
        Data::Union(_) => errors.at(name, "`IndexKey` is for enums without data: a union can't be a key"),
    }
    found
}

fn variants<'a>(
    name: &Ident,
    data: &'a DataEnum,
    attributes: &[Attribute],
    found: &mut Enumeration<'a>,
    errors: &mut Errors,
) {
    if data.variants.is_empty() {
        errors.at(
            name,
            format!("`{name}` has no variants, so an index by it has no rows: give it one"),
        );
    }
    for variant in &data.variants {
        let what = &variant.ident;
        match &variant.fields {
            Fields::Unit => {}
            fields if fields.is_empty() => {
                errors.at(fields, format!("write the variant without brackets: `{what}`"));
            }
            _ => errors.at(
                variant,
                format!(
                    "`{what}` has data: `IndexKey` is for enums without data. Index by a field of the row that \
                     holds what to order by"
                ),
            ),
        }
        for attribute in attr::index_attributes(&variant.attrs) {
            errors.at(
                &attribute.meta,
                "a variant has no options: remove this `#[index]`",
            );
        }
        found.variants.push(what);
        found.discriminants |= variant.discriminant.is_some();
    }
    if found.discriminants {
        wide_representation(attributes, errors);
    }
}

/// Reports a representation whose discriminants may not fit the column, which is an `i64`.
fn wide_representation(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("repr"))
    {
        // A `repr` that can't be read is the compiler's to report.
        let _ = attribute.parse_nested_meta(|meta| {
            let wide = ["u64", "usize", "u128", "i128"].into_iter().find(|wide| meta.path.is_ident(wide));
            if let Some(wide) = wide {
                errors.at(
                    &meta.path,
                    format!("discriminants of `{wide}` may not fit a key's 64 bits with sign: use `repr(i64)`"),
                );
            }
            Ok(())
        });
    }
}

fn fields(fields: &Fields) -> Vec<Field<'_>> {
    let all = fields.members().zip(fields.iter());
    all.map(|(member, field)| Field {
        name: spelled(&member),
        member,
        ty: &field.ty,
    })
    .collect()
}

/// A member as shapes and columns call it.
fn spelled(member: &Member) -> String {
    match member {
        Member::Named(name) => name.unraw().to_string(),
        Member::Unnamed(position) => position.index.to_string(),
    }
}

/// The indexes of a struct while they are resolved.
struct Indexes<'r, 'a> {
    fields: &'r [Field<'a>],
    /// Each name in lower case (SQL tells no case apart), and what has it, in words.
    taken: BTreeMap<String, String>,
    found: Vec<Index>,
    errors: &'r mut Errors,
}

impl Indexes<'_, '_> {
    /// Resolves an index of one field.
    fn of_field(&mut self, position: usize, declared: FieldIndex) {
        let field = &self.fields[position];
        let what = format!("that of the field `{}`", field.name);
        let (written, span) = match &declared.name {
            Some(name) => (name.value(), name.span()),
            None => (field.name.clone(), declared.attribute),
        };
        // The name of a field is never stripped: a field `by_whom` is found by `by_by_whom`.
        let name = declared
            .name
            .as_ref()
            .map_or(written.as_str(), |_| stripped(&written))
            .to_string();
        let columns = vec![Column {
            field: position,
            descending: declared.descending,
        }];
        if let Some(constructor) = self.constructor(&name, &written, span)
            && self.take(&name, span, what)
        {
            self.found.push(Index {
                name,
                constructor,
                columns,
            });
        }
    }

    /// Resolves an index that the struct declares.
    fn of_struct(&mut self, declared: DeclaredIndex) {
        let DeclaredIndex {
            name,
            columns,
            attribute,
            mut broken,
        } = declared;
        if columns.is_none() && !broken {
            let message =
                "this index has no columns: add `columns(…)` with the fields that it is of";
            self.errors
                .at_span(name.as_ref().map_or(attribute, LitStr::span), message);
            broken = true;
        }
        if name.is_none() && !broken {
            let span = columns.as_ref().map_or(attribute, |(_, span)| *span);
            self.errors
                .at_span(span, "this index has no name: add `name = \"…\"`");
        }
        let what = match &columns {
            Some((columns, _)) if !columns.is_empty() => {
                let columns: Vec<String> = columns
                    .iter()
                    .map(|column| spelled(&column.member))
                    .collect();
                format!("the one with `columns({})`", columns.join(", "))
            }
            _ => "another on the struct".to_string(),
        };
        let columns = columns.map(|(columns, span)| self.columns(&columns, span, &mut broken));
        let Some(written) = name else { return };
        let value = written.value();
        let name = stripped(&value).to_string();
        let Some(constructor) = self.constructor(&name, &value, written.span()) else {
            return;
        };
        if !self.take(&name, written.span(), what) {
            return;
        }
        let columns = columns.filter(|_| !broken).unwrap_or_default();
        self.found.push(Index {
            name,
            constructor,
            columns,
        });
    }

    /// Resolves columns, at least one and at most eight, each once.
    fn columns(
        &mut self,
        declared: &[DeclaredColumn],
        list: Span,
        broken: &mut bool,
    ) -> Vec<Column> {
        if declared.is_empty() && !*broken {
            self.errors.at_span(
                list,
                "an index has at least one column: name the fields that it is of",
            );
            *broken = true;
        }
        if let Some(ninth) = declared.get(MOST_COLUMNS) {
            let message =
                format!("an index has at most {MOST_COLUMNS} columns: this is one too many");
            self.errors.at(&ninth.member, message);
            *broken = true;
        }
        let mut columns: Vec<Column> = Vec::new();
        for DeclaredColumn { member, descending } in declared {
            let name = spelled(member);
            let Some(field) = self.fields.iter().position(|field| field.name == name) else {
                self.errors.at(member, self.unknown_field(&name));
                *broken = true;
                continue;
            };
            if columns.iter().any(|column| column.field == field) {
                self.errors.at(
                    member,
                    format!("`{name}` is a column of this index already: name it once"),
                );
                *broken = true;
                continue;
            }
            columns.push(Column {
                field,
                descending: *descending,
            });
        }
        columns
    }

    fn unknown_field(&self, name: &str) -> String {
        let fields: Vec<String> = self
            .fields
            .iter()
            .map(|field| format!("`{}`", field.name))
            .collect();
        match fields.as_slice() {
            [] => format!("no field `{name}`: the struct has no fields"),
            [one] => format!("no field `{name}`: the struct has {one} only"),
            many => format!("no field `{name}`: the struct has {}", many.join(", ")),
        }
    }

    /// The constructor of an index of this name: an error unless it is an identifier.
    fn constructor(&mut self, name: &str, written: &str, span: Span) -> Option<Ident> {
        let constructor = syn::parse_str::<Ident>(&format!("by_{name}")).ok();
        if name.is_empty() || constructor.is_none() {
            self.errors.at_span(
                span,
                format!(
                    "`{written}` can't be the name of an index: it becomes the name of a constructor, so use \
                     letters, digits and `_`, like `name` or `by_name`"
                ),
            );
            return None;
        }
        constructor.map(|mut constructor| {
            constructor.set_span(span);
            constructor
        })
    }

    /// Takes a name: an error if another index has it.
    fn take(&mut self, name: &str, span: Span, what: String) -> bool {
        if let Some(first) = self.taken.get(&name.to_lowercase()) {
            let message = format!(
                "a second index with the name `{name}`: the first is {first}. Give this one another name, \
                 `name = \"…\"`"
            );
            self.errors.at_span(span, message);
            return false;
        }
        self.taken.insert(name.to_lowercase(), what);
        true
    }
}

/// The name of an index without the `by_` that its constructor has in any case.
fn stripped(name: &str) -> &str {
    name.strip_prefix("by_").unwrap_or(name)
}
