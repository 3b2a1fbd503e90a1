const _: () = {
    #[automatically_derived]
    impl Cell {
        ///The index of `Cell` by `1`, the greatest first, then by `0`.
        pub fn by_both() -> ::deltaview::__private::Index<
            Self,
            (::core::cmp::Reverse<i16>, u8),
        > {
            ::deltaview::__private::Index::<
                Self,
                (::core::cmp::Reverse<i16>, u8),
            >::declared(
                "both",
                ["1", "0"],
                |row: &Self| (
                    ::core::cmp::Reverse(::core::clone::Clone::clone(&row.1)),
                    ::core::clone::Clone::clone(&row.0),
                ),
            )
        }
        ///The index of `Cell` by `0`.
        pub fn by_0() -> ::deltaview::__private::Index<Self, u8> {
            ::deltaview::__private::Index::<
                Self,
                u8,
            >::declared("0", ["0"], |row: &Self| ::core::clone::Clone::clone(&row.0))
        }
    }
    #[automatically_derived]
    impl ::deltaview::__private::Indexable for Cell {
        type Key = ();
        fn default_index() -> ::deltaview::__private::Index<Self, ()> {
            ::deltaview::__private::Index::unkeyed()
        }
        fn shape() -> ::deltaview::__private::Shape {
            #[allow(unused_imports)]
            use ::deltaview::__private::probe::{ByName as _, ByShape as _};
            ::deltaview::__private::Shape::structure(
                "Cell",
                [
                    (
                        "0",
                        (&::deltaview::__private::probe::Probe::<u8>::new())
                            .field_shape("u8"),
                    ),
                    (
                        "1",
                        (&::deltaview::__private::probe::Probe::<i16>::new())
                            .field_shape("i16"),
                    ),
                ],
            )
        }
        fn indexes() -> ::std::vec::Vec<::deltaview::__private::IndexSchema> {
            ::std::vec![Self::by_both().schema(), Self::by_0().schema()]
        }
    }
    #[allow(dead_code)]
    fn checks() {
        fn key<K: ::deltaview::__private::IndexKey>() {}
        fn row<R: ::deltaview::__private::Row>() {}
        key::<u8>();
        key::<i16>();
        row::<Cell>();
    }
    #[allow(dead_code)]
    trait __NotAKey: Sized {
        fn declared<N, C, F>(_: N, _: C, _: F) -> Self {
            ::core::unreachable!()
        }
        fn schema(&self) -> ::deltaview::__private::IndexSchema {
            ::core::unreachable!()
        }
    }
    impl<K> __NotAKey for ::deltaview::__private::Index<Cell, K> {}
};
