//! deltaview beside its peers, with all state in memory.

mod deltaview_memory;
mod differential;
mod maps;
mod recompute;

fn main() {
    deltaview_peers_frame::main(&[
        ("deltaview", deltaview_memory::make),
        ("maps", maps::make),
        ("differential-dataflow/reduce", differential::reduce),
        ("differential-dataflow/count", differential::count),
        ("differential-dataflow/weights", differential::weights),
        ("recompute", recompute::make),
    ]);
}
