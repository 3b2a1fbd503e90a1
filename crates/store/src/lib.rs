//! The contract of a deltaview store, the memory store and the conformance suite
