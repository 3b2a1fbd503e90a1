//! The typed builder: what a user writes a query with. It is the only generic tower; it makes drafts of vertices, and
//! the plan is compiled from them. Nothing runs here.

pub mod agg;
mod draft;
mod grouped;
mod history;
mod joins;
mod order;
mod per_group;
mod recursive;
mod rowwise;
pub(crate) mod scope;
mod sets;
mod stream;
mod time;
mod whole;
mod window;

use std::any::TypeId;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use deltaview_schema::{Index, IndexIdentity, IndexKey, Indexable, Row, Shape};
use deltaview_zset::{Keyed, Weight};

pub(crate) use draft::{Draft, Naming, TableDraft, Work};
pub use grouped::Grouped;
pub use scope::{In, Looped, Root, Scope};
pub use stream::{KeyedTableStream, Stream};
pub use window::{Window, WindowFunction, over};

use agg::Aggregator;
use joins::KeyCount;
use recursive::Region;
pub(crate) use recursive::RegionId;

use crate::error::{Problem, ProblemKind};
use crate::handle::{GraphId, Target, ViewHandle};
use crate::operators::{Aggregate, Arrange, GroupState, Input, KeyedTable, SpareGroups};
use crate::plan::{TableId, VertexId};
use crate::state::{NewGroups, TypedTable, new_groups};
use crate::tick::RowCodec;

/// Makes the inputs of a graph; their streams make everything else. Given to the closure of
/// [`Graph::build`](crate::Graph::build).
pub struct Builder {
    pub(crate) id: GraphId,
    pub(crate) name: String,
    pub(crate) drafts: RefCell<Vec<Draft>>,
    pub(crate) tables: RefCell<Vec<TableDraft>>,
    pub(crate) problems: RefCell<Vec<Problem>>,
    arrangements: RefCell<Vec<Arranged>>,
    key_counts: RefCell<Vec<Arranged>>,
    pub(crate) regions: RefCell<Vec<Region>>,
}

/// An arrangement or a count of keys that exists: whoever wants that of the same stream by the same index shares it.
struct Arranged {
    stream: VertexId,
    identity: IndexIdentity,
    key: TypeId,
    vertex: VertexId,
    table: TableId,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Builder {
    pub(crate) fn new(name: String, at: &'static Location<'static>) -> Self {
        let builder = Self {
            id: GraphId::next(),
            name,
            drafts: RefCell::default(),
            tables: RefCell::default(),
            problems: RefCell::default(),
            arrangements: RefCell::default(),
            key_counts: RefCell::default(),
            regions: RefCell::default(),
        };
        builder.check_name(&builder.name, at);
        builder
    }

    /// An input that takes raw Z-set changes: rows with any weights, none of them remembered. State and cost: none.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (numbers, all)) = Graph::build("numbers", |g| {
    ///     let numbers = g.input::<i64>("numbers");
    ///     (numbers.handle(), numbers.view("all"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(numbers, [3, 3]).remove(numbers, [4]).add(numbers, ZSet::from_pairs([(5, 7)])?).commit()?;
    /// assert_eq!(store.view(all).iter()?.into_zset()?, ZSet::from_pairs([(3, 2), (4, -1), (5, 7)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn input<T: Row>(&self, name: impl Into<String>) -> Stream<'_, T> {
        let vertex = self.next_vertex();
        let work = Work::operator(Input::<T> {
            vertex,
            row: PhantomData,
        });
        let at = Location::caller();
        self.stream(self.draft::<T>(Naming::Given(name.into()), "input", &[], work, at))
    }

