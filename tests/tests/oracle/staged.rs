//! Iterations in stages, over plain bytes: between any two stages somebody else goes on from the journal, or takes back
//! what was done and begins anew; and one that fails on the way is taken back.

use deltaview::{Change, Graph, TickError};
use deltaview_graph::{Changes, Commit, JournalEntry, Stages, Step, WorkingSet};

use crate::driver::{ByteStore, DriveError};

/// A store that commits stage by stage.
#[derive(Default)]
pub(crate) struct StagedStore {
    pub(crate) bytes: ByteStore,
    /// Drawn from at each stage.
    chance: u64,
}

/// What happens after a stage.
enum Incident {
    /// Nothing.
    None,
    /// The worker dies, and another one goes on.
    TakenOver,
    /// What was done is taken back, and the change is begun anew.
    Rewound,
}

/// What is known of an iteration.
enum Outcome {
    /// By whoever began it: what changed.
    Changed(Changes),
    /// By whoever took it over: that it is done.
    Done,
}

impl StagedStore {
    /// Runs a change. What changed is known unless somebody else has gone on with it.
    pub(crate) fn run(
        &mut self,
        graph: &Graph,
        change: &Change,
    ) -> Result<Option<Changes>, DriveError> {
        let mut journal = Vec::new();
        match self.pass_all(graph, graph.stages(change)?, &mut journal, 1) {
            Ok(Outcome::Changed(changes)) => Ok(Some(changes)),
            Ok(Outcome::Done) => Ok(None),
            Err(error) => {
                self.rewind(graph, &journal)?;
                Err(error)
            }
        }
    }

    fn pass_all(
        &mut self,
        graph: &Graph,
        mut stages: Stages<'_>,
        journal: &mut Vec<JournalEntry>,
        incidents: usize,
    ) -> Result<Outcome, DriveError> {
        while stages.next().is_some() {
            let mut state = WorkingSet::partial(graph);
            let commit = self.commit(graph, stages.begin(&mut state)?)?;
            let entries = commit.journal()?;
            self.bytes.store(graph, &commit)?;
            journal.extend(entries);
            stages.pass(commit);
            let incident = if incidents == 0 {
                Incident::None
            } else {
                self.draw()
            };
            match incident {
                Incident::None => {}
                Incident::TakenOver => {
                    let next = stages.next().unwrap_or_else(|| graph.stage_count());
                    let stages = graph.stages_from_journal(next, &*journal)?;
                    self.pass_all(graph, stages, journal, incidents)?;
                    return Ok(Outcome::Done);
                }
                Incident::Rewound => {
                    self.rewind(graph, journal)?;
                    let stages = graph.stages_from_journal(0, &*journal)?;
                    journal.clear();
                    self.pass_all(graph, stages, journal, incidents - 1)?;
                    return Ok(Outcome::Done);
                }
            }
        }
        Ok(Outcome::Changed(stages.finish()))
    }

    fn commit(&self, graph: &Graph, mut step: Step<'_>) -> Result<Commit, TickError> {
        loop {
            step = match step {
                Step::Done(commit) => return Ok(commit),
                Step::Fetch(mut fetches, tick) => {
                    self.bytes.answer_all(graph, &mut fetches)?;
                    tick.resume(fetches)?
                }
            };
        }
    }

    /// The last stage first.
    fn rewind(&mut self, graph: &Graph, journal: &[JournalEntry]) -> Result<(), DriveError> {
        for entry in journal.iter().rev() {
            let undo = graph.undo([entry])?;
            self.bytes.store(graph, &undo)?;
        }
        Ok(())
    }

    fn draw(&mut self) -> Incident {
        // Knuth's linear congruential generator: the same incidents each time.
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        match self.chance >> 62 {
            0 => Incident::TakenOver,
            1 => Incident::Rewound,
            _ => Incident::None,
        }
    }
}
