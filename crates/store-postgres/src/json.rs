//! The rows of views as JSON, for whoever reads them by SQL alone: a function that decodes a row, and over each view's
//! table a view of SQL's that calls it. It owns what the shape of a row is told to the function as. It is asked for by
//! [`PostgresOptions::json`](crate::PostgresOptions::json), and the store itself never reads by it.

use std::collections::BTreeMap;
use std::fmt::Write;

use deltaview_graph::Graph;
use deltaview_schema::{Shape, TableSchema};
use deltaview_store::{Error, ErrorKind};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::ddl::DEFAULT_SCHEMA;
use crate::error::Context;
use crate::names::{
    COUNT, DATA, IDENTITY, NAME_LIMIT, literal, parts_of, qualified, secondary_parts, table_name,
};
use crate::shared::Part;

/// The function's name.
const FUNCTION: &str = "deltaview_json";
/// What the function does. Raise [`VERSION`] with each change: it takes the place of an older one where a store connects.
const BODY: &str = include_str!("json.sql");
const VERSION: u32 = 1;
/// How the comments on what is ours begin; the version follows. What has no such comment is somebody else's.
const MARK: &str = "deltaview json ";

/// The statements that create what [`PostgresOptions::json`](crate::PostgresOptions::json) asks for, in the default
/// schema: for databases whose tables are made by [`schema_sql`](crate::schema_sql) and not by connecting.
///
/// ```
/// # use deltaview_graph::Graph;
/// let (graph, _) = Graph::build("words", |g| g.input::<String>("words").view("seen"))?;
/// let sql = deltaview_store_postgres::json_sql(&graph);
/// assert!(sql.contains("CREATE OR REPLACE VIEW \"deltaview\".\"words__seen__view__json\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn json_sql(graph: &Graph) -> String {
    let objects = objects(graph, DEFAULT_SCHEMA);
    objects.iter().map(|object| object.sql.as_str()).collect()
}

/// Something that the option makes.
struct Object {
    kind: &'static str,
    name: String,
    /// What says that it is ours, and which.
    comment: String,
    /// Creates it, or replaces an older one.
    sql: String,
}

