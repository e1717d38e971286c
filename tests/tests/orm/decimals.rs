//! Decimals compare as numbers, also where the database has them as text.

use oarlock::orm::query::Place;
use oarlock::orm::{Expr, create_tables};
use oarlock::{Db, Decimal, ErrorKind, Model, Pool, Result};

#[derive(Model, Debug, Clone, PartialEq)]
struct Offer {
    #[model(primary_key)]
    id: i64,
    #[model(precision(24, 6))]
    price: Decimal,
    #[model(precision(10, 2))]
    rebate: Option<Decimal>,
}

/// The same number in several forms, and numbers whose texts are in another order.
const PRICES: [&str; 9] = ["9", "10", "1.50", "-3.25", "1.5", "123456789012345678", "0.05", "-10", "1.500000"];

/// The places of the prices in the order of their numbers, equal ones by their place.
const ORDER: [i64; 9] = [7, 3, 6, 2, 4, 8, 0, 1, 5];

async fn offers(db: &dyn Db) -> Result<()> {
    create_tables(db, [Offer::table()]).await?;
    let rows = PRICES.iter().zip(0..).map(|(price, id)| {
        let rebate = (id % 3 != 0).then(|| Decimal::from(id % 2 + 9));
        Offer::create().id(id).price(decimal(price)).rebate(rebate)
    });
    Offer::create_many(db, rows).await.map(drop)
}

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn ids(offers: &[Offer]) -> Vec<i64> {
    offers.iter().map(|offer| offer.id).collect()
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = offers)]
async fn decimals_are_ordered_as_numbers(db: Pool) -> Result<()> {
    let ordered = || Offer::query().order_by(Offer::PRICE.asc()).order_by(Offer::ID.asc());
    assert_eq!(ids(&ordered().all(&db).await?), ORDER);
    let down = Offer::query().order_by(Offer::PRICE.desc()).order_by(Offer::ID.desc()).all(&db).await?;
    assert_eq!(ids(&down), ORDER.into_iter().rev().collect::<Vec<_>>());
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let place = next.as_deref().map_or(Place::Start, Place::After);
        let slice = ordered().slice(&db, place, 2).await?;
        found.extend(ids(&slice.items));
        next = slice.next;
        if next.is_none() || found.len() > ORDER.len() {
            break;
        }
    }
    assert_eq!(found, ORDER);
    // NULLs are the least, as everywhere.
    let by_rebate = Offer::query().order_by(Offer::REBATE.desc()).order_by(Offer::ID.asc()).all(&db).await?;
    assert_eq!(ids(&by_rebate), [1, 5, 7, 2, 4, 8, 0, 3, 6]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = offers)]
async fn decimals_are_compared_as_numbers(db: Pool) -> Result<()> {
    let near = decimal("123456789012345679");
    let conditions: [(Expr<bool>, &[i64]); 16] = [
        (Offer::PRICE.eq(decimal("1.500")), &[2, 4, 8]),
        (Offer::PRICE.ne(decimal("1.5")), &[0, 1, 3, 5, 6, 7]),
        (Offer::PRICE.lt(decimal("0.050")), &[3, 7]),
        (Offer::PRICE.le(decimal("0.050")), &[3, 6, 7]),
        (Offer::PRICE.gt(decimal("9.0")), &[1, 5]),
        (Offer::PRICE.ge(decimal("9.0")), &[0, 1, 5]),
        (Offer::PRICE.between(decimal("-4"), decimal("1.5")), &[2, 3, 4, 6, 8]),
        (Offer::PRICE.one_of([decimal("9.0"), decimal("-10.00")]), &[0, 7]),
        (Offer::PRICE.none_of([decimal("9.0"), decimal("1.5")]), &[1, 3, 5, 6, 7]),
        (Offer::REBATE.same(decimal("10.0")), &[1, 5, 7]),
        // As floating-point numbers these would be equal to one that is there.
        (Offer::PRICE.eq(near), &[]),
        (Offer::PRICE.one_of([near, decimal("9")]), &[0]),
        (Offer::PRICE.gt(decimal("123456789012345677")), &[5]),
        (Offer::PRICE.expr().coalesce::<Decimal>(decimal("0")).same(near), &[]),
        (Offer::REBATE.expr().coalesce::<Decimal>(decimal("11")).gt(decimal("9.5")), &[0, 1, 3, 5, 6, 7]),
        (Offer::PRICE.eq(Offer::query().select(Offer::PRICE.expr()).filter(Offer::ID.eq(4)).scalar()), &[2, 4, 8]),
    ];
    for (condition, expected) in conditions {
        let text = format!("{condition:?}");
        let found = Offer::query().filter(condition).order_by(Offer::ID.asc()).all(&db).await?;
        assert_eq!(ids(&found), expected, "{text}");
    }
    let highest = Offer::query().select(Offer::PRICE.max()).scalar().cast_unchecked::<Decimal>();
    assert_eq!(ids(&Offer::query().filter(Offer::PRICE.same(highest)).all(&db).await?), [5]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = offers)]
