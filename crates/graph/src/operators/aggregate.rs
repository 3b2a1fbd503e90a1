//! Aggregates by group. The state of a group is the total weight of its rows and what is linear in them (a count, a
//! sum: DBSP §7); what is not (a minimum) is read from an arrangement of the rows in order.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::{Keyed, Weight, WeightOverflow};

use super::shown::{Erased, Shown};
use super::{Apply, CHUNK, ErasedShown, Operator, Reads, TakesChunks};
use crate::delta::Delta;
use crate::error::TickErrorKind;
use crate::plan::TableId;
use crate::spare::Spare;
use crate::state::{GroupChange, Places, hash_of, key_text};
use crate::tick::{Explain, InputSlots, Slot};

/// The stored state of a group: the total weight of its rows, and what is linear in them.
pub(crate) type GroupState<K, A> = Keyed<K, (Weight, A)>;

/// What is linear in the rows of a group: a commutative group, and what a row adds. `None` is an overflow.
///
/// `G` is the key of a group, `R` a row, `A` the state.
pub(crate) trait Linear<G, R, A>: Send + Sync {
    /// Nothing.
    fn zero(&self) -> A;
    /// The sum.
    fn add(&self, one: &A, other: &A) -> Option<A>;
    /// A row, so many times.
    fn scale(&self, row: &R, weight: Weight) -> Option<A>;
    /// What is added by inputs other than the rows themselves.
    fn other_inputs(&self, _inputs: InputSlots<'_>) -> Vec<(G, A)> {
        Vec::new()
    }
    /// The state of a group with these rows, each once.
    fn of_rows(&self, rows: &[(R, Weight)]) -> Option<A> {
        rows.iter().try_fold(self.zero(), |sum, (row, weight)| {
            self.add(&sum, &self.scale(row, *weight)?)
        })
    }
}

