#[index(crate = "crate::support", name = "key_then_size", columns(key, size))]
pub struct Slot<K, I: Iterator, M, const N: usize>
where
    K: Copy,
{
    #[index]
    key: Option<K>,
    size: [u8; N],
    item: I::Item,
    mark: PhantomData<M>,
}
