//! The command line `ttkv`.
fn main() {}
