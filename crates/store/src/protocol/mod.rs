//! Many workers on one store: who may write what, and when. The rules, and nothing but the rules.
//!
//! A [`Ledger`] says which times are in flight, how far each has come and who holds it. A store keeps it in its catalog
//! and, inside each transaction that touches it, loads it ([`Ledger::load`]), applies **one transition**, and writes
//! what that changed ([`Ledger::changes_since`]) together with the rows of tables and journal that belong to it. All
//! is in the one transaction, and ledgers are written one after another (the store locks it): a transition happens with
//! its rows or not at all. This module does no IO, never waits, and reads no clock: `now` is an argument, in
//! milliseconds since whenever the store's clock begins. All workers of one store use one clock, the database's where
//! it has one.
//!
//! # What a driver does
//!
//! ```text
//!                    reserve ──▶ journal ──▶ enter 0 ─▶ pass 0 ──▶ enter 1 ─▶ pass 1 ─ ··· ─▶ complete
//!   Flush::EachTable    │           │           ╎          │          ╎          │               │
//!   transactions        └─── one ───┘           ╎         one         ╎         one              │
//!                       the inputs are          ╎   the stage's tables, and their deltas         │ change id kept,
//!                       in the journal          ╎   in the journal                               │ journal deleted
//!                                            waits for every earlier time to have passed the stage
//!
//!   Flush::AtEnd     nothing in flight:  commit_at_once, one transaction
//!                    else:               reserve ──▶ enter 0 (waits for every earlier time to leave) + pass 0
//! ```
//!
//! - [`commit_at_once`](Ledger::commit_at_once): draws a time and completes it, where nothing is in flight.
//! - [`reserve`](Ledger::reserve): gives a time and a [`Ticket`] for it.
//! - [`journal`](Ledger::journal): the inputs of the change are written to the journal. From here on a peer can finish
//!   it. May share the transaction of `reserve`.
//! - [`enter`](Ledger::enter): may the stage's tables be read? [`Gate::Wait`] names whom to wait for, [`Gate::Dead`] whom
//!   to [take over](Ledger::take_over). Writes nothing.
//! - [`pass`](Ledger::pass): the stage's tables are written. The last one completes the time.
//! - [`renew`](Ledger::renew): the heartbeat, for all tickets that a worker holds, also those that it waits with.
//! - [`rejoin`](Ledger::rejoin): the change begins again, after it was rewound.
//! - [`give_up`](Ledger::give_up): the holder goes away (a deadline, a halt) and says so.
//! - [`take_over`](Ledger::take_over), [`fail`](Ledger::fail), [`resume`](Ledger::resume),
//!   [`abandon`](Ledger::abandon): see there.
//!
//! A worker that takes over goes on with that time to its end before it returns to its own: waits are for smaller times
//! only, so they never form a circle.
//!
//! **What the graph must promise.** A stage's vertices read, of the stored state, tables of that stage only, and get all
//! else from the journal: another stage's tables are already, or not yet, those of another time. All views are in the
//! last stage.
//!
//! # The journal
//!
//! Rows of a time: its inputs; and for each stage that it has passed, the deltas that later stages need and the deltas
//! of the stage's tables. They are written with the transition that they belong to, and deleted
//!
//! - all, when the time completes ([`Passed::Complete`]) or is abandoned;
//! - those of stages, not the inputs, when it is rewound ([`Rewinding::steps`] names each).
//!
//! So there are rows for times in flight only.
//!
//! # What holds
//!
//! | | |
//! | --- | --- |
//! | times | unique; they grow in the order in which they are given |
//! | a table | has the deltas of times in their order, each once |
//! | an iteration | `AtEnd`: all tables or none. `EachTable`: the tables of its first stages, until it completes or is rewound |
//! | a reader of views | sees whole iterations, in order: what is [`complete`](Ledger::complete) |
//! | an acknowledged change | is in every table, once, for good: it is acknowledged when its time is complete |
//! | a change made again under its [`ChangeId`](crate::ChangeId) | is not doubled: it is answered with its time, or waits for itself |
//! | a holder | is the only one who can write: whoever lost the time finds another epoch and is [`Fenced`](Refusal::Fenced) |
//! | a dead holder | is waited for until its lease is over, then its time is finished or removed by whoever waits |
//! | a failed iteration | leaves nothing (`AtEnd`, or nothing passed), or halts the graph: everybody later is told at once |
//!
//! What a crash does:
//!
//! | where | what becomes of the change |
//! | --- | --- |
//! | before `reserve` is committed | nothing was there |
//! | with a time, inputs not in the journal (always with `AtEnd`) | the time is removed by whoever comes first |
//! | with its inputs in the journal | finished by whoever comes first, from the stage where it stopped |
//! | with its inputs in the journal, which do not fit any more because an earlier time was abandoned | [dropped](Dropped), and told |
//! | between the last `pass` and the answer | committed; its change id answers a retry |
//!
//! # Proof
//!
//! `model` (with the feature `conformance`) is a system of workers, tables and a journal over this very code, in which
//! workers crash, sleep and wake, and closures fail, at every step. The test `protocol` in the `tests` package visits
//! every state of it, and shows that it can fail: each of a list of broken rules is found out.

mod course;
mod halt;
mod ledger;
#[cfg(feature = "conformance")]
pub mod model;
mod refusal;
mod reserve;
mod stages;
mod status;
mod takeover;
#[cfg(test)]
mod tests;

pub use course::{Course, Dropped, Job, Next, Wait};
pub use halt::{Failed, Rewinding};
pub use ledger::{Halt, InFlight, Ledger, LedgerChanges, State, Ticket, WorkerId};
pub use refusal::{Refusal, TimedOut};
pub use reserve::{AtOnce, Request, Reserved};
pub use stages::{Blocker, Gate, GaveUp, Passed};
pub use status::{Status, TimeStatus};
pub use takeover::{Evidence, TakenOver};
