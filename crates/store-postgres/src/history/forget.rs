//! The steps of forgetting: each a short transaction that has the lock of the graph. The horizon moves first, and in the
//! same transaction what is behind it begins to go.

use deltaview_graph::Table;
use deltaview_store::Error;
use deltaview_store::history::{Forgotten, not_yet};
use tokio_postgres::types::{ToSql, Type};

use super::ddl::{HISTORY, INSTANTS};
use super::sql::sql_sweep_instants;
use crate::error::Context;
use crate::follow::{open_scope, retried};
use crate::store::Inner;

impl Inner {
    /// As [`Store::forget_step`](deltaview_store::Store::forget_step).
    pub(super) async fn forget_step(
        &self,
        table: &Table,
        time: i64,
        rows: usize,
    ) -> Result<Forgotten, Error> {
        self.refuse_to_write()?;
        let step = || self.forget_once(table, time, rows.max(1));
        retried(self, || Box::pin(step())).await
    }

    async fn forget_once(&self, face: &Table, time: i64, rows: usize) -> Result<Forgotten, Error> {
        let engine = &self.engine;
        let table = &engine.tables[&face.id()];
        let history = table.history.as_ref().expect("the table has history");
        let graph = engine.graph.name();
        let doing = format!("forgetting the past of table `{}`", table.name);
        let scope = open_scope(self, &doing).await?;
        let client = scope.client();
        let limits = engine.limits(client, face).await?;
        if time > limits.last {
            return Err(not_yet(graph, time, limits.last));
        }
        let horizon = limits.horizon.max(time);
        let context = || doing.clone();
        if horizon > limits.horizon {
            let sql = format!(
                "UPDATE {} SET \"horizon\" = $3 WHERE \"graph\" = $1 AND \"table_name\" = $2",
                engine.place(HISTORY)
            );
            let values: [(&(dyn ToSql + Sync), Type); 3] = [
                (&graph, Type::TEXT),
                (&table.name, Type::TEXT),
                (&horizon, Type::INT8),
            ];
            client.execute_typed(&sql, &values).await.context(context)?;
        }
        let sweep = history.sql_sweep(&table.schema, rows);
        let instants = sql_sweep_instants(&engine.place(HISTORY), &engine.place(INSTANTS), rows);
        let values: [(&(dyn ToSql + Sync), Type); 1] = [(&graph, Type::TEXT)];
        let (swept, instants) = futures::join!(
            client.query_typed_one(&sweep, &[]),
            client.execute_typed(&instants, &values)
        );
        let swept = swept.context(context)?;
        let instants = instants.context(context)?;
        scope.keep().await.context(context)?;
        let logged: i64 = swept.try_get(0).context(context)?;
        let others: i64 = swept.try_get(1).context(context)?;
        let all = u64::try_from(rows).unwrap_or(u64::MAX);
        let logged = logged.unsigned_abs();
        Ok(Forgotten {
            horizon,
            rows: logged + others.unsigned_abs() + instants,
            is_done: logged < all && instants < all,
        })
    }
}
