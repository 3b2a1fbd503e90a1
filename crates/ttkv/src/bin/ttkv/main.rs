//! The command line `ttkv`: reads and writes a map in a SQLite file or a Postgres database. Keys and values are JSON.
//!
//! It owns the arguments and what is printed; all else is the library's. A map that it makes may have keys and values of
//! any kind.

mod json;
mod output;

use anyhow::{Result, anyhow};
use clap::{Parser, Subcommand};
use deltaview_store::versions::Versions;
use deltaview_store_postgres::PostgresOptions;
use deltaview_store_sqlite::SqliteOptions;
use deltaview_ttkv::{BlockingPostgresTimeMap, SqliteTimeMap, Time, TimeMap};

use crate::json::Json;
use crate::output::{Output, Table};

/// A key-value map that remembers: each write has a time, and the map can be read as of any of them.
///
/// Keys and values are JSON: "tea", 3, [1, "a"], {"a": 1}. Text that is no JSON is taken as text. A struct of a program is
/// the list of its fields, and a variant of an enum, in a key, {"$variant": [its position from 0, what it holds …]}. Times
/// are nanoseconds since 1970, or RFC 3339 in UTC: 2026-01-31T12:00:00Z.
#[derive(Parser)]
#[command(name = "ttkv", version)]
struct Arguments {
    /// A SQLite file, or a URL: postgres://user:password@host:5432/database
    store: String,
    /// The map's name.
    #[arg(long, default_value = "map")]
    map: String,
    /// The schema of the tables, in Postgres.
    #[arg(long, default_value = "deltaview")]
    schema: String,
    /// Print JSON, a line for each row, instead of a table.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sets a key to a value, and prints when. Makes the map where it is missing.
    Put {
        /// The key.
        #[arg(allow_negative_numbers = true)]
        key: String,
        /// The value.
        #[arg(allow_negative_numbers = true)]
        value: String,
    },
    /// Removes a key, and prints when. Its past stays.
    Remove {
        /// The key.
        #[arg(allow_negative_numbers = true)]
        key: String,
    },
    /// Prints the value of a key. Ends with 1 where there is none.
    Get {
        /// The key.
        #[arg(allow_negative_numbers = true)]
        key: String,
        /// As of this time, instead of now.
        #[arg(long)]
        at: Option<Time>,
    },
    /// Prints the times at which anything was written, the newest first.
    Times {
        /// The times of this key only.
        key: Option<String>,
        /// So many at most.
        #[arg(long)]
        limit: Option<usize>,
    },
    /// Prints the versions of a key, the newest first.
    History {
        /// The key.
        #[arg(allow_negative_numbers = true)]
        key: String,
        /// So many at most.
        #[arg(long)]
        limit: Option<usize>,
    },
    /// Prints the rows whose keys are in a range, in order: all, if no end is given.
    Range {
        /// From this key on.
        #[arg(long)]
        from: Option<String>,
        /// Up to this key, without it.
        #[arg(long)]
        to: Option<String>,
        /// As of this time, instead of now.
        #[arg(long)]
        at: Option<Time>,
        /// From the greatest key to the least.
        #[arg(long)]
        reverse: bool,
        /// So many at most.
        #[arg(long)]
        limit: Option<usize>,
    },
    /// Forgets what was before a time; what is true at it stays.
    Forget {
        /// The time.
        before: Time,
    },
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let mut output = Output::new(arguments.json);
    match run(&arguments, &mut output) {
        Ok(true) => std::process::ExitCode::SUCCESS,
        Ok(false) => std::process::ExitCode::FAILURE,
        Err(error) => {
            output.error(&error);
            std::process::ExitCode::from(2)
        }
    }
}

/// Whether something was found.
fn run(arguments: &Arguments, output: &mut Output) -> Result<bool> {
    let Arguments { store, map, .. } = arguments;
    let makes = matches!(arguments.command, Command::Put { .. });
    if store.starts_with("postgres://") || store.starts_with("postgresql://") {
        let options = PostgresOptions::new().schema(&arguments.schema);
        let map = if makes {
            BlockingPostgresTimeMap::connect(store, map, &options)
        } else {
            BlockingPostgresTimeMap::connect_existing(store, map, &options)
        };
        command(&map?, &arguments.command, output)
    } else if store.contains("://") {
        Err(anyhow!(
            "{store} is neither a file nor a URL that begins with postgres://"
        ))
    } else {
        let map = if makes {
            SqliteTimeMap::open_with(store, map, &SqliteOptions::new())
        } else {
            SqliteTimeMap::open_existing(store, map)
        };
        command(&map?, &arguments.command, output)
    }
}

fn command<S: Versions>(
    map: &TimeMap<Json, Json, S>,
    command: &Command,
    output: &mut Output,
) -> Result<bool> {
    match command {
        Command::Put { key, value } => {
            let time = map.put(&json::parse(key)?, &json::parse(value)?)?;
            output.time(time)?;
        }
        Command::Remove { key } => output.time(map.remove(&json::parse(key)?)?)?,
        Command::Get { key, at } => {
            let key = json::parse(key)?;
            let value = match at {
                Some(time) => map.get_at(&key, *time)?,
                None => map.get(&key)?,
            };
            let Some(value) = value else {
                return Ok(false);
            };
            output.value(&value)?;
        }
        Command::Times { key, limit } => {
            let limit = limit.unwrap_or(usize::MAX);
            let mut table = Table::new(output, &["time", "nanoseconds"]);
            match key {
                Some(key) => {
                    for time in map.times(&json::parse(key)?)?.take(limit) {
                        table.row(Some(time?), &[])?;
                    }
                }
                None => {
                    for time in map.times_all().take(limit) {
                        table.row(Some(time?), &[])?;
                    }
                }
            }
            table.end()?;
        }
        Command::History { key, limit } => {
            let mut table = Table::new(output, &["time", "nanoseconds", "value"]);
            let versions = map.history(&json::parse(key)?)?;
            for version in versions.take(limit.unwrap_or(usize::MAX)) {
                let version = version?;
                table.row(Some(version.time), &[version.value.as_ref()])?;
            }
            table.end()?;
        }
        Command::Range {
            from,
            to,
            at,
            reverse,
            limit,
        } => {
            let bound = |key: &Option<String>, is_end: bool| {
                Ok::<_, anyhow::Error>(match key {
                    None => std::ops::Bound::Unbounded,
                    Some(key) if is_end => std::ops::Bound::Excluded(json::parse(key)?),
                    Some(key) => std::ops::Bound::Included(json::parse(key)?),
                })
            };
            let keys = (bound(from, false)?, bound(to, true)?);
            let mut rows = match at {
                Some(time) => map.range_at(keys, *time)?,
                None => map.range(keys)?,
            };
            let mut table = Table::new(output, &["key", "value"]);
            for _ in 0..limit.unwrap_or(usize::MAX) {
                let row = if *reverse {
                    rows.next_back()
                } else {
                    rows.next()
                };
                let Some(row) = row else { break };
                let (key, value) = row?;
                table.row(None, &[Some(&key), Some(&value)])?;
            }
            table.end()?;
        }
        Command::Forget { before } => output.forgotten(map.forget_before(*before)?)?,
    }
    Ok(true)
}
