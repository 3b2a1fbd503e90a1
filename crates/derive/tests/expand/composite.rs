const _: () = {
    #[automatically_derived]
    impl LineItem {
        ///The index of `LineItem` by `basket_id`, then by `qty`, the greatest first.
        pub(crate) fn by_basket_and_qty() -> ::deltaview::__private::Index<
            Self,
            (u32, ::core::cmp::Reverse<i64>),
        > {
            ::deltaview::__private::Index::<
                Self,
                (u32, ::core::cmp::Reverse<i64>),
            >::declared(
                "basket_and_qty",
                ["basket_id", "qty"],
                |row: &Self| (
                    ::core::clone::Clone::clone(&row.basket_id),
                    ::core::cmp::Reverse(::core::clone::Clone::clone(&row.qty)),
                ),
            )
        }
        ///The index of `LineItem` by `type`, the greatest first.
        pub(crate) fn by_newest() -> ::deltaview::__private::Index<
            Self,
            ::core::cmp::Reverse<Option<Kind>>,
        > {
            ::deltaview::__private::Index::<
                Self,
                ::core::cmp::Reverse<Option<Kind>>,
            >::declared(
                "newest",
                ["type"],
                |row: &Self| ::core::cmp::Reverse(
                    ::core::clone::Clone::clone(&row.r#type),
                ),
            )
        }
        ///The index of `LineItem` by `product_name`.
        pub(crate) fn by_product() -> ::deltaview::__private::Index<Self, String> {
            ::deltaview::__private::Index::<
                Self,
                String,
            >::declared(
                "product",
                ["product_name"],
                |row: &Self| ::core::clone::Clone::clone(&row.product_name),
            )
        }
        ///The index of `LineItem` by `qty`, the greatest first.
        pub(crate) fn by_qty() -> ::deltaview::__private::Index<
            Self,
            ::core::cmp::Reverse<i64>,
        > {
            ::deltaview::__private::Index::<
                Self,
                ::core::cmp::Reverse<i64>,
            >::declared(
                "qty",
                ["qty"],
                |row: &Self| ::core::cmp::Reverse(::core::clone::Clone::clone(&row.qty)),
            )
        }
        ///The index of `LineItem` by `type`.
        pub(crate) fn by_type() -> ::deltaview::__private::Index<Self, Option<Kind>> {
            ::deltaview::__private::Index::<
                Self,
                Option<Kind>,
            >::declared(
                "type",
                ["type"],
                |row: &Self| ::core::clone::Clone::clone(&row.r#type),
            )
        }
    }
    #[automatically_derived]
    impl ::deltaview::__private::Indexable for LineItem {
        type Key = ();
        fn default_index() -> ::deltaview::__private::Index<Self, ()> {
            ::deltaview::__private::Index::unkeyed()
        }
        fn shape() -> ::deltaview::__private::Shape {
            #[allow(unused_imports)]
            use ::deltaview::__private::probe::{ByName as _, ByShape as _};
            ::deltaview::__private::Shape::structure(
                "LineItem",
                [
                    (
                        "basket_id",
                        (&::deltaview::__private::probe::Probe::<u32>::new())
                            .field_shape("u32"),
                    ),
                    (
                        "product_name",
                        (&::deltaview::__private::probe::Probe::<String>::new())
                            .field_shape("String"),
                    ),
                    (
                        "qty",
                        (&::deltaview::__private::probe::Probe::<i64>::new())
                            .field_shape("i64"),
                    ),
                    (
                        "type",
                        (&::deltaview::__private::probe::Probe::<Option<Kind>>::new())
                            .field_shape("Option<Kind>"),
                    ),
                ],
            )
        }
        fn indexes() -> ::std::vec::Vec<::deltaview::__private::IndexSchema> {
            ::std::vec![
                Self::by_basket_and_qty().schema(), Self::by_newest().schema(),
                Self::by_product().schema(), Self::by_qty().schema(), Self::by_type()
                .schema()
            ]
        }
    }
    #[allow(dead_code)]
    fn checks() {
        fn key<K: ::deltaview::__private::IndexKey>() {}
        fn row<R: ::deltaview::__private::Row>() {}
        key::<u32>();
        key::<String>();
        key::<i64>();
        key::<Option<Kind>>();
        row::<LineItem>();
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
    impl<K> __NotAKey for ::deltaview::__private::Index<LineItem, K> {}
};