    /// A keyed table: an input that remembers its rows, one a key, so that a change can `upsert`, `update` and
    /// `delete` by key, and a duplicate or missing row is an error.
    ///
    /// State: its rows, in the arrangement by the primary key, which joins by the same index share. Cost: a row that a
    /// change names reads and writes the row of its key. Errors: see [`TickErrorKind`](crate::TickErrorKind).
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (prices, view)) = Graph::build("shop", |g| {
    ///     let prices = g.table("prices", Index::new("name", |price: &(String, i64)| price.0.clone()));
    ///     (prices.handle(), prices.view("all"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(prices, [("tv".into(), 3)]).commit()?;
    /// store.change().update(prices, "tv".into(), |price| price.1 += 1).commit()?;
    /// store.change().upsert(prices, [("radio".into(), 5)]).commit()?;
    /// assert_eq!(store.view(view).iter()?.into_zset()?.weight(&("tv".into(), 4)), 1);
    /// let twice = store.change().insert(prices, [("tv".into(), 9)]).commit();
    /// assert!(twice.unwrap_err().to_string().contains("has a row with key \"tv\" already"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn table<T: Row, K: IndexKey>(
        &self,
        name: impl Into<String>,
        primary_key: Index<T, K>,
    ) -> KeyedTableStream<'_, T, K> {
        let at = Location::caller();
        let vertex = self.next_vertex();
        let table = TableId(self.tables.borrow().len());
        let source = KeyedTable {
            vertex,
            primary_key: primary_key.clone(),
            table,
        };
        let work = Work::operator(source).reading(table);
        let stream = self.draft::<T>(Naming::Given(name.into()), "table", &[], work, at);
        self.drafts.borrow_mut()[stream.0].unique_by =
            Some((primary_key.identity().clone(), TypeId::of::<K>()));
        let (_, arranged) = self.arrange(stream, &primary_key, at);
        debug_assert_eq!(arranged, table, "the next table is the arrangement's");
        KeyedTableStream {
            stream: self.stream(stream),
            key: PhantomData,
        }
    }

    /// Adds a further index to a view: returns the handle that reads the view by it.
    ///
    /// In SQL it is a secondary index on columns of its own; in memory, the same rows by another key.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (prices, by_name, by_price)) = Graph::build("shop", |g| {
    ///     let prices = g.input::<(String, i64)>("prices");
    ///     let by_name = prices.view_by("all", Index::new("name", |price: &(String, i64)| price.0.clone()));
    ///     let by_price = g.also_by(by_name, Index::new("price", |price: &(String, i64)| Reverse(price.1)));
    ///     (prices.handle(), by_name, by_price)
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(prices, [("tv".into(), 3), ("radio".into(), 5)]).commit()?;
    /// let dearest = store.view(by_price).iter()?.next().transpose()?;
    /// assert_eq!(dearest, Some((("radio".into(), 5), 1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn also_by<T: Row, K: IndexKey, K2: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        index: Index<T, K2>,
    ) -> ViewHandle<T, K2> {
        let at = Location::caller();
        if view.target.graph != self.id {
            self.problem(
                ProblemKind::ForeignHandle,
                at,
                "this view belongs to another graph".to_string(),
            );
            return ViewHandle::new(view.target, 1);
        }
        self.check_index(&index, at);
        let drafts = self.drafts.borrow();
        let table = drafts[view.target.vertex.0].work.tables()[0];
        let mut tables = self.tables.borrow_mut();
        ViewHandle::new(view.target, tables[table.0].add_secondary(index))
    }

    /// The vertex that arranges a stream by an index, and its table: a shared one, if there is one already.
    pub(crate) fn arrange<T: Row, K: IndexKey>(
        &self,
        stream: VertexId,
        index: &Index<T, K>,
        at: &'static Location<'static>,
    ) -> (VertexId, TableId) {
        if let Some(known) = self.shared(&self.arrangements, stream, index) {
            return known;
        }
        self.check_index(index, at);
        let unique_by = self.drafts.borrow()[stream.0].unique_by.clone();
        let unique =
            unique_by.is_some_and(|by| by == (index.identity().clone(), TypeId::of::<K>()));
        let role = format!("by_{}", index.name());
        let table = self.table_for(index.clone(), &role, unique);
        let work = Work::operator(Arrange {
            index: index.clone(),
            table,
        })
        .writing(table);
        let naming = Naming::Derived { suffix: role };
        let vertex = self.draft::<T>(naming, "arrange", &[stream], work, at);
        self.share(&self.arrangements, stream, index, (vertex, table));
        (vertex, table)
    }

    /// The vertex that counts the rows of each key of a stream, and the table of the counts: shared ones, if there are
    /// some already. It puts out a `Keyed<K, Weight>` for each key whose count is not zero.
    ///
    /// What is said of the keys in the vertex's name tells those of a group from those of a stream.
    pub(crate) fn count_keys<T: Row, K: IndexKey + Row>(
        &self,
        stream: VertexId,
        index: &Index<T, K>,
        suffix: String,
        at: &'static Location<'static>,
    ) -> (VertexId, TableId) {
        let known = self.shared(&self.key_counts, stream, index);
        known.unwrap_or_else(|| {
            self.check_index(index, at);
            let table = self.table_of_groups(GroupState::<K, ()>::default_index());
            let make = |key: &K, count: Weight| Keyed::new(key.clone(), count);
            let count = Aggregate {
                index: index.clone(),
                parts: agg::count::<T>()
                    .prepare::<K, Root>(index, &mut agg::Inputs::new(self, stream, at)),
                make: Arc::new(make),
                table,
                spare: SpareGroups::default(),
            };
            let naming = Naming::Derived { suffix };
            let work = Work::operator(count).writing(table);
            let vertex = self.draft::<KeyCount<K>>(naming, "count", &[stream], work, at);
            self.share(&self.key_counts, stream, index, (vertex, table));
            (vertex, table)
        })
    }

    /// What is shared of a stream by an index, if it is there already.
    fn shared<T: 'static, K: IndexKey>(
        &self,
        among: &RefCell<Vec<Arranged>>,
        stream: VertexId,
        index: &Index<T, K>,
    ) -> Option<(VertexId, TableId)> {
        let same = |arranged: &&Arranged| {
            arranged.stream == stream
                && arranged.key == TypeId::of::<K>()
                && arranged.identity == *index.identity()
        };
        let among = among.borrow();
        let found = among.iter().find(same)?;
        Some((found.vertex, found.table))
    }

    fn share<T: 'static, K: IndexKey>(
        &self,
        among: &RefCell<Vec<Arranged>>,
        stream: VertexId,
        index: &Index<T, K>,
        (vertex, table): (VertexId, TableId),
    ) {
        among.borrow_mut().push(Arranged {
            stream,
            identity: index.identity().clone(),
            key: TypeId::of::<K>(),
            vertex,
            table,
        });
    }

    /// A new table of rows by an index.
    pub(crate) fn table_for<T: Row, K: IndexKey>(
        &self,
        index: Index<T, K>,
        role: &str,
        unique: bool,
    ) -> TableId {
        self.table_of(index, role, unique, None)
    }

    /// A new table of the groups of an aggregate, by an index that is their keys.
    pub(crate) fn table_of_groups<G: IndexKey + Row, S: Row>(
        &self,
        index: Index<Keyed<G, S>, G>,
    ) -> TableId {
        self.table_of(index, "groups", true, Some(new_groups::<G, S>))
    }

    fn table_of<T: Row, K: IndexKey>(
        &self,
        index: Index<T, K>,
        role: &str,
        unique: bool,
        new_groups: Option<NewGroups<K, T>>,
    ) -> TableId {
        let mut tables = self.tables.borrow_mut();
        let schema = deltaview_schema::TableSchema {
            graph: self.name.clone(),
            vertex: String::new(),
            role: role.to_string(),
            row: Shape::of::<T>(),
            primary: index.schema(),
            secondary: Vec::new(),
            unique,
            history: false,
        };
        let typed = TypedTable {
            schema,
            index,
            secondary: Vec::new(),
            new_history: None,
            new_groups,
        };
        tables.push(TableDraft::new(typed));
        TableId(tables.len() - 1)
    }

    pub(crate) fn draft<T: Row>(
        &self,
        naming: Naming,
        kind: impl Into<String>,
        inputs: &[VertexId],
        work: Work,
        at: &'static Location<'static>,
    ) -> VertexId {
        self.check_region(inputs, at);
        let mut region = self.region_of(inputs);
        if region.is_none() && matches!(work, Work::Nested { .. }) {
            region = self.running_region();
            if region.is_none() {
                let message = "this uses `enter` outside of the closure of a `recursive`";
                self.problem(ProblemKind::InsideRecursion, at, message.to_string());
            }
        }
        self.draft_in::<T>(region, naming, kind, inputs, work, at)
    }

    /// A draft inside of a recursion, or outside.
    pub(crate) fn draft_in<T: Row>(
        &self,
        region: Option<RegionId>,
        naming: Naming,
        kind: impl Into<String>,
        inputs: &[VertexId],
        work: Work,
        at: &'static Location<'static>,
    ) -> VertexId {
        if let Naming::Given(name) = &naming {
            self.check_name(name, at);
        }
        let id = self.next_vertex();
        self.drafts.borrow_mut().push(Draft {
            naming,
            kind: kind.into(),
            inputs: inputs.to_vec(),
            work,
            at,
            row: Shape::of::<T>(),
            codec: RowCodec::of::<T>(),
            region,
            unique_by: None,
        });
        id
    }

    fn stream<T>(&self, id: VertexId) -> Stream<'_, T> {
        Stream {
            builder: self,
            id,
            row: PhantomData,
        }
    }

    fn next_vertex(&self) -> VertexId {
        VertexId(self.drafts.borrow().len())
    }

    pub(crate) fn target(&self, vertex: VertexId) -> Target {
        Target {
            graph: self.id,
            vertex,
        }
    }

    pub(crate) fn problem(
        &self,
        kind: ProblemKind,
        at: &'static Location<'static>,
        message: String,
    ) {
        self.problems
            .borrow_mut()
            .push(Problem { kind, message, at });
    }

    fn check_index<T: 'static, K: IndexKey>(
        &self,
        index: &Index<T, K>,
        at: &'static Location<'static>,
    ) {
        self.check_name(index.name(), at);
        for column in index.schema().columns {
            self.check_name(&column.name, at);
        }
    }

    fn check_name(&self, name: &str, at: &'static Location<'static>) {
        let wrong = if name.is_empty() {
            "a name can't be empty".to_string()
        } else if name.contains('\0') {
            format!("the name {name:?} contains a NUL, which no database can hold")
        } else {
            return;
        };
        self.problem(ProblemKind::BadName, at, wrong);
    }
}
