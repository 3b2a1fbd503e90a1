//! The number of different keys.

use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::{Keyed, Weight};

use super::{Aggregator, Inputs, sealed};
use crate::builder::scope::Scope;
use crate::delta::Delta;
use crate::operators::{Linear, Parts};
use crate::tick::InputSlots;

/// The number of different keys: see [`count_distinct`].
#[allow(missing_debug_implementations, reason = "it holds closures")]
pub struct CountDistinct<T, V> {
    index: Index<T, V>,
}

/// See [`Grouped::count_distinct`](crate::Grouped::count_distinct).
pub fn count_distinct<T: Row, V: IndexKey + Row>(index: Index<T, V>) -> CountDistinct<T, V> {
    CountDistinct { index }
}

/// Counts the keys that come and go, as an operator that counts their rows says.
struct KeysOf<K2, R> {
    /// Where the counts of keys come in. None where groups are evaluated from their rows.
    input: Option<usize>,
    index: Index<R, K2>,
}

/// A key of a group, and what group it is of.
trait OfGroup<G> {
    fn group(&self) -> G;
}

impl<G: Clone, V> OfGroup<G> for (G, V) {
    fn group(&self) -> G {
        self.0.clone()
    }
}

impl<G, R, K2> Linear<G, R, Weight> for KeysOf<K2, R>
where
    K2: IndexKey + Row + OfGroup<G>,
    R: Row,
{
    fn zero(&self) -> Weight {
        0
    }
    fn add(&self, one: &Weight, other: &Weight) -> Option<Weight> {
        i64::checked_add(*one, *other)
    }
    fn scale(&self, _: &R, _: Weight) -> Option<Weight> {
        Some(0)
    }
    fn other_inputs(&self, inputs: InputSlots<'_>) -> Vec<(G, Weight)> {
        let input = self.input;
        let counted = input.and_then(|input| inputs.get::<Delta<Keyed<K2, Weight>>>(input));
        // A key that stays loses one count and gets another, which adds up to nothing.
        counted
            .into_iter()
            .flatten()
            .map(|(count, weight)| (count.key.group(), *weight))
            .collect()
    }
    fn of_rows(&self, rows: &[(R, Weight)]) -> Option<Weight> {
        let mut totals: std::collections::BTreeMap<K2, Weight> = std::collections::BTreeMap::new();
        for (row, weight) in rows {
            let total = totals.entry(self.index.key(row)).or_default();
            *total = total.checked_add(*weight)?;
        }
        Weight::try_from(totals.values().filter(|total| **total != 0).count()).ok()
    }
}

impl<T, V> sealed::Sealed<T> for CountDistinct<T, V> {}

impl<T: Row, V: IndexKey + Row> Aggregator<T> for CountDistinct<T, V> {
    type State = Weight;
    type Members = ();
    type Output = Weight;

    fn prepare<K: IndexKey + Row, S: Scope>(
        self,
        group: &Index<T, K>,
        inputs: &mut Inputs<'_>,
    ) -> Parts<S::Group<K>, S::Row<T>, Weight, (), Weight> {
        let suffix = format!("{}_keys_by_{}", self.index.name(), group.name());
        let group = S::group_index(group.clone());
        let index = group.and(S::on_rows(self.index));
        let outside = |inputs: &mut Inputs<'_>| {
            let (stream, at) = (inputs.stream(), inputs.at);
            let (vertex, _) = inputs.builder.count_keys(stream, &index, suffix, at);
            Some(inputs.position(vertex))
        };
        let input = S::choose(inputs, outside, |_| None);
        let linear = KeysOf { input, index };
        Parts {
            linear: Arc::new(linear),
            members: None,
            nothing: (),
            finish: Arc::new(|_, keys: &Weight, (): &()| *keys),
        }
    }
}
