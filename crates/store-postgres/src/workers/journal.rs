//! The journal of the times in flight: `deltaview_journal`. It owns how entries are cut into parts, and what is done to
//! them; when, is the rules' matter.

use deltaview_graph::{JournalEntry, JournalKind};
use deltaview_store::{Error, ErrorKind};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::ddl::JOURNAL;
use crate::engine::Engine;
use crate::error::Context;
use crate::pipeline::{Request, execute};

/// The stage that inputs are stored with: they are of the change, and not of what a stage has done.
const INPUTS: i64 = -1;

/// What a part has at most, and a statement unless it is one part.
const PART_BYTES: usize = 4 * 1024 * 1024;

/// Parts of entries, for one statement.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    stages: Vec<i64>,
    numbers: Vec<i64>,
    parts: Vec<i64>,
    kinds: Vec<&'static str>,
    names: Vec<String>,
    rows: Vec<Vec<u8>>,
    bytes: usize,
}

/// The entries of a stage, cut. `with_inputs`: where they are not in the journal yet.
pub(super) fn chunks(stage: u32, entries: &[JournalEntry], with_inputs: bool) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for (number, entry) in (0..).zip(entries) {
        let is_input = entry.kind == JournalKind::Input;
        if is_input && !with_inputs {
            continue;
        }
        // An entry without rows is one too.
        let parts = entry.rows.chunks(PART_BYTES);
        let empty = entry.rows.is_empty().then_some(&[][..]);
        for (part, rows) in (0..).zip(parts.chain(empty)) {
            if chunks
                .last()
                .is_none_or(|last| last.bytes + rows.len() > PART_BYTES)
            {
                chunks.push(Chunk::default());
            }
            if let Some(chunk) = chunks.last_mut() {
                let stage = if is_input { INPUTS } else { i64::from(stage) };
                chunk.stages.push(stage);
                chunk.numbers.push(number);
                chunk.parts.push(part);
                chunk.kinds.push(entry.kind.as_str());
                chunk.names.push(entry.name.clone());
                chunk.rows.push(rows.to_vec());
                chunk.bytes += rows.len();
            }
        }
    }
    chunks
}

impl Engine {
    /// The requests that write them.
    pub(super) fn write_journal<'a>(
        &'a self,
        client: &'a Client,
        time: i64,
        chunks: &'a [Chunk],
    ) -> Vec<Request<'a, ()>> {
        let write = |chunk: &'a Chunk| -> Request<'a, ()> {
            Box::pin(async move {
                let sql = format!(
                    "INSERT INTO {} (\"graph\", \"t\", \"stage\", \"n\", \"part\", \"kind\", \"name\", \"rows\") \
                     SELECT $1, $2, * FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4), \
                     pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8))",
                    self.place(JOURNAL)
                );
                let values: [(&(dyn ToSql + Sync), Type); 8] = [
                    (&self.graph.name(), Type::TEXT),
                    (&time, Type::INT8),
                    (&chunk.stages, Type::INT8_ARRAY),
                    (&chunk.numbers, Type::INT8_ARRAY),
                    (&chunk.parts, Type::INT8_ARRAY),
                    (&chunk.kinds, Type::TEXT_ARRAY),
                    (&chunk.names, Type::TEXT_ARRAY),
                    (&chunk.rows, Type::BYTEA_ARRAY),
                ];
                let written = execute(client, &sql, &values).await;
                written.map_err(|error| self.failed(error, "writing the journal of a change"))
            })
        };
        chunks.iter().map(write).collect()
    }

    /// What is journaled of a time: of one stage, or of all and the inputs.
    pub(super) async fn journal(
        &self,
        client: &Client,
        time: i64,
        stage: Option<u32>,
    ) -> Result<Vec<JournalEntry>, Error> {
        let doing = || format!("reading the journal of time {time}");
        let sql = format!(
            "SELECT \"stage\", \"n\", \"kind\", \"name\", \"rows\" FROM {} WHERE \"graph\" = $1 AND \"t\" = $2 \
             AND ($3 IS NULL OR \"stage\" = $3) ORDER BY \"stage\", \"n\", \"part\"",
            self.place(JOURNAL)
        );
        let values: [(&(dyn ToSql + Sync), Type); 3] = [
            (&self.graph.name(), Type::TEXT),
            (&time, Type::INT8),
            (&stage.map(i64::from), Type::INT8),
        ];
        let rows = client.query_typed(&sql, &values).await.context(doing)?;
        let mut entries = Vec::new();
        let mut of = None;
        for row in rows {
            let entry: (i64, i64) = (
                row.try_get(0).context(doing)?,
                row.try_get(1).context(doing)?,
            );
            let rows: &[u8] = row.try_get(4).context(doing)?;
            if of != Some(entry) {
                of = Some(entry);
                let kind = JournalKind::from_stored(row.try_get(2).context(doing)?);
                let kind = kind.ok_or_else(|| self.unknown_kind(time))?;
                entries.push(JournalEntry {
                    kind,
                    name: row.try_get(3).context(doing)?,
                    rows: Vec::new(),
                });
            }
            if let Some(entry) = entries.last_mut() {
                entry.rows.extend_from_slice(rows);
            }
        }
        Ok(entries)
    }

    fn unknown_kind(&self, time: i64) -> Error {
        let message = format!(
            "graph `{}`: the journal of time {time} has an entry of a kind that this version of deltaview does not know: \
             use a newer one",
            self.graph.name()
        );
        Error::new(ErrorKind::Corrupt, message)
    }

    /// Deletes what is journaled of a stage, and not the inputs.
    pub(super) async fn forget_stage(
        &self,
        client: &Client,
        time: i64,
        stage: u32,
    ) -> Result<(), Error> {
        let sql = format!(
            "DELETE FROM {} WHERE \"graph\" = $1 AND \"t\" = $2 AND \"stage\" = $3",
            self.place(JOURNAL)
        );
        let values: [(&(dyn ToSql + Sync), Type); 3] = [
            (&self.graph.name(), Type::TEXT),
            (&time, Type::INT8),
            (&i64::from(stage), Type::INT8),
        ];
        let deleted = execute(client, &sql, &values).await;
        deleted.context(|| format!("deleting the journal of time {time}"))
    }
}
