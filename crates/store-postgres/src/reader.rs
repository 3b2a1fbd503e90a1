//! A connection that reads: its transaction sees one state.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use deadpool_postgres::Object;
use deltaview_store::Error;
use tokio_postgres::Client;

use crate::error::Context;
use crate::pipeline::Link;
use crate::scope::{Kind, Scope};
use crate::store::Inner;

/// A connection, and a transaction on it that reads one state.
pub(crate) struct Reader {
    inner: Arc<Inner>,
    scope: Scope<Object>,
    is_begun: AtomicBool,
    cursors: AtomicU64,
}

impl Reader {
    /// Takes a connection. The transaction begins with the first statement.
    pub(crate) async fn connect(inner: Arc<Inner>) -> Result<Self, Error> {
        Ok(Self {
            scope: Scope::new(inner.connection().await?, Kind::Read),
            inner,
            is_begun: AtomicBool::new(false),
            cursors: AtomicU64::new(0),
        })
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    pub(crate) fn client(&self) -> &Client {
        self.scope.client()
    }

    /// The connection, with the statements that may be prepared on it.
    pub(crate) fn link(&self) -> Link<'_> {
        self.inner.engine.link(&self.scope)
    }

    /// Begins the transaction, and reads the time of its state, and whether no iteration is between its stages in it.
    pub(crate) async fn begin_with_time(&self) -> Result<(i64, bool), Error> {
        let looking = self.inner.engine.time_and_rest(self.client());
        let (begun, looked) = futures::join!(self.begin(), looking);
        begun.context(|| "beginning to read".to_string())?;
        looked
    }

    pub(crate) async fn begin(&self) -> Result<(), tokio_postgres::Error> {
        if self.is_begun.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        self.scope.begin().await
    }

    /// The name of a cursor that is not open.
    pub(crate) fn next_cursor(&self) -> String {
        let number = self.cursors.fetch_add(1, Ordering::Relaxed);
        format!("deltaview_{number}")
    }
}
