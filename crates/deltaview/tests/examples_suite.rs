//! The examples, run from their command lines to their last line, on every store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::duplicate_mod,
    reason = "the examples are programs, and each has what they share"
)]

// Their `main` is not run here: it only passes on the command line and the standard output.
#[expect(dead_code, reason = "an example's `main`")]
#[path = "../examples/flights/main.rs"]
mod flights;
#[expect(dead_code, reason = "an example's `main`")]
#[path = "../examples/parallel/main.rs"]
mod parallel;
#[expect(dead_code, reason = "an example's `main`")]
#[path = "../examples/receipts/main.rs"]
mod receipts;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;

const FIRST: &str = "
The view, after the first sales:
+-------+-----------+-------------------------+
| count | basket_id | text                    |
+=============================================+
|     1 |         1 | Basket id: 1 total: $23 |
|     1 |         2 | Basket id: 2 total: $6  |
+-------+-----------+-------------------------+
";
const DELTA: &str = "
What changed in it when the price of a tv went from $3 to $4:
+-------+-----------+-------------------------+
| count | basket_id | text                    |
+=============================================+
|    -1 |         1 | Basket id: 1 total: $23 |
|     1 |         1 | Basket id: 1 total: $24 |
|    -1 |         2 | Basket id: 2 total: $6  |
|     1 |         2 | Basket id: 2 total: $8  |
+-------+-----------+-------------------------+
";
const LAST: &str = "\
+-------+-----------+-------------------------+
| count | basket_id | text                    |
+=============================================+
|     1 |         1 | Basket id: 1 total: $24 |
|     1 |         2 | Basket id: 2 total: $8  |
+-------+-----------+-------------------------+

The view as of before the price changed:
+-------+-----------+-------------------------+
| count | basket_id | text                    |
+=============================================+
|     1 |         1 | Basket id: 1 total: $23 |
|     1 |         2 | Basket id: 2 total: $6  |
+-------+-----------+-------------------------+
";

fn receipts(arguments: &[&str]) -> anyhow::Result<String> {
    let mut out = Vec::new();
    receipts::run(
        &receipts::Options::try_parse_from([&["receipts"], arguments].concat())?,
        &mut out,
    )?;
    Ok(String::from_utf8(out)?)
}

fn flights(arguments: &[&str]) -> anyhow::Result<String> {
    let mut out = Vec::new();
    flights::run(
        &flights::Options::try_parse_from([&["flights"], arguments].concat())?,
        &mut out,
    )?;
    Ok(String::from_utf8(out)?)
}

/// The lines with the counts of rows after each verification.
fn verified(out: &str) -> Vec<Vec<&str>> {
    let lists = out.split("\nVerified in ").skip(1);
    lists
        .map(|list| list.lines().skip(1).take(4).map(str::trim).collect())
        .collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder's name is text")
}

#[test]
fn receipts_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("shop.db");
    let kept = format!("The view is kept in {}\n", db.display());

    let out = receipts(&["--db", text(&db)]).unwrap();
    let again = "\nThe view again, read by a new store opened on the same database:\n";
    assert_eq!(out, format!("{kept}{FIRST}{DELTA}{again}{LAST}"));

    let out = receipts(&["--db", text(&db)]).unwrap();
    let earlier = "\nIt has receipts from an earlier run (delete it to begin again):\n";
    assert_eq!(
        out,
        format!("{kept}{earlier}{LAST}"),
        "a second run must not sell everything twice"
    );
}

#[test]
fn receipts_without_arguments_are_in_a_temporary_file() {
    let out = receipts(&[]).unwrap();
    let file = out
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("The view is kept in "))
        .expect("it says where");
    let file = PathBuf::from(file);
    assert!(
        fs::metadata(&file).is_ok_and(|file| file.len() > 0),
        "{} is kept",
        file.display()
    );
    assert!(out.ends_with(LAST));
    fs::remove_dir_all(file.parent().expect("it has a folder of its own")).unwrap();
}

#[test]
fn receipts_in_memory() {
    let out = receipts(&["--store", "memory"]).unwrap();
    let again = "\nThe view again, read from the same store (memory ends with the process):\n";
    assert_eq!(out, format!("{FIRST}{DELTA}{again}{LAST}"));

    let error = receipts(&["--store", "memory", "--db", "shop.db"]).unwrap_err();
    assert!(error.to_string().contains("--db"), "{error}");
}

