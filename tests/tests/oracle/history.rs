//! Changes as data, and what they do to the contents of the sources: kept apart from deltaview, as a plain map.

use std::panic::resume_unwind;

use deltaview::{Change, Edit as _, TickErrorKind, ZSet};
use deltaview_tests::item::{Item, Key};
use deltaview_tests::naive::{Bag, add, with_key};
use deltaview_tests::plan::Source;

use crate::lower::{Handle, Lowered};

/// One change, and what is done around it.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    /// A number that is resolved to a source, and what is done to it.
    pub(crate) edits: Vec<(u8, Edit)>,
    /// Rows whose keys views are read by.
    pub(crate) seeds: Vec<Item>,
    /// 0: the file is opened again before. 1: it is read by a read-only store after.
    pub(crate) around: u8,
}

/// One step of a change. What a source does not know becomes the nearest that it knows.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    Insert(Item),
    /// Inserted twice: an error for a keyed table.
    Twice(Item),
    /// One of the rows that are there, if any.
    RemoveOne(u8),
    /// A row that may not be there.
    Remove(Item),
    /// One of the rows that are there becomes another.
    Replace(u8, Item),
    /// Rows with any weights, also zero.
    Weigh(Vec<(Item, i64)>),
    /// All rows with the same `a`, so that groups empty.
    RemoveAllLike(Item),
    /// Inserted and removed again in one change.
    ComeAndGo(Item),
    Upsert(Item),
    Update(u8),
    Delete(u8),
    /// By a key that may be missing.
    DeleteKey(Item),
    /// By a key that may be missing.
    UpdateKey(Item),
    /// An update that changes the key.
    ChangeKey(u8),
    /// An update whose closure panics.
    Panic(u8),
}

/// Why a change fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    DuplicateKey,
    MissingKey,
    DifferentRow,
    UpdatedKey,
    Panicked,
    TooManySteps,
}

impl Failure {
    pub(crate) fn matches(self, kind: &TickErrorKind) -> bool {
        match self {
            Self::DuplicateKey => matches!(kind, TickErrorKind::DuplicateKey { .. }),
            Self::MissingKey => matches!(kind, TickErrorKind::MissingKey { .. }),
            Self::DifferentRow => matches!(kind, TickErrorKind::DifferentRow { .. }),
            Self::UpdatedKey => matches!(kind, TickErrorKind::UpdatedKey { .. }),
            Self::Panicked => matches!(kind, TickErrorKind::Panicked { .. }),
            Self::TooManySteps => matches!(kind, TickErrorKind::TooManySteps { .. }),
        }
    }
}

/// A change being made, and what it makes of the sources.
pub(crate) struct Making<'l> {
    lowered: &'l Lowered,
    sources: &'l [Source],
    pub(crate) change: Change,
    pub(crate) contents: Vec<Bag>,
    /// By source: the first thing that is wrong.
    pub(crate) failures: Vec<Option<Failure>>,
}

impl<'l> Making<'l> {
    pub(crate) fn new(lowered: &'l Lowered, sources: &'l [Source], contents: &[Bag]) -> Self {
        Self {
            lowered,
            sources,
            change: lowered.graph.change(),
            contents: contents.to_vec(),
            failures: vec![None; sources.len()],
        }
    }

    pub(crate) fn edit(&mut self, number: u8, edit: &Edit) {
        let source = usize::from(number) % self.sources.len();
        match self.sources[source] {
            Source::Raw => self.edit_raw(source, edit),
            Source::Table(key) => self.edit_table(source, key, edit),
        }
    }

    /// One of the rows that are there.
    fn one(&self, source: usize, number: u8) -> Option<Item> {
        let contents = &self.contents[source];
        contents
            .keys()
            .nth(usize::from(number) % contents.len().max(1))
            .cloned()
    }

