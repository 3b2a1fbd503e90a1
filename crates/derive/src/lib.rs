//! The derive macros of deltaview: Indexable and IndexKey
