//! Z-sets: rows with signed counts, and the group algebra that incremental views are made of.
//!
//! A table is a [`ZSet`]: each row with a signed [`Weight`]. A change to a table is a Z-set too: what it
//! inserts has weight `1`, what it deletes `-1`, so applying a change is adding. The definitions are those
//! of DBSP (Budiu et al., arXiv 2203.16684): Z-sets and their group in §4.1, the abelian groups that streams
//! are made of in §2.
//!
//! This crate owns the algebra ([`ZSet`], [`AbelianGroup`]), the shapes that joins and groups give their
//! rows ([`Pair`], [`Keyed`]) and a table picture of a Z-set ([`render_table`]). It never does IO and knows
//! nothing of SQL. Weights never wrap: what does not fit is a [`WeightOverflow`].
//!
//! ```
//! use deltaview_zset::ZSet;
//!
//! let table: ZSet<(&str, i64)> = [("radio", 5), ("tv", 3)].into_iter().collect();
//! let dearer_tv = ZSet::from_pairs([(("tv", 3), -1), (("tv", 4), 1)])?;
//!
//! let changed = table.try_add(&dearer_tv)?;
//! assert_eq!(changed, [("radio", 5), ("tv", 4)].into_iter().collect());
//! assert_eq!(changed.try_sub(&table)?, dearer_tv);
//! # Ok::<(), deltaview_zset::WeightOverflow>(())
//! ```

mod display;
mod group;
mod iter;
mod pair;
mod serial;
mod weight;
mod zset;

pub use display::render_table;
pub use group::AbelianGroup;
pub use iter::{IntoIter, Iter, Range};
pub use pair::{Keyed, Pair};
pub use weight::{Weight, WeightOverflow};
pub use zset::ZSet;
