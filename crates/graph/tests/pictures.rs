//! Pictures of plans: exact texts of a small graph, and that no name breaks any of them.

use deltaview_graph::Graph;
use deltaview_schema::{Index, Indexable, Shape};
use deltaview_zset::{Keyed, Pair};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Product {
    name: String,
    price: i64,
}

impl Indexable for Product {
    type Key = ();
    fn default_index() -> Index<Self, ()> {
        Index::unkeyed()
    }
    fn shape() -> Shape {
        Shape::structure(
            "Product",
            [
                ("name", Shape::of::<String>()),
                ("price", Shape::of::<i64>()),
            ],
        )
    }
}

type Item = (u32, String, i64);

/// A keyed table and an input, a fused chain, a join, a sum, a view with two indexes, and an output.
fn receipts() -> Graph {
    let (graph, ()) = Graph::build("receipts", |g| {
        let by_name = Index::new("name", |product: &Product| product.name.clone());
        let products = g.table("products", by_name.clone());
        let items = g.input::<Item>("items");
        let sold = items.filter(|item| item.2 > 0).map(|item| item);
        let by_product = Index::new("product", |item: &Item| item.1.clone());
        let totals = products
            .join(sold, by_name, by_product)
            .group_by(Index::new("basket", |pair: &Pair<Product, Item>| {
                pair.right.0
            }))
            .sum(|pair| pair.left.price * pair.right.2);
        let view = totals.view("totals");
        g.also_by(
            view,
            Index::new("total", |group: &Keyed<u32, i64>| {
                std::cmp::Reverse(group.value)
            }),
        );
        totals.output("changes");
    })
    .expect("the graph is well formed");
    graph
}

#[test]
fn text() {
    let expected = "\
graph receipts
  products: table -> Product { name: String, price: i64 }
    reads table receipts__products__by_name
  products_by_name: arrange of products -> Product { name: String, price: i64 }
    table receipts__products__by_name: one row a key
      index name: key text ascending
  items: input -> (u32, String, i64)
  items_filter_map: filter + map of items -> (u32, String, i64)
  items_filter_map_by_product: arrange of items_filter_map -> (u32, String, i64)
    table receipts__items_filter_map__by_product: any number of rows a key
      index product: key text ascending
  products_join_items_filter_map: join of products_by_name, items_filter_map_by_product -> Pair { left: Product { name: String, price: i64 }, right: (u32, String, i64) }
  products_join_items_filter_map_sum_by_basket: sum of products_join_items_filter_map -> Keyed { key: u32, value: i64 }
    table receipts__products_join_items_filter_map_sum_by_basket__groups of Keyed { key: u32, value: (i64, i64) }: one row a key
      index key: key integer ascending
  totals: view of products_join_items_filter_map_sum_by_basket -> Keyed { key: u32, value: i64 }
    table receipts__totals__view: one row a key
      index key: key integer ascending
      secondary index total: key integer descending
  changes: output of products_join_items_filter_map_sum_by_basket -> Keyed { key: u32, value: i64 }
";
    assert_eq!(receipts().to_text(), expected);
    assert_eq!(receipts().to_string(), expected);
}

#[test]
fn dot() {
    let expected = r#"digraph "receipts" {
  graph [label="receipts", labelloc=t];
  node [fontname=monospace, fontsize=11, shape=box];
  "products" [label="products\ntable\nProduct", shape=ellipse];
  "products_by_name" [label="products_by_name\narrange\nProduct\nby name (one row a key)", shape=cylinder];
  "items" [label="items\ninput\n(u32, String, i64)", shape=ellipse];
  "items_filter_map" [label="items_filter_map\nfilter + map\n(u32, String, i64)"];
  "items_filter_map_by_product" [label="items_filter_map_by_product\narrange\n(u32, String, i64)\nby product", shape=cylinder];
  "products_join_items_filter_map" [label="products_join_items_filter_map\njoin\nPair<Product, (u32, String, i64)>"];
  "products_join_items_filter_map_sum_by_basket" [label="products_join_items_filter_map_sum_by_basket\nsum\nKeyed<u32, i64>\nby key (one row a key)", shape=cylinder];
  "totals" [label="totals\nview\nKeyed<u32, i64>\nby key, by total (one row a key)", shape=cylinder, style=filled, fillcolor=lightyellow];
  "changes" [label="changes\noutput\nKeyed<u32, i64>", shape=ellipse, peripheries=2];
  "products" -> "products_by_name";
  "items" -> "items_filter_map";
  "items_filter_map" -> "items_filter_map_by_product";
  "products_by_name" -> "products_join_items_filter_map" [style=bold];
  "items_filter_map_by_product" -> "products_join_items_filter_map" [style=bold];
  "products_join_items_filter_map" -> "products_join_items_filter_map_sum_by_basket";
  "products_join_items_filter_map_sum_by_basket" -> "totals";
  "products_join_items_filter_map_sum_by_basket" -> "changes";
}
"#;
    assert_eq!(receipts().to_dot(), expected);
}