#[test]
fn options_of_another_store_are_refused() {
    for arguments in [
        ["--store", "memory", "--schema", "shop"],
        ["--store", "sqlite", "--schema", "shop"],
    ] {
        let error = receipts(&arguments).unwrap_err();
        assert!(error.to_string().contains("--schema"), "{error}");
    }
    let error = receipts(&["--store", "oracle"]).unwrap_err().to_string();
    assert!(error.contains("postgres://user@host/database"), "{error}");
}

#[cfg(not(feature = "postgres"))]
#[test]
fn without_its_feature_a_url_says_how_to_build() {
    let error = receipts(&["--store", "postgres://localhost/shop"])
        .unwrap_err()
        .to_string();
    assert!(error.contains("--features postgres"), "{error}");
}

/// What the sample's views have, in any store and by batches of any size.
const SAMPLE: [&str; 4] = [
    "carrier_days     164 rows",
    "routes           189 rows",
    "manufacturers     18 rows",
    "visibility        11 rows",
];

#[test]
fn flights_in_memory() {
    for batch in ["10000", "97"] {
        let out = flights(&["--store", "memory", "--batch", batch, "--verify", "--amend"]).unwrap();
        assert_eq!(verified(&out), [SAMPLE, SAMPLE], "{out}");
    }
}

/// As of any time the views are what SQL computes from the rows that were loaded by then: before the first change, in the
/// middle of the weather and of the flights, before the amendment and after it.
#[test]
fn flights_as_of_past_times() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("flights.db");
    for place in [["--store", "memory"], ["--db", text(&db)]] {
        let mut options = vec!["--batch", "500", "--amend"];
        options.extend(place);
        let times = ["0", "7", "8", "10", "12", "13"];
        options.extend(times.iter().flat_map(|time| ["--as-of", time]));
        let out = flights(&options).unwrap();
        let verified = verified(&out);
        assert_eq!(verified.len(), times.len(), "{out}");
        assert_eq!(verified[0][0], "carrier_days       0 rows", "{out}");
        assert_ne!(verified[3], SAMPLE, "a part is loaded: {out}");
        let distinct: std::collections::BTreeSet<_> = verified.iter().collect();
        assert!(distinct.len() > 3, "{out}");
        options.extend(["--as-of", "9999"]);
        let error = flights(&options).unwrap_err();
        assert!(
            error.to_string().contains("has not come to time 9999"),
            "{error}"
        );
    }
}

#[test]
fn flights_in_a_file_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("flights.db");
    let options = [
        "--db",
        text(&db),
        "--batch",
        "500",
        "--synchronous",
        "normal",
        "--verify",
        "--amend",
    ];

    let out = flights(&options).unwrap();
    assert_eq!(verified(&out), [SAMPLE, SAMPLE], "{out}");
    // The tables that the amendment has nothing to do with are not touched.
    assert!(out.contains("\n  routes             0      0\n"), "{out}");

    let out = flights(&options).unwrap();
    assert_eq!(verified(&out), [SAMPLE], "{out}");
    assert!(
        out.contains("flights      2,193 rows, loaded already"),
        "{out}"
    );
    assert!(out.contains("Amended already"), "{out}");
}

/// The sample, its flights as plain text.
struct Data {
    folder: tempfile::TempDir,
    flights: String,
}

impl Data {
    fn new() -> anyhow::Result<Self> {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/flights/data");
        let folder = tempfile::tempdir()?;
        for file in [
            "airlines.csv",
            "airports.csv",
            "planes.csv",
            "weather.csv.gz",
        ] {
            fs::copy(sample.join(file), folder.path().join(file))?;
        }
        let file = fs::File::open(sample.join("flights.csv.gz"))?;
        let flights = io::read_to_string(flate2::read::GzDecoder::new(file))?;
        let data = Self { folder, flights };
        data.write(&data.flights)?;
        Ok(data)
    }

