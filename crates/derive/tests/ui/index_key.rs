// `IndexKey` is for enums without data.

#[path = "../support/mod.rs"]
mod support;

use deltaview_derive::IndexKey;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IndexKey)]
#[index(crate = "crate::support", name = "status")]
enum Status {
    Open,
    #[index]
    Paid(u8),
    Refunded {
        by: String,
    },
    Bracketed(),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IndexKey)]
#[index(crate = "crate::support")]
struct Name(String);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IndexKey)]
#[index(crate = "crate::support")]
enum Never {}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IndexKey)]
#[index(crate = "crate::support")]
#[repr(u64)]
enum Large {
    Largest = u64::MAX,
}

fn is_key<K: deltaview_schema::IndexKey>() {}

fn all() {
    is_key::<Status>();
    is_key::<Name>();
    is_key::<Never>();
    is_key::<Large>();
}

fn main() {}
