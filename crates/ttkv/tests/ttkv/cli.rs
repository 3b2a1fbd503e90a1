//! The command line, run as a process.

use std::process::{Command, Output};

use deltaview_ttkv::SqliteTimeMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::common::Temp;

/// Runs it on a database.
pub(crate) fn ttkv(store: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ttkv"));
    command.arg(store).args(arguments).output().unwrap()
}

/// What it prints, where all goes well.
pub(crate) fn printed(store: &str, arguments: &[&str]) -> String {
    let output = ttkv(store, arguments);
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(output.status.success(), "{arguments:?}: {err}");
    out.trim_end().to_string()
}

/// The rows that it prints as JSON.
fn rows(store: &str, arguments: &[&str]) -> Vec<Value> {
    let text = printed(store, &[&["--json"], arguments].concat());
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_string()
}

/// Each command, on an empty store.
pub(crate) fn each_command(store: &str) {
    let first = printed(store, &["put", "tea", "3"]);
    let second = printed(
        store,
        &[
            "put",
            "tea",
            r#"{"price": 4, "big": 170141183460469231731687303715884105728}"#,
        ],
    );
    printed(store, &["put", "[1, \"a\"]", "null"]);
    assert_eq!(printed(store, &["get", "tea", "--at", &first]), "3");
    assert_eq!(
        printed(store, &["get", "\"tea\""]),
        r#"{"big":170141183460469231731687303715884105728,"price":4}"#
    );
    assert_eq!(printed(store, &["get", "[1,\"a\"]"]), "null");
    let gone = printed(store, &["remove", "tea"]);
    assert_eq!(ttkv(store, &["get", "tea"]).status.code(), Some(1));
    let times = rows(store, &["times", "tea"]);
    let times: Vec<String> = times.iter().map(|row| text(row, "time")).collect();
    assert_eq!(times, [gone.clone(), second.clone(), first.clone()]);
    assert_eq!(rows(store, &["times"]).len(), 4);
    assert_eq!(
        rows(store, &["times", "--limit", "2"])[0]["time"],
        gone.as_str()
    );
    let history = rows(store, &["history", "tea"]);
    assert!(history[0].get("value").is_none());
    assert_eq!(history[2]["value"], 3);
    let table = printed(store, &["history", "tea"]);
    assert!(
        table.contains("(removed)") && table.contains("nanoseconds") && table.contains(&first),
        "{table}"
    );
    let range = rows(store, &["range", "--at", &second]);
    assert_eq!(range.len(), 1);
    assert_eq!(rows(store, &["range"])[0]["key"].to_string(), r#"[1,"a"]"#);
    printed(store, &["put", "-5", "0"]);
    printed(store, &["put", "7", "0"]);
    let keys = |arguments: &[&str]| -> Vec<String> {
        rows(store, arguments)
            .iter()
            .map(|row| row["key"].to_string())
            .collect()
    };
    assert_eq!(keys(&["range", "--from=-10", "--to", "7"]), ["-5"]);
    assert_eq!(
        keys(&["range", "--reverse", "--limit", "2"]),
        [r#"[1,"a"]"#, "7"]
    );
    assert_eq!(
        printed(store, &["forget", &second]),
        "1 versions are forgotten"
    );
    let forgotten = ttkv(store, &["get", "tea", "--at", &first]);
    let error = String::from_utf8(forgotten.stderr).unwrap();
    assert_eq!(forgotten.status.code(), Some(2));
    assert!(
        error.contains("forgotten") && error.contains(&second),
        "{error}"
    );
    let future = ttkv(store, &["get", "tea", "--at", "2200-01-01T00:00:00Z"]);
    assert!(
        String::from_utf8(future.stderr)
            .unwrap()
            .contains("not over yet")
    );
    let missing = ttkv(store, &["--map", "other", "get", "tea"]);
    assert!(
        String::from_utf8(missing.stderr)
            .unwrap()
            .contains("`other`")
    );
}

#[test]
fn each_command_on_a_file() {
    let temp = Temp::new();
    each_command(temp.db().to_str().unwrap());
    let wrong = ttkv("mysql://host/db", &["get", "tea"]);
    assert!(
        String::from_utf8(wrong.stderr)
            .unwrap()
            .contains("postgres://")
    );
}

#[derive(Serialize, Deserialize)]
enum Kind {
    Plain,
    At(u8, String),
}

type Mixed = (Kind, Option<f64>);

#[test]
fn it_reads_and_writes_what_a_program_does() {
    let temp = Temp::new();
    let store = temp.db();
    let store = store.to_str().unwrap();
    let map: SqliteTimeMap<Mixed, Option<(u8, bool)>> = temp.map("map");
    map.put(&(Kind::At(1, "x".into()), None), &Some((1, true)))
        .unwrap();
    map.put(&(Kind::Plain, Some(0.5)), &None).unwrap();
    let range = rows(store, &["range"]);
    assert_eq!(range[0]["key"].to_string(), r#"[{"$variant":[0]},0.5]"#);
    assert_eq!(
        range[1]["key"].to_string(),
        r#"[{"$variant":[1,1,"x"]},null]"#
    );
    assert_eq!(range[1]["value"].to_string(), "[1,true]");
    for row in &range {
        assert_eq!(
            printed(store, &["get", &row["key"].to_string()]),
            row["value"].to_string()
        );
    }
    printed(
        store,
        &["put", r#"[{"$variant":[1,2,"y"]},-0.0]"#, "[7,false]"],
    );
    assert_eq!(
        map.get(&(Kind::At(2, "y".into()), Some(0.0))).unwrap(),
        Some(Some((7, false)))
    );
}
