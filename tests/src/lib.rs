//! Tests of the whole: what several test binaries share.
//!
//! [`item`] has a row type whose keys collide often, [`total`] what aggregates give; [`plan`] has queries as data, and the
//! closures that they are made of; [`naive`] evaluates them from scratch. None of it knows the operators of deltaview:
//! only the closures that a user would have written are common to both sides.

pub mod item;
pub mod naive;
pub mod plan;
pub mod total;
