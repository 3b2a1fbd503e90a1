//! Aggregates: each computed from all members of its group.

use std::collections::BTreeMap;

use deltaview::OrderedFloat;

use super::{Bag, bag};
use crate::item::{Item, Key, small};
use crate::plan::{Aggregate, Test};
use crate::total::Total;

/// Groups by their key: the total weight and the aggregate, also where the total weight is zero.
pub type Groups = BTreeMap<Item, (i64, Total)>;

/// The members of a group, none with weight zero.
type Members = [(Item, i64)];

/// The groups of an aggregate.
pub(super) fn groups(rows: &Bag, key: Key, aggregate: Aggregate) -> Groups {
    groups_of(rows, key, |members| aggregated(aggregate, members))
}

fn groups_of(rows: &Bag, key: Key, total: impl Fn(&Members) -> Total) -> Groups {
    let mut members: BTreeMap<Item, Vec<(Item, i64)>> = BTreeMap::new();
    for (item, weight) in rows {
        members
            .entry(key.project(item))
            .or_default()
            .push((item.clone(), *weight));
    }
    let groups = members.into_iter();
    groups
        .map(|(key, members)| (key, (weight_of(&members), total(&members))))
        .collect()
}

/// What is linear in the rows of each group: all that an aggregate keeps of it, besides its total weight.
pub(super) fn states(rows: &Bag, key: Key, aggregate: Aggregate) -> Groups {
    groups_of(rows, key, |members| linear(aggregate, members))
}

fn linear(aggregate: Aggregate, members: &Members) -> Total {
    match aggregate {
        Aggregate::Sum
        | Aggregate::Wide
        | Aggregate::Two
        | Aggregate::Set
        | Aggregate::Residue
        | Aggregate::Collect
        | Aggregate::CountDistinct(_) => aggregated(aggregate, members),
        Aggregate::Avg => aggregated(Aggregate::Sum, members),
        Aggregate::Any(test) | Aggregate::Every(test) => {
            Total::Int(weight_that_holds(test, members))
        }
        // The total weight says it all, or the rows do.
        Aggregate::Count
        | Aggregate::Min(_)
        | Aggregate::Max(_)
        | Aggregate::MinBy(_)
        | Aggregate::MaxBy(_)
        | Aggregate::Fold(_) => Total::Int(0),
        Aggregate::Several(several) => {
            let parts = several.parts().iter();
            Total::Several(parts.map(|part| linear(*part, members)).collect())
        }
    }
}

/// The groups that are there, as rows.
pub(super) fn group(rows: &Bag, key: Key, aggregate: Aggregate) -> Bag {
    let there = groups(rows, key, aggregate)
        .into_iter()
        .filter(|(_, (weight, _))| *weight != 0);
    bag(there.map(|(key, (_, total))| (total.into_item(&key), 1)))
}

fn weight_of<'m>(members: impl IntoIterator<Item = &'m (Item, i64)>) -> i64 {
    members.into_iter().map(|(_, weight)| weight).sum()
}

fn aggregated(aggregate: Aggregate, members: &Members) -> Total {
    let sum = |value: &dyn Fn(&Item) -> i128| -> i128 {
        members
            .iter()
            .map(|(item, weight)| value(item) * i128::from(*weight))
            .sum()
    };
    let narrow = |sum: i128| i64::try_from(sum).expect("sums of the oracle are small");
    let sum_of_c = || narrow(sum(&|item| i128::from(small(item.c))));
    let texts = || {
        members
            .iter()
            .map(|(item, weight)| (item.b.clone(), *weight))
    };
    let key_of = |key: Key, member: Option<&(Item, i64)>| {
        let (item, _) = member.expect("a group has members");
        Total::Row(key.project(item))
    };
    let row_of = |member: Option<(Item, i64)>| Total::Row(member.expect("a group has members").0);
    match aggregate {
        Aggregate::Count => Total::Int(narrow(sum(&|_| 1))),
        Aggregate::Sum => Total::Int(sum_of_c()),
        Aggregate::Wide => Total::Wide(sum(&|item| i128::from(item.c))),
        Aggregate::Two => Total::Two(sum_of_c(), narrow(sum(&|item| item.b.len() as i128))),
        Aggregate::Set | Aggregate::Collect => Total::Set(bag(texts())),
        Aggregate::Residue => Total::Int(narrow(sum(&|item| i128::from(item.c)).rem_euclid(97))),
        Aggregate::Avg => {
            let weight = weight_of(members);
            Total::Real(OrderedFloat(if weight == 0 {
                0.0 // No such group is there.
            } else {
                sum_of_c() as f64 / weight as f64
            }))
        }
        Aggregate::Min(key) => {
            let least = members
                .iter()
                .min_by(|one, other| key.compare(&one.0, &other.0));
            key_of(key, least)
        }
        Aggregate::Max(key) => {
            let greatest = members
                .iter()
                .max_by(|one, other| key.compare(&one.0, &other.0));
            key_of(key, greatest)
        }
        Aggregate::MinBy(key) => row_of(sorted(members, key).into_iter().next()),
        Aggregate::MaxBy(key) => row_of(sorted(members, key).into_iter().next_back()),
        Aggregate::CountDistinct(key) => {
            let keys = bag(members
                .iter()
                .map(|(item, weight)| (key.project(item), *weight)));
            Total::Int(keys.len() as i64)
        }
        Aggregate::Any(test) => Total::Flag(weight_that_holds(test, members) != 0),
        Aggregate::Every(test) => {
            Total::Flag(weight_that_holds(test, members) == weight_of(members))
        }
        Aggregate::Fold(key) => {
            let mut folded = Aggregate::FOLD_INIT;
            for (item, weight) in sorted(members, key) {
                Aggregate::fold_step(&mut folded, &item, weight);
            }
            Total::Int(folded)
        }
        Aggregate::Several(several) => {
            let parts = several.parts().iter();
            Total::Several(parts.map(|part| aggregated(*part, members)).collect())
        }
    }
}

fn weight_that_holds(test: Test, members: &Members) -> i64 {
    weight_of(members.iter().filter(|(item, _)| test.holds(item)))
}

/// In the order of a key, then of the rows.
fn sorted(members: &Members, key: Key) -> Vec<(Item, i64)> {
    let mut members = members.to_vec();
    members.sort_by(|(one, _), (other, _)| key.compare(one, other).then_with(|| one.cmp(other)));
    members
}
