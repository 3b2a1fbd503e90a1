//! The one list of operators that plans know and the builder does not: [`generate`](crate::generate) leaves them out.

use deltaview_tests::plan::{Aggregate, Join, JoinKind, Query};

/// Whether the builder lacks a node's operator.
pub(crate) fn is_missing(query: &Query) -> bool {
    use Aggregate::{Count, Residue, Set, Sum, Two, Wide};
    match query {
        Query::Join(Join { kind, .. }) => *kind != JoinKind::Inner,
        Query::Group { aggregate, .. } => {
            !matches!(aggregate, Count | Sum | Wide | Two | Set | Residue)
        }
        Query::Distinct(_)
        | Query::Both(..)
        | Query::JoinOuter(_)
        | Query::Outer(_)
        | Query::Feed
        | Query::Whole(..)
        | Query::Pick(_)
        | Query::Window(_)
        | Query::PerGroup { .. }
        | Query::Recursive { .. }
        | Query::Closure(_)
        | Query::RetainFor { .. } => true,
        _ => false,
    }
}
