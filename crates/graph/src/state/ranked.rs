//! The key of an arrangement that is read in order: a group, and a place within it. The columns are those of the two;
//! bounds of the group are keys as well, but no row is ever stored at one.

use std::ops::Bound;

use deltaview_schema::{IndexKey, KeyColumn, KeyValue};

use super::intervals::{Cut, Side};
use super::scan::Order;

/// A group, and a place in the order of its rows.
// The order of the fields matters: the group comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ranked<G, O> {
    pub(crate) group: G,
    pub(crate) place: Place<O>,
}

/// A place within a group. Rows are stored at [`Place::At`] only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place<O> {
    /// Before all rows of the group.
    Start,
    At(O),
    /// After all rows of the group.
    End,
}

impl<G, O> Ranked<G, O> {
    /// The key of a row.
    pub(crate) fn at(group: G, order: O) -> Self {
        Self {
            group,
            place: Place::At(order),
        }
    }
}

/// The columns of the pair of both.
impl<G: IndexKey, O: IndexKey> IndexKey for Ranked<G, O> {
    fn columns() -> Vec<KeyColumn> {
        <(G, O)>::columns()
    }

    /// At a bound the columns of the group only.
    fn values<'a>(&'a self, out: &mut Vec<KeyValue<'a>>) {
        self.group.values(out);
        if let Place::At(order) = &self.place {
            order.values(out);
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.group.encode(out);
        if let Place::At(order) = &self.place {
            order.encode(out);
        }
    }
}

/// The part of a group that a walk goes through: from a bound to the end of the group, in one direction.
#[derive(Clone, Debug)]
pub(crate) struct Span<G, O> {
    pub(crate) group: G,
    /// Where it begins; unbounded at the end of the group that the direction leaves from.
    pub(crate) from: Bound<O>,
    pub(crate) order: Order,
}

impl<G: Clone, O: Clone> Span<G, O> {
    /// The cut that a walk begins at.
    pub(crate) fn start(&self) -> Cut<Ranked<G, O>> {
        let (before, after) = match self.order {
            Order::Forward => (Side::Before, Side::After),
            Order::Backward => (Side::After, Side::Before),
        };
        match &self.from {
            Bound::Included(order) => self.cut(Place::At(order.clone()), before),
            Bound::Excluded(order) => self.cut(Place::At(order.clone()), after),
            Bound::Unbounded => match self.order {
                Order::Forward => self.cut(Place::Start, Side::Before),
                Order::Backward => self.cut(Place::End, Side::After),
            },
        }
    }

    /// The cut that a walk ends at: the end of the group.
    pub(crate) fn end(&self) -> Cut<Ranked<G, O>> {
        match self.order {
            Order::Forward => self.cut(Place::End, Side::After),
            Order::Backward => self.cut(Place::Start, Side::Before),
        }
    }

    fn cut(&self, place: Place<O>, side: Side) -> Cut<Ranked<G, O>> {
        let group = self.group.clone();
        Cut {
            key: Ranked { group, place },
            side,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use super::*;

    type Key = Ranked<(i8, Option<i8>), Reverse<String>>;

    #[test]
    fn its_columns_are_those_of_the_pair() {
        let (mut ranked, mut pair) = (Vec::new(), Vec::new());
        let key: Key = Ranked::at((1, None), Reverse("a".to_string()));
        let tuple = ((1_i8, None::<i8>), Reverse("a".to_string()));
        key.encode(&mut ranked);
        tuple.encode(&mut pair);
        assert_eq!(ranked, pair);
        let (mut ranked, mut pair) = (Vec::new(), Vec::new());
        key.values(&mut ranked);
        tuple.values(&mut pair);
        assert_eq!(ranked, pair);
        assert_eq!(Key::columns().len(), ranked.len());
        let paths: Vec<_> = Key::columns()
            .into_iter()
            .map(|column| column.path)
            .collect();
        assert_eq!(paths, [vec![0, 0], vec![0, 1], vec![1]]);
    }

    #[test]
    fn all_rows_of_a_group_are_between_its_bounds() {
        let key = |group, place| Ranked { group, place };
        let keys = [
            key(1, Place::Start),
            key(1, Place::At(i8::MIN)),
            key(1, Place::At(i8::MAX)),
            key(1, Place::End),
            key(2, Place::Start),
        ];
        assert!(keys.is_sorted());
        for order in [Order::Forward, Order::Backward] {
            let span = |from| Span {
                group: 1,
                from,
                order,
            };
            let mut cuts = [
                span(Bound::Unbounded).start(),
                span(Bound::Included(0)).start(),
                span(Bound::Excluded(0)).start(),
                span(Bound::Unbounded).end(),
            ];
            if order == Order::Backward {
                cuts.reverse();
            }
            assert!(cuts.is_sorted() && cuts[1] != cuts[2]);
        }
    }

    #[test]
    fn a_bound_has_the_columns_of_its_group_only() {
        let mut values = Vec::new();
        let bound: Ranked<i8, i8> = Ranked {
            group: 3,
            place: Place::End,
        };
        bound.values(&mut values);
        assert_eq!(values, [KeyValue::Int(3)]);
    }
}