    fn write(&self, flights: &str) -> io::Result<()> {
        fs::write(self.folder.path().join("flights.csv"), flights)
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let db = self.folder.path().join("flights.db");
        flights(
            &[
                &["--data", text(self.folder.path()), "--db", text(&db)],
                arguments,
            ]
            .concat(),
        )
    }

    /// The flights, with one of their fields changed to a text of the same length.
    fn changed(&self, line: usize, column: usize, new: impl Fn(&str) -> String) -> String {
        let mut lines: Vec<_> = self.flights.lines().map(String::from).collect();
        let mut fields: Vec<_> = lines[line - 1].split(',').map(String::from).collect();
        fields[column] = new(&fields[column]);
        lines[line - 1] = fields.join(",");
        lines.push(String::new());
        lines.join("\n")
    }
}

#[test]
fn a_load_that_was_broken_off_goes_on_where_it_stopped() {
    let data = Data::new().unwrap();
    data.write(&data.changed(1_501, 15, |distance| "x".repeat(distance.len())))
        .unwrap();
    let error = format!("{:#}", data.run(&["--batch", "400"]).unwrap_err());
    assert!(
        error.contains("flights.csv") && error.contains("line: 1501") && error.contains("distance"),
        "{error}"
    );

    data.write(&data.flights).unwrap();
    let out = data.run(&["--batch", "400", "--verify"]).unwrap();
    assert!(out.contains("after 1,200 from an earlier run"), "{out}");
    assert_eq!(verified(&out), [SAMPLE]);
}

#[test]
fn verifying_finds_a_row_that_differs() {
    let data = Data::new().unwrap();
    data.run(&[]).unwrap();
    let longer = |distance: &str| {
        distance
            .chars()
            .map(|digit| if digit == '9' { '8' } else { '9' })
            .collect()
    };
    data.write(&data.changed(700, 15, longer)).unwrap();
    let error = format!("{:#}", data.run(&["--verify"]).unwrap_err());
    assert!(error.starts_with("view `routes`: 2 rows differ"), "{error}");
}

#[test]
fn other_files_are_told_from_those_that_were_loaded() {
    let data = Data::new().unwrap();
    data.run(&[]).unwrap();
    data.write(&data.flights.replace("\n2013,2,8,", "\n2013,2,08,"))
        .unwrap();
    let error = data.run(&[]).unwrap_err().to_string();
    assert!(
        error.contains("`flights` come from another file"),
        "{error}"
    );
}

#[test]
fn missing_files_are_named() {
    let data = Data::new().unwrap();
    fs::remove_file(data.folder.path().join("planes.csv")).unwrap();
    let error = data.run(&[]).unwrap_err().to_string();
    assert!(
        error.contains("neither planes.csv nor planes.csv.gz"),
        "{error}"
    );

    fs::write(data.folder.path().join("planes.csv.zip"), "").unwrap();
    let error = data.run(&[]).unwrap_err().to_string();
    assert!(error.contains("unzip"), "{error}");
}

/// The variable by which this program, run again, is told that it is a worker: its arguments, a line each.
const WORKER: &str = "DELTAVIEW_TEST_PARALLEL";

fn parallel(test: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let worker = |arguments: &[OsString]| {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
        command.env(WORKER, arguments.join(OsStr::new("\n")));
        Ok(command)
    };
    let options = parallel::Options::try_parse_from([&["parallel"], arguments].concat())?;
    let mut out = Vec::new();
    parallel::run(&options, &worker, &mut out)?;
    Ok(String::from_utf8(out)?)
}

/// In a process that `parallel` has started: works, and returns that it has.
fn has_worked_in_parallel() -> bool {
    let Ok(arguments) = std::env::var(WORKER) else {
        return false;
    };
    let arguments = std::iter::once("parallel").chain(arguments.lines());
    let options = parallel::Options::parse_from(arguments);
    parallel::run(
        &options,
        &|_| unreachable!("a worker starts nobody"),
        &mut io::stdout(),
    )
    .unwrap();
    true
}

