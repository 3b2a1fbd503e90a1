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

impl LazyOrder {
    /// The order, of all places below `len` if it is the first.
    pub(super) fn get(
        &self,
        len: usize,
        sort: impl FnOnce(Vec<u32>) -> Vec<u32>,
        compare: &dyn Fn(u32, u32) -> Ordering,
    ) -> &SortedPlaces {
        self.order.get_or_init(|| {
            let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            let Noted { mut order, came } = noted.take().unwrap_or_else(|| Noted {
                order: SortedPlaces::default(),
                came: (0..).zip(0..len).map(|(place, _)| place).collect(),
            });
            order.merge(sort(came), &|one, other| compare(one, other).is_lt());
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
