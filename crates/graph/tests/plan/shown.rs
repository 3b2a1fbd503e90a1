//! Views that show the groups of an aggregate: a working set has the groups alone, and nobody can tell.

#![expect(
    clippy::unwrap_used,
    reason = "where a test has no more to say, the panic says it"
)]

use std::ops::Bound;

use deltaview::prelude::*;
use deltaview_graph::{Bounds, Order, Step, WorkingSet};
use proptest::prelude::*;

type Sale = (u8, i64);
type Totals = ViewHandle<Keyed<u8, i64>, u8>;

/// Sales summed by shop. `apart`: the sums are read by more than the view, so that both are kept.
fn totals(apart: bool) -> (Graph, InputHandle<Sale>, Totals) {
    let (graph, (sales, totals)) = Graph::build("shops", |g| {
        let sales = g.input::<Sale>("sales");
        let totals = sales.group_by(Index::new("shop", |sale: &Sale| sale.0));
        let totals = totals.sum(|sale| sale.1);
        if apart {
            totals.output("changes");
        }
        (sales.handle(), totals.view("totals"))
    })
    .unwrap();
    (graph, sales, totals)
}

struct Kept {
    graph: Graph,
    sales: InputHandle<Sale>,
    totals: Totals,
    state: WorkingSet,
}

impl Kept {
    fn new(apart: bool) -> Self {
        let (graph, sales, totals) = totals(apart);
        let state = WorkingSet::complete(&graph);
        Self {
            graph,
            sales,
            totals,
            state,
        }
    }

    fn add(&mut self, sales: &[(Sale, Weight)]) -> ZSet<Keyed<u8, i64>> {
        let sales = ZSet::from_pairs(sales.iter().copied()).unwrap();
        let change = self.graph.change().add(self.sales, sales);
        let step = self.graph.begin(&mut self.state, &change).unwrap();
        let Step::Done(commit) = step else {
            panic!("a complete working set has nothing to fetch");
        };
        self.state.absorb(commit).get(self.totals).unwrap()
    }

    fn page(&self, bounds: &Bounds<u8>, order: Order, rows: usize) -> Vec<(Keyed<u8, i64>, i64)> {
        let (mut all, mut rest) = (Vec::new(), Some(bounds.clone()));
        while let Some(bounds) = rest {
            let page = self
                .state
                .page(&self.graph, self.totals, &bounds, order, rows);
            let (page, last) = page.unwrap();
            assert!(last.is_none() || page.len() >= rows);
            all.extend(page);
            rest = last.map(|key| bounds.behind(key, order));
        }
        all
    }
}

fn bound() -> impl Strategy<Value = Bound<u8>> {
    prop_oneof![
        Just(Bound::Unbounded),
        (0_u8..9).prop_map(Bound::Included),
        (0_u8..9).prop_map(Bound::Excluded),
    ]
}

proptest! {
    #[test]
    fn it_reads_as_if_its_rows_were_kept(
        changes in prop::collection::vec(
            prop::collection::vec(((0_u8..8, -3_i64..4), -1_i64..3), 0..6),
            0..12,
        ),
        bounds in (bound(), bound()),
        rows in 1_usize..5,
    ) {
        let (mut shown, mut kept) = (Kept::new(false), Kept::new(true));
        let bounds = Bounds { start: bounds.0, end: bounds.1 };
        for change in changes {
            prop_assert_eq!(shown.add(&change), kept.add(&change));
            for order in [Order::Forward, Order::Backward] {
                prop_assert_eq!(
                    shown.page(&bounds, order, rows),
                    kept.page(&bounds, order, rows)
                );
            }
            for key in 0..9 {
                let one = Bounds::one(key);
                prop_assert_eq!(
                    shown.page(&one, Order::Forward, rows),
                    kept.page(&one, Order::Forward, rows)
                );
            }
        }
    }
}

#[test]
fn its_rows_are_held_once() {
    let rows = |apart| {
        let mut kept = Kept::new(apart);
        kept.add(&[((1, 5), 1), ((2, 7), 1), ((2, 1), 1)]);
        kept.state.rows()
    };
    assert_eq!((rows(false), rows(true)), (2, 4));
}

/// A join reads the view's rows, an index more is another order, and a member is no part of a group's state: each is kept.
#[test]
fn what_reads_a_view_otherwise_finds_its_rows() {
    let (graph, (sales, by_size, joined, least)) = Graph::build("shops", |g| {
        let sales = g.input::<Sale>("sales");
        let shop = || Index::new("shop", |sale: &Sale| sale.0);
        let totals = sales.group_by(shop()).sum(|sale| sale.1).named("totals");
        let view = totals.view("totals by shop");
        let size = Index::new("size", |total: &Keyed<u8, i64>| total.value);
        let counts = sales.group_by(shop()).count().named("counts");
        let of_counts = Index::new("shop", |count: &Keyed<u8, i64>| count.key);
        counts.view_by("counts by shop", of_counts.clone());
        let joined = sales.join(counts, shop(), of_counts);
        let cheapest = Index::new("price", |sale: &Sale| sale.1);
        let least = sales.group_by(shop()).min_by(cheapest).named("least");
        (
            sales.handle(),
            g.also_by(view, size),
            joined.output("joined"),
            least.view("least by shop"),
        )
    })
    .unwrap();
    let mut store = MemoryStore::new(&graph);
    store
        .change()
        .insert(sales, [(1, 5), (2, 7)])
        .commit()
        .unwrap();
    let changed = store.change().insert(sales, [(1, 3)]).commit().unwrap();
    assert_eq!(
        changed
            .get(joined)
            .unwrap()
            .weight(&Pair::new((1, 5), Keyed::new(1, 2))),
        1
    );
    assert_eq!(store.view(by_size).get(&8).unwrap(), Some(Keyed::new(1, 8)));
    let least = store.view(least).get(&1).unwrap();
    assert_eq!(least.map(|row| row.value), Some((1, 3)));
}
