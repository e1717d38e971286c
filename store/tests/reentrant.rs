//! Types whose conversions use the transaction that converts them: an error or an answer, and no panic.

use std::cell::RefCell;
use std::rc::Rc;

use oarlock::schema::{ColumnType, Type};
use oarlock::store::{Savepoint, Store, Transaction};
use oarlock::value::{Bound, ValueRef};
use oarlock::{ErrorKind, FromValue, Model, Record, Result, ToValue};

/// What is done within a conversion.
type Act = fn(&Transaction, Savepoint) -> Result<()>;

thread_local! {
    static ACT: RefCell<Option<(Rc<Transaction>, Savepoint, Act)>> = const { RefCell::new(None) };
    static SAID: RefCell<Vec<Result<()>>> = const { RefCell::new(Vec::new()) };
}

/// A number that uses the transaction whenever it is converted.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sly(i64);

fn meddle() {
    // What the act converts is converted without another.
    if let Some((tx, savepoint, act)) = ACT.take() {
        let said = act(&tx, savepoint);
        SAID.with_borrow_mut(|all| all.push(said));
        ACT.set(Some((tx, savepoint, act)));
    }
}

impl ToValue for Sly {
    fn to_value(&self) -> Result<Bound<'_>> {
        meddle();
        Ok(Bound::Borrowed(ValueRef::I64(self.0)))
    }
}

impl FromValue for Sly {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        meddle();
        i64::from_value(value).map(Self)
    }
}

impl ColumnType for Sly {
    fn column_type() -> Type {
        Type::Int8
    }
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Thing {
    #[model(primary_key, auto)]
    id: i64,
    #[model(unique)]
    sly: Sly,
}

const ACTS: [Act; 9] = [
    |tx, _| tx.savepoint().map(drop),
    |tx, savepoint| tx.rollback_to(savepoint),
    |tx, savepoint| tx.release(savepoint),
    |tx, _| tx.table::<Thing>().get(1).map(drop),
    |tx, _| tx.table::<Thing>().count().map(drop),
    |tx, _| tx.table::<Thing>().insert(Thing { id: 0, sly: Sly(9) }).map(drop),
    |tx, _| tx.table::<Thing>().delete(1).map(drop),
    |tx, _| tx.table::<Thing>().filter(Thing::ID.gt(0)).all().map(drop),
    |tx, _| {
        tx.note("said within a call");
        Ok(())
    },
];

/// Calls that convert, each while the act is done within.
fn calls(tx: &Transaction) -> Result<()> {
    let things = tx.table::<Thing>();
    let made = things.insert(Thing { id: 0, sly: Sly(2) })?;
    let changed = Thing { sly: Sly(3), ..made };
    things.update(changed.clone())?;
    things.insert_all(&[Thing { id: 0, sly: Sly(4) }])?;
    things.get(changed.id)?;
    things.records()?.try_for_each(|thing| thing.map(drop))?;
    things.get_by(Thing::SLY, &Sly(3))?;
    things.filter(Thing::SLY.ge(Sly(3))).all()?;
    things.delete(changed.id)?;
    Ok(())
}

#[test]
fn a_conversion_that_uses_its_transaction_gets_an_error_or_an_answer() -> Result<()> {
    for (number, act) in ACTS.into_iter().enumerate() {
        let store = Store::in_memory()?;
        store.define([Thing::definition()])?;
        store.table::<Thing>().insert(Thing { id: 0, sly: Sly(1) })?;
        let tx = Rc::new(store.begin());
        let savepoint = tx.savepoint()?;
        ACT.set(Some((Rc::clone(&tx), savepoint, act)));
        let called = calls(&tx);
        ACT.set(None);
        let said = SAID.take();
        // What is done where nothing is half done has its effect: others then see a savepoint, or a record, less or more.
        let kinds: Vec<_> = said.iter().map(|said| said.as_ref().map_err(oarlock::Error::kind).err()).collect();
        let refused = |kind: &Option<ErrorKind>| *kind == Some(ErrorKind::Interface);
        assert!(kinds.len() > 4, "act {number}: {kinds:?}");
        if number < ACTS.len() - 1 {
            assert!(kinds.iter().any(refused), "act {number}: {kinds:?}");
            let error = said.into_iter().find_map(Result::err).expect("one was refused");
            assert!(error.message().contains("within one of its own calls"), "{error}");
        }
        if number == 0 || number == ACTS.len() - 1 {
            called?;
        }
        let tx = Rc::into_inner(tx).expect("nobody else has it");
        tx.table::<Thing>().upsert(Thing { id: 7, sly: Sly(70) })?;
        tx.commit()?;
        assert_eq!(store.table::<Thing>().require(7)?.sly, Sly(70), "act {number}: the transaction goes on");
    }
    Ok(())
}
