//! The map beside the standard library's.

use std::collections::BTreeMap;
use std::ops::Bound;

use proptest::prelude::*;

use super::{Builder, Map, Unsorted};

#[derive(Debug, Clone)]
enum Step {
    Insert(u16, usize),
    InsertNew(u16, usize),
    Append(usize),
    Remove(u16),
    /// Keeps a copy, which must never change.
    Copy,
}

/// How long values are: mostly short, some that stand apart, some of which few fit into a page.
fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![20 => 0_usize..40, 2 => 900_usize..1200, 1 => Just(5000_usize)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u16..3000, lengths()).prop_map(|(key, length)| Step::Insert(key, length)),
        2 => (0_u16..3000, lengths()).prop_map(|(key, length)| Step::InsertNew(key, length)),
        2 => lengths().prop_map(Step::Append),
        4 => (0_u16..3000).prop_map(Step::Remove),
        1 => Just(Step::Copy),
    ];
    proptest::collection::vec(step, 0..1500)
}

/// What numbers are made keys of: such as are short, such as begin alike for longer than is compared at once, such as are the beginning of others.
#[derive(Debug, Clone, Copy)]
enum Keys {
    Short,
    Long,
    Nested,
}

impl Keys {
    fn of(self, number: u16) -> Vec<u8> {
        match self {
            Self::Short => number.to_be_bytes().to_vec(),
            Self::Long => [&[7; 30][..], &number.to_be_bytes(), &[9; 5]].concat(),
            // In the order of the numbers: a's, then b's, and noughts behind.
            Self::Nested => [vec![b'a'; usize::from(number / 50)], vec![0; usize::from(number % 50)]].concat(),
        }
    }
}

fn keys() -> impl Strategy<Value = Keys> {
    prop_oneof![Just(Keys::Short), Just(Keys::Long), Just(Keys::Nested)]
}

