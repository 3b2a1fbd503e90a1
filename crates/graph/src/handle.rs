//! Handles: small `Copy` values that name a part of a graph and know its row type, so that a wrong row type does not
//! compile. They hold no data.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::HandleError;
use crate::plan::VertexId;

/// Tells one built graph from another within the process. Two builds of the same query are two graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GraphId(u64);

impl GraphId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What every handle points at. Public only as a part of the sealed traits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub(crate) graph: GraphId,
    pub(crate) vertex: VertexId,
}

impl Target {
    /// The vertex, if the handle is of that graph.
    pub(crate) fn in_graph(self, graph: GraphId, name: &str) -> Result<VertexId, HandleError> {
        if self.graph == graph {
            Ok(self.vertex)
        } else {
            Err(HandleError::new(name))
        }
    }
}

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident<$($param:ident),+>) => {
        $(#[$doc])*
        pub struct $name<$($param),+> {
            pub(crate) target: Target,
            rows: PhantomData<fn() -> ($($param,)+)>,
        }

        impl<$($param),+> $name<$($param),+> {
            pub(crate) fn new(target: Target) -> Self {
                Self { target, rows: PhantomData }
            }
        }

        impl<$($param),+> Clone for $name<$($param),+> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($param),+> Copy for $name<$($param),+> {}

        impl<$($param),+> fmt::Debug for $name<$($param),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.target.vertex.0)
            }
        }
    };
}

handle! {
    /// An input that takes raw Z-set changes: rows with any weights.
    InputHandle<T>
}
handle! {
    /// A keyed table: an input that remembers its rows, one a key.
    TableHandle<T, K>
}
handle! {
    /// An output: its delta is returned by every iteration.
    OutputHandle<T>
}

/// A view, read by one of its indexes. Its delta is returned by every iteration too.
pub struct ViewHandle<T, K> {
    pub(crate) target: Target,
    /// 0 is the index that the view is stored by, 1 the first secondary one, and so on.
    pub(crate) index: usize,
    rows: PhantomData<fn() -> (T, K)>,
}

impl<T, K> ViewHandle<T, K> {
    pub(crate) fn new(target: Target, index: usize) -> Self {
        Self {
            target,
            index,
            rows: PhantomData,
        }
    }

    /// Which index of the view this reads by: 0 is the one that it is stored by.
    pub fn index(&self) -> usize {
        self.index
    }
}

impl<T, K> Clone for ViewHandle<T, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, K> Copy for ViewHandle<T, K> {}

impl<T, K> fmt::Debug for ViewHandle<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ViewHandle({}, index {})",
            self.target.vertex.0, self.index
        )
    }
}

mod sealed {
    pub trait Sealed {
        fn target(&self) -> super::Target;
    }
}
pub(crate) use sealed::Sealed;

macro_rules! sealed {
    ($($name:ident<$($param:ident),+>),*) => { $(
        impl<$($param),+> Sealed for $name<$($param),+> {
            fn target(&self) -> Target {
                self.target
            }
        }
    )* };
}
sealed!(InputHandle<T>, TableHandle<T, K>, OutputHandle<T>, ViewHandle<T, K>);

/// A handle that rows can be inserted into: of an input or a keyed table.
pub trait Source: Sealed + Copy {
    /// The row type.
    type Row;
}

impl<T> Source for InputHandle<T> {
    type Row = T;
}

impl<T, K> Source for TableHandle<T, K> {
    type Row = T;
}

/// A handle whose delta an iteration returns: of an output or a view.
pub trait Sink: Sealed + Copy {
    /// The row type.
    type Row;
}

impl<T> Sink for OutputHandle<T> {
    type Row = T;
}

impl<T, K> Sink for ViewHandle<T, K> {
    type Row = T;
}
