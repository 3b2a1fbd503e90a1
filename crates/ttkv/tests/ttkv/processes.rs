//! Several writers of one map: processes that put at once, and such as are killed while they do.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use deltaview_ttkv::{SqliteTimeMap, Time};

use crate::common::{Temp, options, time};

/// The variable by which this program, run again, is told that it is the other process: the file.
const OTHER: &str = "DELTAVIEW_TEST_TTKV";

/// Runs one test of this program as another process.
fn run_again(test: &str, path: &OsStr) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(OTHER, path).stdin(Stdio::null());
    command.stdout(Stdio::piped()).spawn().unwrap()
}

type Map = SqliteTimeMap<(u8, u32), u32>;

fn open(path: &OsStr) -> Map {
    Map::open_with(path, "rows", &options()).unwrap()
}

fn put(map: &Map, writer: u8, count: u32) -> Vec<Time> {
    (0..count)
        .map(|i| map.put(&(writer, i % 10), &i).unwrap())
        .collect()
}

#[test]
fn two_processes_that_put_at_once_never_share_a_time() {
    const PUTS: u32 = 300;
    if let Some(path) = std::env::var_os(OTHER) {
        let map = open(&path);
        map.put(&(9, 0), &0).unwrap();
        let times = put(&map, 2, PUTS);
        let nanos: Vec<String> = times.iter().map(|at| at.nanos().to_string()).collect();
        writeln!(std::io::stdout().lock(), "\ntimes {}", nanos.join(" ")).unwrap();
        return;
    }
    let temp = Temp::new();
    let path = temp.db().into_os_string();
    let map = open(&path);
    let mut started = map.watch((9, 0)..=(9, 0)).unwrap();
    let child = run_again(
        "processes::two_processes_that_put_at_once_never_share_a_time",
        &path,
    );
    assert!(
        started
            .next_within(Duration::from_secs(120))
            .unwrap()
            .is_some()
    );
    let ours = put(&map, 1, PUTS);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let theirs: Vec<Time> = text
        .lines()
        .find_map(|line| line.strip_prefix("times "))
        .unwrap()
        .split(' ')
        .map(|nanos| time(nanos.parse().unwrap()))
        .collect();
    assert!(ours.is_sorted() && theirs.is_sorted());
    let all: BTreeSet<Time> = ours.iter().chain(&theirs).copied().collect();
    assert_eq!(all.len() as u32, 2 * PUTS);
    let stored: Vec<Time> = map.times_all().collect::<Result<_, _>>().unwrap();
    assert!(all.iter().all(|at| stored.contains(at)));
    assert_eq!(stored.len() as u32, 2 * PUTS + 1);
    for (writer, times) in [(1, &ours), (2, &theirs)] {
        for (i, at) in (0..).zip(times) {
            assert_eq!(map.get_at(&(writer, i % 10), *at).unwrap(), Some(i));
        }
    }
}

/// Each write sets all ten keys to its number, and forgets all but the last few: a killed one has set all, or none.
#[test]
fn killed_writers_leave_whole_versions() {
    if let Some(path) = std::env::var_os(OTHER) {
        let map = open(&path);
        let begun = map.get(&(0, 0)).unwrap().unwrap_or(0);
        for number in begun + 1.. {
            let at = map.put_many((0..10).map(|key| ((0, key), number))).unwrap();
            writeln!(std::io::stdout().lock(), "\nput {number}").unwrap();
            if number % 20 == 0 {
                map.forget_before(at).unwrap();
            }
        }
    }
    let temp = Temp::new();
    let path = temp.db().into_os_string();
    let map = open(&path);
    let mut last = 0;
    for round in 0..8 {
        let mut child = run_again("processes::killed_writers_leave_whole_versions", &path);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (mut line, mut told) = (String::new(), 0);
        // In each round somewhere else.
        while told <= last + 10 + round * 3 {
            line.clear();
            assert!(
                out.read_line(&mut line).unwrap() > 0,
                "the writer has ended by itself"
            );
            if let Some(number) = line.trim().strip_prefix("put ") {
                told = number.parse().unwrap();
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let values: Vec<u32> = map.iter().unwrap().map(|row| row.unwrap().1).collect();
        assert_eq!(values.len(), 10);
        last = values[0];
        assert!(values.iter().all(|value| *value == last), "{values:?}");
        assert!(last >= told, "{told} was told, {last} is there");
        for at in map.times_all() {
            let then: Vec<u32> = map
                .iter_at(at.unwrap())
                .unwrap()
                .map(|row| row.unwrap().1)
                .collect();
            assert!(
                then.len() == 10 && then.iter().all(|value| *value == then[0]),
                "{then:?}"
            );
        }
    }
}
