//! A row as a tree of values: what serde tells of it, and how that reads on one line.
//!
//! Owns the notation within a cell. Never decides what becomes a column.

use std::fmt::Write;

/// A value as its type serialised it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// An absent option.
    None,
    Number(String),
    /// What a person wrote: quoted where it is nested.
    Text(String),
    /// What stands for itself and needs no quotes: `true`, the name of a variant, bytes.
    Word(String),
    Sequence(Vec<Node>),
    Tuple(Vec<Node>),
    Struct {
        name: &'static str,
        fields: Vec<(String, Node)>,
    },
    Map(Vec<(Node, Node)>),
    /// A variant with data: its name, then its data.
    Variant(&'static str, Box<Node>),
    /// The reason why a value did not serialise.
    Failed(String),
}

impl Node {
    /// The text of a cell that holds this value alone.
    pub(super) fn cell(&self) -> String {
        let mut out = String::new();
        match self {
            Node::Text(text) => push_printable(&mut out, text),
            other => other.push_nested(&mut out),
        }
        out
    }

    fn push_nested(&self, out: &mut String) {
        match self {
            Node::None => out.push('—'),
            Node::Number(text) | Node::Word(text) => out.push_str(text),
            Node::Text(text) => push_quoted(out, text),
            Node::Sequence(items) => push_list(out, ['[', ']'], items, Self::push_item),
            Node::Tuple(items) => push_list(out, ['(', ')'], items, Self::push_item),
            Node::Struct { fields, .. } => {
                push_list(out, ['{', '}'], fields, |(name, value), out| {
                    push_printable(out, name);
                    out.push_str(": ");
                    value.push_nested(out);
                })
            }
            Node::Map(entries) => push_list(out, ['{', '}'], entries, |(key, value), out| {
                key.push_nested(out);
                out.push_str(": ");
                value.push_nested(out);
            }),
            Node::Variant(name, data) => push_variant(out, name, data),
            Node::Failed(reason) => {
                out.push_str("<can't be shown: ");
                push_printable(out, reason);
                out.push('>');
            }
        }
    }

    fn push_item(item: &Node, out: &mut String) {
        item.push_nested(out);
    }
}

fn push_variant(out: &mut String, name: &str, data: &Node) {
    out.push_str(name);
    match data {
        Node::Tuple(_) => data.push_nested(out),
        Node::Struct { .. } => {
            out.push(' ');
            data.push_nested(out);
        }
        _ => {
            out.push('(');
            data.push_nested(out);
            out.push(')');
        }
    }
}

fn push_list<I>(
    out: &mut String,
    [open, close]: [char; 2],
    items: &[I],
    push: impl Fn(&I, &mut String),
) {
    out.push(open);
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push_str(", ");
        }
        push(item, out);
    }
    out.push(close);
}

/// Text with its control characters escaped: a stored line break must not break the table, nor a stored
/// escape sequence reach the terminal.
fn push_printable(out: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_debug());
        } else {
            out.push(c);
        }
    }
}

fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.extend(c.escape_debug()),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Bytes in hexadecimal.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 + 2 * bytes.len());
    out.push_str("0x");
    for byte in bytes {
        write!(out, "{byte:02x}").expect("writing to a string does not fail");
    }
    out
}
