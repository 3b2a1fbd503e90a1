//! The command line: what may be asked, what was, and what is said of a wrong one. Does nothing of what is asked.

use std::borrow::Borrow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};
use deltaview_graph::Graph;

use super::{Outcome, SchemaCommand};
use crate::catalog::Dialect;

/// What was asked, with the names looked up.
pub(super) struct Arguments<'a> {
    pub(super) dialect: &'a dyn Dialect,
    /// In the order in which the command was given them; never empty.
    pub(super) graphs: Vec<&'a Graph>,
    pub(super) action: Action,
}

/// Where the text goes.
pub(super) enum Action {
    Print,
    Write(PathBuf),
    Check(PathBuf),
}

/// Why nothing more is done, and what is said of it.
pub(super) struct Refusal {
    pub(super) outcome: Outcome,
    pub(super) message: String,
}

/// The tables that keep the state of the graphs, as SQL.
#[derive(Parser)]
#[command(name = "schema", disable_version_flag = true)]
struct Line {
    /// The database that the SQL is for; may be left out where there is one only.
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// Only this graph; may be repeated. Without it, all of them.
    #[arg(long, value_name = "NAME")]
    graph: Vec<String>,
    /// Write nothing; fail with a diff if FILE is not what would be written.
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    check: Option<PathBuf>,
    /// Write to FILE instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl<'a> Arguments<'a> {
    /// Reads what follows the word `schema`.
    pub(super) fn parse(command: &'a SchemaCommand, words: Vec<OsString>) -> Result<Self, Refusal> {
        let known = format!(
            "Dialects: {}\nGraphs: {}",
            listed(dialects(command)),
            names(&command.graphs)
        );
        let line = Line::command()
            .bin_name(&command.name)
            .after_help(known)
            .try_get_matches_from(std::iter::once("schema".into()).chain(words))
            .and_then(|matches| Line::from_arg_matches(&matches))
            .map_err(|error| Refusal::of_clap(&error))?;
        Ok(Self {
            dialect: dialect(command, line.dialect.as_deref())?,
            graphs: graphs(command, &line.graph)?,
            action: match (line.check, line.output) {
                (Some(file), _) => Action::Check(file),
                (None, Some(file)) => Action::Write(file),
                (None, None) => Action::Print,
            },
        })
    }
}

/// What a program that has the `schema` command only says where the first word is not `schema`.
pub(super) fn of_program(name: &str, word: Option<OsString>) -> Refusal {
    let usage = format!("Usage: {name} [OPTIONS]\n\nFor its options, try '{name} --help'.");
    match word {
        Some(word) if word == "--help" || word == "-h" || word == "help" => Refusal {
            outcome: Outcome::Done,
            message: usage,
        },
        Some(word) => Refusal::usage(format!(
            "there is no command `{}`\n\n{usage}",
            word.display()
        )),
        None => Refusal::usage(format!("the command is missing\n\n{usage}")),
    }
}

/// A word of a command line, in quotes where a shell would not take it for one.
pub(super) fn quoted(word: &Path) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_=./\\:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The names of graphs, as they are shown.
pub(super) fn names(graphs: &[impl Borrow<Graph>]) -> String {
    listed(graphs.iter().map(|graph| graph.borrow().name()))
}

fn dialects(command: &SchemaCommand) -> impl Iterator<Item = &str> {
    command.dialects.iter().map(|dialect| dialect.name())
}

fn dialect<'a>(command: &'a SchemaCommand, name: Option<&str>) -> Result<&'a dyn Dialect, Refusal> {
    let Some(name) = name else {
        return match &command.dialects[..] {
            [] => Err(no_dialect()),
            [only] => Ok(&**only),
            _ => {
                let known = listed(dialects(command));
                Err(Refusal::usage(format!(
                    "choose a database with --dialect: {known}"
                )))
            }
        };
    };
    let found = command
        .dialects
        .iter()
        .find(|dialect| dialect.name() == name);
    found.map(|found| &**found).ok_or_else(|| match command.dialects.is_empty() {
        true => no_dialect(),
        false => Refusal::usage(format!(
            "there is no dialect `{name}` here, but {}.\nA dialect comes with its store: turn on the store's feature of \
             deltaview (`{name}`, if there is such a store), and give its dialect to `SchemaCommand::dialect`.",
            listed(dialects(command))
        )),
    })
}

fn no_dialect() -> Refusal {
    Refusal::usage(
        "this command has no dialect.\nA dialect comes with its store: turn on the store's feature of deltaview \
         (`sqlite`, for one), and give its dialect to `SchemaCommand::dialect`.",
    )
}

fn graphs<'a>(command: &'a SchemaCommand, asked: &[String]) -> Result<Vec<&'a Graph>, Refusal> {
    if command.graphs.is_empty() {
        return Err(Refusal::usage(
            "this command has no graph: give it one with `SchemaCommand::graph`.",
        ));
    }
    for (position, graph) in command.graphs.iter().enumerate() {
        if command.graphs[..position]
            .iter()
            .any(|earlier| earlier.name() == graph.name())
        {
            return Err(Refusal::usage(format!(
                "two graphs are named `{}`, and one database can't have both: give one of them another name.",
                graph.name()
            )));
        }
    }
    if let Some(unknown) = asked
        .iter()
        .find(|name| command.graphs.iter().all(|graph| graph.name() != **name))
    {
        return Err(Refusal::usage(format!(
            "there is no graph `{unknown}` here, but {}.\nGive this command the graph with `SchemaCommand::graph`.",
            names(&command.graphs)
        )));
    }
    let is_asked =
        |graph: &&Graph| asked.is_empty() || asked.iter().any(|name| name == graph.name());
    Ok(command.graphs.iter().filter(is_asked).collect())
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "none".to_string()
    } else {
        names.join(", ")
    }
}

impl Refusal {
    /// The command did not do what a right command line asked for.
    pub(super) fn failure(message: impl AsRef<str>) -> Self {
        Self {
            outcome: Outcome::Failed,
            message: format!("error: {}", message.as_ref()),
        }
    }

    fn usage(message: impl AsRef<str>) -> Self {
        Self {
            outcome: Outcome::Usage,
            message: format!("error: {}", message.as_ref()),
        }
    }

    fn of_clap(error: &clap::Error) -> Self {
        let outcome = match error.kind() {
            ErrorKind::DisplayHelp => Outcome::Done,
            _ => Outcome::Usage,
        };
        Self {
            outcome,
            message: error.to_string(),
        }
    }
}
