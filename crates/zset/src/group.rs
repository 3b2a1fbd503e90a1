//! Abelian groups: what can be summed incrementally.
//!
//! Owns the trait and its instances for integers, tuples and Z-sets. Never wraps: an operation whose
//! result does not fit is `None`.

use crate::{Weight, ZSet};

/// A commutative group with checked operations: values that can be added in any order and taken back
/// (DBSP §2).
///
/// An aggregate over a group is kept up to date from the changes alone: a row that appears adds its value,
/// a row that disappears adds the inverse, and a row of weight `w` adds its value `w` times.
///
/// # Laws
///
/// Wherever no operation returns `None`:
/// - `a + (b + c) == (a + b) + c` and `a + b == b + a`;
/// - `a + zero() == a`, and `is_zero` says whether a value equals `zero()`;
/// - `a + (-a) == zero()`;
/// - scaling by `w` is adding `a` to `zero()` `w` times, or `-a` where `w` is negative.
///
/// `None` means that the exact result does not fit the type; an implementation must neither wrap nor
/// saturate.
///
/// # Floats are not a group
///
/// Rounding makes a sum of floats depend on its order: `(1e16 + 1.0) - 1e16` is not `1.0`. A view
/// maintained from changes would drift from the same view computed afresh. Use fixed point instead: cents
/// rather than dollars in an `i64` or an `i128`, or a decimal type wrapped in a group of your own that
/// refuses what it would have to round. For a mean, keep the sum and the count as a tuple and divide when
/// reading.
///
/// Unsigned integers have no inverse, so they aren't a group either: widen to the next signed type.
///
/// ```
/// use deltaview_zset::AbelianGroup;
///
/// // Total and count, from which a reader computes a mean.
/// let seen = (30_i64, 2_i64).checked_add(&(12, 1));
/// assert_eq!(seen, Some((42, 3)));
///
/// // Three such rows disappear.
/// assert_eq!((12_i64, 1_i64).checked_scale(-3), Some((-36, -3)));
///
/// // A weight wider than the type is not truncated.
/// assert_eq!(1_i8.checked_scale(1000), None);
/// assert_eq!(0_i8.checked_scale(1000), Some(0));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be summed incrementally: it is not an `AbelianGroup`",
    label = "values of this type can't be added and taken back exactly",
    note = "signed integers, tuples of groups up to 6, and `ZSet`s are groups",
    note = "for floats use fixed point in an `i64` or `i128`; for unsigned integers the next wider signed type"
)]
pub trait AbelianGroup: Sized + Clone + PartialEq {
    /// The value that adds nothing.
    fn zero() -> Self;

    /// Whether this value is [`zero`](Self::zero).
    fn is_zero(&self) -> bool;

    /// The sum, or `None` where it does not fit.
    fn checked_add(&self, other: &Self) -> Option<Self>;

    /// The inverse, or `None` where it does not fit (as that of `i64::MIN`).
    fn checked_neg(&self) -> Option<Self>;

    /// This value `weight` times, or `None` where that does not fit.
    fn checked_scale(&self, weight: Weight) -> Option<Self>;
}

macro_rules! integer_group {
    ($($integer:ident)*) => {$(
        impl AbelianGroup for $integer {
            fn zero() -> Self {
                0
            }

            fn is_zero(&self) -> bool {
                *self == 0
            }

            fn checked_add(&self, other: &Self) -> Option<Self> {
                $integer::checked_add(*self, *other)
            }

            fn checked_neg(&self) -> Option<Self> {
                $integer::checked_neg(*self)
            }

            fn checked_scale(&self, weight: Weight) -> Option<Self> {
                // Through the widest type: neither factor is cut before the product is known to fit.
                let product = i128::from(*self).checked_mul(i128::from(weight))?;
                $integer::try_from(product).ok()
            }
        }
    )*};
}

integer_group!(i8 i16 i32 i64 i128);

macro_rules! tuple_group {
    ($($group:ident $index:tt),+) => {
        /// Component by component; `None` where any component does not fit.
        impl<$($group: AbelianGroup),+> AbelianGroup for ($($group,)+) {
            fn zero() -> Self {
                ($($group::zero(),)+)
            }

            fn is_zero(&self) -> bool {
                $(self.$index.is_zero())&&+
            }

            fn checked_add(&self, other: &Self) -> Option<Self> {
                Some(($(self.$index.checked_add(&other.$index)?,)+))
            }

            fn checked_neg(&self) -> Option<Self> {
                Some(($(self.$index.checked_neg()?,)+))
            }

            fn checked_scale(&self, weight: Weight) -> Option<Self> {
                Some(($(self.$index.checked_scale(weight)?,)+))
            }
        }
    };
}

tuple_group!(A 0);
tuple_group!(A 0, B 1);
tuple_group!(A 0, B 1, C 2);
tuple_group!(A 0, B 1, C 2, D 3);
tuple_group!(A 0, B 1, C 2, D 3, E 4);
tuple_group!(A 0, B 1, C 2, D 3, E 4, F 5);

/// Row by row; `None` where the weight of any row does not fit.
impl<T: Ord + Clone> AbelianGroup for ZSet<T> {
    fn zero() -> Self {
        ZSet::new()
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }

    fn checked_add(&self, other: &Self) -> Option<Self> {
        self.try_add(other).ok()
    }

    fn checked_neg(&self) -> Option<Self> {
        self.try_neg().ok()
    }

    fn checked_scale(&self, weight: Weight) -> Option<Self> {
        self.try_scale(weight).ok()
    }
}
