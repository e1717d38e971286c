//! SQL of the program's own.

use oarlock::orm::sql::Joined;
use oarlock::testing::check_sql_where;
use oarlock::{ErrorKind, FromRow, Model, Pool, Result, sql};

use crate::blog::{Post, User, filled, tables};

#[derive(FromRow, Debug, PartialEq)]
struct Summary {
    email: String,
    posts: i64,
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn arguments_stand_where_they_belong(db: Pool) -> Result<()> {
    let users = User::query().order_by(User::ID.asc()).all(&db).await?;
    let ids: Vec<i64> = users.iter().map(|user| user.id).collect();
    let rows: Vec<(String, i64)> = sql!(
        &db,
        "SELECT u.email, count(*) FROM users u JOIN post p ON p.author_id = u.id
         WHERE u.id IN ({ids..}) AND p.title <> {users[0].email} GROUP BY u.email ORDER BY 1"
    )
    .all()
    .await?;
    assert_eq!(rows, [("ada@example.org".to_owned(), 5), ("bob@example.org".to_owned(), 1)]);
    let summary: Option<Summary> =
        sql!(&db, "SELECT email, 0 + {7} AS posts FROM users WHERE email = {\"ada@example.org\"}").first().await?;
    assert_eq!(summary, Some(Summary { email: "ada@example.org".to_owned(), posts: 7 }));
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn lists_of_every_length_are_lists(db: Pool) -> Result<()> {
    let ids: Vec<i64> = User::query().order_by(User::ID.asc()).select(User::ID).all(&db).await?;
    for count in 0..=3 {
        let some = &ids[..count];
        let found: i64 = sql!(&db, "SELECT count(*) FROM users WHERE id IN ({some..})").value().await?;
        let others: i64 = sql!(&db, "SELECT count(*) FROM users WHERE id NOT IN ({some..})").value().await?;
        assert_eq!((found, others), (i64::try_from(count).expect("it is small"), 3 - found), "of {count}");
    }
    let names = ["a", "b"];
    let first: String = sql!(&db, "SELECT coalesce(NULL, {names..})").value().await?;
    assert_eq!(first, "a");
    let none: [&str; 0] = [];
    let error = sql!(&db, "SELECT coalesce(NULL, {none..})").value::<String>().await.expect_err("nothing to coalesce");
    assert_eq!(error.kind(), ErrorKind::Parameters);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn rows_are_read_into_models_and_joined_models(db: Pool) -> Result<()> {
    let title = "three";
    let post: Post = sql!(&db, "SELECT * FROM post WHERE title = {title}").require().await?;
    assert_eq!(Post::find(&db, post.id).await?, Some(post));
    let pairs: Vec<Joined<(User, Option<Post>)>> = sql!(
        &db,
        "SELECT users.*, post.* FROM users LEFT JOIN post ON post.author_id = users.id AND post.title = {title} ORDER BY users.id"
    )
    .all()
    .await?;
    let found: Vec<(&str, Option<&str>)> = pairs
        .iter()
        .map(|Joined((user, post))| (user.email.as_str(), post.as_ref().map(|post| post.title.as_str())))
        .collect();
    assert_eq!(found, [("ada@example.org", Some("three")), ("bob@example.org", None), ("cyd@example.com", None)]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn a_statement_that_writes_tells_how_many_rows(db: Pool) -> Result<()> {
    let (views, title) = (9, "one");
    let outcome = sql!(&db, "UPDATE post SET views = {views} WHERE title = {title}").exec().await?;
    assert_eq!(outcome.rows_affected, Some(1));
    assert_eq!(Post::query().filter(Post::VIEWS.eq(9)).count(&db).await?, 1);
    let hostile = "x'; DELETE FROM post; --";
    let count: i64 = sql!(&db, "SELECT count(*) FROM post WHERE title = {hostile}").value().await?;
    assert_eq!((count, Post::query().count(&db).await?), (0, 6));
    Ok(())
}

mod misspelt {
    /// Is never called: its statement is checked all the same.
    #[allow(dead_code)]
    async fn never(db: &oarlock::Pool) -> oarlock::Result<String> {
        oarlock::sql!(db, "SELECT emial FROM users WHERE id = {1}").value().await
    }
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = tables)]
async fn statements_are_checked_without_running(db: Pool) -> Result<()> {
    let good = |statement: &oarlock::orm::sql::Statement| {
        statement.module() == module_path!().trim_end_matches("::statements_are_checked_without_running")
    };
    // This file's own, but for those in the module of misspelt ones, and for the coalesce that has no types.
    check_sql_where(&db, |statement| {
        statement.file().ends_with("orm/sql.rs") && !statement.module().ends_with("misspelt") && good(statement)
    })
    .await?;
    let error =
        check_sql_where(&db, |statement| statement.module().ends_with("misspelt")).await.expect_err("it is misspelt");
    assert_eq!(error.kind(), ErrorKind::Syntax);
    assert!(error.message().starts_with("1 of 1 statements do not fit the database:"), "{error}");
    assert!(error.message().contains("orm/sql.rs:") && error.message().contains("emial"), "{error}");
    let none = check_sql_where(&db, |_| false).await.expect_err("none was chosen");
    assert_eq!(none.kind(), ErrorKind::Interface);
    Ok(())
}
