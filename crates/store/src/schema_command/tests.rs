//! The command, run without a process. What a real database makes of its text is tested where there is one.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use deltaview_graph::Graph;

use super::{Outcome, SchemaCommand};
use crate::catalog::Dialect;

/// Writes a table's name and nothing else of it.
struct Toy(&'static str);

impl Dialect for Toy {
    fn name(&self) -> &'static str {
        self.0
    }

    fn catalog_sql(&self) -> String {
        "CREATE TABLE the_catalog;\n".to_string()
    }

    fn graph_sql(&self, graph: &Graph) -> String {
        let tables = graph.tables().iter();
        tables
            .map(|table| format!("CREATE TABLE {};\n", table.schema().name(None)))
            .collect()
    }
}

fn graph(name: &str, view: &str) -> Graph {
    let built = Graph::build(name, |g| {
        g.input::<String>("words").view(view);
    });
    built.unwrap().0
}

fn command() -> SchemaCommand {
    SchemaCommand::new()
        .dialect(Toy("toy"))
        .graph(graph("shop", "sold"))
        .graph(graph("stock", "left"))
}

struct Ran {
    outcome: Outcome,
    out: String,
    err: String,
}

fn run(command: &SchemaCommand, line: &str) -> Ran {
    run_words(command, &line.split_whitespace().collect::<Vec<_>>())
}

fn run_words(command: &SchemaCommand, words: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let outcome = command.execute(words, &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran {
        outcome,
        out: text(out),
        err: text(err),
    }
}

fn run_on(command: &SchemaCommand, option: &str, file: &Path) -> Ran {
    run_words(command, &[option, file.to_str().unwrap()])
}

/// The command that a text says it is refreshed by, with the file in the place of the word for it.
fn refresh_command(text: &str, file: &Path) -> Vec<String> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("-- Refresh: cargo xtask schema "))
        .unwrap();
    line.replace("FILE", file.to_str().unwrap())
        .split(' ')
        .map(str::to_string)
        .collect()
}

#[test]
fn prints_the_catalog_once_and_then_each_graph() {
    let ran = run(&command(), "--dialect toy");
    assert_eq!(
        ran.out,
        "-- The toy tables of the graphs `shop`, `stock`, made from code: do not edit.\n\
         -- Refresh: cargo xtask schema --dialect toy --output FILE\n\
         \n\
         -- The catalog, which all graphs of a database share.\n\
         CREATE TABLE the_catalog;\n\
         \n\
         -- The graph `shop`.\n\
         CREATE TABLE shop__sold__view;\n\
         \n\
         -- The graph `stock`.\n\
         CREATE TABLE stock__left__view;\n"
    );
    assert_eq!((ran.outcome, ran.err.as_str()), (Outcome::Done, ""));
}

#[test]
fn chosen_graphs_keep_their_order_and_are_in_the_command_that_refreshes() {
    let only = run(&command(), "--graph stock");
    assert!(
        only.out
            .contains("-- Refresh: cargo xtask schema --dialect toy --graph stock --output FILE\n"),
        "{}",
        only.out
    );
    assert!(
        only.out.contains("stock__left__view") && !only.out.contains("shop__sold__view"),
        "{}",
        only.out
    );
    let all = run(&command(), "--graph stock --graph shop --graph stock");
    assert_eq!(all.out, run(&command(), "").out);
}

#[test]
fn a_written_file_is_fresh_however_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made/for/it.sql");
    let written = run_on(&command(), "--output", &file);
    assert_eq!(
        (written.outcome, written.out.as_str(), written.err.as_str()),
        (Outcome::Done, "", "")
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), run(&command(), "").out);
    // As git may check it out.
    fs::write(
        &file,
        fs::read_to_string(&file).unwrap().replace('\n', "\r\n"),
    )
    .unwrap();
    let checked = run_on(&command(), "--check", &file);
    assert_eq!(
        (checked.outcome, checked.out.as_str(), checked.err.as_str()),
        (Outcome::Done, "", "")
    );
}

