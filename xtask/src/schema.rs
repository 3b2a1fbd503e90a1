//! `cargo xtask schema`: the tables of the examples' graphs, as files that are reviewed with the code.
//!
//! A dump is `schema/<graph>.<dialect>.sql`. Each is made by the very command that users put in their own xtask,
//! [`SchemaCommand`]; this module only says which graphs, which dialects and which files. To add a dialect, write its
//! name in [`DIALECTS`] and its value in [`command`]; an example's graph is added in [`examples`].

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use deltaview::Graph;
use deltaview::postgres::PostgresDialect;
use deltaview::schema_command::{Outcome, SchemaCommand};
use deltaview::sqlite::SqliteDialect;

use crate::process;

#[allow(
    dead_code,
    reason = "the examples' programs are in it, of which only the graphs are used"
)]
mod examples;

/// Where the dumps are, from the workspace root.
const FOLDER: &str = "schema";
/// The dialects that there are dumps for.
const DIALECTS: &[&str] = &["sqlite", "postgres"];
/// What a stale dump says to do.
const REFRESH: &str = "cargo xtask schema --write";

/// Without `--check` and `--write`, prints one dialect's.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only this database: `sqlite` or `postgres`.
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// Fail with a diff if a dump is stale, missing, or of no graph.
    #[arg(long)]
    check: bool,
    /// Refresh the dumps.
    #[arg(long, conflicts_with = "check")]
    write: bool,
}

/// Prints the tables of the examples' graphs, or checks or refreshes the dumps.
pub(crate) fn run(options: &Options) -> Result<()> {
    // So that messages name the dumps from the root, wherever this is called.
    std::env::set_current_dir(process::root()).context("cannot enter the workspace root")?;
    let graphs = examples::graphs().context("an example's graph does not build")?;
    let dumps = Dumps {
        folder: Path::new(FOLDER),
        graphs: &graphs,
        dialect: options.dialect.as_deref(),
    };
    if options.check {
        dumps.check()
    } else if options.write {
        dumps.write()
    } else {
        dumps.print(&mut io::stdout().lock())
    }
}

/// The dumps of some graphs in a folder.
struct Dumps<'a> {
    folder: &'a Path,
    graphs: &'a [Graph],
    /// The only dialect that is asked for, if one is.
    dialect: Option<&'a str>,
}

