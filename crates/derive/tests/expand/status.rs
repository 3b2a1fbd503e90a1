const _: () = {
    fn position(key: &Status) -> i64 {
        match key {
            Status::Open => 0i64,
            Status::r#Final => 1i64,
            Status::Paid => 2i64,
        }
    }
    #[automatically_derived]
    impl ::deltaview::__private::IndexKey for Status {
        fn columns() -> ::std::vec::Vec<::deltaview::__private::KeyColumn> {
            ::std::vec![
                ::deltaview::__private::KeyColumn::single(::deltaview::__private::ColumnType::Int)
            ]
        }
        fn values<'a>(
            &'a self,
            out: &mut ::std::vec::Vec<::deltaview::__private::KeyValue<'a>>,
        ) {
            out.push(::deltaview::__private::KeyValue::Int(position(self)));
        }
        fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
            ::deltaview::__private::IndexKey::encode(&position(self), out);
        }
    }
    #[automatically_derived]
    impl ::deltaview::__private::Indexable for Status {
        type Key = ();
        fn default_index() -> ::deltaview::__private::Index<Self, ()> {
            ::deltaview::__private::Index::unkeyed()
        }
        fn shape() -> ::deltaview::__private::Shape {
            ::deltaview::__private::Shape::enumeration(
                "Status",
                ["Open", "Final", "Paid"],
            )
        }
    }
};
