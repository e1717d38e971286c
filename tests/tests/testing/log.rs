//! Which statements ran, and how many.

use std::panic::{AssertUnwindSafe, catch_unwind};

use oarlock::testing::QueryLog;
use oarlock::{Conn, DbExt, ErrorKind, Pool, Result, assert_queries};

use crate::{cities, found};

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = crate::schema)]
async fn every_way_to_run_a_statement_is_recorded(db: Pool, log: QueryLog) -> Result<()> {
    db.execute_many("INSERT INTO city (name) VALUES (?)", [("Bergen",), ("Oslo",)]).await?;
    db.script("DELETE FROM city WHERE name = 'Oslo'; DELETE FROM city WHERE name = 'Moss'").await?;
    let mut cursor = db.query("SELECT name FROM city", ()).await?;
    assert_eq!(cursor.fetch_one::<(String,)>().await?, Some(("Bergen".to_owned(),)));
    drop(cursor);
    let tx = db.begin().await?;
    let inner = tx.begin().await?;
    found(&inner, "Tromsø").await?;
    inner.commit().await?;
    tx.commit().await?;
    db.describe("SELECT 2").await?;
    db.table_names(None).await?;
    assert_eq!(
        log.statements(),
        [
            "INSERT INTO city (name) VALUES (?)",
            "DELETE FROM city WHERE name = 'Oslo'; DELETE FROM city WHERE name = 'Moss'",
            "SELECT name FROM city",
            "INSERT INTO city (name) VALUES (?)",
        ]
    );
    assert_eq!(cities(&db).await?, ["Bergen", "Tromsø"]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = crate::schema)]
async fn a_scope_counts_its_own_statements_only(db: Pool, conn: Conn, log: QueryLog) -> Result<()> {
    found(&db, "Oslo").await?;
    let names = assert_queries!(log, 2, {
        found(&conn, "Bergen").await?;
        cities(&db).await?
    });
    assert_eq!(names, ["Bergen", "Oslo"]);
    assert_queries!(log, 0, {});
    assert_eq!((log.len(), log.is_empty()), (3, false));
    Ok(())
}

#[oarlock::test(engines = [sqlite], setup = crate::schema)]
async fn another_number_lists_the_statements(db: Pool, log: QueryLog) -> Result<()> {
    let scope = log.scope();
    found(&db, "Oslo").await?;
    cities(&db).await?;
    let panic = catch_unwind(AssertUnwindSafe(|| scope.assert_len(1))).expect_err("it were two");
    assert_eq!(
        panic.downcast_ref::<String>().map(String::as_str),
        Some(
            "expected 1 statements, and 2 ran\n   1. INSERT INTO city (name) VALUES (?)\n   2. SELECT name FROM city ORDER BY name"
        )
    );
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = crate::schema)]
async fn a_recorded_connection_is_guarded_as_any(db: Pool, log: QueryLog) -> Result<()> {
    let tx = db.begin().await?;
    let error = tx.execute("COMMIT", ()).await.expect_err("the guard commits");
    assert_eq!(error.kind(), ErrorKind::Interface);
    found(&tx, "Oslo").await?;
    drop(tx);
    assert_eq!(cities(&db).await?, [""; 0]);
    assert_eq!(log.len(), 3);
    Ok(())
}
