//! Verifying: the raw files in tables of plain SQLite, each view computed anew from them by SQL, and every row compared.
//!
//! Nothing of it goes through deltaview but the views themselves: the files are read as text, and amendments are made
//! by SQL.

use std::path::Path;

use anyhow::{Context, bail};
use deltaview::prelude::*;
use deltaview::sqlite::rusqlite::{self, Connection, params};
use deltaview::{Row, render_table};

use super::data::Table;
use super::views::{Amendment, CarrierDay, Manufacturer, Route, Views, Visibility};

/// The columns' types are all that SQL must be told of the files; the names are those of the files.
const TABLES: &str = "
    CREATE TABLE airlines (carrier TEXT PRIMARY KEY, name TEXT);
    CREATE TABLE airports (faa TEXT PRIMARY KEY, name TEXT, lat REAL, lon REAL, alt INTEGER, tz INTEGER, dst TEXT,
        tzone TEXT);
    CREATE TABLE planes (tailnum TEXT PRIMARY KEY, year INTEGER, type TEXT, manufacturer TEXT, model TEXT,
        engines INTEGER, seats INTEGER, speed INTEGER, engine TEXT);
    CREATE TABLE flights (year INTEGER, month INTEGER, day INTEGER, dep_time INTEGER, sched_dep_time INTEGER,
        dep_delay INTEGER, arr_time INTEGER, sched_arr_time INTEGER, arr_delay INTEGER, carrier TEXT, flight INTEGER,
        tailnum TEXT, origin TEXT, dest TEXT, air_time INTEGER, distance INTEGER, hour INTEGER, minute INTEGER,
        time_hour TEXT);
    CREATE TABLE weather (origin TEXT, year INTEGER, month INTEGER, day INTEGER, hour INTEGER, temp REAL, dewp REAL,
        humid REAL, wind_dir INTEGER, wind_speed REAL, wind_gust REAL, precip REAL, pressure REAL, visib REAL,
        time_hour TEXT);
";

/// The raw rows, in an SQLite database in memory.
pub(crate) struct Raw {
    sql: Connection,
}

impl Raw {
    /// Reads the five files of a folder.
    pub(crate) fn load(folder: &Path) -> anyhow::Result<Self> {
        Self::load_first(folder, |_| usize::MAX)
    }

    /// Reads the first rows of the five files of a folder: of each file as many as are asked for.
    pub(crate) fn load_first(
        folder: &Path,
        rows_of: impl Fn(&str) -> usize,
    ) -> anyhow::Result<Self> {
        let mut sql = Connection::open_in_memory()?;
        sql.execute_batch(TABLES)?;
        let transaction = sql.transaction()?;
        for name in ["airlines", "airports", "planes", "flights", "weather"] {
            let file = Table::find(folder, name)?;
            let columns = file.columns()?;
            let values = vec!["?"; columns.len()].join(", ");
            let insert = format!(
                "INSERT INTO {name} ({}) VALUES ({values})",
                columns.join(", ")
            );
            let mut insert = transaction
                .prepare(&insert)
                .with_context(|| format!("the columns of `{name}`"))?;
            for row in file.texts()?.take(rows_of(name)) {
                insert.execute(rusqlite::params_from_iter(row?))?;
            }
        }
        transaction.commit()?;
        Ok(Self { sql })
    }

    /// Makes an amendment of the raw rows.
    pub(crate) fn amend(&self, amendment: &Amendment) -> anyhow::Result<()> {
        self.sql.execute(
            "UPDATE flights SET dep_time = NULL, dep_delay = NULL, arr_time = NULL, arr_delay = NULL, air_time = NULL
             WHERE month = ? AND day = ?",
            params![amendment.month, amendment.day],
        )?;
        self.sql.execute(
            "UPDATE airlines SET name = ? WHERE carrier = ?",
            params![amendment.new_name, amendment.carrier],
        )?;
        Ok(())
    }

