//! The statements that create a graph's tables.

use std::fmt::Write;

use deltaview_graph::Graph;
use deltaview_schema::TableSchema;
use deltaview_store::catalog::{Dialect, Entry, FORMAT_VERSION, entries};

use crate::history;
use crate::names::{
    COUNT, DATA, IDENTITY, NAME_LIMIT, STATE, index_name, index_parts, key_index_name, key_parts,
    literal, order_by, parts_of, qualified, quote, secondary_parts, table_name, terms_of,
};
use crate::shared::Part;

/// The schema that the tables are in, where nothing else is said.
pub(crate) const DEFAULT_SCHEMA: &str = "deltaview";

pub(crate) const CATALOG: &str = "deltaview_catalog";
pub(crate) const LAST_UPDATE: &str = "deltaview_last_update";
pub(crate) const CLOCK: &str = "deltaview_clock";
pub(crate) const COMMITS: &str = "deltaview_commits";
pub(crate) const CURSORS: &str = "deltaview_cursors";
pub(crate) const FEED: &str = "deltaview_feed";
pub(crate) const TIMES: &str = "deltaview_times";
pub(crate) const JOURNAL: &str = "deltaview_journal";
pub(crate) const CHANGES: &str = "deltaview_changes";

/// Where the names of changes are looked for that are to be forgotten.
const CHANGES_BY_TIME: &str = "deltaview_changes__t";

/// The names of the tables that every store has.
pub(crate) const CATALOG_TABLES: [&str; 9] = [
    CATALOG,
    LAST_UPDATE,
    CLOCK,
    COMMITS,
    CURSORS,
    FEED,
    TIMES,
    JOURNAL,
    CHANGES,
];

/// The columns of the catalog, as they are read and written.
pub(crate) const ENTRY_COLUMNS: &str = "\"graph\", \"vertex\", \"role\", \"table_name\", \"fingerprint\", \"description\", \
                                        \"format_version\"";

/// The statements that create the tables of a new database: the catalog's, then the graph's, with their entries in the
/// catalog. A store that connects with the default schema makes the same.
pub fn schema_sql(graph: &Graph) -> String {
    let ddl = Ddl::new(DEFAULT_SCHEMA);
    format!("{}{}", ddl.catalog_sql(), ddl.graph_sql(graph))
}

/// Postgres, as the `schema` command knows it.
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresDialect;

impl Dialect for PostgresDialect {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn catalog_sql(&self) -> String {
        Ddl::new(DEFAULT_SCHEMA).catalog_sql()
    }

    fn graph_sql(&self, graph: &Graph) -> String {
        Ddl::new(DEFAULT_SCHEMA).graph_sql(graph)
    }
}

/// The statements for tables in one schema.
pub(crate) struct Ddl<'a> {
    schema: &'a str,
}

impl<'a> Ddl<'a> {
    pub(crate) fn new(schema: &'a str) -> Self {
        Self { schema }
    }

    fn place(&self, table: &str) -> String {
        qualified(self.schema, table)
    }

    fn catalog_sql(&self) -> String {
        self.namespace_sql() + &self.catalog_tables_sql()
    }

    /// The statement that makes the schema. Apart, because not everybody who may make tables may make schemas.
    pub(crate) fn namespace_sql(&self) -> String {
        format!("CREATE SCHEMA IF NOT EXISTS {};\n", quote(self.schema))
    }

