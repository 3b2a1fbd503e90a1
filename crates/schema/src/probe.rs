//! How the derive takes the shape of a field without a bound on its type: the shape where the type is `Indexable`,
//! its name as the user wrote it where it is not. Not public API.

use std::marker::PhantomData;

use crate::{Indexable, Shape};

/// Stands for a field's type. Method resolution prefers [`ByShape`] and falls back to [`ByName`].
pub struct Probe<T>(PhantomData<T>);

impl<T> Probe<T> {
    /// A probe for `T`.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// The field's type is [`Indexable`].
pub trait ByShape {
    /// The shape of the type.
    fn field_shape(&self, written: &str) -> Shape;
}

impl<T: Indexable> ByShape for Probe<T> {
    fn field_shape(&self, _written: &str) -> Shape {
        Shape::of::<T>()
    }
}

/// The field's type is known by its name only.
pub trait ByName {
    /// A shape that has only the name.
    fn field_shape(&self, written: &str) -> Shape;
}

impl<T> ByName for &Probe<T> {
    fn field_shape(&self, written: &str) -> Shape {
        Shape::opaque(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_without_a_shape_is_known_by_its_name() {
        struct Foreign;
        // A reference, as the derive writes it: that is how the probe comes to its second choice.
        let (foreign, whole) = (&Probe::<Foreign>::new(), &Probe::<i64>::new());
        assert_eq!(foreign.field_shape("Foreign"), Shape::opaque("Foreign"));
        assert_eq!(whole.field_shape("Whole"), Shape::atom("i64"));
    }
}
