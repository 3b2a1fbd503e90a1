//! The derives as a user meets them: what they make, and what they say when they can't.

mod compile_errors;
mod enums;
mod records;
#[path = "../support/mod.rs"]
mod support;
