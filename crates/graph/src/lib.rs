//! The typed builder, the compiled plan, the operators and the tick of deltaview.
//!
//! [`Graph::build`] takes a query as typed Rust and compiles it to a plan of vertices. [`Graph::begin`] runs one
//! iteration of it, a [`tick`]: it names the stored rows that it must see ([`Step::Fetch`]), and in the end hands out
//! what to write and what changed ([`Step::Done`]). A store drives it, in memory or in a database.
//!
//! This crate never does IO and reads no clock: all that it knows of the world is in its arguments.
//!
//! ```
//! use deltaview_graph::{Edit, Graph, Step, WorkingSet};
//! use deltaview_schema::Index;
//!
//! let (graph, (words, lengths)) = Graph::build("words", |g| {
//!     let words = g.input::<String>("words");
//!     let lengths = words.group_by(Index::new("length", |word: &String| word.len() as i64)).count();
//!     (words.handle(), lengths.output("lengths"))
//! })?;
//!
//! let mut state = WorkingSet::complete(&graph);
//! let change = graph.change().insert(words, ["one".to_string(), "two".to_string()]);
//! let Step::Done(commit) = graph.begin(&mut state, &change)? else {
//!     unreachable!("a complete working set has nothing to fetch");
//! };
//! let changes = state.absorb(commit);
//! let three = deltaview_zset::Keyed::new(3, 2); // two words of three letters
//! assert_eq!(changes.get(lengths)?.weight(&three), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
mod change;
mod delta;
mod error;
mod handle;
pub mod interval;
mod operators;
mod plan;
mod spare;
mod state;
pub mod tick;

pub use builder::{
    Builder, Grouped, In, KeyedTableStream, Looped, Root, Scope, Stream, Window, WindowFunction,
    agg, over,
};
pub use change::{Change, Edit};
pub use error::{
    BuildError, HandleError, Problem, ProblemKind, RederiveError, TickError, TickErrorKind,
};
pub use handle::{GraphId, InputHandle, OutputHandle, Sink, Source, TableHandle, ViewHandle};
pub use plan::{Graph, Retention, Table, TableId, Vertex, VertexId};
pub use state::WorkingSet;
pub use state::history::Version;
pub use state::scan::{Bounds, Order, Page};
pub use tick::{
    Changes, Commit, Explanation, Fetch, FetchKeys, FetchRange, JournalEntry, JournalKind, Pushed,
    RangeStart, Rederivation, Rederived, RowChange, Stages, Step, TableWrites, Tick, Write,
};
