//! The shape of a row: its fields and their types as data. It never holds a value.

use std::any::TypeId;
use std::cell::RefCell;
use std::fmt;

use crate::Indexable;

/// The fields and types of a row, as data: what a database remembers of a Rust type, so that opening it with another
/// type is an error that says what differs.
///
/// `Display` writes it as one would in Rust: `Option<i64>`, `(u32, String)`, `Product { name: String, price: i64 }`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// A type without visible parts: `i64`, `String`, or any type that is known by its name only.
    Atom(String),
    /// A struct: its name and its fields, in order.
    Struct {
        /// The struct's name, without its module path.
        name: String,
        /// The fields, in the order of their declaration, which is the order of the encoding.
        fields: Vec<Field>,
    },
    /// An enum without data: its name and its variants, in order.
    Enum {
        /// The enum's name, without its module path.
        name: String,
        /// The variants, in the order of their declaration.
        variants: Vec<String>,
    },
    /// A tuple or an array.
    Tuple(Vec<Shape>),
    /// A list or a set.
    List(Box<Shape>),
    /// A map from keys to values.
    Map(Box<Shape>, Box<Shape>),
    /// A value that may be missing.
    Option(Box<Shape>),
}

/// A field of a struct: its name and its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The field's name, as it is written in Rust (without `r#`).
    pub name: String,
    /// The shape of its type.
    pub shape: Shape,
}

thread_local! {
    /// The types whose shape is being taken, so that a type which contains itself has a finite shape.
    static OPEN: RefCell<Vec<TypeId>> = const { RefCell::new(Vec::new()) };
}

impl Shape {
    /// The shape of a type. Where a type contains itself, the inner mention is its name only.
    pub fn of<T: Indexable>() -> Self {
        let id = TypeId::of::<T>();
        if OPEN.with_borrow(|open| open.contains(&id)) {
            return Self::atom(short_type_name::<T>());
        }
        OPEN.with_borrow_mut(|open| open.push(id));
        let shape = T::shape();
        OPEN.with_borrow_mut(|open| open.pop());
        shape
    }

    /// A type that is known by its name only. Put a version into the name if its encoding may change.
    pub fn opaque(name: impl Into<String>) -> Self {
        Self::Atom(name.into())
    }

    /// A primitive type.
    pub fn atom(name: impl Into<String>) -> Self {
        Self::Atom(name.into())
    }

    /// A struct with named fields.
    pub fn structure<N: Into<String>>(
        name: impl Into<String>,
        fields: impl IntoIterator<Item = (N, Shape)>,
    ) -> Self {
        let fields = fields
            .into_iter()
            .map(|(name, shape)| Field {
                name: name.into(),
                shape,
            })
            .collect();
        Self::Struct {
            name: name.into(),
            fields,
        }
    }

    /// An enum without data.
    pub fn enumeration<N: Into<String>>(
        name: impl Into<String>,
        variants: impl IntoIterator<Item = N>,
    ) -> Self {
        Self::Enum {
            name: name.into(),
            variants: variants.into_iter().map(Into::into).collect(),
        }
    }

    /// A tuple or an array.
    pub fn tuple(parts: impl IntoIterator<Item = Shape>) -> Self {
        Self::Tuple(parts.into_iter().collect())
    }

    /// A list or a set.
    pub fn list(item: Shape) -> Self {
        Self::List(Box::new(item))
    }

    /// A map.
    pub fn map(key: Shape, value: Shape) -> Self {
        Self::Map(Box::new(key), Box::new(value))
    }

    /// A value that may be missing.
    pub fn option(inner: Shape) -> Self {
        Self::Option(Box::new(inner))
    }

