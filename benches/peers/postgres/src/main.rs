//! deltaview beside its peers, with all state in postgres: one client, and whatever `fsync` and `synchronous_commit` the
//! server has.
//!
//! All peers but deltaview have the same tables and write them in the same order; they differ in who keeps the sums. Each
//! run has a schema of its own, which is dropped behind it.

mod by_hand;
mod deltaview_postgres;
mod server;
mod sql;
mod tables;

fn main() {
    deltaview_peers_frame::main(&[
        ("deltaview", deltaview_postgres::make),
        ("raw", tables::raw),
        ("by-hand", by_hand::make),
        ("row-triggers", tables::row_triggers),
        ("statement-triggers", tables::statement_triggers),
        ("recompute", tables::recompute),
    ]);
}
