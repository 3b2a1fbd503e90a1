//! Tables, as exact text.

use std::collections::BTreeMap;

use deltaview_zset::{Keyed, Pair, ZSet, render_table};
use serde::ser::Error;
use serde::{Serialize, Serializer};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Product {
    name: &'static str,
    price: i64,
}

const TV: Product = Product {
    name: "tv",
    price: 3,
};
const RADIO: Product = Product {
    name: "radio",
    price: 5,
};

/// Prints one row of weight one, which need not have an order.
fn print<R: Serialize>(row: R) -> String {
    render_table([(row, 1)])
}

/// Compares a table with its lines, written at any indentation.
#[track_caller]
fn assert_table(actual: &impl ToString, expected: &str) {
    let actual = actual.to_string();
    let lines: Vec<&str> = expected.trim().lines().map(str::trim_start).collect();
    assert_eq!(actual, lines.join("\n"), "the table was:\n{actual}\n");
}

#[test]
fn a_delta_of_structs() {
    let dearer = Product { price: 4, ..TV };
    let delta = ZSet::from_pairs([(dearer, 1), (TV, -1), (RADIO, 10)]).unwrap();
    assert_table(
        &delta,
        r"
        +-------+-------+-------+
        | count | name  | price |
        +=======================+
        |    10 | radio |     5 |
        |    -1 | tv    |     3 |
        |     1 | tv    |     4 |
        +-------+-------+-------+
        ",
    );
}

#[test]
fn an_empty_zset() {
    assert_table(
        &ZSet::<Product>::new(),
        r"
        +---------+
        | count   |
        +=========+
        | (empty) |
        +---------+
        ",
    );
}

#[test]
fn pairs_of_structs_and_of_others() {
    assert_table(
        &ZSet::from_iter([Pair::new(TV, RADIO)]),
        r"
        +-------+-----------+------------+------------+-------------+
        | count | left.name | left.price | right.name | right.price |
        +===========================================================+
        |     1 | tv        |          3 | radio      |           5 |
        +-------+-----------+------------+------------+-------------+
        ",
    );
    assert_table(
        &ZSet::from_iter([Pair::new("tv", TV)]),
        r"
        +-------+------+------------+-------------+
        | count | left | right.name | right.price |
        +=========================================+
        |     1 | tv   | tv         |           3 |
        +-------+------+------------+-------------+
        ",
    );
    assert_table(
        &ZSet::from_iter([Pair::new((1, 2), [3, 4])]),
        r"
        +-------+--------+--------+
        | count | left   | right  |
        +=========================+
        |     1 | (1, 2) | (3, 4) |
        +-------+--------+--------+
        ",
    );
}

#[test]
fn pairs_within_pairs() {
    assert_table(
        &ZSet::from_iter([Pair::new(Pair::new(1, TV), 2)]),
        r"
        +-------+-----------+-----------------+------------------+-------+
        | count | left.left | left.right.name | left.right.price | right |
        +================================================================+
        |     1 |         1 | tv              |                3 |     2 |
        +-------+-----------+-----------------+------------------+-------+
        ",
    );
}

#[test]
fn keyed_rows() {
    assert_table(
        &ZSet::from_iter([Keyed::new(1, 23), Keyed::new(2, 6)]),
        r"
        +-------+-----+-------+
        | count | key | value |
        +=====================+
        |     1 |   1 |    23 |
        |     1 |   2 |     6 |
        +-------+-----+-------+
        ",
    );
    assert_table(
        &ZSet::from_iter([Keyed::new(("UA", 1), TV)]),
        r#"
        +-------+-----------+------------+-------------+
        | count | key       | value.name | value.price |
        +==============================================+
        |     1 | ("UA", 1) | tv         |           3 |
        +-------+-----------+------------+-------------+
        "#,
    );
}

#[test]
fn tuples_and_scalars() {
    assert_table(
        &ZSet::from_iter([("tv", 3)]),
        r"
        +-------+----+---+
        | count | 0  | 1 |
        +================+
        |     1 | tv | 3 |
        +-------+----+---+
        ",
    );
    assert_table(
        &ZSet::from_iter(["tv", "radio"]),
        r"
        +-------+-------+
        | count | value |
        +===============+
        |     1 | radio |
        |     1 | tv    |
        +-------+-------+
        ",
    );
    assert_table(
        &ZSet::from_iter([()]),
        r"
        +-------+-------+
        | count | value |
        +===============+
        |     1 | ()    |
        +-------+-------+
        ",
    );
}

