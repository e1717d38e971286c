//! Which part of which index a query looks at, and that it finds what a look at all records finds.

use oarlock::schema::{Index, IndexPart, Nulls as SchemaNulls};
use oarlock::store::expr::{Binary, Expr, Unary};
use oarlock::store::{Nulls, Store, Term};
use oarlock::value::{Bound, Value};
use oarlock::{Model, Record, Result, ToValue};
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq, Model)]
struct Item {
    #[model(primary_key)]
    id: i64,
    #[model(index)]
    number: Option<i64>,
    #[model(index)]
    name: String,
    #[model(unique)]
    code: Option<String>,
    plain: i64,
}

const COLUMNS: [&str; 5] = ["id", "number", "name", "code", "plain"];

/// A store whose table has indexes of several columns, too, falling ones and such with NULLs behind.
fn store() -> Result<Store> {
    let store = Store::in_memory()?;
    let mut table = Item::definition().table.clone();
    let falling = |name: &str| IndexPart::column(name).descending();
    table.indexes.push(Index::new(["plain", "name"].map(IndexPart::column)).named("plain_name"));
    table.indexes.push(Index::new([falling("name"), falling("number")]).named("name_falling"));
    let last = IndexPart::column("number").nulls(SchemaNulls::Last);
    table.indexes.push(Index::new([last, falling("plain")]).named("number_last"));
    store.define_tables([table])?;
    Ok(store)
}

fn column(name: &str) -> Expr {
    Expr::Column(COLUMNS.iter().position(|column| *column == name).expect("it is one"))
}

fn is(left: &str, binary: Binary, right: impl ToValue) -> Expr {
    Expr::binary(binary, column(left), bound(&right))
}

fn bound(value: &impl ToValue) -> Expr {
    Expr::Value(value.to_value().and_then(Bound::into_value).expect("it can be bound"))
}

fn one_of<T: ToValue>(name: &str, values: impl IntoIterator<Item = T>) -> Expr {
    Expr::Among(Box::new(column(name)), values.into_iter().map(|value| bound(&value)).collect(), false)
}

fn like(name: &str, pattern: &str) -> Expr {
    Expr::Like(Box::new(column(name)), Box::new(bound(&pattern)), false)
}

fn and(left: Expr, right: Expr) -> Expr {
    Expr::binary(Binary::And, left, right)
}

fn or(left: Expr, right: Expr) -> Expr {
    Expr::binary(Binary::Or, left, right)
}

fn by(name: &str, descending: bool) -> Term {
    Term { expr: column(name), descending, nulls: Nulls::Least }
}

#[test]
fn what_an_index_serves_is_never_looked_for_in_all_records() -> Result<()> {
    use Binary::{Eq, Ge, Gt, Le, Lt, Same};
    let store = store()?;
    let told = |condition: Expr| store.table::<Item>().filter(condition).explain();
    for (condition, expected) in [
        (one_of("id", [3, 1, 3, 2]), "item by item_pkey, 3 parts"),
        (one_of("id", [Value::I64(1), Value::Null]), "item by item_pkey, 1 part"),
        (one_of::<i64>("id", []), "nothing of item"),
        (is("id", Eq, Value::Null), "nothing of item"),
        (and(is("id", Gt, 5), is("id", Lt, 5)), "nothing of item"),
        (one_of("number", [1, 2]), "item by item_number_idx, 2 parts"),
        (or(is("number", Lt, 3), is("number", Ge, 9)), "item by item_number_idx, 2 parts"),
        (or(is("number", Lt, 3), is("number", Le, 9)), "item by item_number_idx, 1 part"),
        (
            or(and(is("number", Gt, 1), is("number", Lt, 3)), and(is("number", Gt, 5), is("number", Le, 7))),
            "item by item_number_idx, 2 parts",
        ),
        (
            or(Expr::Unary(Unary::IsNull, Box::new(column("number"))), is("number", Eq, 4)),
            "item by item_number_idx, 2 parts",
        ),
        (is("number", Same, Value::Null), "item by item_number_idx, 1 part"),
        (like("name", "ab%"), "item by item_name_idx, 1 part"),
        (like("name", "ab%c_"), "item by item_name_idx, 1 part"),
        (like("name", "ab"), "item by item_name_idx, 1 part"),
        (or(like("name", "a%"), like("name", "b%")), "item by item_name_idx, 2 parts"),
        (like("name", "%b"), "all of item"),
        (and(is("plain", Eq, 1), like("name", "a%")), "item by plain_name, 1 part"),
        (and(one_of("plain", [1, 2, 3]), one_of("name", ["a", "b"])), "item by plain_name, 6 parts"),
        (and(one_of("code", ["a", "b"]), is("plain", Gt, 0)), "item by item_code_key, 2 parts"),
        (or(is("id", Eq, 1), is("plain", Eq, 1)), "all of item"),
        (Expr::Unary(Unary::Not, Box::new(is("id", Eq, 1))), "all of item"),
        // Of another kind than the column: the comparison tells what is wrong with it.
        (one_of("id", ["one"]), "all of item"),
    ] {
        assert_eq!(told(condition.clone())?, expected, "{condition:?}");
    }
    let many = store.table::<Item>().filter(one_of("id", 0..100_000)).explain()?;
    assert_eq!(many, "item by item_pkey, 1 part", "from the first to the last");
    let ordered = |condition: Expr, order: Term| store.table::<Item>().filter(condition).order_by(order).explain();
    assert_eq!(ordered(one_of("name", ["b", "a"]), by("name", true))?, "item by item_name_idx, 2 parts, from the end");
    assert_eq!(ordered(one_of("name", ["b", "a"]), by("plain", false))?, "item by item_name_idx, 2 parts, then sorted");
    assert_eq!(
        ordered(and(is("plain", Eq, 1), like("name", "a%")), by("name", false))?,
        "item by plain_name, 1 part",
        "in its order"
    );
    Ok(())
}

