//! A file that has the graph in another shape: the error says what differs, vertex by vertex and field by field, and
//! the file stays as it was.

use std::cmp::Reverse;

use deltaview_graph::{Edit, Graph};
use deltaview_schema::{Index, IndexKey, Indexable, Row};
use deltaview_store::{Error, ErrorKind, Store};
use deltaview_store_sqlite::SqliteStore;

use crate::common::{Temp, row, rows};

row!(Fruit {
    name: String,
    price: i64
});

/// The same struct as the user may change it.
mod changed {
    macro_rules! version {
        ($module:ident { $($field:ident: $type:ty),* }) => {
            pub(super) mod $module {
                crate::common::row!(Fruit { $($field: $type),* });
            }
        };
    }
    version!(another_type {
        name: String,
        price: i32
    });
    version!(a_field_more { name: String, price: i64, colour: Option<String> });
    version!(a_field_less { name: String });
    version!(another_order {
        price: i64,
        name: String
    });
    version!(another_name {
        name: String,
        cost: i64
    });
}

/// A graph of one view of a row type by an index.
fn market<T: Row, K: IndexKey>(index: Index<T, K>) -> Graph {
    let build = Graph::build("market", |g| {
        g.input::<T>("fruits").view_by("stall", index);
    });
    build.unwrap().0
}

fn by_name() -> Index<Fruit, String> {
    Index::new("name", |fruit: &Fruit| fruit.name.clone()).with_columns(["name"])
}

/// Opens a file that was made by one graph with another, each way; returns the error.
fn reopened(made_by: &Graph, opened_with: &Graph) -> Error {
    let temp = Temp::new();
    drop(SqliteStore::open(temp.db(), made_by).unwrap());
    let before = temp.bytes();
    let error = SqliteStore::open(temp.db(), opened_with).unwrap_err();
    for other in [
        SqliteStore::open_existing(temp.db(), opened_with),
        SqliteStore::open_read_only(temp.db(), opened_with),
        SqliteStore::from_connection(temp.connection(), opened_with),
    ] {
        let other = other.unwrap_err();
        assert_eq!(
            (other.kind(), other.details()),
            (error.kind(), error.details())
        );
    }
    assert_eq!(temp.bytes(), before);
    assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("`market`") && text.contains("Nothing was changed"),
        "{text}"
    );
    assert!(
        error
            .details()
            .iter()
            .all(|detail| text.contains(detail.as_str()))
    );
    error
}

fn differs_in<T: Row>(details: &[&str]) {
    let error = reopened(&market(Fruit::default_index()), &market(T::default_index()));
    assert_eq!(error.details(), details);
}

#[test]
fn a_field_of_another_type() {
    differs_in::<changed::another_type::Fruit>(&[
        "vertex `stall`: field price: i64 in the database, i32 in the graph",
    ]);
}

#[test]
fn a_field_more() {
    differs_in::<changed::a_field_more::Fruit>(&[
        "vertex `stall`: field colour: Option<String> in the graph, missing in the database",
    ]);
}

#[test]
fn a_field_less() {
    differs_in::<changed::a_field_less::Fruit>(&[
        "vertex `stall`: field price: i64 in the database, missing in the graph",
    ]);
}

#[test]
fn fields_in_another_order() {
    let error = reopened(
        &market(Fruit::default_index()),
        &market(changed::another_order::Fruit::default_index()),
    );
    let [detail] = error.details() else {
        panic!("{error}")
    };
    assert!(
        detail.starts_with("vertex `stall`: the order of the fields: "),
        "{detail}"
    );
    assert!(
        detail.contains("row.name, row.price") && detail.contains("row.price, row.name"),
        "{detail}"
    );
}

#[test]
fn a_field_of_another_name() {
    differs_in::<changed::another_name::Fruit>(&[
        "vertex `stall`: field cost: i64 in the graph, missing in the database",
        "vertex `stall`: field price: i64 in the database, missing in the graph",
    ]);
}