    fn edit_raw(&mut self, source: usize, edit: &Edit) {
        match edit {
            Edit::Insert(item) | Edit::Upsert(item) | Edit::UpdateKey(item) => {
                self.weigh(source, item, 1);
            }
            Edit::Twice(item) => {
                self.weigh(source, item, 1);
                self.weigh(source, item, 1);
            }
            Edit::Remove(item) | Edit::DeleteKey(item) => self.weigh(source, item, -1),
            Edit::RemoveOne(number) | Edit::Delete(number) | Edit::Panic(number) => {
                if let Some(item) = self.one(source, *number) {
                    self.weigh(source, &item, -1);
                }
            }
            Edit::Update(number) | Edit::ChangeKey(number) => {
                if let Some(item) = self.one(source, *number) {
                    self.weigh(source, &item, -1);
                    self.weigh(source, &item.twisted(), 1);
                }
            }
            Edit::Replace(number, new) => {
                let old = self.one(source, *number).unwrap_or_default();
                let Handle::Raw(input) = self.lowered.sources[source] else {
                    unreachable!()
                };
                self.with(|change| change.replace(input, old.clone(), new.clone()));
                add(&mut self.contents[source], old, -1);
                add(&mut self.contents[source], new.clone(), 1);
            }
            Edit::ComeAndGo(item) => {
                self.weigh(source, item, 1);
                self.weigh(source, item, -1);
            }
            Edit::Weigh(rows) => self.weigh_all(source, rows.clone()),
            Edit::RemoveAllLike(item) => {
                let alike = with_key(&self.contents[source], Key::A, item);
                self.weigh_all(
                    source,
                    alike
                        .into_iter()
                        .map(|(item, weight)| (item, -weight))
                        .collect(),
                );
            }
        }
    }

    fn with(&mut self, edit: impl FnOnce(Change) -> Change) {
        let change = std::mem::replace(&mut self.change, self.lowered.graph.change());
        self.change = edit(change);
    }

    /// A weight of one or minus one.
    fn weigh(&mut self, source: usize, item: &Item, weight: i64) {
        let Handle::Raw(input) = self.lowered.sources[source] else {
            unreachable!()
        };
        let rows = [item.clone()];
        self.with(|change| {
            if weight > 0 {
                change.insert(input, rows)
            } else {
                change.remove(input, rows)
            }
        });
        add(&mut self.contents[source], item.clone(), weight);
    }

    fn weigh_all(&mut self, source: usize, rows: Vec<(Item, i64)>) {
        let Handle::Raw(input) = self.lowered.sources[source] else {
            unreachable!()
        };
        let zset = ZSet::from_pairs(rows.clone()).expect("small weights");
        self.with(|change| change.add(input, zset));
        rows.into_iter()
            .for_each(|(item, weight)| add(&mut self.contents[source], item, weight));
    }

    fn edit_table(&mut self, source: usize, key: Key, edit: &Edit) {
        let one = |number: &u8| self.one(source, *number);
        let steps = match edit {
            Edit::Insert(item) => vec![Step::Insert(item.clone())],
            Edit::Twice(item) => vec![Step::Insert(item.clone()), Step::Insert(item.clone())],
            Edit::Remove(item) => vec![Step::Remove(item.clone())],
            Edit::RemoveOne(number) => one(number).map(Step::Remove).into_iter().collect(),
            Edit::Replace(number, new) => {
                let old = one(number).unwrap_or_default();
                vec![Step::Remove(old), Step::Insert(new.clone())]
            }
            Edit::Weigh(rows) => rows
                .iter()
                .map(|(item, _)| Step::Upsert(item.clone()))
                .collect(),
            Edit::RemoveAllLike(item) => {
                let alike = with_key(&self.contents[source], Key::A, item);
                alike.into_keys().map(Step::Remove).collect()
            }
            Edit::ComeAndGo(item) => vec![Step::Upsert(item.clone()), Step::Remove(item.clone())],
            Edit::Upsert(item) => vec![Step::Upsert(item.clone())],
            Edit::Update(number) => one(number).map(Step::Update).into_iter().collect(),
            Edit::UpdateKey(item) => vec![Step::Update(item.clone())],
            Edit::Delete(number) => one(number).map(Step::Delete).into_iter().collect(),
            Edit::DeleteKey(item) => vec![Step::Delete(item.clone())],
            Edit::ChangeKey(number) => one(number).map(Step::ChangeKey).into_iter().collect(),
            Edit::Panic(number) => one(number).map(Step::Panic).into_iter().collect(),
        };
        for step in steps {
            self.table_step(source, key, step);
        }
    }

