//! Where an example keeps its views, from its command line.

#[cfg(feature = "postgres")]
mod postgres;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

/// What the command line says of it.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// What the views are kept in: `sqlite`, `memory`, or the URL of a Postgres database, postgres://user@host/database.
    #[arg(long, value_name = "STORE", default_value = "sqlite", value_parser = parse)]
    store: Kind,
    /// The SQLite file, made where there is none [default: one in a new temporary folder].
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// The schema of the Postgres database, made where there is none [default: deltaview].
    #[arg(long, value_name = "NAME")]
    schema: Option<String>,
}

#[derive(Clone, Debug)]
enum Kind {
    Memory,
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres(String),
}

/// Where that is.
pub(crate) enum Kept {
    Memory,
    Sqlite(PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(postgres::Database),
}

impl Place {
    /// Finds a file where none is named.
    pub(crate) fn kept(&self, name: &str) -> anyhow::Result<Kept> {
        if self.db.is_some() && !matches!(self.store, Kind::Sqlite) {
            bail!("--db names a SQLite file: leave it out with another --store");
        }
        #[cfg(feature = "postgres")]
        if let Kind::Postgres(url) = &self.store {
            let schema = self.schema.as_deref().unwrap_or("deltaview");
            return Ok(Kept::Postgres(postgres::Database::new(url, schema)?));
        }
        if self.schema.is_some() {
            bail!("--schema names a schema of a Postgres database: give its URL with --store");
        }
        if matches!(self.store, Kind::Memory) {
            return Ok(Kept::Memory);
        }
        Ok(Kept::Sqlite(match &self.db {
            Some(file) => file.clone(),
            // Kept, to be looked into afterwards.
            None => tempfile::tempdir()?.keep().join(format!("{name}.db")),
        }))
    }

    /// The arguments by which another process finds the same place.
    #[allow(dead_code, reason = "not every example starts others")]
    pub(crate) fn arguments(&self, kept: &Kept) -> Vec<OsString> {
        match (kept, &self.store) {
            (Kept::Sqlite(file), _) => vec!["--db".into(), file.into()],
            #[cfg(feature = "postgres")]
            (Kept::Postgres(_), Kind::Postgres(url)) => {
                let schema = self.schema.iter();
                let schema = schema.flat_map(|name| ["--schema".into(), name.into()]);
                let store = ["--store".into(), url.into()];
                store.into_iter().chain(schema).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn parse(text: &str) -> Result<Kind, String> {
    match text {
        "memory" => Ok(Kind::Memory),
        "sqlite" => Ok(Kind::Sqlite),
        url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            on_postgres(url)
        }
        _ => Err("it is `sqlite`, `memory` or a URL, postgres://user@host/database".to_string()),
    }
}

#[cfg(feature = "postgres")]
#[expect(
    clippy::unnecessary_wraps,
    reason = "without the feature it is an error"
)]
fn on_postgres(url: &str) -> Result<Kind, String> {
    Ok(Kind::Postgres(url.to_string()))
}

#[cfg(not(feature = "postgres"))]
fn on_postgres(_: &str) -> Result<Kind, String> {
    Err(
        "this program was built without Postgres: put `--features postgres` behind `cargo run`"
            .to_string(),
    )
}