#[test]
fn an_index_in_the_other_direction() {
    let descending =
        Index::new("name", |fruit: &Fruit| Reverse(fruit.name.clone())).with_columns(["name"]);
    let error = reopened(&market(by_name()), &market(descending));
    assert_eq!(
        error.details(),
        [
            "vertex `stall`: index name.name: column 1 (text ascending) in the database, column 1 (text descending) \
             in the graph"
        ]
    );
}

#[test]
fn an_index_of_another_type_and_a_nullable_one() {
    let optional =
        Index::new("name", |fruit: &Fruit| Some(fruit.name.clone())).with_columns(["name"]);
    let error = reopened(&market(by_name()), &market(optional));
    let [detail] = error.details() else {
        panic!("{error}")
    };
    assert!(
        detail.contains("text ascending") && detail.contains("text or none ascending"),
        "{detail}"
    );

    let length = Index::new("name", |fruit: &Fruit| fruit.name.len() as i64).with_columns(["name"]);
    let error = reopened(&market(by_name()), &market(length));
    let [detail] = error.details() else {
        panic!("{error}")
    };
    assert!(
        detail.contains("text ascending") && detail.contains("integer ascending"),
        "{detail}"
    );
}

#[test]
fn a_further_index_more_and_less() {
    let with = Graph::build("market", |g| {
        let view = g.input::<Fruit>("fruits").view_by("stall", by_name());
        g.also_by(view, Index::new("price", |fruit: &Fruit| fruit.price));
    });
    let with = with.unwrap().0;
    let without = market(by_name());
    let more = reopened(&without, &with).to_string();
    assert!(
        more.contains("vertex `stall`: index price: ") && more.contains("missing in the database"),
        "{more}"
    );
    let less = reopened(&with, &without).to_string();
    assert!(
        less.contains("vertex `stall`: index price: ") && less.contains("missing in the graph"),
        "{less}"
    );
}

#[test]
fn a_vertex_more_and_less() {
    let two = Graph::build("market", |g| {
        let fruits = g.input::<Fruit>("fruits");
        fruits.view_by("stall", by_name());
        fruits.group_by(by_name()).count().view("counts");
    });
    let two = two.unwrap().0;
    let one = market(by_name());
    let more = reopened(&one, &two);
    assert!(
        more.details()
            .iter()
            .any(|line| line.starts_with("vertex `counts`: ")
                && line.ends_with("is in the graph, missing in the database")),
        "{more}"
    );
    let less = reopened(&two, &one);
    assert!(
        less.details()
            .iter()
            .any(|line| line.starts_with("vertex `counts`: ")
                && line.ends_with("is in the database, missing in the graph")),
        "{less}"
    );
    assert!(
        less.details().iter().all(|line| !line.contains("`stall`")),
        "{less}"
    );
}

#[test]
fn all_differences_are_told_at_once() {
    let error = reopened(
        &market(by_name()),
        &market(
            Index::new("name", |fruit: &changed::another_type::Fruit| {
                Reverse(fruit.name.clone())
            })
            .with_columns(["name"]),
        ),
    );
    assert_eq!(error.details().len(), 2, "{error}");
}

/// The same graph built again is the same shape, whatever its closures are.
#[test]
fn the_same_shape_opens() {
    let temp = Temp::new();
    let built = || {
        Graph::build("market", |g| {
            let fruits = g.input::<Fruit>("fruits");
            (fruits.handle(), fruits.view_by("stall", by_name()))
        })
        .unwrap()
    };
    let fruit = |name: &str| Fruit {
        name: name.to_string(),
        price: 1,
    };
    for (round, name) in ["fig", "plum", "apple"].into_iter().enumerate() {
        let (graph, (fruits, stall)) = built();
        let mut store = SqliteStore::open(temp.db(), &graph).unwrap();
        assert_eq!(rows(&store, stall).len(), round);
        store
            .change()
            .insert(fruits, [fruit(name)])
            .commit()
            .unwrap();
    }
    let (graph, (_, stall)) = built();
    let store = SqliteStore::open_existing(temp.db(), &graph).unwrap();
    assert_eq!(
        rows(&store, stall),
        [(fruit("apple"), 1), (fruit("fig"), 1), (fruit("plum"), 1)]
    );
}
