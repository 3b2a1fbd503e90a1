//! Several aggregate functions as one: a tuple of them.

use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::Weight;

use super::{Aggregator, Inputs, sealed};
use crate::builder::scope::Scope;
use crate::error::TickErrorKind;
use crate::operators::{Apply, Linear, Members, Parts, Reads};
use crate::tick::InputSlots;

/// A part of a tuple that may have members to read.
type PartMembers<G, R, O> = (Option<Arc<dyn Members<G, R, O>>>, O);

macro_rules! tuples {
    ($($name:ident $position:tt),+) => {
        impl<G, R, $($name: Clone),+> Linear<G, R, ($($name,)+)> for ($(Arc<dyn Linear<G, R, $name>>,)+) {
            fn zero(&self) -> ($($name,)+) {
                ($(self.$position.zero(),)+)
            }
            fn add(&self, one: &($($name,)+), other: &($($name,)+)) -> Option<($($name,)+)> {
                Some(($(self.$position.add(&one.$position, &other.$position)?,)+))
            }
            fn scale(&self, row: &R, weight: Weight) -> Option<($($name,)+)> {
                Some(($(self.$position.scale(row, weight)?,)+))
            }
            fn other_inputs(&self, inputs: InputSlots<'_>) -> Vec<(G, ($($name,)+))> {
                let mut all = Vec::new();
                $(for (group, adds) in self.$position.other_inputs(inputs) {
                    let mut sum = self.zero();
                    sum.$position = adds;
                    all.push((group, sum));
                })+
                all
            }
            fn of_rows(&self, rows: &[(R, Weight)]) -> Option<($($name,)+)> {
                Some(($(self.$position.of_rows(rows)?,)+))
            }
        }

        impl<G, R, $($name: Clone + Send + Sync),+> Members<G, R, ($($name,)+)>
            for ($(PartMembers<G, R, $name>,)+)
        {
            fn reads(&self, reads: &mut Reads<'_>, groups: &[&G]) -> Result<(), TickErrorKind> {
                $(if let (Some(members), _) = &self.$position {
                    members.reads(reads, groups)?;
                })+
                Ok(())
            }
            fn values(
                &self,
                apply: &Apply<'_>,
                group: &G,
            ) -> Result<(($($name,)+), ($($name,)+)), TickErrorKind> {
                let values = ($(match &self.$position {
                    (None, nothing) => (nothing.clone(), nothing.clone()),
                    (Some(members), _) => members.values(apply, group)?,
                },)+);
                Ok((($(values.$position.0,)+), ($(values.$position.1,)+)))
            }
            fn of_rows(&self, rows: &[(R, Weight)]) -> ($($name,)+) {
                ($(match &self.$position {
                    (None, nothing) => nothing.clone(),
                    (Some(members), _) => members.of_rows(rows),
                },)+)
            }
        }

        impl<T, $($name: sealed::Sealed<T>),+> sealed::Sealed<T> for ($($name,)+) {}

        impl<T: Row, $($name: Aggregator<T>),+> Aggregator<T> for ($($name,)+) {
            type State = ($($name::State,)+);
            type Members = ($($name::Members,)+);
            type Output = ($($name::Output,)+);

            fn prepare<K: IndexKey + Row, S: Scope>(
                self,
                group: &Index<T, K>,
                inputs: &mut Inputs<'_>,
            ) -> Parts<S::Group<K>, S::Row<T>, Self::State, Self::Members, Self::Output> {
                let parts = ($(self.$position.prepare::<K, S>(group, inputs),)+);
                let finish = ($(parts.$position.finish,)+);
                let nothing = ($(parts.$position.nothing.clone(),)+);
                let reads_members = [$(parts.$position.members.is_some()),+].contains(&true);
                let members = ($((parts.$position.members, parts.$position.nothing),)+);
                Parts {
                    linear: Arc::new(($(parts.$position.linear,)+)),
                    members: reads_members
                        .then(|| Arc::new(members) as Arc<dyn Members<S::Group<K>, S::Row<T>, Self::Members>>),
                    nothing,
                    finish: Arc::new(move |weight, state: &Self::State, members: &Self::Members| {
                        ($((finish.$position)(weight, &state.$position, &members.$position),)+)
                    }),
                }
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, H 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, H 6, I 7);
