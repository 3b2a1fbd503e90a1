const _: () = {
    fn position(key: &Level) -> i64 {
        match key {
            Level::High => Level::High as i64,
            Level::Low => Level::Low as i64,
            Level::Zero => Level::Zero as i64,
        }
    }
    #[automatically_derived]
    impl ::deltaview::__private::IndexKey for Level {
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
    impl ::deltaview::__private::Indexable for Level {
        type Key = ();
        fn default_index() -> ::deltaview::__private::Index<Self, ()> {
            ::deltaview::__private::Index::unkeyed()
        }
        fn shape() -> ::deltaview::__private::Shape {
            ::deltaview::__private::Shape::enumeration(
                "Level",
                [
                    ::std::format!("High = {}", Self::High as i64),
                    ::std::format!("Low = {}", Self::Low as i64),
                    ::std::format!("Zero = {}", Self::Zero as i64),
                ],
            )
        }
    }
};