#[test]
fn outer_rows_of_a_join() {
    let rows = [Pair::new(TV, None), Pair::new(RADIO, Some(TV))];
    assert_table(
        &ZSet::from_iter(rows.clone()),
        r"
        +-------+-----------+------------+------------+-------------+
        | count | left.name | left.price | right.name | right.price |
        +===========================================================+
        |     1 | radio     |          5 | tv         |           3 |
        |     1 | tv        |          3 | —          |           — |
        +-------+-----------+------------+------------+-------------+
        ",
    );
    assert_table(
        &ZSet::from_iter([rows[0].clone()]),
        r"
        +-------+-----------+------------+-------+
        | count | left.name | left.price | right |
        +========================================+
        |     1 | tv        |          3 | —     |
        +-------+-----------+------------+-------+
        ",
    );
    assert_table(
        &ZSet::from_iter([None, Some(TV)]),
        r"
        +-------+------+-------+
        | count | name | price |
        +======================+
        |     1 | —    |     — |
        |     1 | tv   |     3 |
        +-------+------+-------+
        ",
    );
}

#[derive(Serialize)]
enum Shape {
    Point,
    Circle(u8),
    Line(u8, Option<u8>),
    Box { wide: u8, title: &'static str },
}

#[test]
fn nested_values_are_compact() {
    #[derive(Serialize)]
    struct Id(u128);

    #[derive(Serialize)]
    struct Everything {
        id: Id,
        text: &'static str,
        letter: char,
        yes: bool,
        half: f64,
        some: Option<i8>,
        none: Option<i8>,
        list: Vec<&'static str>,
        map: BTreeMap<&'static str, i8>,
        product: Product,
        pair: Pair<i8, Option<&'static str>>,
    }

    let row = Everything {
        id: Id(u128::MAX),
        text: "a \"b\" \\ c",
        letter: 'é',
        yes: true,
        half: -0.5,
        some: Some(-1),
        none: None,
        list: vec!["a", "\"", "\\"],
        map: BTreeMap::from([("x", 1), ("y", 2)]),
        product: TV,
        pair: Pair::new(1, None),
    };
    assert_table(
        &print(row),
        r#"
        +-------+-----------------------------------------+-----------+--------+------+------+------+------+-------------------+------------------+------------------------+---------------------+
        | count |                                      id | text      | letter | yes  | half | some | none | list              | map              | product                | pair                |
        +========================================================================================================================================================================================+
        |     1 | 340282366920938463463374607431768211455 | a "b" \ c | é      | true | -0.5 |   -1 | —    | ["a", "\"", "\\"] | {"x": 1, "y": 2} | {name: "tv", price: 3} | {left: 1, right: —} |
        +-------+-----------------------------------------+-----------+--------+------+------+------+------+-------------------+------------------+------------------------+---------------------+
        "#,
    );
}

#[test]
fn variants() {
    #[derive(Serialize)]
    struct Drawing {
        shape: Shape,
    }

    let shapes = [
        Shape::Point,
        Shape::Circle(1),
        Shape::Line(1, None),
        Shape::Box {
            wide: 2,
            title: "t",
        },
    ];
    let rows = shapes.into_iter().map(|shape| (Drawing { shape }, 1));
    assert_table(
        &render_table(rows),
        r#"
        +-------+---------------------------+
        | count | shape                     |
        +===================================+
        |     1 | Point                     |
        |     1 | Circle(1)                 |
        |     1 | Line(1, —)                |
        |     1 | Box {wide: 2, title: "t"} |
        +-------+---------------------------+
        "#,
    );
    assert_table(
        &print(Shape::Circle(3)),
        r"
        +-------+-----------+
        | count | value     |
        +===================+
        |     1 | Circle(3) |
        +-------+-----------+
        ",
    );
}

/// What a row holds is data: it can neither break the table nor reach the terminal.
#[test]
fn control_characters_are_escaped() {
    assert_table(
        &print(("a\nb\t", "\u{1b}[31mred", ["\r\u{1b}"])),
        r#"
        +-------+--------+---------------+--------------+
        | count | 0      | 1             | 2            |
        +===============================================+
        |     1 | a\nb\t | \u{1b}[31mred | ("\r\u{1b}") |
        +-------+--------+---------------+--------------+
        "#,
    );
}

#[test]
fn wide_characters_keep_the_columns_aligned() {
    assert_table(
        &ZSet::from_iter([("日本", 1), ("é", 2)]),
        r"
        +-------+------+---+
        | count | 0    | 1 |
        +==================+
        |     1 | é    | 2 |
        |     1 | 日本 | 1 |
        +-------+------+---+
        ",
    );
}

#[test]
fn bytes_are_hexadecimal() {
    struct Bytes(&'static [u8]);
    impl Serialize for Bytes {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }
    assert_table(
        &print((Bytes(&[0, 255]), Bytes(&[]))),
        r"
        +-------+--------+----+
        | count | 0      | 1  |
        +=====================+
        |     1 | 0x00ff | 0x |
        +-------+--------+----+
        ",
    );
}

#[test]
fn what_refuses_to_serialise_says_so_in_its_cell() {
    struct Refusing;
    impl Serialize for Refusing {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("no\nway"))
        }
    }

    #[derive(Serialize)]
    struct Row {
        good: i8,
        bad: Refusing,
        list: Vec<Refusing>,
    }

    let row = Row {
        good: 1,
        bad: Refusing,
        list: vec![Refusing],
    };
    assert_table(
        &print(row),
        r"
        +-------+------+---------------------------+-----------------------------+
        | count | good | bad                       | list                        |
        +========================================================================+
        |     1 |    1 | <can't be shown: no\nway> | [<can't be shown: no\nway>] |
        +-------+------+---------------------------+-----------------------------+
        ",
    );
    assert_table(
        &print(Refusing),
        r"
        +-------+---------------------------+
        | count | value                     |
        +===================================+
        |     1 | <can't be shown: no\nway> |
        +-------+---------------------------+
        ",
    );
}