#[test]
fn a_stale_file_fails_with_the_difference_and_is_refreshed_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.sql");
    let before = SchemaCommand::new()
        .dialect(Toy("toy"))
        .graph(graph("shop", "returned"));
    let after = SchemaCommand::new()
        .dialect(Toy("toy"))
        .graph(graph("shop", "sold"));
    assert_eq!(run_on(&before, "--output", &file).outcome, Outcome::Done);
    let stored = fs::read_to_string(&file).unwrap();

    let stale = run_on(&after, "--check", &file);
    assert_eq!((stale.outcome, stale.out.as_str()), (Outcome::Failed, ""));
    let path = file.display();
    let refresh = format!("\n    cargo xtask schema --dialect toy --output {path}\n");
    assert!(
        stale.err.starts_with(&format!("error: {path} is stale.")),
        "{}",
        stale.err
    );
    assert!(stale.err.contains(&refresh), "{}", stale.err);
    assert!(
        stale.err.contains(&format!("--- {path}\n+++ {path} (")),
        "{}",
        stale.err
    );
    assert!(
        stale
            .err
            .contains("\n-CREATE TABLE shop__returned__view;\n+CREATE TABLE shop__sold__view;"),
        "{}",
        stale.err
    );
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        stored,
        "a check writes nothing"
    );

    let refresh = refresh_command(&stored, &file);
    let refresh: Vec<&str> = refresh.iter().map(String::as_str).collect();
    assert_eq!(run_words(&after, &refresh).outcome, Outcome::Done);
    assert_eq!(run_on(&after, "--check", &file).outcome, Outcome::Done);
}

#[test]
fn a_missing_file_is_told_apart_from_one_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("none yet.sql");
    let missing = run_on(&command(), "--check", &file);
    assert_eq!(missing.outcome, Outcome::Failed);
    let says = format!("error: {} does not exist. Make it with:\n", file.display());
    assert!(missing.err.starts_with(&says), "{}", missing.err);
    assert!(
        missing
            .err
            .contains(&format!(" --output '{}'\n", file.display())),
        "{}",
        missing.err
    );
    assert!(!file.exists());

    let folder_itself = run_on(&command(), "--check", folder.path());
    assert_eq!(folder_itself.outcome, Outcome::Failed);
    assert!(
        folder_itself.err.starts_with("error: cannot read "),
        "{}",
        folder_itself.err
    );
    let unwritable = run_on(&command(), "--output", folder.path());
    assert_eq!(unwritable.outcome, Outcome::Failed);
    assert!(
        unwritable.err.starts_with("error: cannot write "),
        "{}",
        unwritable.err
    );
}

#[test]
fn an_xtask_may_have_names_of_its_own() {
    let renamed = command().named("just schema");
    assert!(
        run(&renamed, "")
            .out
            .contains("\n-- Refresh: just schema --dialect toy --output FILE\n")
    );
    let refreshed = command().refreshed_by("just refresh");
    assert!(
        run(&refreshed, "")
            .out
            .contains("\n-- Refresh: just refresh\n")
    );
    let missing = run(&refreshed, "--check no/such/file.sql");
    assert!(
        missing.err.ends_with("Make it with:\n    just refresh\n"),
        "{}",
        missing.err
    );
}

#[test]
fn an_unknown_dialect_is_told_which_there_are_and_where_others_come_from() {
    let ran = run(&command().dialect(Toy("model")), "--dialect postgres");
    assert_eq!((ran.outcome, ran.out.as_str()), (Outcome::Usage, ""));
    assert!(
        ran.err
            .starts_with("error: there is no dialect `postgres` here, but `toy`, `model`.\n"),
        "{}",
        ran.err
    );
    assert!(
        ran.err
            .contains("the store's feature of deltaview (`postgres`,"),
        "{}",
        ran.err
    );
}

#[test]
fn the_dialect_is_asked_for_where_there_are_several() {
    let several = command().dialect(Toy("model"));
    let ran = run(&several, "");
    assert_eq!(ran.outcome, Outcome::Usage);
    assert_eq!(
        ran.err,
        "error: choose a database with --dialect: `toy`, `model`\n"
    );
    assert!(
        run(&several, "--dialect model")
            .out
            .starts_with("-- The model tables ")
    );
}

#[test]
fn an_unknown_graph_is_told_which_there_are() {
    let ran = run(&command(), "--graph shop --graph ship");
    assert_eq!((ran.outcome, ran.out.as_str()), (Outcome::Usage, ""));
    assert!(
        ran.err
            .starts_with("error: there is no graph `ship` here, but `shop`, `stock`.\n"),
        "{}",
        ran.err
    );
}

