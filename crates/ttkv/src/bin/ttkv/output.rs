//! What is printed: tables for people, JSON for programs.

use std::io::{self, Write};

use comfy_table::presets;
use deltaview_ttkv::Time;
use serde_json::{Map, Value};

use crate::json::Json;

/// Where to, and how.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    fn line(&self, text: &str) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{text}")
    }

    fn object(&self, entries: impl IntoIterator<Item = (&'static str, Value)>) -> io::Result<()> {
        let entries = entries.into_iter();
        let object: Map<String, Value> = entries
            .map(|(name, value)| (name.to_string(), value))
            .collect();
        self.line(&Value::Object(object).to_string())
    }

    pub(crate) fn time(&mut self, time: Time) -> io::Result<()> {
        if self.json {
            self.object(of_time(time))
        } else {
            self.line(&time.to_string())
        }
    }

    pub(crate) fn value(&mut self, value: &Json) -> io::Result<()> {
        self.line(&value.to_value().to_string())
    }

    pub(crate) fn forgotten(&mut self, versions: usize) -> io::Result<()> {
        if self.json {
            self.object([("forgotten", versions.into())])
        } else {
            self.line(&format!("{versions} versions are forgotten"))
        }
    }

    pub(crate) fn error(&mut self, error: &anyhow::Error) {
        // If even this can't be written, the exit code still says it.
        let _ = writeln!(io::stderr().lock(), "ttkv: {error:#}");
    }
}

fn of_time(time: Time) -> [(&'static str, Value); 2] {
    [
        ("time", time.to_string().into()),
        ("nanoseconds", time.nanos().into()),
    ]
}

/// Rows: printed at once as JSON, or together as a table.
pub(crate) struct Table<'o> {
    output: &'o mut Output,
    columns: &'static [&'static str],
    table: comfy_table::Table,
}

impl<'o> Table<'o> {
    /// The columns of a time are `time` and `nanoseconds`, the first two.
    pub(crate) fn new(output: &'o mut Output, columns: &'static [&'static str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(columns.iter().copied());
        Self {
            output,
            columns,
            table,
        }
    }

    pub(crate) fn row(&mut self, time: Option<Time>, values: &[Option<&Json>]) -> io::Result<()> {
        let times = time.into_iter().flat_map(of_time).map(|(_, value)| value);
        if self.output.json {
            // A version that was removed has no value at all, where null is one.
            let values = values.iter().map(|value| value.map(Json::to_value));
            let all = times.map(Some).chain(values);
            let columns = self.columns.iter().copied().zip(all);
            let there = columns.filter_map(|(name, value)| Some((name, value?)));
            return self.output.object(there.collect::<Vec<_>>());
        }
        let times = times.map(|value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        });
        let values = values.iter().map(|value| match value {
            Some(value) => value.to_value().to_string(),
            None => "(removed)".to_string(),
        });
        self.table.add_row(times.chain(values).collect::<Vec<_>>());
        Ok(())
    }

    pub(crate) fn end(self) -> io::Result<()> {
        if self.output.json {
            return Ok(());
        }
        self.output.line(&self.table.to_string())
    }
}
