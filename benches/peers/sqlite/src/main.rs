//! deltaview beside its peers, with all state in sqlite.

fn main() {
    deltaview_peers_frame::main(&[]);
}
