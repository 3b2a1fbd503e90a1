//! `cargo xtask bench --instructions`: how many instructions a dozen kernels execute, counted by valgrind's callgrind.
//!
//! Times differ from run to run and from machine to machine; counts hardly do, so that a slow-down shows in review. They
//! depend on the compiler and the processor's kind: after a new toolchain, count anew by `--write`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{document, numbers, program};
use crate::process;

/// The counts that are checked in.
const FILE: &str = "benches/instructions.toml";

/// What is written above the counts.
const HEAD: &str = "\
# How many instructions the kernels of benches/src/bin/kernels.rs execute, in an optimised build.
# `cargo xtask bench --instructions --check` fails where one executes more than this and the tolerance; what is faster, or
# slower for a good reason, is written by `--write`.
";

/// What is done with the counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Print,
    Check,
    Write,
}

/// The file of counts.
#[derive(Debug, Default, Deserialize)]
struct Known {
    /// By how many per cent a count may be exceeded.
    tolerance: f64,
    kernels: BTreeMap<String, u64>,
}

/// Counts, prints, and checks or writes.
pub(super) fn run(then: Then, names: &[String]) -> Result<()> {
    ensure_valgrind()?;
    if then == Then::Write && !names.is_empty() {
        bail!("`--write` writes all counts: leave the names out");
    }
    let path = process::root().join(FILE);
    let known = std::fs::read_to_string(&path).with_context(|| format!("cannot read {FILE}"))?;
    let known: Known = toml::from_str(&known).with_context(|| format!("cannot read {FILE}"))?;
    let of = [
        "-p",
        "deltaview-benches",
        "--bin",
        "kernels",
        "--no-default-features",
        "--features",
        "kernels",
    ];
    let programs = program::build(&of)?;
    let program = programs.get("kernels").context("there is no program")?;
    let kernels = program::output(program, &["list".to_owned()])?;
    let mut counts = BTreeMap::new();
    let chosen = |kernel: &&str| names.is_empty() || names.iter().any(|name| name == kernel);
    for kernel in kernels.lines().filter(chosen) {
        let count = counted(program, kernel)?;
        eprintln!("{kernel}: {}", numbers::grouped(count));
        counts.insert(kernel.to_owned(), count);
    }
    let (table, worse) = compared(&known, &counts);
    println!("{table}");
    match then {
        Then::Print => Ok(()),
        Then::Write => {
            let text = written(known.tolerance, &counts);
            std::fs::write(&path, text).with_context(|| format!("cannot write {FILE}"))
        }
        Then::Check if worse.is_empty() => Ok(()),
        Then::Check => bail!(
            "more instructions than {FILE} allows, or not known there: {}. If that is meant, run `cargo xtask bench \
             --instructions --write` and commit the file with the change",
            worse.join(", ")
        ),
    }
}

fn ensure_valgrind() -> Result<()> {
    let found = Command::new("valgrind")
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success());
    if found {
        return Ok(());
    }
    bail!(
        "instructions are counted by valgrind, which is not on the PATH. Install it: Debian and Ubuntu `apt-get install \
         valgrind`, Fedora `dnf install valgrind`, Arch `pacman -S valgrind`. It runs on Linux and FreeBSD; elsewhere \
         use a container, or `cargo xtask bench`, which measures time"
    )
}

/// How many instructions a kernel executes within `kernels::measured`.
fn counted(program: &Path, kernel: &str) -> Result<u64> {
    let out = document::in_target("callgrind.out")?;
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg("--toggle-collect=*kernels::measured*")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .arg(kernel)
        .current_dir(process::root());
    process::output(command)?;
    let profile = std::fs::read_to_string(&out).context("callgrind wrote no profile")?;
    let count = totals(&profile).filter(|count| *count > 0);
    count.with_context(|| format!("callgrind counted nothing of `{kernel}`"))
}

fn totals(profile: &str) -> Option<u64> {
    let line = profile.lines().find_map(|line| {
        line.strip_prefix("totals:")
            .or_else(|| line.strip_prefix("summary:"))
    })?;
    line.split_whitespace().next()?.parse().ok()
}

/// Whether a count is more than so many per cent above another one.
fn exceeds(count: u64, before: u64, tolerance: f64) -> bool {
    100.0 * count.saturating_sub(before) as f64 > tolerance * before as f64
}

/// A table of the counts beside those that are known, and the kernels that execute too much.
fn compared(known: &Known, counts: &BTreeMap<String, u64>) -> (String, Vec<String>) {
    let mut worse = Vec::new();
    let rows = counts.iter().map(|(kernel, count)| {
        let before = known.kernels.get(kernel);
        let change = before.map(|before| 100.0 * (*count as f64 / *before as f64 - 1.0));
        let verdict = match change {
            None => "new",
            Some(_) if before.is_some_and(|before| exceeds(*count, *before, known.tolerance)) => {
                "SLOWER"
            }
            Some(change) if change < -known.tolerance => "faster",
            Some(_) => "",
        };
        if matches!(verdict, "new" | "SLOWER") {
            worse.push(kernel.clone());
        }
        vec![
            kernel.clone(),
            before.map_or_else(String::new, |before| numbers::grouped(*before)),
            numbers::grouped(*count),
            change.map_or_else(String::new, |change| format!("{change:+.2} %")),
            verdict.to_owned(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let head = ["kernel", "before", "instructions", "change", ""].map(str::to_owned);
    (document::table(&head, &rows), worse)
}

fn written(tolerance: f64, counts: &BTreeMap<String, u64>) -> String {
    let mut text = format!("{HEAD}tolerance = {tolerance:?} # per cent\n\n[kernels]\n");
    for (kernel, count) in counts {
        text += &format!("\"{kernel}\" = {count}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
        let counts = counts.iter();
        counts
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    }

    #[test]
    fn what_executes_more_than_is_tolerated_is_named() {
        let known = Known {
            tolerance: 3.0,
            kernels: counts(&[("join", 1_000), ("sum", 1_000), ("top_n", 1_000)]),
        };
        let now = counts(&[("join", 1_030), ("sum", 1_031), ("top_n", 500), ("more", 1)]);
        let (table, worse) = compared(&known, &now);
        assert_eq!(worse, ["more", "sum"]);
        assert!(
            table.contains("| sum | 1,000 | 1,031 | +3.10 % | SLOWER |"),
            "{table}"
        );
        assert!(
            table.contains("| top_n | 1,000 | 500 | -50.00 % | faster |"),
            "{table}"
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let now = counts(&[("codec, 100 rows in", 5), ("join", 7)]);
        let known: Known = toml::from_str(&written(3.0, &now)).unwrap();
        assert_eq!(known.kernels, now);
        assert_eq!(known.tolerance, 3.0);
    }

    #[test]
    fn the_file_is_right() {
        let file = std::fs::read_to_string(process::root().join(FILE)).unwrap();
        let known: Known = toml::from_str(&file).unwrap();
        assert!(known.tolerance > 0.0 && known.kernels.values().all(|count| *count > 0));
        assert!(known.kernels.len() >= 12, "{:?}", known.kernels);
    }

    #[test]
    fn the_total_of_a_profile_is_found() {
        let profile = "version: 1\nevents: Ir\nfn=(1)\n1 2\n\ntotals: 12345\n";
        assert_eq!(totals(profile), Some(12_345));
    }
}
