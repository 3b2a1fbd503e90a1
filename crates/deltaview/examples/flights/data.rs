//! The files: a folder with each table as `.csv` or `.csv.gz`.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use csv::StringRecord;
use flate2::read::MultiGzDecoder;
use serde::de::DeserializeOwned;

/// A table in a file.
pub(crate) struct Table {
    path: PathBuf,
}

impl Table {
    /// The file of a table in a folder.
    pub(crate) fn find(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let candidates = [format!("{name}.csv"), format!("{name}.csv.gz")];
        if let Some(path) = candidates
            .iter()
            .map(|file| folder.join(file))
            .find(|path| path.is_file())
        {
            return Ok(Self { path });
        }
        let zipped = format!("{name}.csv.zip");
        let folder_name = folder.display();
        if folder.join(&zipped).is_file() {
            bail!("{folder_name} has {zipped}: unzip it first");
        }
        bail!(
            "{folder_name} has neither {} nor {}: --data names the folder of the five tables of nycflights13",
            candidates[0],
            candidates[1],
        );
    }

    /// The size of the file.
    pub(crate) fn bytes(&self) -> anyhow::Result<u64> {
        Ok(fs::metadata(&self.path)
            .with_context(|| self.problem())?
            .len())
    }

    /// The number of rows: reads the whole file, but parses nothing.
    pub(crate) fn count(&self) -> anyhow::Result<u64> {
        let mut reader = self.reader()?;
        let mut record = csv::ByteRecord::new();
        let mut rows = 0;
        while reader
            .read_byte_record(&mut record)
            .with_context(|| self.problem())?
        {
            rows += 1;
        }
        Ok(rows)
    }

    /// The names of the columns, in the order of the file.
    pub(crate) fn columns(&self) -> anyhow::Result<Vec<String>> {
        let mut reader = self.reader()?;
        Ok(reader
            .headers()
            .with_context(|| self.problem())?
            .iter()
            .map(String::from)
            .collect())
    }

    /// The rows as text, `None` for `NA`.
    pub(crate) fn texts(
        &self,
    ) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Vec<Option<String>>>>> {
        let text = |field: &str| (field != "NA").then(|| field.to_string());
        let records = self.reader()?.into_records();
        Ok(records.map(move |record| Ok(record?.iter().map(text).collect())))
    }

    /// The rows after the first `skipped`, `None` for `NA`.
    pub(crate) fn rows<T: DeserializeOwned>(
        &self,
        skipped: u64,
    ) -> anyhow::Result<impl Iterator<Item = anyhow::Result<T>>> {
        let mut reader = self.reader()?;
        let headers = reader.headers().with_context(|| self.problem())?.clone();
        let skipped = usize::try_from(skipped)?;
        let problem = self.problem();
        Ok(reader.into_records().skip(skipped).map(move |record| {
            let row =
                record.and_then(|record| with_empty_for_na(&record).deserialize(Some(&headers)));
            row.map_err(|error| {
                let column = column_of(&error, &headers).unwrap_or_default();
                anyhow::Error::new(error).context(format!("{problem}{column}"))
            })
        }))
    }

    fn reader(&self) -> anyhow::Result<csv::Reader<Box<dyn Read>>> {
        let file = File::open(&self.path).with_context(|| self.problem())?;
        let gzipped = self
            .path
            .extension()
            .is_some_and(|extension| extension == "gz");
        let bytes: Box<dyn Read> = if gzipped {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        Ok(csv::Reader::from_reader(bytes))
    }

    fn problem(&self) -> String {
        format!("reading {}", self.path.display())
    }
}

/// The name of the column that an error is about, to be put after the file's.
fn column_of(error: &csv::Error, headers: &StringRecord) -> Option<String> {
    let csv::ErrorKind::Deserialize { err, .. } = error.kind() else {
        return None;
    };
    let column = headers.get(usize::try_from(err.field()?).ok()?)?;
    Some(format!(", column `{column}`"))
}

/// The csv crate takes an empty field for `None`. The position is kept: errors name the line.
fn with_empty_for_na(record: &StringRecord) -> StringRecord {
    let mut empty: StringRecord = record
        .iter()
        .map(|field| if field == "NA" { "" } else { field })
        .collect();
    empty.set_position(record.position().cloned());
    empty
}
