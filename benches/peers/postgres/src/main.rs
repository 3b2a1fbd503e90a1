//! deltaview beside its peers, with all state in postgres.

fn main() {
    deltaview_peers_frame::main(&[]);
}