    /// Compares every view with what SQL says: as it is, or as it was at a time. Returns the name of each with the number
    /// of rows compared.
    pub(crate) fn verify<S: Store>(
        &self,
        store: &S,
        views: Views,
        at: Option<i64>,
    ) -> anyhow::Result<Vec<(&'static str, usize)>> {
        Ok(vec![
            (
                "carrier_days",
                self.compare(store, views.carrier_days, at)
                    .context("view `carrier_days`")?,
            ),
            (
                "routes",
                self.compare(store, views.routes, at)
                    .context("view `routes`")?,
            ),
            (
                "manufacturers",
                self.compare(store, views.manufacturers, at)
                    .context("view `manufacturers`")?,
            ),
            (
                "visibility",
                self.compare(store, views.visibility, at)
                    .context("view `visibility`")?,
            ),
        ])
    }

    fn compare<S: Store, T: Recomputed, K: IndexKey>(
        &self,
        store: &S,
        view: ViewHandle<T, K>,
        at: Option<i64>,
    ) -> anyhow::Result<usize> {
        let mut query = self.sql.prepare(T::SQL)?;
        let expected: ZSet<T> = query
            .query_map([], T::from_sql)?
            .collect::<Result<_, _>>()?;
        let view = store.view(view);
        let view = at.map_or(Ok(view), |time| view.as_of(time))?;
        let kept = view.iter()?.into_zset()?;
        let difference = kept.try_sub(&expected)?;
        if !difference.is_empty() {
            bail!(
                "{} rows differ from what SQL says (1: only in the view, -1: only in SQL); the first are\n{}",
                difference.len(),
                render_table(difference.iter().take(10)),
            );
        }
        Ok(expected.len())
    }
}

/// A view's row that SQL can compute from the raw rows.
trait Recomputed: Row {
    const SQL: &str;
    fn from_sql(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self>;
}

impl Recomputed for CarrierDay {
    const SQL: &str = "
        SELECT name, month, day, count(*), count(dep_delay), count(*) FILTER (WHERE dep_delay > 0),
            coalesce(sum(dep_delay), 0), sum(dep_delay) * 60 / count(dep_delay)
        FROM flights JOIN airlines USING (carrier)
        GROUP BY name, month, day";

    fn from_sql(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            carrier: row.get(0)?,
            month: row.get(1)?,
            day: row.get(2)?,
            flights: row.get(3)?,
            departed: row.get(4)?,
            delayed: row.get(5)?,
            delay_minutes: row.get(6)?,
            mean_delay_seconds: row.get(7)?,
        })
    }
}

impl Recomputed for Route {
    const SQL: &str = "
        SELECT origin, dest, o.name, d.name, count(*), sum(distance)
        FROM flights LEFT JOIN airports o ON o.faa = origin LEFT JOIN airports d ON d.faa = dest
        GROUP BY origin, dest";

    fn from_sql(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            origin: row.get(0)?,
            dest: row.get(1)?,
            origin_name: row.get(2)?,
            dest_name: row.get(3)?,
            flights: row.get(4)?,
            miles: row.get(5)?,
        })
    }
}

impl Recomputed for Manufacturer {
    const SQL: &str = "
        SELECT manufacturer, count(*), sum(distance)
        FROM flights LEFT JOIN planes USING (tailnum)
        GROUP BY manufacturer";

    fn from_sql(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            manufacturer: row.get(0)?,
            flights: row.get(1)?,
            miles: row.get(2)?,
        })
    }
}

impl Recomputed for Visibility {
    const SQL: &str = "
        SELECT CAST(visib AS INTEGER) AS miles, count(*), count(dep_delay), count(*) FILTER (WHERE dep_delay > 0),
            sum(dep_delay) * 60 / count(dep_delay)
        FROM flights JOIN weather USING (origin, time_hour)
        GROUP BY miles";

    fn from_sql(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            miles: row.get(0)?,
            flights: row.get(1)?,
            departed: row.get(2)?,
            delayed: row.get(3)?,
            mean_delay_seconds: row.get(4)?,
        })
    }
}