#[test]
fn flattened_structs_have_columns_and_maps_do_not() {
    #[derive(Serialize)]
    struct Sold {
        #[serde(flatten)]
        product: Product,
        qty: i8,
    }

    assert_table(
        &print(Sold {
            product: TV,
            qty: 2,
        }),
        r"
        +-------+------+-------+-----+
        | count | name | price | qty |
        +============================+
        |     1 | tv   |     3 |   2 |
        +-------+------+-------+-----+
        ",
    );
    assert_table(
        &print(BTreeMap::from([("a", 1)])),
        r#"
        +-------+----------+
        | count | value    |
        +==================+
        |     1 | {"a": 1} |
        +-------+----------+
        "#,
    );
}

#[test]
fn fields_that_only_some_rows_have_stand_where_they_belong() {
    #[derive(Serialize)]
    struct Row {
        first: i8,
        #[serde(skip_serializing_if = "Option::is_none")]
        middle: Option<i8>,
        last: i8,
    }

    let rows = [None, Some(2)].map(|middle| {
        (
            Row {
                first: 1,
                middle,
                last: 3,
            },
            1,
        )
    });
    assert_table(
        &render_table(rows),
        r"
        +-------+-------+--------+------+
        | count | first | middle | last |
        +===============================+
        |     1 |     1 |        |    3 |
        |     1 |     1 |      2 |    3 |
        +-------+-------+--------+------+
        ",
    );
}

#[test]
fn an_absent_field_is_not_a_nested_column() {
    // A renamed field may hold any text, a dot included.
    #[derive(Serialize)]
    struct Row {
        a: Option<i8>,
        #[serde(rename = "a.b\n")]
        b: i8,
    }

    assert_table(
        &render_table([(Row { a: None, b: 1 }, 1), (Row { a: Some(2), b: 3 }, 1)]),
        r"
        +-------+---+-------+
        | count | a | a.b\n |
        +===================+
        |     1 | — |     1 |
        |     1 | 2 |     3 |
        +-------+---+-------+
        ",
    );
    assert_table(
        &print(Row { a: None, b: 1 }),
        r"
        +-------+---+-------+
        | count | a | a.b\n |
        +===================+
        |     1 | — |     1 |
        +-------+---+-------+
        ",
    );
}

#[test]
fn views_print_in_the_order_given_by_value_or_by_reference() {
    let rows = [(TV, 1), (RADIO, -1)];
    let by_reference = render_table(rows.iter().map(|(row, weight)| (row, *weight)));
    assert_table(
        &by_reference,
        r"
        +-------+-------+-------+
        | count | name  | price |
        +=======================+
        |     1 | tv    |     3 |
        |    -1 | radio |     5 |
        +-------+-------+-------+
        ",
    );
    assert_eq!(render_table(rows), by_reference);
}
