//! Loading: each file in batches, a batch a change. A load that was broken off goes on where it stopped.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use deltaview::prelude::*;
use deltaview::{Row, Source};
use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};

use super::data::Table;
use super::views::{Inputs, Loaded, Views};

/// What a load needs to know.
#[derive(Clone, Copy)]
pub(crate) struct Loader<'a> {
    pub(crate) data: &'a Path,
    /// Rows a change.
    pub(crate) batch: NonZeroUsize,
    pub(crate) inputs: Inputs,
    pub(crate) views: Views,
}

/// What came of one file. It displays as a line.
pub(crate) struct Report {
    table: &'static str,
    /// Rows that were there already.
    before: u64,
    rows: u64,
    took: Duration,
}

impl Loader<'_> {
    /// Loads what is not loaded yet of a file into its input or keyed table.
    pub(crate) fn load<S: Store, T: Row>(
        &self,
        store: &mut S,
        table: &'static str,
        into: impl Source<Row = T>,
    ) -> anyhow::Result<Report> {
        let file = Table::find(self.data, table)?;
        let file_bytes = file.bytes()?;
        let before = match store.view(self.views.loaded).get(&table.to_string())? {
            Some(loaded) if loaded.file_bytes != file_bytes => bail!(
                "the rows of `{table}` come from another file ({} bytes; the one in {} has {file_bytes}): \
                 name that one's folder with --data, or another database with --db or --store",
                loaded.file_bytes,
                self.data.display(),
            ),
            Some(loaded) => loaded.rows,
            None => 0,
        };
        let bar = ProgressBar::new(file.count()?)
            .with_style(style()?)
            .with_prefix(table)
            .with_position(before);
        bar.reset_eta();

        let begun = Instant::now();
        let mut rows = file.rows::<T>(before)?;
        let mut loaded = Loaded {
            table: table.to_string(),
            rows: before,
            file_bytes,
        };
        loop {
            let batch = rows
                .by_ref()
                .take(self.batch.get())
                .collect::<Result<Vec<_>, _>>()?;
            if batch.is_empty() {
                break;
            }
            loaded.rows += batch.len() as u64;
            store
                .change()
                .insert(into, batch)
                .upsert(self.inputs.loaded, [loaded.clone()])
                .commit()?;
            bar.set_position(loaded.rows);
        }
        bar.finish_and_clear();
        Ok(Report {
            table,
            before,
            rows: loaded.rows - before,
            took: begun.elapsed(),
        })
    }
}

fn style() -> anyhow::Result<ProgressStyle> {
    let template =
        "  {prefix:<8} {bar:30} {human_pos:>7} of {human_len}, {rate} rows/s, {eta} to go";
    let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
        // A bar that can't be written is no reason to stop.
        let _ = write!(text, "{}", HumanCount(state.per_sec() as u64));
    };
    Ok(ProgressStyle::with_template(template)?.with_key("rate", rate))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            table,
            before,
            rows,
            took,
        } = self;
        let count = |rows: u64| HumanCount(rows).to_string();
        if *rows == 0 {
            return write!(f, "  {table:<8} {:>9} rows, loaded already", count(*before));
        }
        let seconds = took.as_secs_f64();
        let speed = count((*rows as f64 / seconds) as u64);
        write!(
            f,
            "  {table:<8} {:>9} rows in {seconds:>6.2} s {speed:>9} rows/s",
            count(*rows)
        )?;
        if *before > 0 {
            write!(f, ", after {} from an earlier run", count(*before))?;
        }
        Ok(())
    }
}
