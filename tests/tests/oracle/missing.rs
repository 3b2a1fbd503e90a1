//! The one list of operators that plans know and the builder does not: [`generate`](crate::generate) leaves them out.

use deltaview_tests::plan::Query;

/// Whether the builder lacks a node's operator.
pub(crate) fn is_missing(query: &Query) -> bool {
    matches!(query, Query::RetainFor { .. })
}