fn value(count: u32, length: usize) -> Vec<u8> {
    let mut value = count.to_le_bytes().to_vec();
    value.resize(4 + length, 1);
    value
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;
type Content = Vec<(Vec<u8>, Vec<u8>)>;

fn content(map: &Map) -> Content {
    let (mut range, mut found) = (map.all(), Vec::new());
    while let Some(entry) = range.next() {
        found.push((entry.key.to_vec(), entry.value.to_vec()));
    }
    found
}

fn expected(model: &Model) -> Content {
    model.clone().into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_map_does_as_the_standard_librarys(
        keys in keys(), steps in steps(), low in 0_u16..3000, high in 0_u16..3000,
    ) {
        let (mut map, mut model, mut copies) = (Map::new(), Model::new(), Vec::new());
        for (count, step) in (0_u32..).zip(steps) {
            match step {
                Step::Insert(key, length) => {
                    let (key, value) = (keys.of(key), value(count, length));
                    let old = map.insert(&key, [&value, &[]]);
                    prop_assert_eq!(old, model.insert(key, value).map(|old| old.len()));
                }
                Step::InsertNew(key, length) => {
                    let (key, value) = (keys.of(key), value(count, length));
                    prop_assert_eq!(map.insert_new(&key, [&value, &[]]), !model.contains_key(&key));
                    model.entry(key).or_insert(value);
                }
                Step::Append(length) => {
                    let mut key = model.last_key_value().map_or_else(Vec::new, |(last, _)| last.clone());
                    key.push(1);
                    let value = value(count, length);
                    prop_assert_eq!(map.insert(&key, [&value[..2], &value[2..]]), None);
                    model.insert(key, value);
                }
                Step::Remove(key) => {
                    let key = keys.of(key);
                    prop_assert_eq!(map.remove(&key), model.remove(&key).is_some());
                }
                Step::Copy => copies.push((map.clone(), model.clone())),
            }
            prop_assert_eq!(map.len(), model.len());
        }
        copies.push((map, model));
        for (map, model) in copies {
            prop_assert_eq!(content(&map), expected(&model));
            for key in [low, high] {
                prop_assert_eq!(map.get(&keys.of(key)), model.get(&keys.of(key)).map(Vec::as_slice));
            }
            for key in model.keys().step_by(7) {
                prop_assert_eq!(map.get(key), model.get(key).map(Vec::as_slice));
            }
            let (low, high) = (keys.of(low), keys.of(high));
            let (low, high) = if low < high { (low, high) } else { (high, low) };
            for bounds in [
                (Bound::Included(&low[..]), Bound::Excluded(&high[..])),
                (Bound::Excluded(&low[..]), Bound::Included(&high[..])),
                (Bound::Unbounded, Bound::Included(&low[..])),
            ] {
                if bounds.0 == Bound::Excluded(&low[..]) && low == high {
                    continue;
                }
                let wanted: Vec<Vec<u8>> = model.range::<[u8], _>(bounds).map(|(_, value)| value.clone()).collect();
                let mut range = map.range(bounds.0, bounds.1);
                prop_assert_eq!(range.len(), wanted.len());
                // From both ends in turn, until they meet.
                let (mut front, mut back) = (Vec::new(), Vec::new());
                while let Some(entry) = range.next() {
                    front.push(entry.value.to_vec());
                    if let Some(entry) = range.step(true).and_then(|place| range.entry(place, true)) {
                        back.push(entry.value.to_vec());
                    }
                }
                back.reverse();
                front.append(&mut back);
                prop_assert_eq!(&front, &wanted);
            }
        }
    }

    #[test]
    fn a_map_that_is_built_is_the_one_that_is_filled(
        keys in keys(), count in 0_u16..5000, length in lengths(), extra in 0_u16..5000,
    ) {
        let mut map = Builder::new();
        let mut model = Model::new();
        for number in 0..count {
            map.push(&keys.of(number), [&value(1, length), &[]]);
            model.insert(keys.of(number), value(1, length));
        }
        let mut map = map.finish();
        prop_assert_eq!(content(&map), expected(&model));
        map.insert(&keys.of(extra), [b"other", b""]);
        model.insert(keys.of(extra), b"other".to_vec());
        prop_assert_eq!(content(&map), expected(&model));
    }

    #[test]
    fn entries_in_any_order_become_a_map_unless_two_have_one_key(
        keys in keys(), numbers in proptest::collection::vec(0_u16..3000, 0..300),
    ) {
        let (mut unsorted, mut model, mut twice) = (Unsorted::with_capacity(0), Model::new(), false);
        for number in numbers {
            unsorted.push(&keys.of(number), [&number.to_be_bytes(), &[]]);
            twice |= model.insert(keys.of(number), number.to_be_bytes().to_vec()).is_some();
        }
        match unsorted.into_map() {
            Ok(map) => {
                prop_assert!(!twice);
                prop_assert_eq!(content(&map), expected(&model));
            }
            Err(value) => prop_assert!(twice && value.len() == 2),
        }
    }
}

#[test]
fn only_what_was_put_in_since_a_copy_is_visited_with_its_neighbours() {
    let mut map = Builder::new();
    (0..4000_u16).for_each(|key| map.push(&key.to_be_bytes(), [&[0], b"a value"]));
    let mut map = map.finish();
    let copy = map.clone();
    map.insert(&77_u16.to_be_bytes(), [&[1], b"a value"]);
    let mut seen = Vec::new();
    map.for_each_own(&mut |value| seen.push(std::mem::replace(&mut value[0], 2)));
    assert!(seen.contains(&1) && seen.len() <= 65, "{seen:?}");
    let marks = [&map, &copy].map(|map| map.get(&77_u16.to_be_bytes()).unwrap()[0]);
    assert_eq!(marks, [2, 0]);
}

/// What is not used of a page is given back: else a record that grows and shrinks, again and again, would fill the memory.
#[test]
fn a_value_that_is_replaced_again_and_again_takes_no_more_room() {
    let mut map = Map::new();
    for number in 0..20_u16 {
        map.insert(&number.to_be_bytes(), [b"a value", b""]);
    }
    for count in 0..10_000_usize {
        map.insert(&7_u16.to_be_bytes(), [&vec![1; count % 900], &[]]);
    }
    assert!(map.root.size() < 8_000, "{}", map.root.size());
}

/// A page's neighbours are made as large as it is, but not for a record that stands apart.
#[test]
fn a_large_value_takes_its_memory_once() {
    const LARGE: usize = 1 << 20;
    let large = vec![7; LARGE];
    let mut map = Map::new();
    // Behind it, before it, and in its place.
    for key in [[5], [7], [3], [4]] {
        map.insert(&key, [if key == [5] { &large } else { b"small" }, &[]]);
    }
    assert!(map.root.size() < LARGE + 80_000, "{}", map.root.size());
    map.insert(&[5], [&large, b"and more"]);
    assert!(map.root.size() < 2 * LARGE + 80_000, "{}", map.root.size());
    let mut built = Builder::new();
    for key in [[3], [5], [7]] {
        built.push(&key, [if key == [5] { &large } else { b"small" }, &[]]);
    }
    assert!(built.finish().root.size() < LARGE + 80_000);
}
