//! The map beside the standard library's.

use std::collections::BTreeMap;
use std::ops::Bound;

use proptest::prelude::*;

use super::Map;
use crate::key::Key;

#[derive(Debug, Clone)]
enum Step {
    Insert(u16),
    Append,
    Remove(u16),
    /// Keeps a copy, which must never change.
    Copy,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u16..3000).prop_map(Step::Insert),
        2 => Just(Step::Append),
        4 => (0_u16..3000).prop_map(Step::Remove),
        1 => Just(Step::Copy),
    ];
    proptest::collection::vec(step, 0..1500)
}

fn bytes(key: u16) -> [u8; 2] {
    key.to_be_bytes()
}

fn content(map: &Map<u32>) -> Vec<(Vec<u8>, u32)> {
    let (mut range, mut found) = (map.all(), Vec::new());
    while let Some((key, value)) = range.next() {
        found.push((key.as_bytes().to_vec(), *value));
    }
    found
}

fn expected(model: &BTreeMap<[u8; 2], u32>) -> Vec<(Vec<u8>, u32)> {
    model.iter().map(|(key, value)| (key.to_vec(), *value)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_map_does_as_the_standard_librarys(steps in steps(), low in 0_u16..3000, high in 0_u16..3000) {
        let (mut map, mut model, mut copies) = (Map::new(), BTreeMap::new(), Vec::new());
        for (count, step) in (0_u32..).zip(steps) {
            match step {
                Step::Insert(key) => {
                    prop_assert_eq!(map.insert(Key::new(&bytes(key)), count), model.insert(bytes(key), count));
                }
                Step::Append => {
                    let key = model.last_key_value().map_or(0, |(last, _)| u16::from_be_bytes(*last).saturating_add(1));
                    prop_assert_eq!(map.insert(Key::new(&bytes(key)), count), model.insert(bytes(key), count));
                }
                Step::Remove(key) => prop_assert_eq!(map.remove(&bytes(key)), model.remove(&bytes(key))),
                Step::Copy => copies.push((map.clone(), model.clone())),
            }
            prop_assert_eq!(map.len(), model.len());
        }
        copies.push((map, model));
        for (map, model) in copies {
            prop_assert_eq!(content(&map), expected(&model));
            for key in [low, high] {
                prop_assert_eq!(map.get(&bytes(key)), model.get(&bytes(key)));
            }
            let (low, high) = (bytes(low.min(high)), bytes(low.max(high)));
            for bounds in [
                (Bound::Included(low), Bound::Excluded(high)),
                (Bound::Excluded(low), Bound::Included(high)),
                (Bound::Unbounded, Bound::Included(low)),
            ] {
                if bounds.0 == Bound::Excluded(low) && low == high {
                    continue;
                }
                let wanted: Vec<u32> = model.range(bounds).map(|(_, value)| *value).collect();
                let as_slice = |bound: Bound<[u8; 2]>| bound;
                let (from, to) = (as_slice(bounds.0), as_slice(bounds.1));
                let mut range = map.range(from.as_ref().map(|key| &key[..]), to.as_ref().map(|key| &key[..]));
                prop_assert_eq!(range.len(), wanted.len());
                // From both ends in turn, until they meet.
                let (mut front, mut back) = (Vec::new(), Vec::new());
                while let Some((_, value)) = range.next() {
                    front.push(*value);
                    if let Some((_, value)) = range.step(true).and_then(|place| range.entry(place, true)) {
                        back.push(*value);
                    }
                }
                back.reverse();
                front.append(&mut back);
                prop_assert_eq!(&front, &wanted);
            }
        }
    }

    #[test]
    fn a_map_of_sorted_entries_is_the_one_that_is_filled(count in 0_u16..5000, extra in 0_u16..5000) {
        let entries = (0..count).map(|key| (Key::new(&bytes(key)), u32::from(key)));
        let mut map = Map::from_sorted(entries);
        let mut model: BTreeMap<_, _> = (0..count).map(|key| (bytes(key), u32::from(key))).collect();
        prop_assert_eq!(content(&map), expected(&model));
        map.insert(Key::new(&bytes(extra)), 7);
        model.insert(bytes(extra), 7);
        prop_assert_eq!(content(&map), expected(&model));
    }
}

#[test]
fn only_what_was_put_in_since_a_copy_is_visited_with_its_neighbours() {
    let mut map = Map::from_sorted((0..4000_u16).map(|key| (Key::new(&bytes(key)), 0)));
    let copy = map.clone();
    map.insert(Key::new(&bytes(77)), 1);
    let mut seen = Vec::new();
    map.for_each_own(&mut |value| seen.push(std::mem::replace(value, 2)));
    assert!(seen.contains(&1) && seen.len() <= 33, "{seen:?}");
    assert_eq!((map.get(&bytes(77)), copy.get(&bytes(77))), (Some(&2), Some(&0)));
}
