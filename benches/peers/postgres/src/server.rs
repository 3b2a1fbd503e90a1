//! A schema of a run's own on the server, what is measured of it, and its end.

use std::time::{SystemTime, UNIX_EPOCH};

use deltaview_peers_frame::Options;
use postgres::{Client, NoTls};

/// A schema that is dropped with this.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) schema: String,
    /// How much of the write-ahead log there was before.
    log_before: i64,
}

impl Server {
    /// Makes the schema.
    pub(crate) fn new(options: &Options) -> Self {
        let url = options
            .url
            .clone()
            .expect("`--url` says where the server is: postgres://user@host:port/database");
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanoseconds = since.expect("it is after 1970").as_nanos();
        let schema = format!("deltaview_peers_{}_{nanoseconds}", std::process::id());
        let mut server = Self {
            url,
            schema,
            log_before: 0,
        };
        let mut client = server.connect();
        let create = format!("CREATE SCHEMA {}", server.schema);
        client.batch_execute(&create).expect("a schema can be made");
        server.log_before = log_position(&mut client);
        server
    }

    /// A connection that finds the tables of the schema by their names.
    pub(crate) fn connect(&self) -> Client {
        let client = Client::connect(&self.url, NoTls);
        let mut client = client.expect("the server can be reached");
        let set = format!("SET search_path TO {}, pg_catalog", self.schema);
        client.batch_execute(&set).expect("a path can be set");
        client
    }

    /// The bytes of all tables of the schema, with their indexes.
    pub(crate) fn disk_bytes(&self) -> u64 {
        let sql = "SELECT COALESCE(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c \
                   JOIN pg_namespace AS n ON n.oid = c.relnamespace \
                   WHERE n.nspname = $1 AND c.relkind IN ('r', 'm')";
        let row = self.connect().query_one(sql, &[&self.schema]);
        let bytes: i64 = row.expect("sizes can be read").get(0);
        u64::try_from(bytes).expect("a size")
    }

    /// What else is known of a run.
    pub(crate) fn figures(&self) -> Vec<(String, f64)> {
        let mut client = self.connect();
        let logged = log_position(&mut client) - self.log_before;
        let sql = "SELECT current_setting('server_version_num')::float8, (current_setting('fsync') = 'on')::int::float8";
        let row = client.query_one(sql, &[]).expect("settings can be read");
        vec![
            ("write-ahead log, bytes".to_string(), logged as f64),
            ("server, version number".to_string(), row.get(0)),
            ("fsync, 1 where it is on".to_string(), row.get(1)),
        ]
    }
}

/// Of the whole server: so nothing else should write there.
fn log_position(client: &mut Client) -> i64 {
    let sql = "SELECT (pg_current_wal_lsn() - '0/0')::bigint";
    let row = client.query_one(sql, &[]);
    row.expect("the log has a position").get(0)
}

impl Drop for Server {
    fn drop(&mut self) {
        let drop = format!(
            "SET client_min_messages = warning; DROP SCHEMA {} CASCADE",
            self.schema
        );
        if let Err(error) = self.connect().batch_execute(&drop) {
            eprintln!("schema {} is left: {error}", self.schema);
        }
    }
}