/// What is not linear in the rows of a group: computed of the rows in some order.
pub(crate) trait Members<G, R, O>: Send + Sync {
    /// Names what of the groups must be seen.
    fn reads(&self, reads: &mut Reads<'_>, groups: &[&G]) -> Result<(), TickErrorKind>;
    /// The values before this iteration and after it.
    fn values(&self, apply: &Apply<'_>, group: &G) -> Result<(O, O), TickErrorKind>;
    /// The value of a group with these rows, each once.
    fn of_rows(&self, rows: &[(R, Weight)]) -> O;
}

/// What is put out of a group's total weight, its state and its members.
pub(crate) type Finish<A, O, V> = dyn Fn(Weight, &A, &O) -> V + Send + Sync;

/// An aggregate function, prepared for the rows of a graph.
#[doc(hidden)]
pub struct Parts<G, R, A, O, V> {
    pub(crate) linear: Arc<dyn Linear<G, R, A>>,
    /// None where nothing is read, and `O` is always the same.
    pub(crate) members: Option<Arc<dyn Members<G, R, O>>>,
    pub(crate) nothing: O,
    pub(crate) finish: Arc<Finish<A, O, V>>,
}

impl<G: IndexKey, R, A, O: Clone, V> Parts<G, R, A, O, V> {
    /// What is put out of a group with these rows, each once, in order; nothing if the group is not there.
    pub(crate) fn evaluate(
        &self,
        group: &G,
        rows: &[(R, Weight)],
    ) -> Result<Option<V>, TickErrorKind> {
        let total = rows
            .iter()
            .try_fold(0, |sum: Weight, (_, weight)| sum.checked_add(*weight))
            .ok_or(WeightOverflow)?;
        if total == 0 {
            return Ok(None);
        }
        let state = self.linear.of_rows(rows).ok_or_else(|| overflow(group))?;
        let members = match &self.members {
            None => self.nothing.clone(),
            Some(members) => members.of_rows(rows),
        };
        Ok(Some((self.finish)(total, &state, &members)))
    }
}

/// Makes the row of a group.
pub(crate) type MakeGroup<G, V, U> = dyn Fn(&G, V) -> U + Send + Sync;

/// Reads the state of each group that changed, and writes it; besides that what its members read.
pub(crate) struct Aggregate<G, R, A, O, V, U> {
    pub(crate) index: Index<R, G>,
    pub(crate) parts: Parts<G, R, A, O, V>,
    pub(crate) make: Arc<MakeGroup<G, V, U>>,
    pub(crate) table: TableId,
    pub(crate) spare: SpareGroups<G, A>,
}

/// What an iteration of many rows fills, and the next one again.
pub(crate) struct SpareGroups<G, A> {
    added: Spare<(G, (Weight, A))>,
    changes: Arc<Spare<GroupChange<G, (Weight, A)>>>,
}

impl<G, A> Default for SpareGroups<G, A> {
    fn default() -> Self {
        Self {
            added: Spare::default(),
            changes: Arc::default(),
        }
    }
}

/// What the rows of this iteration add to each group, each group once: in the order of the groups, or in memory as they
/// came.
type Added<G, A> = Vec<(G, (Weight, A))>;

/// So few groups are searched one by one.
const FEW: usize = 4;

/// Groups as they come, each once.
struct Gathered<G, A> {
    added: Added<G, A>,
    /// By their hashes, once they are not few any more.
    places: Option<Places>,
}

impl<G: IndexKey, A> Gathered<G, A> {
    fn with_capacity(rows: usize, spare: &Spare<(G, (Weight, A))>) -> Self {
        Self {
            added: spare.take(rows.min(1 << 16)),
            places: (rows > FEW).then(|| Places::with_capacity(rows.min(1 << 16))),
        }
    }

    /// What is added to a group so far.
    fn group(&mut self, key: G, zero: impl FnOnce() -> A) -> &mut (Weight, A) {
        let is_key = |place: &usize| self.added[*place].0 == key;
        let place = match &mut self.places {
            None => (0..self.added.len()).find(is_key),
            Some(places) => {
                let hash = hash_of(&key);
                let found = places.find(hash, |place| is_key(&(place as usize)));
                if found.is_none() {
                    let place = u32::try_from(self.added.len());
                    places.insert(
                        hash,
                        place.expect("a change in memory has less than 2^32 rows"),
                    );
                }
                found.map(|place| place as usize)
            }
        };
        let place = place.unwrap_or_else(|| {
            self.added.push((key, (0, zero())));
            self.added.len() - 1
        });
        &mut self.added[place].1
    }
}

impl<G, R, A, O, V, U> Operator for Aggregate<G, R, A, O, V, U>
where
    G: IndexKey + Row,
    R: Row,
    A: Row,
    O: Clone + PartialEq + Send + Sync + 'static,
    V: Row,
    U: Row,
{
    fn reads(&self, reads: &mut Reads<'_>) -> Result<(), TickErrorKind> {
        let so_far = reads.kept::<Gathered<G, A>>();
        let mut added = self.added(so_far, reads.inputs())?;
        let is_complete = reads
            .arrangement::<G, GroupState<G, A>>(self.table)
            .is_complete();
        if !is_complete {
            // As they are written.
            added.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        }
        reads.need::<G, GroupState<G, A>>(self.table, added.iter().map(|(key, _)| key));
        if let Some(members) = &self.parts.members {
            let groups: Vec<&G> = added.iter().map(|(key, _)| key).collect();
            members.reads(reads, &groups)?;
        }
        reads.keep(added);
        Ok(())
    }

    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let mut added: Added<G, A> = apply.kept();
        let state = apply.arrangement::<G, GroupState<G, A>>(self.table);
        let is_shown = apply.are_groups_shown() && state.is_complete();
        let mut out: Delta<U> = Vec::with_capacity(if is_shown { 0 } else { added.len() * 2 });
        let mut changes = self.spare.changes.take(added.len());
        let spots = state.spots(added.iter().map(|(key, _)| key));
        for ((key, (weight, aggregate)), spot) in added.drain(..).zip(spots) {
            let before = state.row_at(spot).map(|group| &group.value);
            let after = self.combine(&key, before, weight, aggregate)?;
            if !is_shown {
                let (members_before, members_after) = match &self.parts.members {
                    None => (self.parts.nothing.clone(), self.parts.nothing.clone()),
                    Some(members) => members.values(apply, &key)?,
                };
                let value_before = self.value(before, &members_before);
                let value_after = self.value(after.as_ref(), &members_after);
                if value_before != value_after {
                    out.extend(value_before.map(|value| ((self.make)(&key, value), -1)));
                    out.extend(value_after.map(|value| ((self.make)(&key, value), 1)));
                }
            }
            if before != after.as_ref() {
                changes.push(GroupChange {
                    key,
                    spot,
                    before: before.cloned(),
                    after,
                });
            }
        }
        self.spare.added.put_back(added);
        apply.write_groups(self.table, changes, &self.spare.changes)?;
        apply.emit(out);
        Ok(())
    }

    fn chunks(&self) -> Option<&dyn TakesChunks> {
        // What members read needs the groups whole: and who has members is not the only one to read the rows.
        self.parts.members.is_none().then_some(self)
    }

    fn shown(&self) -> Option<Box<dyn ErasedShown>> {
        let parts = &self.parts;
        let shown = parts.members.is_none().then(|| Shown {
            groups: self.table,
            nothing: parts.nothing.clone(),
            finish: Arc::clone(&parts.finish),
            make: Arc::clone(&self.make),
        })?;
        Some(Box::new(Erased {
            groups: self.table,
            shown: Box::new(shown),
        }))
    }

    /// All rows of the groups.
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        let wanted = explain.wanted::<U>();
        let mut groups: BTreeMap<G, Vec<(R, Weight)>> = BTreeMap::new();
        for (row, weight) in explain.rows::<R>(0)? {
            let group = groups.entry(self.index.key(&row)).or_default();
            group.push((row, weight));
        }
        for (key, rows) in groups {
            let value = self.parts.evaluate(&key, &rows)?;
            if value.is_some_and(|value| wanted.contains(&(self.make)(&key, value))) {
                explain.want(0, rows.into_iter().map(|(row, _)| row));
            }
        }
        Ok(())
    }
}

