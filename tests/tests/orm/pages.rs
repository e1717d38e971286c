//! Pages by number, and slices by key.

use oarlock::orm::query::Place;
use oarlock::{Db, ErrorKind, Model, Pool, Query, Result};

proofs! {
    slices_give_every_row_once_in_the_order_of_the_query(db: Pool) after visits;
    the_order_is_the_same_on_every_engine(db: Pool) after visits;
}

/// A row whose columns are often equal, and often NULL.
#[derive(Model, Debug, Clone, PartialEq)]
struct Visit {
    #[model(primary_key)]
    id: i64,
    place: Option<String>,
    stars: i32,
}

pub(crate) async fn visits(db: &dyn Db) -> Result<()> {
    oarlock::orm::create_tables(db, [Visit::table()]).await?;
    let rows = (0..100).map(|id| {
        let place = (id % 7 != 0).then(|| format!("place {}", id % 5));
        Visit::create().id(id).place(place).stars(i32::try_from(id % 3).expect("it is small"))
    });
    Visit::create_many(db, rows).await.map(drop)
}

/// Reads all slices of a size, forwards and then back again.
async fn walk(db: &Pool, query: impl Fn() -> Query<Visit>, size: u64) -> Result<(Vec<i64>, Vec<i64>)> {
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let mut slice = query().slice(db, Place::Start, size).await?;
    assert_eq!(slice.previous, None);
    loop {
        there.extend(slice.items.iter().map(|visit| visit.id));
        assert!(there.len() <= 100, "slices of {size}: a row comes again: {there:?}");
        let Some(next) = slice.next else { break };
        slice = query().slice(db, Place::After(&next), size).await?;
    }
    let mut end = slice.items.iter().map(|visit| visit.id).collect::<Vec<_>>();
    while let Some(previous) = slice.previous {
        end.reverse();
        back.extend(end);
        slice = query().slice(db, Place::Before(&previous), size).await?;
        end = slice.items.iter().map(|visit| visit.id).collect();
        assert!(slice.next.is_some());
    }
    end.reverse();
    back.extend(end);
    back.reverse();
    Ok((there, back))
}

pub(crate) async fn slices_give_every_row_once_in_the_order_of_the_query(db: Pool) -> Result<()> {
    let orders: [fn() -> Query<Visit>; 6] = [
        Visit::query,
        || Visit::query().order_by(Visit::ID.desc()),
        || Visit::query().order_by(Visit::STARS.desc()),
        || Visit::query().order_by(Visit::PLACE.asc()).order_by(Visit::STARS.desc()),
        || Visit::query().order_by(Visit::PLACE.desc()),
        || Visit::query().order_by(Visit::PLACE.asc().nulls_last()).order_by(Visit::STARS.asc()),
    ];
    for (number, order) in orders.into_iter().enumerate() {
        // What the database itself gives in that order, the key as the last word.
        let whole = order().slice(&db, Place::Start, 1_000).await?;
        assert_eq!((whole.items.len(), &whole.next, &whole.previous), (100, &None, &None));
        let whole: Vec<i64> = whole.items.iter().map(|visit| visit.id).collect();
        for size in [1, 7, 33, 100] {
            let (there, back) = walk(&db, order, size).await?;
            assert_eq!(there, whole, "order {number}, slices of {size}");
            assert_eq!(back, whole, "order {number}, slices of {size}, backwards");
        }
    }
    Ok(())
}

pub(crate) async fn the_order_is_the_same_on_every_engine(db: Pool) -> Result<()> {
    let query = Visit::query().filter(Visit::ID.lt(8)).order_by(Visit::PLACE.desc()).order_by(Visit::ID.asc());
    let ids: Vec<i64> = query.all(&db).await?.iter().map(|visit| visit.id).collect();
    assert_eq!(ids, [4, 3, 2, 1, 6, 5, 0, 7]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = visits)]
async fn a_place_of_another_order_is_refused(db: Pool) -> Result<()> {
    let slice = Visit::query().order_by(Visit::STARS.asc()).slice(&db, Place::Start, 5).await?;
    let place = slice.next.expect("there are more");
    for (query, place) in [
        (Visit::query(), place.as_str()),
        (Visit::query().order_by(Visit::STARS.desc()), place.as_str()),
        (Visit::query().order_by(Visit::STARS.asc()), "nonsense"),
        (Visit::query().order_by(Visit::STARS.asc()), &place[..place.len() - 2]),
        (Visit::query().order_by(Visit::STARS.asc()), ""),
        (Visit::query().order_by((Visit::STARS + 1).asc()), place.as_str()),
        (Visit::query().limit(3), place.as_str()),
    ] {
        let error = query.slice(&db, Place::After(place), 5).await.expect_err("it is not of this order");
        assert_eq!(error.kind(), ErrorKind::Interface, "{error:?}");
    }
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = visits)]
async fn pages_are_counted(db: Pool) -> Result<()> {
    let page = Visit::query().filter(Visit::STARS.eq(1)).order_by(Visit::STARS.asc()).page(&db, 4, 10).await?;
    assert_eq!((page.total, page.pages(), page.number), (33, 4, 4));
    assert_eq!(page.items.iter().map(|visit| visit.id).collect::<Vec<_>>(), [91, 94, 97]);
    assert!(Visit::query().page(&db, 9, 20).await?.items.is_empty());
    assert_eq!(Visit::query().page(&db, 0, 20).await.expect_err("counted from 1").kind(), ErrorKind::Interface);
    Ok(())
}
