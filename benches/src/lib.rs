//! Benchmarks of deltaview.