    fn table_step(&mut self, source: usize, key: Key, step: Step) {
        let outcome = step.outcome(&self.contents[source], key);
        let handle = self.lowered.sources[source];
        self.with(|change| step.ask(change, handle));
        match outcome {
            Err(failure) => {
                self.failures[source].get_or_insert(failure);
            }
            Ok((old, new)) => {
                old.into_iter()
                    .for_each(|old| add(&mut self.contents[source], old, -1));
                new.into_iter()
                    .for_each(|new| add(&mut self.contents[source], new, 1));
            }
        }
    }
}

/// One step on a keyed table. Those that go by key have a row with the key.
enum Step {
    Insert(Item),
    Remove(Item),
    Upsert(Item),
    Update(Item),
    Delete(Item),
    ChangeKey(Item),
    Panic(Item),
}

/// What an update makes of a row: its key stays.
fn updated(item: &Item) -> Item {
    Item::new(
        item.a,
        item.b.clone(),
        item.c.wrapping_mul(3).wrapping_add(1),
    )
}

impl Step {
    /// The row that goes, and the row that comes.
    fn outcome(&self, contents: &Bag, key: Key) -> Result<(Option<Item>, Option<Item>), Failure> {
        let (Self::Insert(like)
        | Self::Remove(like)
        | Self::Upsert(like)
        | Self::Update(like)
        | Self::Delete(like)
        | Self::ChangeKey(like)
        | Self::Panic(like)) = self;
        let old = with_key(contents, key, like).into_keys().next();
        let there = old.clone().ok_or(Failure::MissingKey);
        match self {
            Self::Insert(_) if old.is_some() => Err(Failure::DuplicateKey),
            Self::Insert(item) | Self::Upsert(item) => Ok((old, Some(item.clone()))),
            Self::Remove(item) if there.clone()? != *item => Err(Failure::DifferentRow),
            Self::Remove(_) | Self::Delete(_) => Ok((Some(there?), None)),
            Self::Update(_) => there.map(|old| (Some(old.clone()), Some(updated(&old)))),
            Self::ChangeKey(_) => {
                let old = there?;
                let new = old.twisted();
                let changed = key.project(&old) != key.project(&new);
                if changed {
                    Err(Failure::UpdatedKey)
                } else {
                    Ok((Some(old), Some(new)))
                }
            }
            Self::Panic(_) => there.and(Err(Failure::Panicked)),
        }
    }

    fn ask(self, change: Change, handle: Handle) -> Change {
        macro_rules! ask {
            ($table:expr) => {{
                let table = $table;
                let key = |item: &Item| deltaview_tests::item::TypedKey::of(item);
                match self {
                    Self::Insert(item) => change.insert(table, [item]),
                    Self::Remove(item) => change.remove(table, [item]),
                    Self::Upsert(item) => change.upsert(table, [item]),
                    Self::Delete(item) => change.delete(table, key(&item)),
                    Self::Update(item) => {
                        change.update(table, key(&item), |item| *item = updated(item))
                    }
                    Self::ChangeKey(item) => {
                        change.update(table, key(&item), |item| *item = item.twisted())
                    }
                    Self::Panic(item) => {
                        // Without the hook that prints: this panic is none of the test's.
                        change.update(table, key(&item), |_| resume_unwind(Box::new("as asked")))
                    }
                }
            }};
        }
        match handle {
            Handle::A(table) => ask!(table),
            Handle::Ab(table) => ask!(table),
            Handle::Unit(table) => ask!(table),
            Handle::Raw(_) => unreachable!("raw inputs have no keys"),
        }
    }
}
