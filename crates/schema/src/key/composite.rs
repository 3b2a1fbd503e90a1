//! Keys made of keys: options, reverses and tuples.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::{ColumnType, IndexKey, KeyColumn, KeyValue, encoded, order};
use crate::shape::short_type_name;

/// `None` is NULL and comes first. An option of a single column is that column, nullable; an option of anything else
/// (a tuple of several, another option, a reverse) is one column with the order-preserving encoding.
impl<K: IndexKey> IndexKey for Option<K> {
    fn columns() -> Vec<KeyColumn> {
        match inner_column::<K>() {
            Some(column) => vec![KeyColumn {
                nullable: true,
                ..column
            }],
            None => vec![KeyColumn::single(ColumnType::Encoded(interned(
                short_type_name::<Self>(),
            )))],
        }
    }

    fn values<'a>(&'a self, out: &mut Vec<KeyValue<'a>>) {
        match (self, inner_column::<K>()) {
            (_, None) => out.push(encoded(self)),
            (None, Some(_)) => out.push(KeyValue::Null),
            (Some(key), Some(_)) => key.values(out),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(key) => {
                out.push(1);
                key.encode(out);
            }
        }
    }
}

/// The one plain column that an option of `K` can share, if there is one.
fn inner_column<K: IndexKey>() -> Option<KeyColumn> {
    let mut columns = K::columns();
    let column = columns
        .pop()
        .filter(|column| !column.nullable && !column.descending)?;
    columns.is_empty().then_some(column)
}

/// A name that lives as long as the program. There is one for each type of such a key, however often it is asked for.
///
/// The parts are in the name because nothing else tells them apart: in another order, or of another width, they are
/// another encoding, and a database must not be opened with it.
fn interned(name: String) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name.as_str()) {
        return known;
    }
    let name: &'static str = Box::leak(name.into_boxed_str());
    names.insert(name);
    name
}

/// Each column of the key, in the other direction.
impl<K: IndexKey> IndexKey for Reverse<K> {
    fn columns() -> Vec<KeyColumn> {
        let flip = |column: KeyColumn| KeyColumn {
            descending: !column.descending,
            ..column
        };
        K::columns().into_iter().map(flip).collect()
    }

    fn values<'a>(&'a self, out: &mut Vec<KeyValue<'a>>) {
        self.0.values(out);
    }

    fn each_value(&self, visit: &mut dyn FnMut(&KeyValue<'_>)) {
        self.0.each_value(visit);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        order::push_reversed(out, |out| self.0.encode(out));
    }
}

/// The empty key: no column; all rows are under it.
impl IndexKey for () {
    fn columns() -> Vec<KeyColumn> {
        Vec::new()
    }
    fn values<'a>(&'a self, _out: &mut Vec<KeyValue<'a>>) {}
    fn encode(&self, _out: &mut Vec<u8>) {}
}

macro_rules! tuples {
    ($($name:ident $position:tt),+) => {
        /// The columns of the parts, one after the other.
        impl<$($name: IndexKey),+> IndexKey for ($($name,)+) {
            fn columns() -> Vec<KeyColumn> {
                let mut columns = Vec::new();
                $(columns.extend($name::columns().into_iter().map(|mut column| {
                    column.path.insert(0, $position);
                    column
                }));)+
                columns
            }

            fn values<'a>(&'a self, out: &mut Vec<KeyValue<'a>>) {
                $(self.$position.values(out);)+
            }

            fn each_value(&self, visit: &mut dyn FnMut(&KeyValue<'_>)) {
                $(self.$position.each_value(visit);)+
            }

            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$position.encode(out);)+
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

#[cfg(test)]
mod tests {
    use super::*;

    fn types<K: IndexKey>() -> Vec<String> {
        K::columns()
            .into_iter()
            .map(|column| column.column_type.to_string())
            .collect()
    }

    #[test]
    fn an_option_of_one_plain_column_is_that_column_nullable() {
        for columns in [Option::<i64>::columns(), Reverse::<Option<i64>>::columns()] {
            assert_eq!(columns[0].column_type, ColumnType::Int);
            assert!(columns[0].nullable);
        }
        assert_eq!(Option::<(String,)>::columns()[0].path, [0]);
    }

    #[test]
    fn an_encoded_option_says_of_what() {
        assert_eq!(
            types::<Option<(u64, i32)>>(),
            ["encoded Option<(u64, i32)>"]
        );
        assert_eq!(
            types::<Option<Option<u8>>>(),
            ["encoded Option<Option<u8>>"]
        );
        assert_eq!(
            types::<Option<Reverse<String>>>(),
            ["encoded Option<Reverse<String>>"]
        );
        assert_eq!(types::<(Option<()>, ())>(), ["encoded Option<()>"]);
        assert!(!Option::<Option<u8>>::columns()[0].nullable);
    }

    #[test]
    fn paths_follow_the_tuples() {
        let paths: Vec<_> = <(i8, (Reverse<(i8, i8)>,), ())>::columns()
            .into_iter()
            .map(|c| c.path)
            .collect();
        assert_eq!(paths, [vec![0], vec![1, 0, 0], vec![1, 0, 1]]);
    }
}
