//! Going further with sea-query.

use oarlock::orm::sea_query::{Alias, Expr, ExprTrait, Query};
use oarlock::{Model, Pool, Result, orm};

use crate::blog::{Post, User, filled};

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn a_query_is_changed_by_hand(db: Pool) -> Result<()> {
    let users = User::query()
        .filter(User::EMAIL.ends_with("@example.org"))
        .with(User::POSTS.query().filter(Post::TITLE.eq("one")))
        .order_by(User::ID.asc())
        .sea(|statement| {
            statement.and_where(Expr::col(Alias::new("name")).ne("Bob")).limit(5);
        })
        .all(&db)
        .await?;
    assert_eq!(users.iter().map(|user| user.email.as_str()).collect::<Vec<_>>(), ["ada@example.org"]);
    assert_eq!(users[0].posts.get()?.len(), 1);
    let counted: Vec<(i64,)> = Post::query()
        .filter(Post::TITLE.ne("one"))
        .sea(|statement| {
            let inner = statement.take();
            *statement = Query::select().expr(Expr::cust("count(*)")).from_subquery(inner, Alias::new("inner_")).take();
        })
        .rows(&db)
        .await?;
    assert_eq!(counted, [(5,)]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn writes_are_changed_by_hand(db: Pool) -> Result<()> {
    let count = Post::query()
        .filter(Post::VIEWS.eq(0))
        .update()
        .set(Post::VIEWS, 4)
        .sea(&db, |statement| {
            statement.and_where(Expr::col(Alias::new("title")).eq("one"));
        })
        .await?;
    assert_eq!(count, 1);
    let count = Post::query()
        .delete_sea(&db, |statement| {
            statement.and_where(Expr::col(Alias::new("views")).eq(4));
        })
        .await?;
    assert_eq!((count, Post::query().count(&db).await?), (1, 5));
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn a_statement_of_its_own_is_run(db: Pool) -> Result<()> {
    let statement = Query::select()
        .columns(["email", "name"].map(Alias::new))
        .from(Alias::new("users"))
        .and_where(Expr::col(Alias::new("email")).is_in(["ada@example.org", "nobody"]))
        .take();
    let rows: Vec<(String, Option<String>)> = orm::sea::run(&db, &statement).await?.fetch_all().await?;
    assert_eq!(rows, [("ada@example.org".to_owned(), Some("Ada".to_owned()))]);
    Ok(())
}
