//! Buffers that are kept from one iteration to the next. An iteration of many rows needs memory that the allocator may
//! return to the system at its end; then the next one waits for each page of it again.

use std::sync::{Mutex, PoisonError};

/// So many bytes of a buffer are kept at most.
const MOST: usize = 4 * 1024 * 1024;

/// The buffer of a part of an operator, while no iteration has it.
pub(crate) struct Spare<T>(Mutex<Vec<T>>);

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> Spare<T> {
    /// An empty buffer with room for so much: the one that is kept, unless another iteration has it.
    pub(crate) fn take(&self, capacity: usize) -> Vec<T> {
        let mut buffer =
            std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        buffer.reserve(capacity);
        buffer
    }

    /// Keeps a buffer, not what is in it.
    pub(crate) fn put_back(&self, mut buffer: Vec<T>) {
        buffer.clear();
        let bytes = buffer.capacity().saturating_mul(size_of::<T>());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes <= MOST && buffer.capacity() > kept.capacity() {
            *kept = buffer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_buffer_is_kept_and_nothing_in_it() {
        let spare = Spare::default();
        let (mut one, other) = (spare.take(100), spare.take(10));
        one.push(1_u64);
        let room = one.capacity();
        spare.put_back(one);
        spare.put_back(other);
        let again = spare.take(1);
        assert!(again.is_empty() && again.capacity() == room);
        assert_eq!(spare.take(0).capacity(), 0, "somebody has it");
    }

    #[test]
    fn a_huge_buffer_is_let_go() {
        let spare: Spare<u64> = Spare::default();
        spare.put_back(Vec::with_capacity(MOST));
        assert_eq!(spare.take(0).capacity(), 0);
    }
}