impl<G, R, A, O, V, U> TakesChunks for Aggregate<G, R, A, O, V, U>
where
    G: IndexKey + Row,
    R: Row,
    A: Row,
{
    fn take_chunk(
        &self,
        before: Option<Box<dyn Any + Send>>,
        chunk: &Slot,
    ) -> Result<Box<dyn Any + Send>, TickErrorKind> {
        let before = before.and_then(|before| before.downcast::<Gathered<G, A>>().ok());
        let rows = chunk.as_deref().map(|rows| {
            let rows: Option<&Delta<R>> = rows.downcast_ref();
            rows.expect("an edge carries the type that the builder gave it")
                .as_slice()
        });
        let rows = rows.unwrap_or_default();
        let mut gathered =
            before.unwrap_or_else(|| Box::new(Gathered::with_capacity(CHUNK, &self.spare.added)));
        self.gather(&mut gathered, rows)?;
        Ok(gathered)
    }
}

impl<G, R, A, O, V, U> Aggregate<G, R, A, O, V, U>
where
    G: IndexKey + Row,
    R: Row,
    A: Row,
{
    fn added(
        &self,
        so_far: Option<Gathered<G, A>>,
        inputs: InputSlots<'_>,
    ) -> Result<Added<G, A>, TickErrorKind> {
        let linear = &self.parts.linear;
        let rows = inputs.get::<Delta<R>>(0);
        let others = linear.other_inputs(inputs);
        let count = rows.map_or(0, Vec::len).saturating_add(others.len());
        let mut gathered =
            so_far.unwrap_or_else(|| Gathered::with_capacity(count, &self.spare.added));
        self.gather(&mut gathered, rows.map_or(&[], Vec::as_slice))?;
        for (key, adds) in others {
            let group = gathered.group(key.clone(), || linear.zero());
            group.1 = linear.add(&group.1, &adds).ok_or_else(|| overflow(&key))?;
        }
        Ok(gathered.added)
    }

    /// Adds rows to what others add to their groups.
    fn gather(
        &self,
        gathered: &mut Gathered<G, A>,
        rows: &[(R, Weight)],
    ) -> Result<(), TickErrorKind> {
        let linear = &self.parts.linear;
        for (row, weight) in rows {
            let group = gathered.group(self.index.key(row), || linear.zero());
            group.0 = group.0.checked_add(*weight).ok_or(WeightOverflow)?;
            let adds = linear.scale(row, *weight);
            let sum = adds.and_then(|adds| linear.add(&group.1, &adds));
            group.1 = sum.ok_or_else(|| overflow(&self.index.key(row)))?;
        }
        Ok(())
    }

    /// The new state of a group; none if nothing is left of it.
    fn combine(
        &self,
        key: &G,
        before: Option<&(Weight, A)>,
        weight: Weight,
        aggregate: A,
    ) -> Result<Option<(Weight, A)>, TickErrorKind> {
        let linear = &self.parts.linear;
        let (weight, aggregate) = match before {
            None => (weight, aggregate),
            Some((before, so_far)) => (
                before.checked_add(weight).ok_or(WeightOverflow)?,
                linear
                    .add(so_far, &aggregate)
                    .ok_or_else(|| overflow(key))?,
            ),
        };
        let gone = weight == 0 && aggregate == linear.zero();
        Ok((!gone).then_some((weight, aggregate)))
    }

    /// What is put out of a group in a state, if it is there.
    fn value(&self, state: Option<&(Weight, A)>, members: &O) -> Option<V> {
        let (weight, aggregate) = state.filter(|(weight, _)| *weight != 0)?;
        Some((self.parts.finish)(*weight, aggregate, members))
    }
}

fn overflow<G: IndexKey>(key: &G) -> TickErrorKind {
    TickErrorKind::AggregateOverflow { key: key_text(key) }
}
