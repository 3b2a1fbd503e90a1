//! The ready `schema` command: an xtask of your own that prints the tables of your graphs, keeps them in a file, and
//! fails in CI when the file is stale.
//!
//! A reviewer then sees in the diff of that file what a change of a query does to the database, before any database
//! meets it: tables and indexes, and through the catalog's entries every field of every row that is stored. The command
//! connects to no database and knows none: it has the dialects that it is given.
//!
//! # An xtask
//!
//! This is the whole of an xtask: a package of your workspace, `xtask`, that depends on deltaview with the features of
//! your store and `schema-command`, and on the crate that has your graph.
//!
//! ```
//! use std::process::ExitCode;
//!
//! use deltaview::schema_command::SchemaCommand;
//! use deltaview::sqlite::SqliteDialect;
//!
//! fn main() -> Result<ExitCode, deltaview::BuildError> {
//!     let (graph, _handles) = my_app::graph()?;
//!     let schema = SchemaCommand::new().dialect(SqliteDialect).graph(graph);
//! #   if true { return Ok(try_it(&schema)); }
//!     Ok(schema.main())
//! }
//! #
//! # mod my_app {
//! #     use deltaview::prelude::*;
//! #
//! #     pub fn graph() -> Result<(Graph, InputHandle<String>), deltaview::BuildError> {
//! #         Graph::build("words", |g| {
//! #             let words = g.input::<String>("words");
//! #             words.view("words_seen");
//! #             words.handle()
//! #         })
//! #     }
//! # }
//! #
//! # fn try_it(schema: &SchemaCommand) -> ExitCode {
//! #     use deltaview::schema_command::Outcome;
//! #
//! #     let folder = tempfile::tempdir().unwrap();
//! #     let file = folder.path().join("schema").join("words.sql");
//! #     let run = |option: &str| {
//! #         let arguments = ["--dialect".as_ref(), "sqlite".as_ref(), option.as_ref(), file.as_os_str()];
//! #         schema.execute(arguments, &mut Vec::new(), &mut Vec::new())
//! #     };
//! #     assert_eq!(run("--check"), Outcome::Failed);
//! #     assert_eq!(run("--output"), Outcome::Done);
//! #     assert_eq!(run("--check"), Outcome::Done);
//! #     let sql = std::fs::read_to_string(&file).unwrap();
//! #     assert!(sql.contains("CREATE TABLE \"words__words_seen__view\""));
//! #     let db = folder.path().join("words.db");
//! #     deltaview::sqlite::rusqlite::Connection::open(&db).unwrap().execute_batch(&sql).unwrap();
//! #     deltaview::SqliteStore::open_existing(&db, &my_app::graph().unwrap().0).unwrap();
//! #     ExitCode::SUCCESS
//! # }
//! ```
//!
//! With the alias `xtask = "run --package xtask --"` in `.cargo/config.toml`:
//!
//! ```text
//! cargo xtask schema --dialect sqlite                             # prints
//! cargo xtask schema --dialect sqlite --output schema/words.sql   # writes
//! cargo xtask schema --dialect sqlite --check schema/words.sql    # fails with a diff if the file is stale
//! ```
//!
//! An xtask that has other commands hands on what follows the word `schema`, with [`SchemaCommand::run`].
//!
//! # The options
//!
//! | option | does |
//! | --- | --- |
//! | `--dialect NAME` | chooses the database; may be left out where the command has one dialect only |
//! | `--graph NAME` | only this graph; repeat it for several. All of them, without it |
//! | `--output FILE` | writes to the file instead of standard output, making its folder if need be |
//! | `--check FILE` | writes nothing, and fails with a diff on standard error where the file is missing or stale |
//!
//! The exit code is that of [`Outcome`]: 0, 1 for a file that is stale, missing or can't be read or written, 2 for a wrong
//! command line.
//!
//! # The text
//!
//! A comment that says what made it and how to refresh it, then the tables that every store has, then each graph's, in
//! the order in which the graphs were given. It depends on the graphs alone: no date and no version is in it. Run in an
//! empty database it makes what a store makes when it first opens it, the catalog's entries included, so a migration
//! tool may run it in the place of the store.

use std::borrow::Borrow;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use deltaview_graph::Graph;
use similar::TextDiff;

use crate::catalog::Dialect;

mod arguments;
#[cfg(test)]
mod tests;

