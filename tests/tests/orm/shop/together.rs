//! Several at the shop's counter at once.

use oarlock::{Db, DbExt, ErrorKind, Isolation, Model, Pool, Result, TxOptions};

use super::data::{Shop, filled};
use super::models::*;

proofs! {
    no_update_is_lost(db: Pool) after filled;
}

/// Takes one more, by reading and writing, until nobody was in between. Gives how often it was somebody's.
async fn one_more(db: &Pool, stock: &Stock) -> Result<usize> {
    for stale in 0.. {
        let seen = Stock::require(db, (stock.product_id, stock.warehouse.clone())).await?;
        // Another has its chance between the two.
        tokio::task::yield_now().await;
        match seen.update().quantity(seen.quantity + 1).exec(db).await {
            Ok(_) => return Ok(stale),
            Err(error) if error.kind() == ErrorKind::StaleRow || error.is_retryable() => {}
            Err(error) => return Err(error),
        }
    }
    unreachable!("it is tried until it is done")
}

pub(crate) async fn no_update_is_lost(db: Pool) -> Result<()> {
    let stock = Shop::new().stock.swap_remove(0);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (db, stock) = (db.clone(), stock.clone());
            tokio::spawn(async move {
                let mut stale = 0;
                for _ in 0..15 {
                    stale += one_more(&db, &stock).await?;
                }
                Ok::<_, oarlock::Error>(stale)
            })
        })
        .collect();
    let mut stale = 0;
    for task in tasks {
        stale += task.await.expect("no task panics")?;
    }
    let after = Stock::require(&db, (stock.product_id, stock.warehouse.clone())).await?;
    assert_eq!((after.quantity, after.version), (stock.quantity + 120, stock.version + 120), "an update is lost");
    assert!(stale > 0, "they were in each other's way, or nothing is proven");
    // The same by an expression, which needs no second try.
    Stock::query()
        .filter(Stock::PRODUCT_ID.eq(stock.product_id))
        .update()
        .set(Stock::QUANTITY, Stock::QUANTITY - 120)
        .exec(&db)
        .await?;
    assert_eq!(Stock::require(&db, (stock.product_id, stock.warehouse.clone())).await?.quantity, stock.quantity);
    Ok(())
}

#[oarlock::test(engines = [postgres, mysql], setup = filled)]
async fn a_locked_row_is_left_to_who_has_it(db: Pool) -> Result<()> {
    // By a key, so that no engine locks more than it was asked for.
    let packable = || Order::query().filter(Order::ID.le(3)).order_by(Order::ID.asc());
    let options = || TxOptions::new().isolation(Isolation::ReadCommitted);
    let (one, other) = (db.begin_with(options()).await?, db.begin_with(options()).await?);
    let mine = packable().limit(1).for_update().all(&one).await?;
    assert_eq!(mine.iter().map(|order| order.id).collect::<Vec<_>>(), [1]);
    let rest = packable().for_update_skip_locked().all(&other).await?;
    assert_eq!(rest.iter().map(|order| order.id).collect::<Vec<_>>(), [2, 3]);
    let error = packable().for_update_no_wait().all(&other).await.expect_err("the first is locked");
    assert_eq!(error.kind(), ErrorKind::LockTimeout, "{error:?}");
    other.rollback().await?;
    let mine = mine[0].update().note("packed by one").exec(&one).await?;
    one.commit().await?;
    let other = db.begin().await?;
    assert_eq!(packable().limit(1).for_update_no_wait().require(&other).await?, mine);
    other.commit().await
}

#[oarlock::test(engines = [sqlite], setup = filled)]
async fn a_file_has_no_locks_of_rows(db: Pool) -> Result<()> {
    let tx = db.begin().await?;
    assert_eq!(Order::query().filter(Order::ID.le(3)).for_update().all(&tx).await?.len(), 3);
    let error = Order::query().for_update_skip_locked().all(&tx).await.expect_err("it has none");
    assert_eq!(error.kind(), ErrorKind::NotSupported);
    tx.rollback().await
}