#[test]
fn mermaid() {
    let expected = r#"flowchart TD
  v0(["products<br/>table<br/>Product"])
  v1[("products_by_name<br/>arrange<br/>Product<br/>by name (one row a key)")]
  v2(["items<br/>input<br/>(u32, String, i64)"])
  v3["items_filter_map<br/>filter + map<br/>(u32, String, i64)"]
  v4[("items_filter_map_by_product<br/>arrange<br/>(u32, String, i64)<br/>by product")]
  v5["products_join_items_filter_map<br/>join<br/>Pair#60;Product, (u32, String, i64)#62;"]
  v6[("products_join_items_filter_map_sum_by_basket<br/>sum<br/>Keyed#60;u32, i64#62;<br/>by key (one row a key)")]
  v7[("totals<br/>view<br/>Keyed#60;u32, i64#62;<br/>by key, by total (one row a key)")]
  v8[["changes<br/>output<br/>Keyed#60;u32, i64#62;"]]
  v0 --> v1
  v2 --> v3
  v3 --> v4
  v1 ==> v5
  v4 ==> v5
  v5 --> v6
  v6 --> v7
  v6 --> v8
"#;
    assert_eq!(receipts().to_mermaid(), expected);
}

/// Names that mean something in some format, or nothing in any.
const ODD_NAMES: [&str; 14] = [
    "a \"quoted\" 'name'",
    "back\\slash\\",
    "two\nlines\r\n",
    "<b>&amp;</b>",
    "]]> --> <!-- %% ;",
    "end",
    "`code` **bold** #35; #quot;",
    "1. list",
    "\u{1f980} 表 e\u{301}",
    "\u{202e}turned",
    "\u{1}\u{7f}\u{ffff}",
    " ",
    "[(x)] {y} | z",
    "\\",
];

fn oddly_named() -> Graph {
    let (graph, ()) = Graph::build("a\n\"graph\" & <more>\\", |g| {
        for name in ODD_NAMES {
            g.input::<i64>(name).view(format!("{name} view"));
        }
    })
    .expect("all names are different, and none is empty");
    graph
}

/// What is quoted in DOT, its escapes resolved; and what is left without it.
fn dot_strings(dot: &str) -> (Vec<String>, String) {
    let (mut strings, mut rest) = (Vec::new(), String::new());
    let mut chars = dot.chars();
    while let Some(c) = chars.next() {
        if c != '"' {
            rest.push(c);
            continue;
        }
        let mut string = String::new();
        loop {
            match chars.next().expect("every quote is closed") {
                '"' => break,
                '\\' => match chars.next().expect("every escape is complete") {
                    'n' => string.push('\n'),
                    escaped => string.push(escaped),
                },
                c => string.push(c),
            }
        }
        strings.push(string);
    }
    (strings, rest)
}

#[test]
fn odd_names_break_no_text() {
    let graph = oddly_named();
    let text = graph.to_text();
    // A line for the graph; for each name one for the input, and three for the view.
    assert_eq!(text.lines().count(), 1 + 4 * ODD_NAMES.len());
    assert!(text.contains(r"  two\nlines\r\n: input -> i64"));
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
}

#[test]
fn odd_names_break_no_dot() {
    let (strings, rest) = dot_strings(&oddly_named().to_dot());
    let written = [
        "a \"quoted\" 'name'",
        "back\\slash\\",
        "<b>&amp;</b>",
        "\\",
        "\\ view",
    ];
    for name in written {
        assert!(
            strings.iter().any(|string| string == name),
            "{name} is an identifier"
        );
    }
    let label = "<b>&amp;amp;</b>\ninput\ni64";
    assert!(
        strings.iter().any(|string| string == label),
        "{label} is a label"
    );
    let statements = rest
        .lines()
        .filter(|line| !line.ends_with(';'))
        .collect::<Vec<_>>();
    assert_eq!(statements, ["digraph  {", "}"]);
}

#[test]
fn odd_names_break_no_mermaid() {
    let mermaid = oddly_named().to_mermaid();
    for line in mermaid.lines().skip(1) {
        let quotes = line.matches('"').count();
        assert!(
            quotes == 2 || (quotes == 0 && line.contains("-->")),
            "{line}"
        );
        let label = line
            .split('"')
            .nth(1)
            .unwrap_or_default()
            .replace("<br/>", "");
        assert!(
            !label.contains(['<', '>', '`', '&', '\\', '*', '[', '|', '%']),
            "{line}"
        );
    }
    assert!(mermaid.contains("v0([\"a #34;quoted#34; #39;name#39;<br/>input<br/>i64\"])"));
    assert!(
        mermaid.contains("#35;35#59;"),
        "what looks like an entity is none"
    );
}

