::core::compile_error! {
    "no field `colour`: the struct has `name`, `price`"
}
::core::compile_error! {
    "unknown option `down`: a field's index has `name = \"…\"` and `desc`"
}
#[automatically_derived]
#[allow(dead_code, missing_docs)]
impl Product {
    pub fn by_all<K: ::deltaview::__private::IndexKey>() -> ::deltaview::__private::Index<
        Self,
        K,
    > {
        ::core::unreachable!()
    }
    pub fn by_name() -> ::deltaview::__private::Index<Self, String> {
        ::core::unreachable!()
    }
    pub fn by_price() -> ::deltaview::__private::Index<Self, i64> {
        ::core::unreachable!()
    }
}
#[automatically_derived]
impl ::deltaview::__private::Indexable for Product {
    type Key = ();
    fn default_index() -> ::deltaview::__private::Index<Self, ()> {
        ::core::unreachable!()
    }
    fn shape() -> ::deltaview::__private::Shape {
        ::core::unreachable!()
    }
}
const _: () = {
    #[allow(dead_code)]
    fn checks() {
        fn key<K: ::deltaview::__private::IndexKey>() {}
        fn row<R: ::deltaview::__private::Row>() {}
        key::<String>();
        key::<i64>();
        row::<Product>();
    }
};