#[test]
fn workers_in_parallel_that_are_killed() {
    if has_worked_in_parallel() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for flush in ["each-table", "at-end"] {
        let db = folder.path().join(format!("{flush}.db"));
        let options = ["--db", text(&db), "--flush", flush, "--batches", "60"];
        let more = ["--workers", "3", "--reads", "40", "--kill", "8", "--verify"];
        let options = [&options[..], &more[..]].concat();
        let out = parallel("workers_in_parallel_that_are_killed", &options).unwrap();
        assert!(
            out.contains("2,400 reads in 60 batches by 3 workers"),
            "{out}"
        );
        assert!(out.contains("\nThe last time is "), "{out}");
        assert!(out.contains("\nVerified: all "), "{out}");
    }
}

#[test]
fn workers_in_parallel_need_a_database() {
    let error = parallel("", &["--store", "memory"]).unwrap_err();
    assert!(error.to_string().contains("can't share memory"), "{error}");
}

/// The tests that need a server: `cargo xtask test` knows them by the name of this module.
#[cfg(feature = "postgres")]
mod on_postgres {
    use deltaview::postgres::tokio_postgres::{Config, NoTls};

    use super::*;

    /// A schema of the server's database that nobody else uses, dropped at the end.
    struct Schema {
        url: String,
        name: String,
    }

    impl Schema {
        fn new(test: &str) -> Self {
            let url = std::env::var("DELTAVIEW_TEST_POSTGRES").expect(
                "DELTAVIEW_TEST_POSTGRES must be the URL of a Postgres server: `cargo xtask test` starts one, \
                 `cargo xtask test --skip-postgres` leaves these tests out",
            );
            let name = format!("deltaview example {} {test}", std::process::id());
            Self { url, name }
        }

        fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
            [&["--store", &self.url, "--schema", &self.name], more].concat()
        }
    }

    impl Drop for Schema {
        fn drop(&mut self) {
            let config: Config = self.url.parse().unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let (client, connection) = config.connect(NoTls).await.unwrap();
                tokio::spawn(connection);
                let drop = format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", self.name);
                client.batch_execute(&drop).await.unwrap();
            });
        }
    }

    #[test]
    fn workers_in_parallel_that_are_killed() {
        if has_worked_in_parallel() {
            return;
        }
        for flush in ["each-table", "at-end"] {
            let schema = Schema::new(flush);
            let options = ["--flush", flush, "--batches", "60", "--workers", "3"];
            let more = ["--reads", "40", "--kill", "8", "--verify"];
            let options = schema.arguments(&[&options[..], &more[..]].concat());
            let test = "on_postgres::workers_in_parallel_that_are_killed";
            let out = parallel(test, &options).unwrap();
            assert!(out.contains("\nThe last time is "), "{out}");
            assert!(out.contains("\nVerified: all "), "{out}");
        }
    }

    #[test]
    fn receipts_in_a_database() {
        let schema = Schema::new("receipts");
        let out = receipts(&schema.arguments(&[])).unwrap();
        let (kept, rest) = out.split_once('\n').expect("it says where");
        assert!(kept.contains(&schema.name), "{kept}");
        let again = "\nThe view again, read by a new store opened on the same database:\n";
        assert_eq!(rest, format!("{FIRST}{DELTA}{again}{LAST}"));

        let out = receipts(&schema.arguments(&[])).unwrap();
        let earlier = "\nIt has receipts from an earlier run (delete it to begin again):\n";
        assert!(out.ends_with(&format!("{earlier}{LAST}")), "{out}");

        let error = receipts(&schema.arguments(&["--db", "shop.db"])).unwrap_err();
        assert!(error.to_string().contains("--db"), "{error}");
    }

    #[test]
    fn flights_in_a_database_and_again() {
        let schema = Schema::new("flights");
        let options = schema.arguments(&["--batch", "500", "--verify", "--amend"]);
        let out = flights(&options).unwrap();
        assert_eq!(verified(&out), [SAMPLE, SAMPLE], "{out}");
        assert!(out.contains("\n  routes             0      0\n"), "{out}");

        let out = flights(&options).unwrap();
        assert_eq!(verified(&out), [SAMPLE], "{out}");
        assert!(
            out.contains("flights      2,193 rows, loaded already"),
            "{out}"
        );
        assert!(out.contains("Amended already"), "{out}");
    }

    #[test]
    fn a_url_that_is_none_is_told() {
        let error = receipts(&["--store", "postgres://localhost:port/shop"]).unwrap_err();
        assert!(error.to_string().contains("--store"), "{error}");
    }
}