use arguments::{Action, Arguments, Refusal};

/// The `schema` command, with the dialects and the graphs that it knows. The [module](self) shows it in an xtask.
pub struct SchemaCommand {
    name: String,
    refreshed_by: Option<String>,
    dialects: Vec<Box<dyn Dialect>>,
    graphs: Vec<Graph>,
}

impl Default for SchemaCommand {
    fn default() -> Self {
        Self::new()
    }
}

/// The names of what it has.
impl fmt::Debug for SchemaCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dialects: Vec<_> = self.dialects.iter().map(|dialect| dialect.name()).collect();
        let graphs: Vec<_> = self.graphs.iter().map(Graph::name).collect();
        f.debug_struct("SchemaCommand")
            .field("name", &self.name)
            .field("refreshed_by", &self.refreshed_by)
            .field("dialects", &dialects)
            .field("graphs", &graphs)
            .finish()
    }
}

impl SchemaCommand {
    /// A command that has no dialect and no graph yet: give it one of each at least.
    pub fn new() -> Self {
        Self {
            name: "cargo xtask schema".to_string(),
            refreshed_by: None,
            dialects: Vec::new(),
            graphs: Vec::new(),
        }
    }

    /// Adds a database that tables can be written for. Each store has its own: `deltaview::sqlite::SqliteDialect`.
    #[must_use]
    pub fn dialect(mut self, dialect: impl Dialect + 'static) -> Self {
        self.dialects.push(Box::new(dialect));
        self
    }

    /// Adds a graph: a [`Graph`], or a reference to one. Graphs that live in the same database are given to the same
    /// command, and then have the catalog's tables once.
    #[must_use]
    pub fn graph(mut self, graph: impl Borrow<Graph>) -> Self {
        self.graphs.push(graph.borrow().clone());
        self
    }

    /// What people type to get here, in help texts and in the command that refreshes a file: `cargo xtask schema`, if this
    /// is not called.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The command that refreshes the files, for an xtask that has one of its own: without this it is the very command
    /// line, with `--output`. It is in the text, and in what `--check` says of a stale file.
    #[must_use]
    pub fn refreshed_by(mut self, command: impl Into<String>) -> Self {
        self.refreshed_by = Some(command.into());
        self
    }

    /// Runs as the whole program: the arguments are the process's, of which the first is the word `schema`, so that the
    /// xtask can get other commands later. Return what this returns from `main`.
    #[must_use = "return it from `main`: it tells the caller whether the command failed"]
    pub fn main(&self) -> ExitCode {
        let mut arguments = std::env::args_os().skip(1);
        match arguments.next() {
            Some(word) if word == "schema" => self.run(arguments),
            word => {
                let usage = arguments::of_program(&self.name, word);
                finish(usage, &mut io::stdout().lock(), &mut io::stderr().lock()).into()
            }
        }
    }

    /// Runs with the arguments that follow the word `schema`, on the process's standard output and error.
    #[must_use = "return it from `main`: it tells the caller whether the command failed"]
    pub fn run(&self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
        self.execute(
            arguments,
            &mut io::stdout().lock(),
            &mut io::stderr().lock(),
        )
        .into()
    }

    /// Runs with the arguments that follow the word `schema`, writing to `out` and `err`: [`Self::run`], for tests and for
    /// commands that are built on this one.
    ///
    /// Never panics and never ends the process. What `out` refuses to take is reported to `err` as a failure; what `err`
    /// refuses is lost.
    ///
    /// ```
    /// use deltaview_graph::Graph;
    /// use deltaview_store::schema_command::{Outcome, SchemaCommand};
    ///
    /// let (graph, _) = Graph::build("words", |g| g.input::<String>("words").view("words_seen"))?;
    /// let command = SchemaCommand::new().graph(&graph); // and no dialect
    /// let (mut out, mut err) = (Vec::new(), Vec::new());
    /// assert_eq!(command.execute(["--dialect", "sqlite"], &mut out, &mut err), Outcome::Usage);
    /// assert!(out.is_empty());
    /// assert!(String::from_utf8(err)?.starts_with("error: this command has no dialect"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn execute(
        &self,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Outcome {
        let arguments = arguments.into_iter().map(Into::into).collect();
        let outcome = Arguments::parse(self, arguments).map(|parsed| self.perform(&parsed, out));
        match outcome {
            Ok(Ok(())) => Outcome::Done,
            Ok(Err(failure)) => finish(Refusal::failure(failure), out, err),
            Err(refusal) => finish(refusal, out, err),
        }
    }

