//! How a type is spelled in a shape: as it is written, but with the white space normalised, so that formatting the
//! source, or another compiler's way of printing tokens, changes no stored shape.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Type;

/// The type as one would write it: `Option<(u8, String)>`.
pub(crate) fn spelling(ty: &Type) -> String {
    let mut out = Spelling::default();
    out.tokens(ty.to_token_stream());
    out.text
}

/// What was written last, as far as the space after it depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Last {
    /// Nothing, or what needs no space after it.
    #[default]
    Tight,
    /// A name or a literal.
    Word,
    /// A lifetime: what it belongs to keeps away from it.
    Lifetime,
    /// A closing angle bracket: words keep away from it.
    Angle,
    /// What always has a space after it, if anything comes after it.
    Spaced,
}

#[derive(Default)]
struct Spelling {
    text: String,
    last: Last,
}

impl Spelling {
    fn tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.group(group.delimiter(), group.stream()),
                TokenTree::Ident(word) => self.word(&word.to_string()),
                TokenTree::Literal(word) => self.word(&word.to_string()),
                TokenTree::Punct(punct) => match punct.as_char() {
                    '-' if punct.spacing() == Spacing::Joint => {
                        tokens.next();
                        self.space();
                        self.put("->", Last::Spaced);
                    }
                    '\'' => {
                        self.word("'");
                        if let Some(name) = tokens.next() {
                            self.put(&name.to_string(), Last::Lifetime);
                        }
                    }
                    '+' | '=' => {
                        self.space();
                        self.put(&punct.to_string(), Last::Spaced);
                    }
                    mark => self.mark(mark),
                },
            }
        }
    }

    fn group(&mut self, delimiter: Delimiter, inner: TokenStream) {
        let (open, close) = match delimiter {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::None => return self.tokens(inner),
        };
        self.due();
        self.put(open, Last::Tight);
        self.tokens(inner);
        self.put(close, Last::Tight);
    }

    fn word(&mut self, word: &str) {
        if matches!(self.last, Last::Word | Last::Angle) {
            self.space();
        }
        self.due();
        self.put(word, Last::Word);
    }

    fn mark(&mut self, mark: char) {
        if !matches!(mark, ',' | ';' | '>') {
            self.due();
        }
        let last = match mark {
            ',' | ';' => Last::Spaced,
            '>' => Last::Angle,
            _ => Last::Tight,
        };
        self.put(mark.encode_utf8(&mut [0; 4]), last);
    }

    /// Writes the space that is due after what was written last.
    fn due(&mut self) {
        if matches!(self.last, Last::Lifetime | Last::Spaced) {
            self.space();
        }
    }

    fn space(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(' ') {
            self.text.push(' ');
        }
    }

    fn put(&mut self, text: &str, last: Last) {
        self.text.push_str(text);
        self.last = last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_spelled_as_one_writes_it() {
        for written in [
            "Option<(u8, String)>",
            "(A,)",
            "()",
            "[u8; 4]",
            "std::collections::HashMap<Vec<u8>, ::shop::Price>",
            "Box<dyn Fn(u8, &'static mut str) -> Result<(), u8> + Send + 'static>",
            "fn(u8) -> (u8, u8)",
            "for<'a> fn(&'a T) -> &'a [u8]",
            "Cow<'static, str>",
            "<T as Iterator>::Item",
            "Box<dyn Iterator<Item = u8>>",
            "*const u8",
            "Grid<{ N }, -1>",
        ] {
            let ty: Type = syn::parse_str(written).expect("a type");
            assert_eq!(spelling(&ty), written.replace("{ N }", "{N}"));
        }
    }

    #[test]
    fn white_space_and_comments_change_nothing() {
        let ty: Type =
            syn::parse_str("Option  <\n (u8  ,String /* of the name */) >").expect("a type");
        assert_eq!(spelling(&ty), "Option<(u8, String)>");
    }
}