#[test]
fn parts_of_a_falling_column_come_in_its_order() -> Result<()> {
    let store = store()?;
    let item = |id| Item { id, number: Some(1), name: "a".to_owned(), code: None, plain: id };
    store.table::<Item>().insert_all(&(0..9).map(item).collect::<Vec<_>>())?;
    let edges = or(is("plain", Binary::Lt, 2), is("plain", Binary::Ge, 7));
    let condition = and(is("number", Binary::Eq, 1), edges);
    for (descending, told, expected) in [
        (true, "item by number_last, 2 parts", [8, 7, 1, 0]),
        (false, "item by number_last, 2 parts, from the end", [0, 1, 7, 8]),
    ] {
        let query = || store.table::<Item>().filter(condition.clone()).order_by(by("plain", descending));
        assert_eq!(query().explain()?, told);
        let found: Vec<i64> = query().all()?.into_iter().map(|item| item.id).collect();
        assert_eq!(found, expected);
    }
    Ok(())
}

/// Values that meet each other, and some that do not fit their column.
fn value(column: usize) -> BoxedStrategy<Value> {
    let number = prop_oneof![4 => (-3_i64..4).prop_map(Value::I64), 1 => Just(Value::Null)];
    let text = prop_oneof![6 => "[ab\u{0}é]{0,3}".prop_map(Value::Text), 1 => Just(Value::Null)];
    if matches!(column, 2 | 3) { text.boxed() } else { number.boxed() }
}

fn simple() -> impl Strategy<Value = Expr> {
    (0_usize..5).prop_flat_map(|place| {
        let operand = move || Box::new(Expr::Column(place));
        let comparison = prop_oneof![
            3 => Just(Binary::Eq),
            1 => Just(Binary::Ne),
            1 => Just(Binary::Lt),
            1 => Just(Binary::Le),
            1 => Just(Binary::Gt),
            1 => Just(Binary::Ge),
            1 => Just(Binary::Same),
            1 => Just(Binary::NotSame),
        ];
        let compared = (comparison, value(place), any::<bool>()).prop_map(move |(binary, value, turned)| {
            let (left, right) = (Expr::Column(place), Expr::Value(value));
            if turned { Expr::binary(binary, right, left) } else { Expr::binary(binary, left, right) }
        });
        let list = (proptest::collection::vec(value(place).prop_map(Expr::Value), 0..4), any::<bool>())
            .prop_map(move |(values, inverted)| Expr::Among(operand(), values, inverted));
        let null =
            any::<bool>().prop_map(move |is| Expr::Unary(if is { Unary::IsNull } else { Unary::IsNotNull }, operand()));
        let pattern = ("[ab\u{0}é%_]{0,4}", any::<bool>()).prop_map(move |(pattern, ignore)| {
            let place = if matches!(place, 2 | 3) { place } else { 2 };
            Expr::Like(Box::new(Expr::Column(place)), Box::new(bound(&pattern)), ignore)
        });
        prop_oneof![4 => compared, 2 => list, 1 => null, 2 => pattern]
    })
}

fn condition() -> impl Strategy<Value = Expr> {
    simple().prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            2 => (inner.clone(), inner.clone()).prop_map(|(left, right)| and(left, right)),
            2 => (inner.clone(), inner.clone()).prop_map(|(left, right)| or(left, right)),
            1 => inner.prop_map(|operand| Expr::Unary(Unary::Not, Box::new(operand))),
        ]
    })
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let text = "[ab\u{0}é]{0,3}";
    let item = (proptest::option::of(-3_i64..4), text, proptest::option::of(text), -3_i64..4);
    proptest::collection::vec(item, 0..40).prop_map(|items| {
        let mut codes = std::collections::BTreeSet::new();
        let items = (-3..).zip(items).map(|(id, (number, name, code, plain))| Item { id, number, name, code, plain });
        items.filter(|item| item.code.as_ref().is_none_or(|code| codes.insert(code.clone()))).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn parts_of_an_index_hold_what_a_look_at_all_records_finds(
        items in items(),
        condition in condition(),
        order in proptest::option::of((0_usize..5, any::<bool>())),
        slice in proptest::option::of((0_usize..5, 0_usize..5)),
    ) {
        let store = store().unwrap();
        let table = store.table::<Item>();
        table.insert_all(&items).unwrap();
        // Of what stands within NOT nothing is taken: so this looks at all records.
        let hidden = Expr::Unary(Unary::Not, Box::new(Expr::Unary(Unary::Not, Box::new(condition.clone()))));
        let all = |condition: Expr| {
            let mut query = table.filter(condition);
            if let Some((column, descending)) = order {
                let term = |column, descending| Term { expr: Expr::Column(column), descending, nulls: Nulls::Least };
                query = query.order_by(term(column, descending)).order_by(term(0, false));
            }
            query
        };
        prop_assert_eq!(table.filter(hidden.clone()).explain().unwrap(), "all of item");
        let (mut expected, mut found) = (all(hidden).all().unwrap(), all(condition.clone()).all().unwrap());
        if order.is_none() {
            expected.sort_by_key(|item| item.id);
            found.sort_by_key(|item| item.id);
        }
        prop_assert_eq!(&found, &expected, "{}", all(condition.clone()).explain().unwrap());
        prop_assert_eq!(all(condition.clone()).count().unwrap(), expected.len());
        if let (Some((offset, limit)), true) = (slice, order.is_some()) {
            let found = all(condition).offset(offset).limit(limit).all().unwrap();
            let expected: Vec<_> = expected.into_iter().skip(offset).take(limit).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
