//! The suite finds faults out. Each of these stands for one that the ORM could have: a connection changes what is sent, as if the ORM had
//! written it so, and a proof that holds without it has to fail, in the assertion that is meant.

use oarlock::testing::{Database, QueryLog};
use oarlock::{Pool, PoolOptions, Result, ValueRef};
use oarlock_tests::{Tamper, Tampered, caught};
use std::sync::Arc;

use crate::blog::{filled, tables};
use crate::pages::{self, visits};
use crate::relations::{self, written};
use crate::shop::data::filled as shop;
use crate::{shop::together, shop::writes as shop_writes, writes};

/// Runs a proof where something is wrong, and requires it to fail by some of these words.
async fn found_out<F: Future<Output = Result<()>>>(
    database: &Database,
    fault: &str,
    tamper: Tamper,
    proof: impl FnOnce(Pool, QueryLog) -> F,
    words: &[&str],
) -> Result<()> {
    let log = QueryLog::new();
    let connector = log.connector(Arc::new(Tampered::new(database.url(), tamper)?));
    let db = Pool::new(connector, PoolOptions::new());
    caught(fault, words, async { Ok(proof(db.clone(), log).await?) }).await;
    db.close().await
}

macro_rules! mutants {
    ($($fault:ident by $tamper:expr, after $setup:ident: $proof:expr => $words:expr;)+) => {$(
        #[oarlock::test(engines = [sqlite, postgres, mysql], setup = $setup, flavor = "multi_thread")]
        async fn $fault(database: Database) -> Result<()> {
            found_out(&database, stringify!($fault), $tamper, $proof, &$words).await
        }
    )+};
}

mutants! {
    an_update_that_does_not_ask_for_the_version by Tamper::Statements(|sql, _| {
        if sql.starts_with("UPDATE") {
            loosen(sql, "version", " = ");
        }
    }), after shop: |db, _| together::no_update_is_lost(db) => ["an update is lost"];

    a_version_that_does_not_count by Tamper::Statements(|sql, _| {
        let counted = format!("{0} = {0} + ", quoted(sql, "version"));
        *sql = sql.replace(&counted, &format!("{counted}0 * "));
    }), after filled: |db, _| writes::only_what_changes_is_sent_and_a_stale_row_is_found_out(db) => ["(\"new\", 5, 1)"];

    an_update_of_all_rows by Tamper::Statements(|sql, _| {
        if sql.starts_with("UPDATE") {
            loosen(sql, "id", " = ");
        }
    }), after filled: |db, _| writes::only_what_changes_is_sent_and_a_stale_row_is_found_out(db) => ["others stay as they were"];

    a_delete_of_all_rows by Tamper::Statements(|sql, _| {
        if sql.starts_with("DELETE") {
            loosen(sql, "place", " >= ");
        }
    }), after filled: |db, _| writes::rows_are_changed_and_deleted_by_a_query(db) => ["left: 3"];

    rows_marked_as_deleted_that_are_read by Tamper::Statements(|sql, _| {
        if sql.starts_with("SELECT") {
            loosen(sql, "deleted_at", " IS NULL");
        }
    }), after filled: |db, _| writes::a_row_that_is_marked_as_deleted_is_left_out(db) => ["left: 6"];

    joining_rows_marked_as_deleted_that_join by Tamper::Statements(|sql, _| {
        loosen(sql, "deleted_at", " IS NULL");
    }), after written: |db, _| relations::a_joining_row_that_is_marked_as_deleted_joins_nothing(db) => ["[Book { id: 1 }, Book { id: 2 }]"];

    a_limit_of_each_parent_that_is_none by Tamper::Statements(|sql, _| {
        loosen(sql, "row_number_", " <= ");
    }), after filled: relations::a_graph_is_loaded_by_one_query_for_each_level => ["[\"five\", \"four\", \"three\", \"one\"]"];

    related_rows_of_another_parent by Tamper::Statements(|sql, _| {
        // Ada's are Cyd's, whose keys are 1 and 3.
        let column = quoted(sql, "author_id");
        *sql = sql.replacen(&column, &format!("4 - {column}"), 1);
    }), after filled: relations::rows_that_are_there_are_loaded_for => ["left: [0, 1, 5]"];

    a_slice_that_begins_a_row_too_early by Tamper::Statements(|sql, _| {
        *sql = sql.replace(" > ", " >= ").replace(" < ", " <= ");
    }), after visits: |db, _| pages::slices_give_every_row_once_in_the_order_of_the_query(db) => ["slices of"];

    a_slice_that_does_not_look_beyond_its_end by Tamper::Statements(|sql, values| {
        if let (true, Some(ValueRef::I64(rows))) = (sql.contains(" LIMIT "), values.last_mut()) {
            *rows -= 1;
        }
    }), after visits: |db, _| pages::slices_give_every_row_once_in_the_order_of_the_query(db) => ["slices of"];

    an_order_from_the_wrong_end by Tamper::Statements(|sql, _| {
        *sql = sql.replace(" DESC", " ASC");
    }), after visits: |db, _| pages::the_order_is_the_same_on_every_engine(db) => ["right: [4, 3, 2, 1, 6, 5, 0, 7]"];

    new_rows_in_another_order by Tamper::Statements(|sql, values| {
        if sql.starts_with("INSERT") {
            let rows = sql.matches("), (").count() + 1;
            *values = values.chunks(values.len() / rows).rev().flatten().copied().collect();
        }
    }), after tables: |db, _| writes::many_rows_come_back_in_the_order_in_which_they_were_given(db) => ["in the order in which they were given"];

    an_upsert_by_another_key by Tamper::Statements(|sql, _| {
        if sql.starts_with("INSERT") && sql.contains(&quoted(sql, "tag")) {
            *sql = sql.replace("ON CONFLICT (\"id\")", "ON CONFLICT (\"name\")");
            // What MySQL has for it goes by all keys.
            *sql = sql.replace("(?, ?) RETURNING", "(?, ?) ON DUPLICATE KEY UPDATE `name` = VALUES(`name`) RETURNING");
        }
    }), after filled: |db, _| writes::a_row_is_made_or_changed_by_its_unique_key(db) => ["the name is there"];

    a_graph_that_is_not_undone by Tamper::RollbacksCommit, after shop: |db, _| shop_writes::a_graph_is_made_in_one_transaction(db)
        => ["nothing of a graph that fails is left"];
}

/// Quotes a name as a statement quotes its own.
fn quoted(sql: &str, name: &str) -> String {
    let quote = if sql.contains('`') { '`' } else { '"' };
    format!("{quote}{name}{quote}")
}

/// Makes a condition on a column true, wherever it stands behind `WHERE` or `ON`: its parameter stays where it is.
fn loosen(sql: &mut String, column: &str, condition: &str) {
    let wanted = format!("{}{condition}", quoted(sql, column));
    let Some(mut from) = [sql.find(" WHERE "), sql.find(" ON ")].into_iter().flatten().min() else { return };
    while let Some(place) = sql[from..].find(&wanted).map(|place| from + place) {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | '`');
        let start = sql[..place].rfind(|c| !is_name(c)).map_or(0, |before| before + 1);
        let rest = &sql[place + wanted.len()..];
        let parameter = rest.find(|c: char| !matches!(c, '?' | '$') && !c.is_ascii_digit()).unwrap_or(rest.len());
        let end = place + wanted.len() + parameter;
        let loose = format!("({} OR 1 = 1)", &sql[start..end]);
        from = start + loose.len();
        sql.replace_range(start..end, &loose);
    }
}
