//! What a place must say: its changes, made again in memory in the order of their times.

use deltaview_store::{MemoryStore, Store};
use deltaview_zset::Weight;

use super::{Depot, Digit, Name, Place, RECENT, Total, depot};

type Totals = Vec<(Total, Weight)>;
type Digits = Vec<(Digit, Weight)>;

/// The changes of a place, made again.
pub(crate) struct Oracle {
    depot: Depot,
    store: MemoryStore,
    applied: i64,
    pub(crate) committed: Vec<(Name, i64)>,
    /// What the views were at each time.
    past: Vec<(i64, Totals, Digits)>,
}

impl Oracle {
    pub(crate) fn new() -> Self {
        let depot = depot(false);
        Self {
            store: MemoryStore::new(&depot.graph),
            depot,
            applied: 0,
            committed: Vec::new(),
            past: Vec::new(),
        }
    }

    /// Compares the views with what the changes say that are committed, in one state of the place.
    #[track_caller]
    pub(crate) fn check<P: Place>(&mut self, place: &P, reader: &P::Store, of: &Depot) {
        let state = place.state(reader, of, self.applied);
        let complete = state.time;
        for (name, time) in state.changes {
            let name = Name::of(&name);
            assert!(
                time > self.applied,
                "{name:?} is at {time}, and so is another one"
            );
            self.store.commit(&name.change(&self.depot)).unwrap();
            self.committed.push((name, time));
            self.applied = time;
            let (totals, digits) = self.views();
            self.past.push((time, totals, digits));
        }
        assert_eq!(complete, self.applied, "the last time is that of a change");
        let (totals, digits) = self.views();
        assert_eq!(state.totals, totals, "at {complete}");
        assert_eq!(state.digits, digits, "at {complete}");
    }

    fn views(&self) -> (Totals, Digits) {
        let totals = self.store.view(self.depot.totals).iter().unwrap();
        let digits = self.store.view(self.depot.digits).iter().unwrap();
        (
            totals.map(Result::unwrap).collect(),
            digits.map(Result::unwrap).collect(),
        )
    }

    /// Compares the views as of a hundred times at most, the newest among them: whatever was abandoned, taken over or begun again was never there.
    #[track_caller]
    fn check_past<S: Store>(&self, reader: &S, of: &Depot) {
        let horizon = reader.view(of.digits).horizon().unwrap();
        let recent = RECENT as usize;
        let first = self.past.len().checked_sub(recent);
        assert_eq!(horizon, first.map_or(0, |first| self.past[first].0));
        let step = self.past.len().div_ceil(100).max(1);
        for (n, (time, totals, digits)) in self.past.iter().enumerate().rev().step_by(step) {
            // Up to the next one nothing changes, whatever times are lost.
            let until = self.past.get(n + 1).map_or(*time, |next| next.0 - 1);
            for time in [*time, until] {
                let then = reader.view(of.totals).as_of(time).unwrap();
                let then: Vec<_> = then.iter().unwrap().map(Result::unwrap).collect();
                assert_eq!(then, *totals, "as of {time}");
                if time >= horizon {
                    let then = reader.view(of.digits).as_of(time).unwrap();
                    let then: Vec<_> = then.iter().unwrap().map(Result::unwrap).collect();
                    assert_eq!(then, *digits, "as of {time}");
                }
            }
        }
    }

    /// The same, when nobody is at work: nothing is left of the way there.
    #[track_caller]
    pub(crate) fn check_end<P: Place>(&mut self, place: &P, reader: &P::Store, of: &Depot) {
        self.check(place, reader, of);
        self.check_past(reader, of);
        let status = reader.status().unwrap();
        assert!(status.in_flight.is_empty(), "{status:?}");
        assert_eq!(place.left_over(reader), 0, "rows of times in flight");
        let mut names: Vec<Name> = self.committed.iter().map(|(name, _)| *name).collect();
        names.sort();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "a change is there twice");
    }

    #[track_caller]
    pub(crate) fn has(&self, name: Name, time: i64) {
        assert!(
            self.committed.contains(&(name, time)),
            "{name:?} was acknowledged at {time}"
        );
    }
}
