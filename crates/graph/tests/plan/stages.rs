//! Which tables are committed together, where an iteration commits tables as it computes them.

use deltaview::prelude::*;
use deltaview_graph::Step;

type Sale = (String, u32, i64);

fn shop() -> Index<Sale, String> {
    Index::new("shop", |sale: &Sale| sale.0.clone())
}

/// The stage of each table.
fn stages(graph: &Graph) -> Vec<(String, usize)> {
    let tables = graph.tables().iter();
    tables
        .map(|table| {
            let schema = table.schema();
            let name = format!("{} {}", schema.vertex, schema.role);
            (name, graph.stage_of(table.id()))
        })
        .collect()
}

fn named(stages: &[(&str, usize)]) -> Vec<(String, usize)> {
    let named = stages
        .iter()
        .map(|(name, stage)| ((*name).to_string(), *stage));
    named.collect()
}

#[test]
fn a_join_is_one_stage_and_what_follows_another() {
    let (graph, _) = Graph::build("shops", |g| {
        let sales = g.input::<Sale>("sales");
        let shops = g.input::<(String, String)>("shops");
        let by_name = Index::new("name", |shop: &(String, String)| shop.0.clone());
        let by_town = Index::new("town", |sold: &Pair<Sale, (String, String)>| {
            sold.right.1.clone()
        });
        let totals = sales
            .join(shops, shop(), by_name)
            .group_by(by_town)
            .sum(|sold| sold.left.2);
        totals.view("totals");
    })
    .unwrap();
    assert_eq!(graph.stage_count(), 2);
    let expected = [
        ("sales by_shop", 0),
        ("shops by_name", 0),
        ("sales_join_shops_sum_by_town groups", 1),
        ("totals view", 1),
    ];
    assert_eq!(stages(&graph), named(&expected));
}

#[test]
fn views_are_of_the_last_stage_however_short_their_way() {
    let (graph, _) = Graph::build("shops", |g| {
        let sales = g.input::<Sale>("sales");
        sales.view("all");
        let counts = sales.group_by(shop()).count().named("counts");
        let per_count = Index::new("count", |group: &Keyed<String, i64>| group.value);
        counts
            .group_by(per_count)
            .count()
            .named("of_counts")
            .view("numbers");
    })
    .unwrap();
    let expected = [
        ("all view", 1),
        ("counts groups", 0),
        ("of_counts groups", 1),
        ("numbers view", 1),
    ];
    assert_eq!(stages(&graph), named(&expected));
}

#[test]
fn groups_that_more_than_their_view_reads_are_of_a_stage_before_it() {
    let (graph, _) = Graph::build("shops", |g| {
        let sales = g.input::<Sale>("sales");
        let counts = sales.group_by(shop()).count().named("counts");
        counts.output("changes");
        counts.view("numbers");
    })
    .unwrap();
    let expected = [("counts groups", 0), ("numbers view", 1)];
    assert_eq!(stages(&graph), named(&expected));
}

#[test]
fn no_way_leads_out_of_a_stage_and_back() {
    let (graph, _) = Graph::build("shops", |g| {
        let sales = g.input::<Sale>("sales");
        let totals = sales.group_by(shop()).sum(|sale| sale.2).named("totals");
        let by_shop = Index::new("shop", |total: &Keyed<String, i64>| total.key.clone());
        // Reads the sales with what was made of them: both sides wait for the totals.
        sales.join(totals, shop(), by_shop).output("joined");
    })
    .unwrap();
    let expected = [
        ("totals groups", 0),
        ("sales by_shop", 1),
        ("totals by_shop", 1),
    ];
    assert_eq!(stages(&graph), named(&expected));
}

#[test]
fn what_a_keyed_table_is_read_with_is_of_the_first_stage() {
    let (graph, _) = Graph::build("shops", |g| {
        let sales = g.input::<Sale>("sales");
        let by_name = Index::new("name", |shop: &(String, i64)| shop.0.clone());
        let shops = g.table("shops", by_name.clone());
        let totals = sales.group_by(shop()).sum(|sale| sale.2).named("totals");
        let by_shop = Index::new("shop", |total: &Keyed<String, i64>| total.key.clone());
        totals.join(*shops, by_shop, by_name).view("joined");
    })
    .unwrap();
    let last = graph.stage_count() - 1;
    for (table, stage) in stages(&graph) {
        let expected = if table == "joined view" { last } else { 0 };
        assert_eq!(stage, expected, "{table}");
    }
    assert!(last > 0);
}

