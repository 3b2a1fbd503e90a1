//! What flows along an edge during a tick: rows with weights. It owns how such a batch is consolidated.

use std::borrow::Cow;

use deltaview_zset::{Weight, WeightOverflow};

/// A change of a stream: rows with weights, a row possibly several times.
pub(crate) type Delta<T> = Vec<(T, Weight)>;

/// A change of a stream arranged by a key: sorted by key and row, each row once, no weight zero.
///
/// In memory, where all that read it [take it so](crate::operators::Operator::takes_any_order), it can be in any order,
/// and have a row several times: see [`Arrange`](crate::operators::Arrange).
pub(crate) type ArrangedDelta<K, T> = Vec<(K, T, Weight)>;

/// Sorts a batch, adds up the weights of equal rows, and drops what adds up to nothing.
pub(crate) fn consolidate<T: Ord>(delta: &mut Delta<T>) -> Result<(), WeightOverflow> {
    delta.sort_by(|a, b| a.0.cmp(&b.0));
    merge_neighbours(delta, |kept, next| kept.0 == next.0, |entry| &mut entry.1)
}

/// Sorts an arranged batch, adds up the weights of equal rows, and drops what adds up to nothing.
pub(crate) fn consolidate_arranged<K: Ord, T: Ord>(
    delta: &mut ArrangedDelta<K, T>,
) -> Result<(), WeightOverflow> {
    delta.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    merge_neighbours(
        delta,
        |kept, next| kept.0 == next.0 && kept.1 == next.1,
        |entry| &mut entry.2,
    )
}

/// An arranged batch in order, each row once: as it is, if it is that.
#[expect(clippy::type_complexity, reason = "a batch, borrowed or not")]
pub(crate) fn in_order<K: Ord + Clone, T: Ord + Clone>(
    delta: &[(K, T, Weight)],
) -> Result<Cow<'_, [(K, T, Weight)]>, WeightOverflow> {
    if delta.is_sorted_by(|a, b| (&a.0, &a.1) < (&b.0, &b.1)) {
        return Ok(Cow::Borrowed(delta));
    }
    let mut sorted = delta.to_vec();
    consolidate_arranged(&mut sorted)?;
    Ok(Cow::Owned(sorted))
}

fn merge_neighbours<E>(
    entries: &mut Vec<E>,
    same: impl Fn(&E, &E) -> bool,
    weight: impl Fn(&mut E) -> &mut Weight,
) -> Result<(), WeightOverflow> {
    let mut overflow = false;
    entries.dedup_by(|next, kept| {
        if !same(kept, next) {
            return false;
        }
        match weight(kept).checked_add(*weight(next)) {
            Some(sum) => *weight(kept) = sum,
            None => overflow = true,
        }
        true
    });
    if overflow {
        return Err(WeightOverflow);
    }
    entries.retain_mut(|entry| *weight(entry) != 0);
    Ok(())
}

/// The runs of equal keys of an arranged batch.
pub(crate) fn by_key<K: PartialEq, T>(
    delta: &[(K, T, Weight)],
) -> impl Iterator<Item = (&K, &[(K, T, Weight)])> {
    delta
        .chunk_by(|a, b| a.0 == b.0)
        .map(|run| (&run[0].0, run))
}

/// The product of two weights.
pub(crate) fn product(left: Weight, right: Weight) -> Result<Weight, WeightOverflow> {
    left.checked_mul(right).ok_or(WeightOverflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consolidating_adds_up_and_drops_zeros() {
        let mut delta = vec![("b", 2), ("a", 1), ("b", -2), ("a", 4)];
        consolidate(&mut delta).expect("no overflow");
        assert_eq!(delta, [("a", 5)]);
    }

    #[test]
    fn an_overflow_is_an_error() {
        let mut delta = vec![("a", Weight::MAX), ("a", 1)];
        assert_eq!(consolidate(&mut delta), Err(WeightOverflow));
    }
}
