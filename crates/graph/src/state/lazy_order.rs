//! The order of the places of a vector, made when it is first asked for. It never sees what is at the places; who owns
//! them compares.
//!
//! From then on places that come are noted, and sorted in when the order is asked for again: a load that nobody reads in
//! between costs no search a place, and what is never read in order has none.

use std::cmp::Ordering;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::sorted_places::SortedPlaces;

/// Places in order, once somebody asks.
#[derive(Default)]
pub(super) struct LazyOrder {
    /// As long as no place has come since it was made.
    order: OnceLock<SortedPlaces>,
    /// The last order, and what came since. Nothing where nobody has asked for an order.
    noted: Mutex<Option<Noted>>,
}

struct Noted {
    order: SortedPlaces,
    came: Vec<u32>,
}

/// Places that are to be sorted in.
pub(super) enum Came {
    /// All, which are so many.
    All(usize),
    These(Vec<u32>),
}

impl Came {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::All(len) => *len,
            Self::These(places) => places.len(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        let (len, these) = match self {
            Self::All(len) => (*len, [].as_slice()),
            Self::These(places) => (0, places.as_slice()),
        };
        let all = (0..).zip(0..len).map(|(place, _)| place);
        all.chain(these.iter().copied())
    }
}

impl LazyOrder {
    /// The order, of all places below `len` if it is the first. What `sort` returns is in order, part by part.
    pub(super) fn get(
        &self,
        len: usize,
        sort: impl FnOnce(&Came) -> Vec<Vec<u32>>,
        compare: &dyn Fn(u32, u32) -> Ordering,
    ) -> &SortedPlaces {
        self.order.get_or_init(|| {
            let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            let (mut order, came) = match noted.take() {
                Some(Noted { order, came }) => (order, Came::These(came)),
                None => (SortedPlaces::default(), Came::All(len)),
            };
            let sorted = sort(&came);
            let len = came.len();
            // Each part goes when its places are in.
            drop(came);
            let sorted = &mut sorted.into_iter().flatten();
            order.merge(len, sorted, &|one, other| compare(one, other).is_lt());
            order
        })
    }

    /// Notes a place that comes.
    pub(super) fn came(&mut self, place: u32) {
        let order = self.order.take();
        let noted = self.noted.get_mut();
        let noted = noted.unwrap_or_else(PoisonError::into_inner);
        match (order, noted) {
            (Some(order), noted) => {
                *noted = Some(Noted {
                    order,
                    came: vec![place],
                });
            }
            (None, Some(noted)) => noted.came.push(place),
            (None, None) => {}
        }
    }

    /// Whether there is an order to be kept, of which places can't go unnoted.
    pub(super) fn is_kept(&mut self) -> bool {
        let noted = self.noted.get_mut();
        let is_noted = noted.unwrap_or_else(PoisonError::into_inner).is_some();
        is_noted || self.order.get().is_some()
    }

    /// The order that was [got](Self::get) last, to be changed and put back.
    pub(super) fn take(&mut self) -> SortedPlaces {
        self.order.take().unwrap_or_default()
    }

    pub(super) fn put(&mut self, order: SortedPlaces) {
        self.order = OnceLock::from(order);
    }
}