#[test]
fn a_view_of_a_keyed_table_by_its_key_makes_one_stage() {
    let (graph, _) = Graph::build("shops", |g| {
        let by_name = Index::new("name", |shop: &(String, i64)| shop.0.clone());
        let shops = g.table("shops", by_name.clone());
        shops.view_by("all shops", by_name);
        shops
            .group_by(Index::new("size", |shop: &(String, i64)| shop.1))
            .count()
            .view("sizes");
    })
    .unwrap();
    assert_eq!(graph.stage_count(), 1);
}

#[test]
fn what_was_journaled_of_another_graph_is_refused() {
    let build = |name: &str| {
        let name = name.to_string();
        Graph::build("shops", |g| {
            let sales = g.input::<Sale>("sales");
            let counts = sales.group_by(shop()).count().named(name);
            counts.output("changes");
            counts.view("counts");
            sales.handle()
        })
        .unwrap()
    };
    let (graph, sales) = build("one");
    let change = graph.change().insert(sales, [("a".to_string(), 1, 1)]);
    let mut state = deltaview_graph::WorkingSet::complete(&graph);
    let mut stages = graph.stages(&change).unwrap();
    let Step::Done(commit) = stages.begin(&mut state).unwrap() else {
        panic!("a complete working set has nothing to fetch");
    };
    let journal = commit.journal().unwrap();
    state.absorb_stage(&commit);
    stages.pass(commit);
    assert_eq!(stages.next(), Some(1));
    let (other, _) = build("other");
    let error = other.stages_from_journal(1, &journal).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the graph has nothing of this name")
    );
    graph.stages_from_journal(1, &journal).unwrap();
}

/// History is recorded once the last stage is passed: so no view may be written before it.
#[test]
fn views_with_history_are_of_the_last_stage() {
    use deltaview::Retention;
    let by_count = || Index::new("count", |count: &Keyed<String, Weight>| count.value);
    let (staged, _) = Graph::build("shops", |g| {
        let sales = g.input::<Sale>("sales");
        let shops = g.input::<(String, String)>("shops");
        let by_name = Index::new("name", |shop: &(String, String)| shop.0.clone());
        g.with_history(sales.view("sold"), Retention::Forever);
        // A view that shares its table with a join.
        g.with_history(sales.view_by("by_shop", shop()), Retention::Forever);
        let counts = sales
            .join(shops, shop(), by_name)
            .group_by(Index::new("of", |sold: &Pair<Sale, (String, String)>| {
                sold.left.0.clone()
            }));
        let counts = counts.count();
        let often = counts.group_by(by_count()).count();
        g.with_history(often.view("often"), Retention::Forever);
        g.with_history(counts.view("counts"), Retention::Forever);
    })
    .unwrap();
    let (keyed, _) = Graph::build("shops", |g| {
        let by_name = || Index::new("name", |shop: &(String, String)| shop.0.clone());
        let shops = g.table("shops", by_name());
        g.with_history(shops.view_by("all", by_name()), Retention::Forever);
        let by_town = Index::new("town", |shop: &(String, String)| shop.1.clone());
        let counts = shops.group_by(by_town).count();
        let often = counts.group_by(by_count()).count();
        g.with_history(often.view("often"), Retention::Forever);
    })
    .unwrap();
    for (graph, views) in [(staged, 4), (keyed, 2)] {
        let kept = graph.tables().iter();
        let kept: Vec<_> = kept.filter(|table| table.schema().history).collect();
        assert_eq!(kept.len(), views);
        for table in kept {
            assert_eq!(graph.stage_of(table.id()) + 1, graph.stage_count());
            assert_eq!(table.retention(), Some(Retention::Forever));
        }
    }
}