/// What is there of the option's objects: the name, what it is, and its comment.
type There = BTreeMap<String, (&'static str, Option<String>)>;

fn objects(graph: &Graph, namespace: &str) -> Vec<Object> {
    let tables = graph.tables().iter();
    let views = tables.filter(|table| table.schema().role == "view");
    std::iter::once(function(namespace))
        .chain(views.map(|table| view(namespace, table.schema(), Part::of(graph, table.id()).0)))
        .collect()
}

fn function(namespace: &str) -> Object {
    let place = qualified(namespace, FUNCTION);
    let comment = format!("{MARK}{VERSION}: a row as JSON, by the shape of its type");
    let sql = format!(
        "CREATE OR REPLACE FUNCTION {place}(\"data\" bytea, \"shape\" jsonb) RETURNS jsonb\n\
         LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE\n\
         SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1\n\
         AS $deltaview$\n{BODY}$deltaview$;\n\
         COMMENT ON FUNCTION {place}(bytea, jsonb) IS {};\n",
        literal(&comment)
    );
    Object {
        kind: "function",
        name: FUNCTION.to_string(),
        comment,
        sql,
    }
}

/// The name of the view of SQL's over a view's table.
fn view_name(schema: &TableSchema) -> String {
    deltaview_schema::cut_name(&format!("{}__json", table_name(schema)), Some(NAME_LIMIT))
}

fn view(namespace: &str, schema: &TableSchema, part: Part) -> Object {
    let name = view_name(schema);
    let (place, table) = (
        qualified(namespace, &name),
        qualified(namespace, &table_name(schema)),
    );
    let mut columns: Vec<String> = parts_of(&schema.primary)
        .into_iter()
        .chain(secondary_parts(schema))
        .map(|part| part.name)
        .collect();
    columns.push(if schema.unique {
        format!("1::bigint AS {COUNT}")
    } else {
        COUNT.to_string()
    });
    let data = if schema.unique {
        DATA.to_string()
    } else {
        format!("COALESCE({DATA}, {IDENTITY})")
    };
    columns.push(format!(
        "{}({data}, {}::jsonb) AS \"row\"",
        qualified(namespace, FUNCTION),
        literal(&shape_json(&schema.row))
    ));
    let mut query = format!("SELECT {}\n  FROM {table}", columns.join(", "));
    if part == Part::Rows {
        // Some of its groups may not be shown.
        query.push_str(&format!("\n  WHERE {DATA} IS NOT NULL"));
    }
    let comment = format!(
        "{MARK}{VERSION}: the rows of the view `{}` ({})",
        schema.vertex,
        &blake3::hash(query.as_bytes()).to_hex()[..16]
    );
    let sql = format!(
        "CREATE OR REPLACE VIEW {place} AS\n  {query};\nCOMMENT ON VIEW {place} IS {};\n",
        literal(&comment)
    );
    Object {
        kind: "view",
        name,
        comment,
        sql,
    }
}

/// Whether all is there, of this version or a newer one.
pub(crate) async fn is_there(
    client: &Client,
    graph: &Graph,
    namespace: &str,
) -> Result<bool, Error> {
    Ok(missing(client, graph, namespace).await?.is_empty())
}

/// Creates what is missing, and replaces what is of an older version. Call it inside of a transaction that has the lock of
/// the schema, once the tables are there.
pub(crate) async fn create(client: &Client, graph: &Graph, namespace: &str) -> Result<(), Error> {
    let sql: String = missing(client, graph, namespace).await?.concat();
    client
        .batch_execute(&sql)
        .await
        .context(|| format!("creating the JSON views of graph `{}`", graph.name()))
}

/// The statements for what is missing or older.
async fn missing(client: &Client, graph: &Graph, namespace: &str) -> Result<Vec<String>, Error> {
    let objects = objects(graph, namespace);
    let there = there(client, namespace, &objects).await?;
    let mut missing = Vec::new();
    for object in objects {
        let Some((kind, comment)) = there.get(&object.name) else {
            missing.push(object.sql);
            continue;
        };
        let version = comment.as_deref().and_then(version_of);
        match version.filter(|_| *kind == object.kind) {
            None => {
                let message = format!(
                    "schema `{namespace}` has a {kind} `{}` already that is not deltaview's: rename it, use another schema, \
                     or leave out the option `json`",
                    object.name
                );
                return Err(Error::new(ErrorKind::Mismatch, message));
            }
            Some(version) => {
                let is_same = comment.as_ref() == Some(&object.comment);
                if version < VERSION || version == VERSION && !is_same {
                    missing.push(object.sql);
                }
            }
        }
    }
    Ok(missing)
}

fn version_of(comment: &str) -> Option<u32> {
    let (version, _) = comment.strip_prefix(MARK)?.split_once(':')?;
    version.parse().ok()
}

async fn there(client: &Client, namespace: &str, objects: &[Object]) -> Result<There, Error> {
    let doing = || format!("looking for the JSON views in schema `{namespace}`");
    let names: Vec<&str> = objects.iter().map(|object| object.name.as_str()).collect();
    let sql = "SELECT c.relname::text, c.relkind::text, pg_catalog.obj_description(c.oid, 'pg_class') \
               FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
               WHERE n.nspname::text = $1 AND c.relname::text = ANY ($2) \
               UNION ALL SELECT p.proname::text, 'function', pg_catalog.obj_description(p.oid, 'pg_proc') \
               FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace \
               WHERE n.nspname::text = $1 AND p.proname::text = ANY ($2) \
               AND pg_catalog.oidvectortypes(p.proargtypes) = 'bytea, jsonb'";
    let rows = client
        .query_typed(sql, &[(&namespace, Type::TEXT), (&names, Type::TEXT_ARRAY)])
        .await
        .context(doing)?;
    let mut there = There::new();
    for row in rows {
        let kind = match row.try_get(1).context(doing)? {
            "function" => "function",
            "v" => "view",
            _ => "relation",
        };
        let comment = row.try_get(2).context(doing)?;
        there.insert(row.try_get(0).context(doing)?, (kind, comment));
    }
    Ok(there)
}

/// The shape of a row, as the function is told it: `root` is the number of the row's node in `nodes`. A node has the
/// `items` of a struct or tuple, each the number of a node or null, a struct the `names` of its fields, and what has
/// items all alike the node of `each`, a map that of its `key` too. A part without names below it has no node.
fn shape_json(shape: &Shape) -> String {
    let mut nodes = Nodes::default();
    let root = number(nodes.add(shape));
    format!(
        "{{\"root\": {root}, \"nodes\": [{}]}}",
        nodes.done.join(", ")
    )
}

#[derive(Default)]
struct Nodes {
    done: Vec<String>,
    /// The structs that are being written, for the types that contain themselves.
    open: Vec<(String, usize)>,
}

impl Nodes {
    /// The number of the shape's node, if it has one.
    fn add(&mut self, shape: &Shape) -> Option<usize> {
        match shape {
            Shape::Atom(name) => self.atom(name),
            Shape::Struct { name, fields } => match fields.as_slice() {
                // A newtype is encoded as what is in it.
                [only] if only.name == "0" => self.add(&only.shape),
                [first, ..] if first.name == "0" => {
                    self.tuple(fields.iter().map(|field| &field.shape))
                }
                _ => {
                    let node = self.done.len();
                    self.done.push(String::new());
                    self.open.push((name.clone(), node));
                    let items: Vec<_> = fields.iter().map(|f| self.add(&f.shape)).collect();
                    self.open.pop();
                    let names = fields.iter().map(|field| field.name.as_str());
                    self.done[node] = structure(names, &items);
                    Some(node)
                }
            },
            Shape::Tuple(parts) => self.tuple(parts.iter()),
            Shape::List(item) => {
                let each = self.add(item)?;
                Some(self.push(format!("{{\"each\": {each}}}")))
            }
            Shape::Map(key, value) => {
                let (key, each) = (self.add(key), self.add(value));
                key.or(each)?;
                let (key, each) = (number(key), number(each));
                Some(self.push(format!("{{\"key\": {key}, \"each\": {each}}}")))
            }
            Shape::Option(inner) => self.add(inner),
            // An enum is the name of its variant.
            _ => None,
        }
    }

    fn atom(&mut self, name: &str) -> Option<usize> {
        match name {
            "Uuid" => Some(self.push("{\"uuid\": true}".to_string())),
            "Duration" => Some(self.push(structure(["secs", "nanos"], &[None, None]))),
            "SystemTime" => {
                let names = ["secs_since_epoch", "nanos_since_epoch"];
                Some(self.push(structure(names, &[None, None])))
            }
            // A type inside of itself is its name only.
            _ => {
                let name = name.split('<').next().unwrap_or(name);
                let mut open = self.open.iter().rev();
                open.find(|(open, _)| open == name).map(|(_, node)| *node)
            }
        }
    }

    fn tuple<'a>(&mut self, parts: impl Iterator<Item = &'a Shape>) -> Option<usize> {
        let items: Vec<_> = parts.map(|part| self.add(part)).collect();
        if items.iter().all(Option::is_none) {
            return None;
        }
        let items: Vec<_> = items.into_iter().map(number).collect();
        Some(self.push(format!("{{\"items\": [{}]}}", items.join(", "))))
    }

    fn push(&mut self, node: String) -> usize {
        self.done.push(node);
        self.done.len() - 1
    }
}