    /// Does what was asked, or says what is wrong.
    fn perform(&self, asked: &Arguments<'_>, out: &mut dyn Write) -> Result<(), String> {
        let text = self.text(asked);
        match &asked.action {
            Action::Print => match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                // Whoever reads has seen enough: `… | head`.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                printed => printed.map_err(|error| format!("cannot print the tables: {error}")),
            },
            Action::Write(file) => write(file, &text)
                .map_err(|error| format!("cannot write {}: {error}", file.display())),
            Action::Check(file) => self.check(asked, file, &text),
        }
    }

    fn check(&self, asked: &Arguments<'_>, file: &Path, fresh: &str) -> Result<(), String> {
        let refresh = self.refresh(asked, &arguments::quoted(file));
        let shown = file.display();
        let stored = match std::fs::read(file) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).replace("\r\n", "\n"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(format!(
                    "{shown} does not exist. Make it with:\n    {refresh}"
                ));
            }
            Err(error) => return Err(format!("cannot read {shown}: {error}")),
        };
        if stored == fresh {
            return Ok(());
        }
        let diff = TextDiff::from_lines(stored.as_str(), fresh);
        let now = format!("{shown} (as the graphs are now)");
        let diff = diff
            .unified_diff()
            .header(&shown.to_string(), &now)
            .to_string();
        Err(format!(
            "{shown} is stale. Refresh it with:\n    {refresh}\n\n{}",
            diff.trim_end()
        ))
    }

    /// What is printed: comments, the catalog's tables once, each graph's.
    fn text(&self, asked: &Arguments<'_>) -> String {
        let dialect = asked.dialect;
        let (plural, graphs) = (
            if asked.graphs.len() > 1 { "s" } else { "" },
            arguments::names(&asked.graphs),
        );
        let head = format!(
            "The {} tables of the graph{plural} {graphs}, made from code: do not edit.",
            dialect.name()
        );
        let mut text =
            comment(&head) + &comment(&format!("Refresh: {}", self.refresh(asked, "FILE")));
        let mut section = |title: &str, sql: &str| {
            text.push('\n');
            text.push_str(&comment(title));
            text.push_str(sql.trim_end());
            text.push('\n');
        };
        section(
            "The catalog, which all graphs of a database share.",
            &dialect.catalog_sql(),
        );
        for graph in &asked.graphs {
            section(
                &format!("The graph `{}`.", graph.name()),
                &dialect.graph_sql(graph),
            );
        }
        text
    }

    /// The command that writes what was asked for into a file. It is the same however the graphs and the dialect were
    /// chosen, so that the text is.
    fn refresh(&self, asked: &Arguments<'_>, file: &str) -> String {
        if let Some(command) = &self.refreshed_by {
            return command.clone();
        }
        let mut command = format!("{} --dialect {}", self.name, asked.dialect.name());
        if asked.graphs.len() < self.graphs.len() {
            for graph in &asked.graphs {
                command.push_str(" --graph ");
                command.push_str(&arguments::quoted(Path::new(graph.name())));
            }
        }
        command + " --output " + file
    }
}

/// How the command ended. Becomes the process's [`ExitCode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Exit code 0: printed, written, or checked and fresh. Help that was asked for is this too.
    Done,
    /// Exit code 1: the file is stale or missing, or could not be read or written.
    Failed,
    /// Exit code 2: the command line is wrong, or the command was given no dialect or no graph.
    Usage,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Failed => Self::FAILURE,
            Outcome::Usage => Self::from(2),
        }
    }
}

/// Says why nothing was done, where that belongs.
fn finish(refusal: Refusal, out: &mut dyn Write, err: &mut dyn Write) -> Outcome {
    let to: &mut dyn Write = if refusal.outcome == Outcome::Done {
        out
    } else {
        err
    };
    // There is nowhere left to report to.
    let _ = writeln!(to, "{}", refusal.message.trim_end()).and_then(|()| to.flush());
    refusal.outcome
}

/// A line of comment. Names may have line breaks, which would end it.
fn comment(text: &str) -> String {
    format!("-- {}\n", text.replace(['\n', '\r'], " "))
}

/// Writes a file, and its folder where that is missing.
fn write(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text)
}