#[test]
fn an_empty_graph_has_pictures() {
    let (graph, ()) = Graph::build("nothing", |_| ()).expect("the graph is well formed");
    assert_eq!(graph.to_text(), "graph nothing\n");
    assert!(
        dot_strings(&graph.to_dot())
            .0
            .contains(&"nothing".to_string())
    );
    assert_eq!(graph.to_mermaid(), "flowchart TD\n");
}

#[test]
fn vertices_of_one_name_are_told_apart() {
    let (graph, ()) = Graph::build("twins", |g| {
        let numbers = g.input::<i64>("n");
        let (one, other) = (numbers.map(|n| n + 1), numbers.map(|n| n + 2));
        one.plus(other).output("both");
        one.output("one");
        other.output("n_map #2");
    })
    .expect("names of stateless vertices may be equal");
    assert!(
        graph
            .to_text()
            .contains("n_map_plus_n_map: plus of n_map, n_map #2 -> i64")
    );
    assert!(graph.to_text().contains("n_map #2 #2: output of n_map #2"));
}

#[cfg(feature = "svg")]
mod svg {
    use super::*;

    /// The texts of an image, which must be well-formed XML and of a sensible size.
    fn texts(graph: &Graph) -> Vec<String> {
        let svg = graph.to_svg();
        let document = roxmltree::Document::parse(&svg).expect("the image is well-formed XML");
        let root = document.root_element();
        for side in ["width", "height"] {
            let length: f64 = root
                .attribute(side)
                .and_then(|side| side.parse().ok())
                .expect("a number");
            assert!((1.0..100_000.0).contains(&length), "{side} is {length}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        let texts = document
            .descendants()
            .filter(|node| node.has_tag_name("text"));
        texts
            .map(|node| node.text().unwrap_or_default().to_string())
            .collect()
    }

    #[test]
    fn every_vertex_is_shown() {
        let graph = receipts();
        let texts = texts(&graph);
        for vertex in graph.vertices() {
            assert!(
                texts.iter().any(|text| text == vertex.name()),
                "{} is missing",
                vertex.name()
            );
        }
        assert!(texts.contains(&"Pair<Product, (u32, String, i64)>".to_string()));
        let arrows = graph.to_svg().matches("marker-end").count();
        assert_eq!(arrows, graph.to_dot().matches(" -> ").count());
    }

    #[test]
    fn odd_names_break_no_image() {
        let texts = texts(&oddly_named());
        for name in [
            "a \"quoted\" 'name'",
            "<b>&amp;</b>",
            "\\",
            "\\u{1}\\u{7f}\\u{ffff}",
            "]]> --> <!-- %% ;",
        ] {
            assert!(texts.iter().any(|text| text == name), "{name} is missing");
        }
    }

    #[test]
    fn graphs_without_edges_have_images() {
        let (nothing, ()) = Graph::build("nothing", |_| ()).expect("the graph is well formed");
        assert_eq!(texts(&nothing), Vec::<String>::new());
        let (one, _) =
            Graph::build("one", |g| g.input::<i64>("n").handle()).expect("it is well formed");
        assert_eq!(texts(&one), ["n", "input", "i64"]);
    }

    #[test]
    fn two_builds_have_one_image() {
        assert_eq!(receipts().to_svg(), receipts().to_svg());
    }

    /// As many paths lead through it as two to the power of 60: who walks them all never ends.
    #[test]
    fn diamonds_upon_diamonds_have_an_image() {
        let (graph, ()) = Graph::build("diamonds", |g| {
            let mut stream = g.input::<i64>("n");
            for step in 0..60 {
                stream = stream.plus(stream.negate()).named(format!("step {step}"));
            }
            stream.output("end");
        })
        .expect("the graph is well formed");
        assert_eq!(graph.vertices().len(), 122);
        assert!(texts(&graph).contains(&"step 59".to_string()));
    }

    /// Every edge of the first vertex passes by all that is before its end.
    #[test]
    fn long_edges_have_an_image() {
        let (graph, ()) = Graph::build("long", |g| {
            let first = g.input::<i64>("n");
            let mut stream = first;
            for step in 0..60 {
                stream = stream.plus(first).named(format!("step {step}"));
            }
            stream.output("end");
        })
        .expect("the graph is well formed");
        assert!(texts(&graph).contains(&"step 59".to_string()));
    }
}
