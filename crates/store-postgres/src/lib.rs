//! The Postgres store of deltaview
