//! What depends on the order of rows: the first ones, and the windows.

use deltaview::{Keyed, Pair, Row, Stream, over};
use deltaview_tests::item::{Item, Key, small};
use deltaview_tests::plan::{End, Pick, Window, Windowed};

use super::keys::{Indexed, Visit};
use super::level::Level;
use super::list::List;
use crate::probe::TableCheck;

/// The method that a pick is, of a stream or of a grouped one.
macro_rules! picked {
    ($rows:expr, $pick:expr, $index:expr) => {{
        let (rows, pick, index) = ($rows, $pick, $index);
        match (pick.end, pick.offset) {
            (End::First, None) => rows.first_n(index, pick.n),
            other if S::IS_DEEPEST => panic!("{other:?} is not tried this deep"),
            (End::First, Some(offset)) => rows.first_n_from(index, offset, pick.n),
            (End::Top, None) => rows.top_n(index, pick.n),
            (End::Top, Some(offset)) => rows.top_n_from(index, offset, pick.n),
        }
    }};
}

/// The first rows, of all or of each group.
pub(super) fn pick<'g, S: Level>(list: &List<'_, 'g, '_, S>, pick: Pick) -> Stream<'g, Item, S> {
    assert_eq!(pick.order, Key::order(pick.by));
    let rows = list.streams()[pick.input];
    match pick.by {
        None if S::IS_DEEPEST => panic!("{pick:?} is not tried this deep"),
        None => picked!(rows, pick, <()>::order_index()),
        Some(by) => S::with_wide(by, PickBy { rows, pick }),
    }
}

struct PickBy<'g, S: Level> {
    rows: Stream<'g, Item, S>,
    pick: Pick,
}

impl<'g, S: Level> Visit for PickBy<'g, S> {
    type Out = Stream<'g, Item, S>;

    fn visit<K: Indexed + Row>(self) -> Stream<'g, Item, S> {
        let groups = self.rows.group_by(K::index());
        picked!(groups, self.pick, K::order_index())
    }
}

/// A window over all rows, or over each group.
pub(super) fn window<'g, S: Level>(
    list: &List<'_, 'g, '_, S>,
    node: usize,
    windowed: Windowed,
) -> Stream<'g, Item, S> {
    assert_eq!(windowed.order, Key::order(windowed.by));
    let window = WindowBy {
        list,
        node,
        windowed,
    };
    match windowed.by {
        Some(by) => S::with_wide(by, window),
        None if S::IS_DEEPEST => panic!("{windowed:?} is not tried this deep"),
        None => window.visit::<()>(),
    }
}

struct WindowBy<'a, 'l, 'g, 'p, S: Level> {
    list: &'a List<'l, 'g, 'p, S>,
    node: usize,
    windowed: Windowed,
}

impl<'g, S: Level> WindowBy<'_, '_, 'g, '_, S> {
    /// The window's table has a row for each place, with the sum up to it.
    fn put_out<K: Indexed + Row, V: Row, Sum: Row>(
        &self,
        rows: Stream<'g, Pair<Item, V>, S>,
        make: fn(&Item, V) -> Item,
    ) -> Stream<'g, Item, S> {
        let vertex = format!("w{}", self.list.name(self.node));
        type Place<G, O, Sum> = Keyed<(G, O), (i64, i64, Sum)>;
        let places =
            TableCheck::decodes::<Place<S::Group<K>, K::Order, Sum>>(vertex.clone(), "places");
        self.list.looks().table(places);
        rows.named(vertex)
            .map(move |pair| make(&pair.left, pair.right))
    }
}

impl<'g, S: Level> Visit for WindowBy<'_, '_, 'g, '_, S> {
    type Out = Stream<'g, Item, S>;

    fn visit<K: Indexed + Row>(self) -> Stream<'g, Item, S> {
        let rows = self.list.streams()[self.windowed.input];
        let window = rows.group_by(K::index()).window(K::order_index());
        let neighboured =
            |item: &Item, other: Option<Item>| Window::neighboured(item, other.as_ref());
        match self.windowed.window {
            Window::RowNumber => self.put_out::<K, _, ()>(window.row_number(), Window::numbered),
            other if S::IS_DEEPEST => panic!("{other:?} is not tried this deep"),
            Window::Rank => self.put_out::<K, _, ()>(window.rank(), Window::numbered),
            Window::DenseRank => self.put_out::<K, _, ()>(window.dense_rank(), Window::numbered),
            Window::Lag(by) => self.put_out::<K, _, ()>(window.lag(by), neighboured),
            Window::Lead(by) => self.put_out::<K, _, ()>(window.lead(by), neighboured),
            Window::RunningSum => {
                let sums = window.running_sum(|item| small(item.c));
                self.put_out::<K, _, i64>(sums, Window::numbered)
            }
            Window::Together => {
                let sum = over::running_sum(|item: &Item| small(item.c));
                let all = window.over((over::rank(), sum, over::lead(1)));
                self.put_out::<K, _, ((), i64, ())>(all, |item, (rank, sum, next)| {
                    let numbered = Window::numbered(item, rank + small(sum));
                    Window::neighboured(&numbered, next.as_ref())
                })
            }
        }
    }
}
