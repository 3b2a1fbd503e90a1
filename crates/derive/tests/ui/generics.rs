// What a generic struct asks of its parameters is reported where it is used.

#[path = "../support/mod.rs"]
mod support;

use deltaview_derive::Indexable;

#[derive(Indexable)]
#[index(crate = "crate::support")]
struct Slot<K> {
    #[index]
    key: K,
}

fn is_indexable<T: deltaview_schema::Indexable>() {}

fn use_it() {
    is_indexable::<Slot<u8>>();
    is_indexable::<Slot<f64>>();
}

fn main() {}
