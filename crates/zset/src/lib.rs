//! Z-sets: rows with signed counts, and their group algebra
