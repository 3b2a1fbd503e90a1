//! Reads `#[index(…)]` attributes into what they say. It knows the options and where each may stand; it never looks at
//! the fields that they name.

use proc_macro2::{Ident, Span, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, LitStr, Member, Meta, Path, Token, parenthesized};

use crate::error::Errors;

/// What the attributes of a struct or an enum say.
#[derive(Default)]
pub(crate) struct ContainerAttrs {
    /// The path of `crate = "…"`.
    pub(crate) root: Option<Path>,
    /// The indexes that are declared on the struct.
    pub(crate) indexes: Vec<DeclaredIndex>,
}

/// An index as an attribute of a struct declares it.
pub(crate) struct DeclaredIndex {
    /// Its name.
    pub(crate) name: Option<LitStr>,
    /// Its columns and the span of the list.
    pub(crate) columns: Option<(Vec<DeclaredColumn>, Span)>,
    /// Where the attribute is.
    pub(crate) attribute: Span,
    /// Whether a part of the attribute was in error already.
    pub(crate) broken: bool,
}

/// A column as it is written: `qty desc`.
pub(crate) struct DeclaredColumn {
    /// The field.
    pub(crate) member: Member,
    /// Whether `desc` comes after it.
    pub(crate) descending: bool,
}

/// What one `#[index]` of a field says.
pub(crate) struct FieldIndex {
    /// The name of `name = "…"`.
    pub(crate) name: Option<LitStr>,
    /// Whether there is a `desc`.
    pub(crate) descending: bool,
    /// Where the attribute is.
    pub(crate) attribute: Span,
}

/// Which options an attribute may have.
#[derive(Clone, Copy)]
enum Place {
    Struct,
    Field,
    Enum,
}

/// All options that one attribute has.
#[derive(Default)]
struct Options {
    root: Option<Path>,
    name: Option<LitStr>,
    columns: Option<(Vec<DeclaredColumn>, Span)>,
    descending: Option<Span>,
    broken: bool,
}

/// Reads the attributes of a struct.
pub(crate) fn of_struct(attributes: &[Attribute], errors: &mut Errors) -> ContainerAttrs {
    let mut found = ContainerAttrs::default();
    for attribute in index_attributes(attributes) {
        let Options {
            root,
            name,
            columns,
            broken,
            ..
        } = options(attribute, Place::Struct, errors);
        set_root(&mut found.root, root, errors);
        if name.is_some() || columns.is_some() {
            let attribute = attribute
                .path()
                .get_ident()
                .map_or_else(Span::call_site, Ident::span);
            found.indexes.push(DeclaredIndex {
                name,
                columns,
                attribute,
                broken,
            });
        } else if matches!(attribute.meta, Meta::Path(_)) {
            errors.at(
                &attribute.meta,
                "an index on the struct needs a name and columns: `#[index(name = \"…\", columns(…))]`; \
                 for an index of one field put `#[index]` on the field",
            );
        }
    }
    found
}

/// Reads the attributes of an enum.
pub(crate) fn of_enum(attributes: &[Attribute], errors: &mut Errors) -> ContainerAttrs {
    let mut found = ContainerAttrs::default();
    for attribute in index_attributes(attributes) {
        let Options { root, .. } = options(attribute, Place::Enum, errors);
        set_root(&mut found.root, root, errors);
    }
    found
}

/// Reads the attributes of a field.
pub(crate) fn of_field(attributes: &[Attribute], errors: &mut Errors) -> Vec<FieldIndex> {
    index_attributes(attributes)
        .map(|attribute| {
            let Options {
                name, descending, ..
            } = options(attribute, Place::Field, errors);
            let span = attribute
                .path()
                .get_ident()
                .map_or_else(Span::call_site, Ident::span);
            FieldIndex {
                name,
                descending: descending.is_some(),
                attribute: span,
            }
        })
        .collect()
}

/// The `#[index]` attributes among all.
pub(crate) fn index_attributes(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("index"))
}

fn set_root(root: &mut Option<Path>, found: Option<Path>, errors: &mut Errors) {
    match (root, found) {
        (Some(_), Some(second)) => errors.at(second, "a second `crate`: one is enough"),
        (root, Some(found)) => *root = Some(found),
        (_, None) => {}
    }
}

