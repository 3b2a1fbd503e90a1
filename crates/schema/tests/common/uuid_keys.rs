//! Random UUIDs, for the feature `uuid`. See `keys.rs`, whose names must be in scope as well.

use super::keys::{Strategy, u128_keys};
pub(crate) use uuid::Uuid;

macro_rules! for_each_uuid_key_type {
    ($callback:ident) => {
        $callback!(uuid_key, Uuid, uuid_keys());
        $callback!(option_uuid_key, Option<Uuid>, of(uuid_keys()));
    };
}

pub(crate) fn uuid_keys() -> impl Strategy<Value = Uuid> {
    u128_keys().prop_map(Uuid::from_u128)
}
