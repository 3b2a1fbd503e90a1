//! Asks the server the queries of a read: one row, or all, a page at a time, within one transaction: the first page by a
//! statement that is prepared, the others by cursors. It knows neither views nor types.

use std::collections::VecDeque;
use std::sync::Arc;

use deltaview_store::Error;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use tokio_postgres::types::{ToSql, Type};

use crate::error::from_postgres;
use crate::pipeline::Link;
use crate::reader::Reader;
use crate::view::Source;

/// So many rows are read first; then as many as are about so many bytes. Who says where to begin and where to end
/// probably wants all that is between.
const FIRST_PAGE: usize = 32;
const FIRST_PAGE_OF_RANGE: usize = 1024;
const PAGE_BYTES: usize = 1024 * 1024;
const LARGEST_PAGE: usize = 4096;

/// A statement with what is bound to it.
pub(crate) struct Query {
    pub(crate) sql: Arc<str>,
    pub(crate) values: Vec<(Box<dyn ToSql + Sync + Send>, Type)>,
    /// Whether its first page may be a statement of its own: its text does not have what is asked for, so that it is worth
    /// preparing, and its rows are in an order that is the same each time.
    pub(crate) is_paged: bool,
}

/// Rows that were read together.
pub(crate) type Page = VecDeque<tokio_postgres::Row>;

impl Query {
    fn bound(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        let values = self.values.iter();
        values
            .map(|(value, value_type)| (&**value as &(dyn ToSql + Sync), value_type.clone()))
            .collect()
    }

    pub(crate) async fn first(
        &self,
        source: &Source,
        doing: &str,
    ) -> Result<Option<tokio_postgres::Row>, Error> {
        let mut pauses = source.pauses();
        loop {
            let row = match source {
                Source::Store(inner) => match inner.connection().await {
                    Ok(connection) => {
                        let link = Link {
                            client: &connection,
                            prepared: inner
                                .engine
                                .prepares
                                .then_some(&*connection.statement_cache),
                        };
                        self.first_by(link, doing).await
                    }
                    Err(error) => Err(error),
                },
                Source::Snapshot(reader) => self.first_by(reader.link(), doing).await,
            };
            match row {
                Ok(row) => return Ok(row),
                Err(error) => pauses.after(error).await?,
            }
        }
    }

    async fn first_by(
        &self,
        link: Link<'_>,
        doing: &str,
    ) -> Result<Option<tokio_postgres::Row>, Error> {
        let row = link.query_opt(&self.sql, &self.bound()).await;
        row.map_err(|error| from_postgres(error, doing))
    }
}

/// What is read, and how far it is.
pub(crate) struct Scan {
    reader: Arc<Reader>,
    /// What is to be read, in order.
    queries: Vec<Query>,
    /// How many of the queries were begun.
    begun: usize,
    /// The cursor of the query that is being read.
    cursor: Option<String>,
    /// So many rows of the query that is next were read before its cursor.
    behind: usize,
    page: Page,
    /// The rows of the next page.
    size: usize,
    doing: String,
}

