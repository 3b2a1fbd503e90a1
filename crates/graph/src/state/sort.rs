//! Sorts many places by the encodings of the keys at them. Where there are very many they are parted first, by a sample of
//! them, and sorted part by part: what is kept of a key meanwhile is kept for one part.

use std::cmp::Ordering;

use super::lazy_order::Came;

/// How much of an encoding is compared before the keys are.
const BEGIN: usize = 12;

/// So many places are sorted in one piece.
const PART: usize = 1 << 16;

/// There are not more parts than a byte numbers.
const MOST_PARTS: usize = 256;

/// So many of a part are looked at to find out where it begins.
const SAMPLED: usize = 16;

/// The beginning of an encoding.
pub(super) type Begin = [u8; BEGIN];

/// The beginning of what is encoded; what is shorter ends in zeros.
pub(super) fn begin_of(encoded: &mut Vec<u8>) -> Begin {
    encoded.resize(BEGIN, 0);
    let begin = encoded.first_chunk();
    begin.copied().unwrap_or_default()
}

/// Sorts few places by their keys.
pub(super) fn sort(places: &mut [u32], compare: &dyn Fn(u32, u32) -> Ordering) {
    places.sort_unstable_by(|one, other| compare(*one, *other));
}

/// The places in parts, one behind the other in order. The order of encodings is that of the keys, and none is a prefix of
/// another: so the keys are compared only where the beginnings of their encodings are equal.
pub(super) fn sort_by_begins(
    came: &Came,
    begin: &mut dyn FnMut(u32) -> Begin,
    compare: &dyn Fn(u32, u32) -> Ordering,
) -> Vec<Vec<u32>> {
    let mut parts = parted(came, begin);
    let mut begins = Vec::new();
    for part in &mut parts {
        begins.clear();
        begins.extend(part.iter().map(|place| (begin(*place), *place)));
        sort_by_begin(&mut begins, compare);
        for (place, (_, sorted)) in part.iter_mut().zip(&begins) {
            *place = *sorted;
        }
    }
    parts
}

fn sort_by_begin(begins: &mut [(Begin, u32)], compare: &dyn Fn(u32, u32) -> Ordering) {
    begins.sort_unstable_by(|one, other| one.0.cmp(&other.0).then_with(|| compare(one.1, other.1)));
}

/// Parts of about the same length, each behind the one before it. Keys that begin alike are in one.
fn parted(came: &Came, begin: &mut dyn FnMut(u32) -> Begin) -> Vec<Vec<u32>> {
    let parts = came.len().div_ceil(PART).clamp(1, MOST_PARTS);
    if parts == 1 {
        return vec![came.iter().collect()];
    }
    let sampled = came.iter().step_by(came.len() / (parts * SAMPLED));
    let mut sampled: Vec<Begin> = sampled.map(&mut *begin).collect();
    sampled.sort_unstable();
    let firsts = (1..parts).map(|part| sampled[part * sampled.len() / parts]);
    let firsts: Vec<Begin> = firsts.collect();
    let mut lens = vec![0; parts];
    let mut part_of: Vec<u8> = Vec::with_capacity(came.len());
    for place in came.iter() {
        let begin = begin(place);
        let part = firsts.partition_point(|first| *first <= begin);
        lens[part] += 1;
        part_of.push(u8::try_from(part).expect("a byte numbers the parts"));
    }
    let mut parts: Vec<Vec<u32>> = lens.into_iter().map(Vec::with_capacity).collect();
    for (place, part) in came.iter().zip(part_of) {
        parts[usize::from(part)].push(place);
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    /// Sorts `keys` at places that are mixed, all of them or some.
    fn check(keys: &[u64], came: &Came) -> usize {
        let mut begin = |place: u32| {
            let mut encoded = b"before".to_vec();
            encoded.extend_from_slice(&keys[place as usize].to_be_bytes());
            begin_of(&mut encoded)
        };
        let compare = |one: u32, other: u32| keys[one as usize].cmp(&keys[other as usize]);
        let parts = sort_by_begins(came, &mut begin, &compare);
        let mut expected: Vec<u32> = came.iter().collect();
        expected.sort_unstable_by_key(|place| keys[*place as usize]);
        assert_eq!(parts.concat(), expected);
        parts.iter().filter(|part| !part.is_empty()).count()
    }

    /// Each once, in no order.
    fn mixed(range: Range<u64>) -> Vec<u64> {
        let len = range.end - range.start;
        // 7919 is prime, and not a divisor.
        range.map(|number| number * 7919 % len).collect()
    }

    #[test]
    fn many_places_are_sorted_in_parts() {
        let len = 3 * PART as u64 + 5;
        let spread: Vec<u64> = mixed(0..len).into_iter().map(|key| key << 40).collect();
        assert_eq!(check(&spread, &Came::All(spread.len())), 4);
        let some = (0..spread.len() as u32).filter(|place| place % 3 > 0);
        assert!(check(&spread, &Came::These(some.collect())) > 1);
        // All begin alike.
        let narrow = mixed(0..len);
        assert!(narrow.iter().all(|key| key >> 16 < 4));
        check(&narrow, &Came::All(narrow.len()));
    }

    #[test]
    fn few_places_are_sorted_in_one() {
        let keys = mixed(0..1000);
        assert_eq!(check(&keys, &Came::All(keys.len())), 1);
        assert_eq!(check(&keys, &Came::These(vec![5, 3, 900])), 1);
        assert_eq!(check(&keys, &Came::These(Vec::new())), 0);
    }
}