    /// The tables that every store has, whatever its graph.
    pub(crate) fn catalog_tables_sql(&self) -> String {
        let [
            catalog,
            last_update,
            clock,
            commits,
            cursors,
            feed,
            times,
            journal,
            changes,
        ] = CATALOG_TABLES.map(|table| format!("CREATE TABLE IF NOT EXISTS {}", self.place(table)));
        let by_time = format!(
            "CREATE INDEX IF NOT EXISTS {} ON {}",
            quote(CHANGES_BY_TIME),
            self.place(CHANGES)
        );
        format!(
            r#"{catalog} (
  "graph" text NOT NULL,
  "vertex" text NOT NULL,
  "role" text NOT NULL,
  "table_name" text NOT NULL UNIQUE,
  "fingerprint" text NOT NULL,
  "description" text NOT NULL,
  "format_version" bigint NOT NULL,
  PRIMARY KEY ("graph", "vertex", "role")
);
{last_update} (
  "graph" text NOT NULL,
  "table_name" text NOT NULL,
  "t" bigint NOT NULL,
  PRIMARY KEY ("graph", "table_name")
);
{clock} (
  "graph" text NOT NULL PRIMARY KEY,
  "t" bigint NOT NULL,
  "complete" bigint NOT NULL,
  "format_version" bigint NOT NULL
);
{commits} (
  "graph" text NOT NULL,
  "t" bigint NOT NULL,
  "id" uuid NOT NULL,
  "at" timestamp with time zone NOT NULL,
  PRIMARY KEY ("graph", "t")
);
{cursors} (
  "graph" text NOT NULL,
  "vertex" text NOT NULL,
  "name" text NOT NULL,
  "t" bigint NOT NULL,
  "until" timestamp with time zone,
  PRIMARY KEY ("graph", "vertex", "name")
);
{feed} (
  "graph" text NOT NULL,
  "vertex" text NOT NULL,
  "t" bigint NOT NULL,
  "part" bigint NOT NULL,
  "rows" bytea NOT NULL,
  PRIMARY KEY ("graph", "vertex", "t", "part")
);
{times} (
  "graph" text NOT NULL,
  "t" bigint NOT NULL,
  "flush" text NOT NULL,
  "journaled" boolean NOT NULL,
  "passed" bigint NOT NULL,
  "holder" text NOT NULL,
  "epoch" bigint NOT NULL,
  "rewound_from" bigint,
  "since" bigint NOT NULL,
  "lease_until" bigint,
  "change_id" text NOT NULL,
  "state" text NOT NULL,
  "vertex" text,
  "message" text,
  PRIMARY KEY ("graph", "t")
);
{journal} (
  "graph" text NOT NULL,
  "t" bigint NOT NULL,
  "stage" bigint NOT NULL,
  "n" bigint NOT NULL,
  "part" bigint NOT NULL,
  "kind" text NOT NULL,
  "name" text NOT NULL,
  "rows" bytea NOT NULL,
  PRIMARY KEY ("graph", "t", "stage", "n", "part")
);
{changes} (
  "graph" text NOT NULL,
  "change_id" text NOT NULL,
  "t" bigint NOT NULL,
  "at" timestamp with time zone NOT NULL,
  PRIMARY KEY ("graph", "change_id")
);
{by_time} ("graph", "t");
"#
        )
    }

    /// The statements that create a graph's tables and enter them in the catalog.
    pub(crate) fn graph_sql(&self, graph: &Graph) -> String {
        let mut sql = history::shared_sql(graph, self.schema);
        for table in graph.tables() {
            let (part, _) = Part::of(graph, table.id());
            if part != Part::Groups {
                sql.push_str(&self.table_sql(table.schema(), part));
            }
        }
        for entry in entries(graph, Some(NAME_LIMIT)) {
            sql.push_str(&self.entry_sql(&entry));
        }
        let (name, clock) = (literal(graph.name()), self.place(CLOCK));
        sql + &format!(
            "INSERT INTO {clock} (\"graph\", \"t\", \"complete\", \"format_version\") VALUES ({name}, 0, 0, {FORMAT_VERSION});\n"
        )
    }

    /// What the catalog has of a table.
    fn entry_sql(&self, entry: &Entry) -> String {
        let texts = [
            &entry.graph,
            &entry.vertex,
            &entry.role,
            &entry.table,
            &entry.fingerprint,
            &entry.description,
        ];
        let values: Vec<String> = texts.iter().map(|text| literal(text)).collect();
        format!(
            "INSERT INTO {} ({ENTRY_COLUMNS})\n  VALUES ({}, {});\n\
             INSERT INTO {} (\"graph\", \"table_name\", \"t\") VALUES ({}, {}, 0);\n",
            self.place(CATALOG),
            values.join(", "),
            entry.format_version,
            self.place(LAST_UPDATE),
            values[0],
            values[3],
        )
    }

    fn table_sql(&self, schema: &TableSchema, part: Part) -> String {
        let primary = parts_of(&schema.primary);
        let mut lines: Vec<String> = primary.iter().map(|part| part.definition()).collect();
        if schema.has_identity() {
            lines.push(format!("{IDENTITY} bytea NOT NULL"));
        }
        let is_shared = part == Part::Rows;
        let null = if schema.unique && !is_shared {
            " NOT NULL"
        } else {
            ""
        };
        lines.push(format!("{DATA} bytea{null}"));
        if is_shared {
            lines.push(format!("{STATE} bytea"));
        }
        if !schema.unique {
            lines.push(format!("{COUNT} bigint NOT NULL"));
        }
        lines.extend(secondary_parts(schema).iter().map(|part| part.definition()));
        if schema.history {
            lines.push(format!("{} bigint NOT NULL", history::SINCE));
        }

        let place = self.place(&table_name(schema));
        // Where a key has one row it is replaced again and again: there is room for the next version beside it, so that the
        // index does not change.
        let room = if schema.unique {
            " WITH (fillfactor = 70)"
        } else {
            ""
        };
        let lines = lines.join(",\n  ");
        let mut sql = format!("CREATE TABLE {place} (\n  {lines}\n){room};\n");
        let mut push_index = |kind: &str, name: &str, columns: &str| {
            writeln!(sql, "CREATE {kind} {} ON {place} ({columns});", quote(name))
                .expect("writing to a string succeeds");
        };
        let order = |parts: &[_]| order_by(&terms_of(parts, ""), false);
        push_index(
            "UNIQUE INDEX",
            &key_index_name(schema),
            &order(&key_parts(schema)),
        );
        for (position, index) in schema.secondary.iter().enumerate() {
            push_index(
                "INDEX",
                &index_name(schema, index),
                &order(&index_parts(schema, position + 1)),
            );
        }
        sql + &history::tables_sql(schema, self.schema)
    }
}