#[test]
fn a_command_that_was_given_too_little_or_two_graphs_of_a_name_says_so() {
    let no_graph = run(&SchemaCommand::new().dialect(Toy("toy")), "");
    assert_eq!(no_graph.outcome, Outcome::Usage);
    assert!(
        no_graph.err.starts_with("error: this command has no graph"),
        "{}",
        no_graph.err
    );
    let no_dialect = run(&SchemaCommand::new().graph(graph("shop", "sold")), "");
    assert_eq!(no_dialect.outcome, Outcome::Usage);
    assert!(
        no_dialect
            .err
            .starts_with("error: this command has no dialect"),
        "{}",
        no_dialect.err
    );
    let twice = run(&command().graph(graph("shop", "returned")), "");
    assert_eq!(twice.outcome, Outcome::Usage);
    assert!(
        twice.err.starts_with("error: two graphs are named `shop`"),
        "{}",
        twice.err
    );
}

#[test]
fn a_wrong_command_line_is_a_usage_error_and_help_is_not() {
    let wrong = run(&command(), "--chek FILE");
    assert_eq!((wrong.outcome, wrong.out.as_str()), (Outcome::Usage, ""));
    assert!(
        wrong.err.contains("--chek") && wrong.err.contains("Usage: cargo xtask schema"),
        "{}",
        wrong.err
    );
    let both = run(&command(), "--check FILE --output FILE");
    assert_eq!(both.outcome, Outcome::Usage);
    assert!(both.err.contains("cannot be used with"), "{}", both.err);

    let help = run(&command(), "--help");
    assert_eq!((help.outcome, help.err.as_str()), (Outcome::Done, ""));
    for part in [
        "Usage: cargo xtask schema",
        "--check <FILE>",
        "Dialects: `toy`\n",
        "Graphs: `shop`, `stock`\n",
    ] {
        assert!(help.out.contains(part), "no {part:?} in:\n{}", help.out);
    }
}

#[test]
fn a_program_of_this_command_alone_says_what_it_is_called() {
    let refusal = |word: Option<&str>| {
        super::arguments::of_program("cargo xtask schema", word.map(Into::into))
    };
    assert_eq!(refusal(None).outcome, Outcome::Usage);
    assert_eq!(refusal(Some("--help")).outcome, Outcome::Done);
    let other = refusal(Some("scheme"));
    assert_eq!(other.outcome, Outcome::Usage);
    assert!(
        other
            .message
            .starts_with("error: there is no command `scheme`\n"),
        "{}",
        other.message
    );
    assert!(
        other
            .message
            .contains("Usage: cargo xtask schema [OPTIONS]"),
        "{}",
        other.message
    );
}

#[test]
fn a_name_with_a_line_break_does_not_end_the_comment() {
    let odd = SchemaCommand::new()
        .dialect(Toy("toy"))
        .graph(graph("a\nDROP TABLE b; --", "sold"));
    let ran = run(&odd, "");
    assert!(
        ran.out.contains("-- The graph `a DROP TABLE b; --`.\n"),
        "{}",
        ran.out
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure_but_a_full_disk_is() {
    struct Refusing(std::io::ErrorKind, Cell<u32>);
    impl std::io::Write for Refusing {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            self.1.set(self.1.get() + 1);
            Err(self.0.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    for (kind, expected) in [
        (std::io::ErrorKind::BrokenPipe, Outcome::Done),
        (std::io::ErrorKind::StorageFull, Outcome::Failed),
    ] {
        let mut err = Vec::new();
        let mut out = Refusing(kind, Cell::new(0));
        assert_eq!(command().execute([""; 0], &mut out, &mut err), expected);
        assert_eq!(out.1.get(), 1, "the text was offered");
        assert_eq!(err.is_empty(), expected == Outcome::Done);
    }
}

#[test]
fn outcomes_are_exit_codes() {
    // An exit code tells only its debug form.
    let shown = |code: ExitCode| format!("{code:?}");
    for (outcome, code) in [
        (Outcome::Done, 0),
        (Outcome::Failed, 1),
        (Outcome::Usage, 2),
    ] {
        assert_eq!(shown(outcome.into()), shown(ExitCode::from(code)));
    }
}
