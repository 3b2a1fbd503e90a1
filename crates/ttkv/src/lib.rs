//! A time-travelling key-value map on deltaview's stores
