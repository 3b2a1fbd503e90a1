const _: () = {
    #[automatically_derived]
    impl Product {
        ///The index of `Product` by `name`.
        fn by_name() -> ::deltaview::__private::Index<Self, String> {
            ::deltaview::__private::Index::<
                Self,
                String,
            >::declared(
                "name",
                ["name"],
                |row: &Self| ::core::clone::Clone::clone(&row.name),
            )
        }
    }
    #[automatically_derived]
    impl ::deltaview::__private::Indexable for Product {
        type Key = ();
        fn default_index() -> ::deltaview::__private::Index<Self, ()> {
            ::deltaview::__private::Index::unkeyed()
        }
        fn shape() -> ::deltaview::__private::Shape {
            #[allow(unused_imports)]
            use ::deltaview::__private::probe::{ByName as _, ByShape as _};
            ::deltaview::__private::Shape::structure(
                "Product",
                [
                    (
                        "name",
                        (&::deltaview::__private::probe::Probe::<String>::new())
                            .field_shape("String"),
                    ),
                    (
                        "price",
                        (&::deltaview::__private::probe::Probe::<i64>::new())
                            .field_shape("i64"),
                    ),
                ],
            )
        }
        fn indexes() -> ::std::vec::Vec<::deltaview::__private::IndexSchema> {
            ::std::vec![Self::by_name().schema()]
        }
    }
    #[allow(dead_code)]
    fn checks() {
        fn key<K: ::deltaview::__private::IndexKey>() {}
        fn row<R: ::deltaview::__private::Row>() {}
        key::<String>();
        row::<Product>();
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
    impl<K> __NotAKey for ::deltaview::__private::Index<Product, K> {}
};