impl Dumps<'_> {
    fn print(&self, out: &mut dyn io::Write) -> Result<()> {
        let dialect = self.dialect.iter().flat_map(|name| ["--dialect", name]);
        let all = self.graphs.iter().fold(command(), SchemaCommand::graph);
        execute(&all, dialect, out)
    }

    fn write(&self) -> Result<()> {
        self.each("--output")
    }

    /// Checks all and reports all that is wrong.
    fn check(&self) -> Result<()> {
        let stale = self.each("--check").err().map(|error| format!("{error:#}"));
        let orphans = self.orphans()?;
        let orphans = orphans
            .iter()
            .map(|file| format!("{} is the dump of no graph: delete it", file.display()));
        let problems: Vec<String> = stale.into_iter().chain(orphans).collect();
        if problems.is_empty() {
            return Ok(());
        }
        bail!("{}", problems.join("\n\n"))
    }

    /// Runs the command for every dump, whatever becomes of those before it.
    fn each(&self, option: &str) -> Result<()> {
        let mut problems = Vec::new();
        for dialect in self.dialects() {
            for graph in self.graphs {
                let file = self.file(graph, dialect);
                let file = file.to_str().context("the folder's name is no UTF-8")?;
                let one = command().graph(graph);
                let line = ["--dialect", dialect, option, file];
                if let Err(error) = execute(&one, line, &mut io::sink()) {
                    problems.push(error.to_string());
                }
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        bail!("{}", problems.join("\n\n"))
    }

    /// Files that no graph has made. With one dialect only, those of others are not looked at.
    fn orphans(&self) -> Result<Vec<PathBuf>> {
        let known: BTreeSet<PathBuf> = self
            .dialects()
            .flat_map(|dialect| {
                self.graphs
                    .iter()
                    .map(move |graph| self.file(graph, dialect))
            })
            .collect();
        let mut orphans = Vec::new();
        if !self.folder.exists() {
            return Ok(orphans);
        }
        let is_looked_at = |path: &Path| match self.dialect {
            Some(dialect) => path.to_string_lossy().ends_with(&format!(".{dialect}.sql")),
            None => path.extension().is_some_and(|extension| extension == "sql"),
        };
        for entry in fs::read_dir(self.folder).context("cannot list the dumps")? {
            let path = entry.context("cannot list the dumps")?.path();
            if is_looked_at(&path) && !known.contains(&path) {
                orphans.push(path);
            }
        }
        orphans.sort();
        Ok(orphans)
    }

    fn dialects(&self) -> impl Iterator<Item = &str> {
        let all = if self.dialect.is_some() {
            &[]
        } else {
            DIALECTS
        };
        self.dialect.into_iter().chain(all.iter().copied())
    }

    fn file(&self, graph: &Graph, dialect: &str) -> PathBuf {
        self.folder.join(format!("{}.{dialect}.sql", graph.name()))
    }
}

/// The users' command, with our dialects.
fn command() -> SchemaCommand {
    SchemaCommand::new()
        .dialect(SqliteDialect)
        .dialect(PostgresDialect)
        .refreshed_by(REFRESH)
}

/// Runs the users' command, and makes what it says of a failure an error of ours.
fn execute<'w>(
    command: &SchemaCommand,
    line: impl IntoIterator<Item = &'w str>,
    out: &mut dyn io::Write,
) -> Result<()> {
    let mut said = Vec::new();
    match command.execute(line, out, &mut said) {
        Outcome::Done => Ok(()),
        Outcome::Failed | Outcome::Usage => {
            let said = String::from_utf8_lossy(&said);
            bail!("{}", said.trim_end().trim_start_matches("error: "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(name: &str, view: &str) -> Graph {
        let built = Graph::build(name, |g| {
            g.input::<String>("words").view(view);
        });
        built.unwrap().0
    }

    fn dumps<'a>(folder: &'a Path, graphs: &'a [Graph]) -> Dumps<'a> {
        Dumps {
            folder,
            graphs,
            dialect: None,
        }
    }

    #[test]
    fn what_was_written_is_fresh_until_a_graph_changes() {
        let folder = tempfile::tempdir().unwrap();
        let before = [graph("shop", "sold"), graph("stock", "left")];
        dumps(folder.path(), &before).write().unwrap();
        dumps(folder.path(), &before).check().unwrap();
        let file = folder.path().join("shop.sqlite.sql");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("CREATE TABLE \"shop__sold__view\""), "{text}");
        assert!(!text.contains("stock__left"), "{text}");

        let after = [graph("shop", "returned"), graph("stock", "left")];
        let error = dumps(folder.path(), &after)
            .check()
            .unwrap_err()
            .to_string();
        let says = format!(
            "{} is stale. Refresh it with:\n    {REFRESH}\n",
            file.display()
        );
        assert!(error.starts_with(&says), "{error}");
        assert!(
            error.contains("\n-CREATE TABLE \"shop__sold__view\""),
            "{error}"
        );
        assert!(!error.contains("stock.sqlite.sql"), "{error}");
    }

    #[test]
    fn missing_dumps_and_dumps_of_no_graph_are_all_reported() {
        let folder = tempfile::tempdir().unwrap();
        dumps(folder.path(), &[graph("old", "sold")])
            .write()
            .unwrap();
        let now = [graph("shop", "sold"), graph("stock", "left")];
        let error = dumps(folder.path(), &now).check().unwrap_err().to_string();
        for says in [
            "shop.sqlite.sql does not exist.",
            "stock.sqlite.sql does not exist.",
            "old.sqlite.sql is the dump of no graph: delete it",
        ] {
            assert!(error.contains(says), "no {says:?} in:\n{error}");
        }
    }

    #[test]
    fn all_graphs_are_printed_and_the_catalog_once() {
        let graphs = examples::graphs().unwrap();
        for dialect in DIALECTS {
            let mut out = Vec::new();
            let one = Dumps {
                dialect: Some(dialect),
                ..dumps(Path::new(FOLDER), &graphs)
            };
            one.print(&mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            let count = |of: &dyn Fn(&str) -> bool| text.lines().filter(|line| of(line)).count();
            let is_catalog = |line: &str| {
                line.starts_with("CREATE TABLE") && line.contains("\"deltaview_catalog\"")
            };
            assert_eq!(count(&is_catalog), 1, "{text}");
            for graph in &graphs {
                let title = format!("-- The graph `{}`.", graph.name());
                assert_eq!(count(&|line| line == title), 1, "{text}");
            }
        }
    }

    #[test]
    fn the_dialect_is_asked_for_where_one_is_printed() {
        let graphs = [graph("shop", "sold")];
        let error = dumps(Path::new(FOLDER), &graphs).print(&mut io::sink());
        let error = error.unwrap_err().to_string();
        assert_eq!(
            error,
            "choose a database with --dialect: `sqlite`, `postgres`"
        );
    }

    #[test]
    fn a_dialect_that_is_not_there_is_an_error() {
        let graphs = [graph("shop", "sold")];
        let oracle = Dumps {
            dialect: Some("oracle"),
            ..dumps(Path::new(FOLDER), &graphs)
        };
        for error in [oracle.print(&mut io::sink()), oracle.check()] {
            let error = error.unwrap_err().to_string();
            assert!(
                error.starts_with("there is no dialect `oracle` here, but `sqlite`, `postgres`."),
                "{error}"
            );
        }
    }
}
