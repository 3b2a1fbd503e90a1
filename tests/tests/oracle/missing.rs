//! The one list of operators that plans know and the builder does not: [`generate`](crate::generate) leaves them out.

use deltaview_tests::plan::{Aggregate, Query, Several};

/// Whether the builder lacks a node's operator.
pub(crate) fn is_missing(query: &Query) -> bool {
    match query {
        Query::Group { aggregate, .. } | Query::Whole(_, aggregate) => match aggregate {
            Aggregate::Min(_)
            | Aggregate::Max(_)
            | Aggregate::MinBy(_)
            | Aggregate::MaxBy(_)
            | Aggregate::Fold(_) => true,
            Aggregate::Several(several) => *several != Several::Linear,
            _ => false,
        },
        Query::Pick(_) | Query::Window(_) | Query::RetainFor { .. } => true,
        _ => false,
    }
}
