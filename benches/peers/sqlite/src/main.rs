//! deltaview beside its peers, with all state in a file of SQLite: the same settings for all ([`file`]).

mod append;
mod by_hand;
mod deltaview_sqlite;
mod file;
mod recompute;
mod statements;
mod triggers;

fn main() {
    deltaview_peers_frame::main(&[
        ("deltaview", deltaview_sqlite::make),
        ("statements", statements::make_clustered),
        ("statements-rowid", statements::make_rowid),
        ("triggers", triggers::make),
        ("append", append::make),
        ("recompute", recompute::make),
    ]);
}
