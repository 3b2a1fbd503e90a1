//! The name of a row type, from its shape as text: `Pair<Product, i64>` for
//! `Pair { left: Product { name: String, price: i64 }, right: i64 }`.

/// The shape without the fields of structs. Those of pairs and of groups are told as type parameters.
pub(super) fn type_name(shape: &str) -> String {
    let mut name = String::new();
    let mut open: Vec<Open> = Vec::new();
    let mut rest = shape;
    while let Some(c) = rest.chars().next() {
        let in_word = name.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let hidden = open.contains(&Open::Hidden);
        if let Some(after) = rest.strip_prefix("enum ").filter(|_| !in_word && !hidden) {
            rest = after;
        } else if let Some(fields) = rest.strip_prefix(" { ") {
            rest = fields;
            match fields.split_once(": ") {
                Some(("left" | "key", value)) if !hidden && is_ours(&name) => {
                    name.push('<');
                    open.push(Open::Parameters);
                    rest = value;
                }
                _ => open.push(Open::Hidden),
            }
        } else if let Some(after) = rest
            .strip_prefix(" }")
            .filter(|_| open.last().is_some_and(Open::is_struct))
        {
            rest = after;
            if open.pop() == Some(Open::Parameters) {
                name.push('>');
            }
        } else if let Some(next) = rest
            .strip_prefix(", ")
            .filter(|_| open.last() == Some(&Open::Parameters))
        {
            name.push_str(", ");
            rest = next.split_once(": ").map_or(next, |(_, value)| value);
        } else {
            match c {
                '(' | '[' | '{' | '<' => {
                    open.push(if hidden { Open::Hidden } else { Open::Bracket })
                }
                ')' | ']' | '}' | '>' => drop(open.pop()),
                _ => {}
            }
            if !hidden {
                name.push(c);
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    name
}

/// What is open where the shape is read.
#[derive(PartialEq, Eq)]
enum Open {
    /// The fields of a struct, and all that is in them.
    Hidden,
    /// The fields of a pair or a group.
    Parameters,
    Bracket,
}

impl Open {
    fn is_struct(&self) -> bool {
        *self != Self::Bracket
    }
}

/// Whether the name ends in a type whose fields are its parameters.
fn is_ours(name: &str) -> bool {
    ["Pair", "Keyed"].iter().any(|ours| {
        name.strip_suffix(ours).is_some_and(|before| {
            !before.ends_with(|last: char| last.is_alphanumeric() || last == '_')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::type_name;

    #[test]
    fn fields_are_left_out() {
        let product = "Product { name: String, tags: [Tag { id: u8, of: {String: Kind {  }} }] }";
        assert_eq!(type_name(product), "Product");
        assert_eq!(type_name(&format!("Option<{product}>")), "Option<Product>");
        assert_eq!(
            type_name(&format!("{{String: [({product}, i64)]}}")),
            "{String: [(Product, i64)]}"
        );
        assert_eq!(type_name("enum Colour { Red, Green }"), "Colour");
        assert_eq!(type_name("Event v1"), "Event v1");
    }

    #[test]
    fn pairs_and_groups_keep_their_parts() {
        let nested = "Pair { left: Pair { left: A { x: (u8, u8), y: i64 }, right: (B { z: i64 }, u8) }, right: C }";
        assert_eq!(type_name(nested), "Pair<Pair<A, (B, u8)>, C>");
        assert_eq!(
            type_name("Keyed { key: (u32, String), value: i64 }"),
            "Keyed<(u32, String), i64>"
        );
        assert_eq!(type_name("Keyed { value: i64 }"), "Keyed");
        assert_eq!(type_name("Unpair { left: A, right: B }"), "Unpair");
    }

    #[test]
    fn any_text_has_some_name() {
        for odd in [
            "",
            " { ",
            " }",
            "}}",
            "Pair { left: ",
            "<<",
            ">",
            "A { b: }",
            "é { ü: \u{1f980} }",
        ] {
            assert!(type_name(odd).len() <= odd.len() + 1);
        }
    }
}