    /// The name of the type, without the fields of structs: `Option<Product>`, `Pair<Product, i64>`.
    ///
    /// ```
    /// use deltaview_schema::Shape;
    ///
    /// let product = Shape::structure("Product", [("name", Shape::atom("String"))]);
    /// let pair = Shape::structure("Pair", [("left", product), ("right", Shape::atom("i64"))]);
    /// assert_eq!(pair.type_name(), "Pair<Product, i64>");
    /// ```
    pub fn type_name(&self) -> String {
        let all = |parts: &[Self]| {
            parts
                .iter()
                .map(Self::type_name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        match self {
            Self::Atom(name) | Self::Enum { name, .. } => name.clone(),
            Self::Struct { name, fields } => match (name.as_str(), fields.as_slice()) {
                ("Pair" | "Keyed", [first, second]) => {
                    format!(
                        "{name}<{}, {}>",
                        first.shape.type_name(),
                        second.shape.type_name()
                    )
                }
                _ => name.clone(),
            },
            Self::Tuple(parts) => format!("({})", all(parts)),
            Self::List(item) => format!("[{}]", item.type_name()),
            Self::Map(key, value) => format!("{{{}: {}}}", key.type_name(), value.type_name()),
            Self::Option(inner) => format!("Option<{}>", inner.type_name()),
        }
    }

    /// Flattens the shape into lines of a path and a type, the parts of nested structs under dotted paths.
    ///
    /// ```
    /// use deltaview_schema::Shape;
    ///
    /// let shape = Shape::structure("Product", [("name", Shape::atom("String")), ("price", Shape::atom("i64"))]);
    /// let lines = shape.lines("row");
    /// assert_eq!(lines[0], ("row".to_string(), "Product".to_string()));
    /// assert_eq!(lines[2], ("row.price".to_string(), "i64".to_string()));
    /// ```
    pub fn lines(&self, path: &str) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        self.push_lines(path, &mut lines);
        lines
    }

    fn push_lines(&self, path: &str, lines: &mut Vec<(String, String)>) {
        match self {
            Self::Struct { name, fields } => {
                lines.push((path.to_string(), name.clone()));
                for field in fields {
                    field
                        .shape
                        .push_lines(&format!("{path}.{}", field.name), lines);
                }
            }
            Self::Tuple(parts) => {
                lines.push((path.to_string(), format!("tuple of {}", parts.len())));
                for (i, part) in parts.iter().enumerate() {
                    part.push_lines(&format!("{path}.{i}"), lines);
                }
            }
            other => lines.push((path.to_string(), other.to_string())),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Atom(name) => f.write_str(name),
            Self::Struct { name, fields } => {
                write!(f, "{name} {{ ")?;
                for (i, field) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{}: {}", field.name, field.shape)?;
                }
                f.write_str(" }")
            }
            Self::Enum { name, variants } => write!(f, "enum {name} {{ {} }}", variants.join(", ")),
            Self::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(Self::to_string).collect();
                write!(f, "({})", parts.join(", "))
            }
            Self::List(item) => write!(f, "[{item}]"),
            Self::Map(key, value) => write!(f, "{{{key}: {value}}}"),
            Self::Option(inner) => write!(f, "Option<{inner}>"),
        }
    }
}

/// The name of a type without the module paths: `Option<Event>` for `core::option::Option<shop::Event>`.
pub(crate) fn short_type_name<T: ?Sized>() -> String {
    let full = std::any::type_name::<T>();
    let mut short = String::with_capacity(full.len());
    let mut word = String::new();
    for c in full.chars() {
        if c.is_alphanumeric() || c == '_' || c == ':' {
            word.push(c);
        } else {
            short.push_str(word.rsplit("::").next().unwrap_or(&word));
            word.clear();
            short.push(c);
        }
    }
    short.push_str(word.rsplit("::").next().unwrap_or(&word));
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Index;

    struct Tree;
    impl Indexable for Tree {
        type Key = ();
        fn default_index() -> Index<Self, ()> {
            Index::unkeyed()
        }
        fn shape() -> Shape {
            Shape::structure("Tree", [("children", Shape::of::<Vec<Tree>>())])
        }
    }

    #[test]
    fn a_type_that_contains_itself_has_a_finite_shape() {
        assert_eq!(Shape::of::<Tree>().to_string(), "Tree { children: [Tree] }");
    }

    #[test]
    fn type_names_lose_their_paths() {
        assert_eq!(short_type_name::<Option<Vec<Tree>>>(), "Option<Vec<Tree>>");
    }
}