async fn decimals_are_grouped_as_numbers(db: Pool) -> Result<()> {
    let plain = |price: Decimal| price.normalized().to_string();
    let least = Offer::query().min(&db, Offer::PRICE).await?.map(plain);
    let greatest = Offer::query().max(&db, Offer::PRICE).await?.map(plain);
    assert_eq!((least.as_deref(), greatest.as_deref()), (Some("-10"), Some("123456789012345678")));
    let counts = Offer::query()
        .select((Offer::PRICE, Expr::count_rows()))
        .group_by(Offer::PRICE)
        .having(Expr::count_rows().gt(1))
        .all(&db)
        .await?;
    assert_eq!(
        counts.into_iter().map(|(price, count)| (plain(price), count)).collect::<Vec<_>>(),
        [("1.5".to_owned(), 3)]
    );
    assert_eq!(Offer::query().select(Offer::PRICE.count_distinct()).all(&db).await?, [7]);
    let different = Offer::query().select(Offer::PRICE).distinct().order_by(Offer::PRICE.asc()).all(&db).await?;
    let different: Vec<String> = different.into_iter().map(plain).collect();
    assert_eq!(different, ["-10", "-3.25", "0.05", "1.5", "9", "10", "123456789012345678"]);
    Ok(())
}

#[oarlock::test(engines = [postgres, mysql], setup = offers)]
async fn decimals_are_computed_with_as_such(db: Pool) -> Result<()> {
    let plain = |price: Decimal| price.normalized().to_string();
    let large = || Offer::query().filter(Offer::ID.eq(5));
    let computed = (Offer::PRICE + decimal("0.000001")) * decimal("3") - decimal("1");
    let found = large().select(computed).all(&db).await?;
    assert_eq!(found.into_iter().map(plain).collect::<Vec<_>>(), ["370370367037037033.000003"]);
    let sum = Offer::query().sum(&db, Offer::PRICE).await?.map(plain);
    assert_eq!(sum.as_deref(), Some("123456789012345688.3"));
    let next = Offer::query().filter((Offer::PRICE + decimal("1")).eq(decimal("123456789012345680")));
    assert_eq!(next.count(&db).await?, 0);
    large().update().set(Offer::PRICE, Offer::PRICE + decimal("0.000001")).exec(&db).await?;
    assert_eq!(plain(Offer::require(&db, 5).await?.price), "123456789012345678.000001");
    Ok(())
}

#[oarlock::test(engines = [sqlite], setup = offers)]
async fn what_would_not_be_exact_is_refused(db: Pool) -> Result<()> {
    for computed in
        [Offer::PRICE + decimal("1"), Offer::PRICE.abs(), decimal_of(Offer::query().select(Offer::PRICE.max()))]
    {
        let error = Offer::query().select(computed).all(&db).await.expect_err("it is text");
        assert_eq!(error.kind(), ErrorKind::NotSupported, "{error:?}");
    }
    let error = Offer::query().sum(&db, Offer::PRICE).await.expect_err("it is text");
    assert_eq!(error.kind(), ErrorKind::NotSupported);
    Ok(())
}

/// A decimal of a query, to compute with.
fn decimal_of(query: oarlock::orm::query::SelectQuery<Offer, Expr<Option<Decimal>>>) -> Expr<Decimal> {
    query.scalar().cast_unchecked::<Decimal>() * decimal("2")
}
