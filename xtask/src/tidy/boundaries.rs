//! What a crate's code may not name: the absences that make the layers what they are.
//!
//! Looks at the tokens of each file under a crate's `src`, tests among them included, so comments and
//! strings may say what they like. What a crate may not depend on is the business of [`super::layers`].

use std::str::FromStr;

use anyhow::{Result, anyhow};
use proc_macro2::{TokenStream, TokenTree};

use super::Problem;
use super::sources::File;
use super::workspace::Workspace;

/// Names that a crate's code does without, and why.
struct Boundary {
    package: &'static str,
    /// What its code must not name.
    names: &'static [Name],
    why: &'static str,
}

/// Matches identifiers in code.
#[derive(Clone, Copy)]
enum Name {
    /// This module of the standard library, by path or import.
    Std(&'static str),
    /// Any identifier that has this in it, in any case.
    Containing(&'static str),
}

const BOUNDARIES: &[Boundary] = &[
    Boundary {
        package: "deltaview-zset",
        names: WORLD,
        why: "the algebra does no IO and reads no clock",
    },
    Boundary {
        package: "deltaview-zset",
        names: &[Name::Containing("sql"), Name::Containing("postgres")],
        why: "the algebra knows no SQL",
    },
    Boundary {
        package: "deltaview-schema",
        names: DATABASES,
        why: "what a row is depends on no database",
    },
    Boundary {
        package: "deltaview-graph",
        names: WORLD,
        why: "the graph does no IO and reads no clock: its caller does both",
    },
    Boundary {
        package: "deltaview-graph",
        names: DATABASES,
        why: "a graph is the same on every store",
    },
    Boundary {
        package: "deltaview-store",
        names: DRIVERS,
        why: "the contract of a store names no driver",
    },
    Boundary {
        package: "deltaview-store-sqlite",
        names: &[Name::Containing("postgres")],
        why: "the stores do not know each other",
    },
    Boundary {
        package: "deltaview-store-postgres",
        names: &[Name::Containing("sqlite")],
        why: "the stores do not know each other",
    },
];

const WORLD: &[Name] = &[
    Name::Std("env"),
    Name::Std("fs"),
    Name::Std("io"),
    Name::Std("net"),
    Name::Std("process"),
    Name::Std("time"),
];
const DATABASES: &[Name] = &[Name::Containing("sqlite"), Name::Containing("postgres")];
const DRIVERS: &[Name] = &[
    Name::Containing("rusqlite"),
    Name::Containing("sqlite3"),
    Name::Containing("tokio"),
    Name::Containing("deadpool"),
];

/// Judges the code of every crate that has a boundary.
pub(super) fn check(workspace: &Workspace, files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in &workspace.packages {
        let boundaries: Vec<_> = BOUNDARIES
            .iter()
            .filter(|boundary| boundary.package == package.name)
            .collect();
        let sources = format!("{}/src/", package.folder);
        let files = files
            .iter()
            .filter(|file| file.path.starts_with(&sources) && file.path.ends_with(".rs"));
        for file in files.filter(|_| !boundaries.is_empty()) {
            match mentions(&file.text) {
                Ok(mentions) => problems.extend(judge(file, &mentions, &boundaries)),
                Err(error) => problems.push(Problem::new(
                    &file.path,
                    format!("is no Rust: {error}"),
                    "Mend the file, then run tidy again.",
                )),
            }
        }
    }
    problems
}

fn judge(file: &File, mentions: &[Mention], boundaries: &[&Boundary]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for mention in mentions {
        let crossed = boundaries
            .iter()
            .find(|boundary| boundary.names.iter().any(|name| name.is(mention)));
        if let Some(boundary) = crossed {
            problems.push(Problem::new(
                format!("{}:{}", file.path, mention.line),
                format!("{} names {}", boundary.package, mention.name),
                format!("It may not: {}. Move this to a lower layer.", boundary.why),
            ));
        }
    }
    problems
}

/// An identifier in code.
struct Mention {
    line: usize,
    /// `std::fs` for a module of the standard library, else the identifier.
    name: String,
}

impl Name {
    fn is(self, mention: &Mention) -> bool {
        match self {
            Name::Std(module) => mention.name.strip_prefix("std::") == Some(module),
            Name::Containing(part) => {
                !mention.name.contains("::") && mention.name.to_ascii_lowercase().contains(part)
            }
        }
    }
}

/// Every identifier of the code, in order, and each module named behind `std::`.
fn mentions(code: &str) -> Result<Vec<Mention>> {
    let tokens = TokenStream::from_str(code).map_err(|error| {
        let start = error.span().start();
        anyhow!("line {}, column {}", start.line, start.column + 1)
    })?;
    let mut found = Vec::new();
    collect(tokens, &mut found);
    Ok(found)
}

fn collect(tokens: TokenStream, found: &mut Vec<Mention>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (position, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => collect(group.stream(), found),
            TokenTree::Ident(ident) => {
                found.push(Mention {
                    line: ident.span().start().line,
                    name: ident.to_string(),
                });
                if ident == "std" {
                    collect_modules(&tokens[position + 1..], found);
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// The modules in what follows `std`: one in `::fs…`, several in `::{fs, net::TcpStream}`.
fn collect_modules(after_std: &[TokenTree], found: &mut Vec<Mention>) {
    let [TokenTree::Punct(one), TokenTree::Punct(two), named, ..] = after_std else {
        return;
    };
    if one.as_char() != ':' || two.as_char() != ':' {
        return;
    }
    let mut push = |token: &TokenTree| {
        if let TokenTree::Ident(module) = token {
            found.push(Mention {
                line: module.span().start().line,
                name: format!("std::{module}"),
            });
        }
    };
    match named {
        TokenTree::Group(several) => {
            let tokens: Vec<TokenTree> = several.stream().into_iter().collect();
            let is_comma =
                |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ',');
            tokens
                .split(is_comma)
                .filter_map(<[_]>::first)
                .for_each(push);
        }
        one => push(one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::workspace::Package;

    /// What is found when this is the code of `crates/<short>`.
    fn judge(short: &str, code: &str) -> Vec<String> {
        let workspace = Workspace {
            packages: vec![Package::made_up(&format!("deltaview-{short}"))],
        };
        let path = format!("crates/{short}/src/a.rs");
        let text = code.to_owned();
        let problems = check(&workspace, &[File { path, text }]);
        let shown = problems
            .into_iter()
            .map(|p| format!("{}: {}", p.place, p.what));
        shown.collect()
    }

    #[test]
    fn the_graph_does_no_io_and_reads_no_clock() {
        for (code, module) in [
            ("use std::fs;", "fs"),
            ("use std::{fmt, time::{Duration, Instant}};", "time"),
            ("fn f() { assert!(::std::net::lookup()) }", "net"),
        ] {
            let found = format!("crates/graph/src/a.rs:1: deltaview-graph names std::{module}");
            assert_eq!(judge("graph", code), [found], "{code}");
        }
        for code in [
            "use std::{fmt, collections::BTreeMap};",
            "// std::fs",
            "fn time() {}",
        ] {
            assert_eq!(judge("graph", code), [""; 0], "{code}");
        }
        assert_eq!(judge("store", "use std::time::Instant;"), [""; 0]);
    }

    #[test]
    fn the_line_is_named() {
        let found = judge(
            "graph",
            "use std::fmt;\n\nmod a {\n    use std::fs::File;\n}",
        );
        assert_eq!(
            found,
            ["crates/graph/src/a.rs:4: deltaview-graph names std::fs"]
        );
    }

    #[test]
    fn the_algebra_knows_no_sql() {
        assert_eq!(judge("zset", "struct SqlText;").len(), 1);
        assert_eq!(judge("zset", "/// Not SQL.\nstruct Text;"), [""; 0]);
        assert_eq!(judge("store", "struct SqlText;"), [""; 0]);
    }

    #[test]
    fn drivers_are_named_by_their_store_only() {
        let rusqlite = "use rusqlite::Connection;";
        let postgres = "use tokio_postgres::Client;";
        for upper in ["zset", "schema", "graph", "store"] {
            assert_eq!(judge(upper, rusqlite).len(), 1, "{upper}");
            assert_eq!(judge(upper, postgres).len(), 1, "{upper}");
        }
        assert_eq!(judge("store-sqlite", rusqlite), [""; 0]);
        assert_eq!(judge("store-sqlite", postgres).len(), 1);
        assert_eq!(judge("store-postgres", postgres), [""; 0]);
        assert_eq!(judge("store-postgres", rusqlite).len(), 1);
    }

    #[test]
    fn code_that_is_no_rust_is_named() {
        let found = judge("graph", "fn f() {");
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("is no Rust: line"), "{found:?}");
    }

    #[test]
    fn other_folders_of_a_crate_are_free() {
        let workspace = Workspace {
            packages: vec![Package::made_up("deltaview-graph")],
        };
        let path = "crates/graph/tests/a.rs".to_owned();
        let text = "use std::fs;".to_owned();
        assert_eq!(check(&workspace, &[File { path, text }]), []);
    }
}