/// Reads all options of an attribute. One that is in error is left out; those after it are read all the same.
fn options(attribute: &Attribute, place: Place, errors: &mut Errors) -> Options {
    let mut options = Options::default();
    let list = match &attribute.meta {
        Meta::Path(_) => return options,
        Meta::List(list) => list,
        Meta::NameValue(pair) => {
            errors.at(pair, "expected `#[index]` or `#[index(…)]`");
            return options;
        }
    };
    let read = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Err(error) = option(input, place, &mut options, errors) {
                errors.push(error);
                options.broken = true;
                skip_to_comma(input);
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    if let Err(error) = read.parse2(list.tokens.clone()) {
        errors.push(error);
        options.broken = true;
    }
    options
}

/// Reads one option, up to the comma after it.
fn option(
    input: ParseStream<'_>,
    place: Place,
    options: &mut Options,
    errors: &mut Errors,
) -> syn::Result<()> {
    let key = input.call(Ident::parse_any)?;
    let twice = |taken: bool| {
        let message = format!("a second `{key}` in one `#[index(…)]`: an index has one");
        if taken {
            Err(syn::Error::new(key.span(), message))
        } else {
            Ok(())
        }
    };
    match (key.to_string().as_str(), place) {
        ("name", Place::Struct | Place::Field) => {
            twice(options.name.is_some())?;
            options.name = Some(text(&key, input)?);
        }
        ("columns", Place::Struct) => {
            twice(options.columns.is_some())?;
            let (found, broken) = columns(input, errors)?;
            options.columns = Some((found, key.span()));
            options.broken |= broken;
        }
        ("desc", Place::Field) => {
            twice(options.descending.is_some())?;
            options.descending = Some(key.span());
        }
        ("crate", Place::Struct | Place::Enum) => {
            twice(options.root.is_some())?;
            options.root = Some(path(&key, input)?);
        }
        (_, place) => return Err(unknown_option(&key, place)),
    }
    if input.is_empty() || input.peek(Token![,]) {
        Ok(())
    } else {
        Err(input.error(format!("expected a comma after `{key}`")))
    }
}

fn unknown_option(key: &Ident, place: Place) -> syn::Error {
    let message = match (key.to_string().as_str(), place) {
        ("columns", Place::Field) => {
            "`columns` belongs on the struct: `#[index(name = \"…\", columns(…))]` above it"
                .to_string()
        }
        ("crate", Place::Field) => {
            "`crate` belongs on the struct: `#[index(crate = \"…\")]`".to_string()
        }
        ("desc", Place::Struct) => {
            "`desc` belongs after a column, `columns(… desc)`, or on a field, `#[index(desc)]`"
                .to_string()
        }
        (_, Place::Struct) => {
            format!("unknown option `{key}`: a struct's index has `name = \"…\"` and `columns(…)`")
        }
        (_, Place::Field) => {
            format!("unknown option `{key}`: a field's index has `name = \"…\"` and `desc`")
        }
        (_, Place::Enum) => format!("unknown option `{key}`: an enum has `crate = \"…\"` only"),
    };
    syn::Error::new(key.span(), message)
}

/// Reads `= "…"`, the value of an option.
fn text(key: &Ident, input: ParseStream<'_>) -> syn::Result<LitStr> {
    input
        .parse::<Token![=]>()
        .and_then(|_| input.parse())
        .map_err(|error| {
            syn::Error::new(
                error.span(),
                format!("expected a text in quotes: `{key} = \"…\"`"),
            )
        })
}

/// Reads `= "path"`, the value of `crate`.
fn path(key: &Ident, input: ParseStream<'_>) -> syn::Result<Path> {
    let text = text(key, input)?;
    text.parse_with(Path::parse_mod_style).map_err(|_| {
        let message = format!(
            "`{}` is not the path of a module, like `::deltaview`",
            text.value()
        );
        syn::Error::new(text.span(), message)
    })
}

/// Reads `(a, b desc)`, and tells whether there was an error in it.
fn columns(
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> syn::Result<(Vec<DeclaredColumn>, bool)> {
    let list;
    parenthesized!(list in input);
    let mut found = Vec::new();
    let mut broken = false;
    while !list.is_empty() {
        match column(&list) {
            Ok(column) => found.push(column),
            Err(error) => {
                errors.push(error);
                broken = true;
                skip_to_comma(&list);
            }
        }
        if !list.is_empty() {
            list.parse::<Token![,]>()?;
        }
    }
    Ok((found, broken))
}

/// Reads `b desc`.
fn column(input: ParseStream<'_>) -> syn::Result<DeclaredColumn> {
    let member = if input.peek(syn::LitInt) {
        input.parse()?
    } else {
        Member::Named(input.call(Ident::parse_any)?)
    };
    let mut descending = false;
    if !input.is_empty() && !input.peek(Token![,]) {
        let found: TokenTree = input.parse()?;
        descending = found.to_string() == "desc";
        if !descending {
            let message = format!(
                "expected `desc` or a comma after the column `{}`, found `{found}`",
                member.to_token_stream()
            );
            return Err(syn::Error::new(found.span(), message));
        }
    }
    Ok(DeclaredColumn { member, descending })
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        // A token tree can always be taken where there is one.
        let _ = input.parse::<TokenTree>();
    }
}
