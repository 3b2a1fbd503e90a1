const _: () = {
    #[automatically_derived]
    impl ::deltaview::__private::Indexable for Tick {
        type Key = ();
        fn default_index() -> ::deltaview::__private::Index<Self, ()> {
            ::deltaview::__private::Index::unkeyed()
        }
        fn shape() -> ::deltaview::__private::Shape {
            ::deltaview::__private::Shape::structure::<&'static str>("Tick", [])
        }
    }
    #[allow(dead_code)]
    fn checks() {
        fn row<R: ::deltaview::__private::Row>() {}
        row::<Tick>();
    }
};
