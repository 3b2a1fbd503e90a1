//! The SQLite store of deltaview