fn structure<'a>(names: impl IntoIterator<Item = &'a str>, items: &[Option<usize>]) -> String {
    let names: Vec<_> = names.into_iter().map(quoted).collect();
    let items: Vec<_> = items.iter().map(|item| number(*item)).collect();
    format!(
        "{{\"names\": [{}], \"items\": [{}]}}",
        names.join(", "),
        items.join(", ")
    )
}

fn number(node: Option<usize>) -> String {
    node.map_or_else(|| "null".to_string(), |node| node.to_string())
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            // Which jsonb can't hold.
            '\0' => json.push('\u{2400}'),
            c if c < ' ' => {
                write!(json, "\\u{:04x}", u32::from(c)).expect("writing to a string succeeds");
            }
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_told_by_its_names_alone() {
        assert_eq!(
            shape_json(&Shape::atom("i64")),
            r#"{"root": null, "nodes": []}"#
        );
        let line = Shape::structure(
            "Line",
            [
                ("name", Shape::option(Shape::atom("String"))),
                ("next", Shape::list(Shape::atom("Line"))),
                (
                    "more",
                    Shape::tuple([Shape::atom("u8"), Shape::atom("Uuid")]),
                ),
            ],
        );
        assert_eq!(
            shape_json(&line),
            r#"{"root": 0, "nodes": [{"names": ["name", "next", "more"], "items": [null, 1, 3]}, {"each": 0}, {"uuid": true}, {"items": [null, 2]}]}"#
        );
    }

    #[test]
    fn names_are_strings_of_json() {
        assert_eq!(quoted("a\"b\\c\n\0"), "\"a\\\"b\\\\c\\u000a\u{2400}\"");
    }

    #[test]
    fn a_comment_has_its_version() {
        assert_eq!(version_of("deltaview json 12: of a view"), Some(12));
        assert_eq!(version_of("deltaview json of mine"), None);
        assert_eq!(version_of("somebody's: json"), None);
    }
}
