#[automatically_derived]
impl<K, I: Iterator, M, const N: usize> Slot<K, I, M, N>
where
    K: Copy,
    K: crate::support::__private::Indexable,
    I: 'static,
    M: 'static,
    I::Item: crate::support::__private::Indexable,
    Option<K>: crate::support::__private::IndexKey,
{
    ///The index of `Slot` by `key`, then by `size`.
    pub fn by_key_then_size() -> crate::support::__private::Index<
        Self,
        (Option<K>, [u8; N]),
    > {
        crate::support::__private::Index::<
            Self,
            (Option<K>, [u8; N]),
        >::declared(
            "key_then_size",
            ["key", "size"],
            |row: &Self| (
                ::core::clone::Clone::clone(&row.key),
                ::core::clone::Clone::clone(&row.size),
            ),
        )
    }
    ///The index of `Slot` by `key`.
    pub fn by_key() -> crate::support::__private::Index<Self, Option<K>> {
        crate::support::__private::Index::<
            Self,
            Option<K>,
        >::declared("key", ["key"], |row: &Self| ::core::clone::Clone::clone(&row.key))
    }
}
#[automatically_derived]
impl<K, I: Iterator, M, const N: usize> crate::support::__private::Indexable
for Slot<K, I, M, N>
where
    K: Copy,
    K: crate::support::__private::Indexable,
    I: 'static,
    M: 'static,
    I::Item: crate::support::__private::Indexable,
    Option<K>: crate::support::__private::IndexKey,
{
    type Key = ();
    fn default_index() -> crate::support::__private::Index<Self, ()> {
        crate::support::__private::Index::unkeyed()
    }
    fn shape() -> crate::support::__private::Shape {
        #[allow(unused_imports)]
        use crate::support::__private::probe::{ByName as _, ByShape as _};
        crate::support::__private::Shape::structure(
            "Slot",
            [
                (
                    "key",
                    (&crate::support::__private::probe::Probe::<Option<K>>::new())
                        .field_shape("Option<K>"),
                ),
                (
                    "size",
                    (&crate::support::__private::probe::Probe::<[u8; N]>::new())
                        .field_shape("[u8; N]"),
                ),
                (
                    "item",
                    (&crate::support::__private::probe::Probe::<I::Item>::new())
                        .field_shape("I::Item"),
                ),
                (
                    "mark",
                    (&crate::support::__private::probe::Probe::<PhantomData<M>>::new())
                        .field_shape("PhantomData<M>"),
                ),
            ],
        )
    }
    fn indexes() -> ::std::vec::Vec<crate::support::__private::IndexSchema> {
        ::std::vec![Self::by_key_then_size().schema(), Self::by_key().schema()]
    }
}
