//! Walking an arrangement in the order of its keys, within one group, as far as its keys are known.

use deltaview_schema::{IndexKey, Row};

use super::bucket::BucketRow;
use super::intervals::Cut;
use super::keyed_rows::Range;
use super::ranked::{Ranked, Span};
use super::scan::Order;
use super::{Arrangement, Bucket};

/// The keys of a span that have rows, in the direction of the span, and where what is known of it ends.
pub(crate) struct Walk<'a, K, T> {
    /// Nothing where not even the first key is known.
    keys: Option<Range<'a, K, T>>,
    order: Order,
    unknown: Option<Cut<K>>,
}

impl<'a, K, T: BucketRow> Walk<'a, K, T> {
    /// The next key that is known and has rows.
    pub(crate) fn next_known(&mut self) -> Option<(&'a K, &'a Bucket<T>)> {
        let keys = self.keys.as_mut()?;
        loop {
            let (key, rows) = match self.order {
                Order::Forward => keys.next(),
                Order::Backward => keys.next_back(),
            }?;
            // A key that was looked up stays, also without rows.
            if !rows.is_empty() {
                return Some((key, rows));
            }
        }
    }

    /// Where the known part of the span ends, if it does so before the span.
    pub(crate) fn into_unknown(self) -> Option<Cut<K>> {
        self.unknown
    }
}

/// For `apply`, which may only go where `reads` went.
impl<'a, K, T: BucketRow> Iterator for Walk<'a, K, T> {
    type Item = (&'a K, &'a Bucket<T>);

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_known();
        debug_assert!(
            next.is_some() || self.unknown.is_none(),
            "an operator walks only as far as its reads did"
        );
        next
    }
}

impl<G: IndexKey, O: IndexKey, T: Row> Arrangement<Ranked<G, O>, T> {
    /// The keys of a span that have rows. Rows of a key are in the order of `T`; backward walks that want the exact
    /// reverse take [`Bucket::iter`] from its end.
    pub(crate) fn walk(&self, span: &Span<G, O>) -> Walk<'_, Ranked<G, O>, T> {
        let (start, end) = (span.start(), span.end());
        let known = if self.is_all_resident() {
            end.clone()
        } else {
            let reach = self.reach(&start, span.order);
            match (reach, span.order) {
                (None, _) => start.clone(),
                (Some(reach), Order::Forward) => reach.min(end.clone()),
                (Some(reach), Order::Backward) => reach.max(end.clone()),
            }
        };
        let (lower, upper) = match span.order {
            Order::Forward => (&start, &known),
            Order::Backward => (&known, &start),
        };
        Walk {
            keys: (lower < upper).then(|| self.between(lower, upper)),
            order: span.order,
            unknown: (known != end).then_some(known),
        }
    }
}