impl Scan {
    /// Reads the first page. Where the connection is lost before it is there, all is read anew by another one, for it is
    /// of another state.
    pub(crate) async fn start(
        source: &Source,
        mut queries: Vec<Query>,
        doing: String,
        has_ends: bool,
    ) -> Result<BoxStream<'static, Result<Page, Error>>, Error> {
        let mut pauses = source.pauses();
        let scan = loop {
            let error = match source.reader().await {
                Ok(reader) => {
                    let mut scan = Self {
                        reader,
                        queries: std::mem::take(&mut queries),
                        begun: 0,
                        cursor: None,
                        behind: 0,
                        page: Page::new(),
                        size: if has_ends {
                            FIRST_PAGE_OF_RANGE
                        } else {
                            FIRST_PAGE
                        },
                        doing: doing.clone(),
                    };
                    match scan.fill().await {
                        Ok(()) => break scan,
                        Err(error) => {
                            queries = std::mem::take(&mut scan.queries);
                            error
                        }
                    }
                }
                Err(error) => error,
            };
            pauses.after(error).await?;
        };
        let pages = futures::stream::unfold(scan, |mut scan| async move {
            if let Err(error) = scan.fill().await {
                return Some((Err(error), scan));
            }
            let page = std::mem::take(&mut scan.page);
            (!page.is_empty()).then(|| (Ok(page), scan))
        });
        Ok(pages.boxed())
    }

    /// Reads the next page that has rows.
    async fn fill(&mut self) -> Result<(), Error> {
        while self.page.is_empty() {
            let rows = if let Some(cursor) = &self.cursor {
                let rows = fetch(&self.reader, cursor, self.size).await;
                rows.map_err(|error| from_postgres(error, &self.doing))?
            } else if let Some(query) = self.queries.get(self.begun) {
                let failed = |error| from_postgres(error, &self.doing);
                let is_first = self.begun == 0;
                if is_first && query.is_paged && self.behind == 0 {
                    let rows = self.first_page(query).await.map_err(failed)?;
                    if rows.len() <= self.size {
                        self.begun += 1;
                    } else {
                        self.behind = rows.len();
                    }
                    self.size = next_size(&rows);
                    self.page = rows.into();
                    continue;
                }
                let cursor = self.reader.next_cursor();
                let rows = self.open(query, &cursor).await.map_err(failed)?;
                self.begun += 1;
                self.behind = 0;
                self.cursor = Some(cursor);
                rows
            } else {
                return Ok(());
            };
            if rows.len() < self.size {
                self.close();
            }
            self.size = next_size(&rows);
            self.page = rows.into();
        }
        Ok(())
    }

    /// Begins to read: the transaction if it is the first, and the rows of a page and one more, all at once. The cursor
    /// follows only where there are more.
    async fn first_page(
        &self,
        query: &Query,
    ) -> Result<Vec<tokio_postgres::Row>, tokio_postgres::Error> {
        let reader = &self.reader;
        let sql = format!("{} LIMIT {}", query.sql, self.size + 1);
        let values = query.bound();
        let rows = async {
            let rows = reader.link().query(&sql, &values).await?;
            rows.try_collect().await
        };
        let (begun, rows) = futures::join!(reader.begin(), rows);
        begun?;
        rows
    }

    /// Begins to read, all at once: the transaction if it is the first, the cursor, its first page.
    async fn open(
        &self,
        query: &Query,
        cursor: &str,
    ) -> Result<Vec<tokio_postgres::Row>, tokio_postgres::Error> {
        let reader = &self.reader;
        let behind = match self.behind {
            0 => String::new(),
            rows => format!(" OFFSET {rows}"),
        };
        let declare = format!(
            "DECLARE {cursor} NO SCROLL CURSOR FOR {}{behind}",
            query.sql
        );
        let values = query.bound();
        let (begun, declared, rows) = futures::join!(
            reader.begin(),
            reader.client().execute_typed(&declare, &values),
            fetch(reader, cursor, self.size),
        );
        begun?;
        declared?;
        rows
    }

    /// Closes the cursor. Nobody waits for that: the first poll sends it.
    fn close(&mut self) {
        if let Some(cursor) = self.cursor.take() {
            let close = format!("CLOSE {cursor}");
            let _ = self.reader.client().batch_execute(&close).now_or_never();
        }
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.close();
    }
}

async fn fetch(
    reader: &Reader,
    cursor: &str,
    rows: usize,
) -> Result<Vec<tokio_postgres::Row>, tokio_postgres::Error> {
    let sql = format!("FETCH {rows} FROM {cursor}");
    reader.client().query_typed(&sql, &[]).await
}

/// How many rows are read after some: so that they are about a page.
fn next_size(rows: &[tokio_postgres::Row]) -> usize {
    let bytes: usize = rows.iter().map(tokio_postgres::Row::raw_size_bytes).sum();
    let each = bytes.checked_div(rows.len()).unwrap_or(0).max(1);
    (PAGE_BYTES / each).clamp(1, LARGEST_PAGE)
}
