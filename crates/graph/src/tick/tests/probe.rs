//! An operator for tests: it keeps its input in a table, reads what it is told to, and remembers what it saw.

use std::ops::ControlFlow;
use std::panic::Location;
use std::sync::{Arc, Mutex};

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::Weight;

use crate::builder::{Naming, Stream, Work};
use crate::delta::{ArrangedDelta, Delta, consolidate_arranged};
use crate::error::TickErrorKind;
use crate::operators::{Apply, Operator, Reads};
use crate::plan::TableId;
use crate::state::{Ranked, Span};
use crate::tick::Explain;

/// Something to read.
#[derive(Clone, Debug)]
pub(super) enum Ask<G, O, T> {
    /// Keys of a span, until there are so many rows; the hint.
    Walk(Span<G, O>, usize, usize),
    /// The rows of a key.
    Key(Ranked<G, O>),
    /// The weight of a row.
    Row(T),
    /// All rows.
    All,
}

/// What was seen for an ask: rows in order. For a single row its weight, also a zero.
pub(super) type Seen<T> = Vec<(T, Weight)>;

/// What the operator is told, and what it saw, an entry each.
pub(super) struct Told<G, O, T> {
    pub(super) asks: Vec<Ask<G, O, T>>,
    pub(super) seen: Vec<Seen<T>>,
    /// How often the operator named its reads.
    pub(super) reads: usize,
}

pub(super) type Shared<G, O, T> = Arc<Mutex<Told<G, O, T>>>;

struct Probe<G, O, T> {
    index: Index<T, Ranked<G, O>>,
    table: TableId,
    told: Shared<G, O, T>,
}

impl<G: IndexKey, O: IndexKey, T: Row> Operator for Probe<G, O, T> {
    fn reads(&self, reads: &mut Reads<'_>) -> Result<(), TickErrorKind> {
        let mut told = self.told.lock().unwrap();
        told.reads += 1;
        for ask in &told.asks {
            match ask {
                Ask::Walk(span, limit, hint) => {
                    let mut rows = 0;
                    reads.walk::<G, O, T>(self.table, span, *hint, |_, bucket| {
                        assert!(!bucket.is_empty(), "a key without rows is not visited");
                        rows += bucket.len();
                        if rows >= *limit {
                            ControlFlow::Break(())
                        } else {
                            ControlFlow::Continue(())
                        }
                    });
                }
                Ask::Key(key) => reads.need::<_, T>(self.table, [key]),
                Ask::Row(row) => reads.need_rows(self.table, [(&self.index.key(row), row)])?,
                Ask::All => reads.need_all::<Ranked<G, O>, T>(self.table),
            }
        }
        Ok(())
    }

    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let mut told = self.told.lock().unwrap();
        let state = apply.arrangement::<Ranked<G, O>, T>(self.table);
        let owned = |(row, weight): (&T, Weight)| (row.clone(), weight);
        let seen = told.asks.iter().map(|ask| match ask {
            Ask::Walk(span, limit, _) => {
                let mut rows: Seen<T> = Vec::new();
                let mut walk = state.walk(span);
                while rows.len() < *limit
                    && let Some((_, bucket)) = walk.next()
                {
                    assert!(!bucket.is_empty(), "a key without rows is not visited");
                    rows.extend(bucket.iter().map(owned));
                }
                rows
            }
            Ask::Key(key) => {
                let mut rows: Seen<T> = state.rows_of(key).map(owned).collect();
                rows.sort();
                rows
            }
            Ask::Row(row) => vec![(row.clone(), state.weight_of(&self.index.key(row), row))],
            Ask::All => {
                let mut rows: Vec<_> = state.all_rows().collect();
                rows.sort_by_cached_key(|(row, _)| (self.index.key(row), (*row).clone()));
                rows.into_iter().map(owned).collect()
            }
        });
        told.seen = seen.collect();
        let delta = apply.input::<Delta<T>>(0).into_iter().flatten();
        let mut stored: ArrangedDelta<Ranked<G, O>, T> = delta
            .map(|(row, weight)| (self.index.key(row), row.clone(), *weight))
            .collect();
        consolidate_arranged(&mut stored)?;
        apply.write(self.table, stored)
    }

    fn is_always_active(&self) -> bool {
        true
    }

    fn explain(&self, _: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        Ok(())
    }
}

/// Puts the operator at the end of a stream.
pub(super) fn probe<G: IndexKey, O: IndexKey, T: Row>(
    stream: Stream<'_, T>,
    index: Index<T, Ranked<G, O>>,
    unique: bool,
) -> Shared<G, O, T> {
    let told = Arc::new(Mutex::new(Told {
        asks: Vec::new(),
        seen: Vec::new(),
        reads: 0,
    }));
    let table = stream.builder.table_for(index.clone(), "ranked", unique);
    let work = Work::operator(Probe {
        index,
        table,
        told: Arc::clone(&told),
    });
    let naming = Naming::Derived {
        suffix: "probe".to_string(),
    };
    let work = work.writing(table).ending();
    let builder = stream.builder;
    builder.draft::<T>(naming, "probe", &[stream.id], work, Location::caller());
    told
}
