//! Puts objects into an order in which they can be made: each behind those that it needs, the others by kind and name.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::Object;
use crate::{Error, ErrorKind, Result};

/// An object, with those that have to be there before it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) object: Object,
    /// Their places among the drafts.
    pub(crate) needs: BTreeSet<usize>,
}

impl Draft {
    pub(crate) fn new(object: Object) -> Self {
        Self { object, needs: BTreeSet::new() }
    }
}

/// Sorts objects.
///
/// # Errors
///
/// `NotSupported` where some need each other in a circle.
pub(super) fn sort(drafts: Vec<Draft>) -> Result<Vec<Object>> {
    let order = match places(&drafts) {
        Ok(order) => order,
        Err(circle) => {
            let named: Vec<String> = circle.iter().map(|place| drafts[*place].object.title()).collect();
            return Err(Error::new(
                ErrorKind::NotSupported,
                format!("these need each other, and none can be made first: {}", named.join(", ")),
            ));
        }
    };
    let mut objects: Vec<Option<Object>> = drafts.into_iter().map(|draft| Some(draft.object)).collect();
    Ok(order.into_iter().filter_map(|place| objects[place].take()).collect())
}

/// Gives the order as places; of what cannot be ordered, those that stand in circles and those that need them.
pub(super) fn places(drafts: &[Draft]) -> Result<Vec<usize>, Vec<usize>> {
    let mut waiting: Vec<usize> = vec![0; drafts.len()];
    let mut needed_by = vec![Vec::new(); drafts.len()];
    for (place, draft) in drafts.iter().enumerate() {
        for need in draft.needs.iter().copied().filter(|need| *need != place) {
            waiting[place] += 1;
            needed_by[need].push(place);
        }
    }
    let key = |place: usize| {
        let object = &drafts[place].object;
        Reverse((object.after_rows, object.kind, object.table.as_ref(), &object.name, place))
    };
    let mut ready: BinaryHeap<_> = (0..drafts.len()).filter(|place| waiting[*place] == 0).map(key).collect();
    let mut order = Vec::with_capacity(drafts.len());
    while let Some(Reverse((.., place))) = ready.pop() {
        order.push(place);
        for next in &needed_by[place] {
            waiting[*next] -= 1;
            if waiting[*next] == 0 {
                ready.push(key(*next));
            }
        }
    }
    if order.len() == drafts.len() {
        return Ok(order);
    }
    Err((0..drafts.len()).filter(|place| waiting[*place] > 0).collect())
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    fn drafts(objects: &[(Kind, &str, &[usize])]) -> Vec<Draft> {
        let draft = |(kind, name, needs): &(Kind, &str, &[usize])| Draft {
            object: Object::new(*kind, (*name).into()),
            needs: needs.iter().copied().collect(),
        };
        objects.iter().map(draft).collect()
    }

    fn names(objects: &[(Kind, &str, &[usize])]) -> Vec<String> {
        sort(drafts(objects)).unwrap().into_iter().map(|object| object.name.name).collect()
    }

    #[test]
    fn each_is_behind_what_it_needs_and_the_others_go_by_kind_and_name() {
        let objects: [(Kind, &str, &[usize]); 5] = [
            (Kind::View, "a_view", &[2]),
            (Kind::Table, "b", &[]),
            (Kind::View, "z_view", &[1]),
            (Kind::Table, "a", &[4]),
            (Kind::Function, "f", &[1]),
        ];
        assert_eq!(names(&objects), ["b", "f", "a", "z_view", "a_view"]);
    }

    #[test]
    fn a_circle_is_told_with_its_names() {
        let error =
            sort(drafts(&[(Kind::View, "a", &[1]), (Kind::View, "b", &[0]), (Kind::Table, "t", &[])])).unwrap_err();
        assert_eq!(error.message(), "these need each other, and none can be made first: view a, view b");
    }
}
