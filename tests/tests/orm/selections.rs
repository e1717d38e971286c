//! Reading something else than the model.

use oarlock::orm::Expr;
use oarlock::{ErrorKind, FromRow, Model, Pool, Result};

use crate::blog::{Post, PostTag, Tag, User, filled};

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn columns_and_expressions_are_read_into_tuples(db: Pool) -> Result<()> {
    let rows: Vec<(String, Option<String>)> =
        User::query().order_by(User::ID.asc()).select((User::EMAIL, User::NAME.upper())).limit(2).all(&db).await?;
    assert_eq!(
        rows,
        [
            ("ada@example.org".to_owned(), Some("ADA".to_owned())),
            ("bob@example.org".to_owned(), Some("BOB".to_owned()))
        ]
    );
    let titles: Vec<String> =
        Post::query().select(Post::TITLE).order_by(Post::TITLE.asc()).distinct().limit(2).all(&db).await?;
    assert_eq!(titles, ["five", "four"]);
    let posts: Vec<(String, i64)> =
        User::query().select((User::EMAIL, User::POSTS.count())).order_by(User::ID.asc()).all(&db).await?;
    assert_eq!(posts.iter().map(|row| row.1).collect::<Vec<_>>(), [5, 1, 0]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn groups_are_summed_up_alike_everywhere(db: Pool) -> Result<()> {
    Post::query().update().set(Post::VIEWS, Post::VIEWS + 2).exec(&db).await?;
    Post::query().filter(Post::TITLE.eq("one")).update().set(Post::VIEWS, 5).exec(&db).await?;
    let rows = Post::query()
        .join(Post::AUTHOR)
        .select((
            User::EMAIL,
            Expr::count_rows(),
            Post::VIEWS.sum(),
            Post::VIEWS.average(),
            Post::VIEWS.min(),
            Post::VIEWS.max(),
            Post::VIEWS.count_distinct(),
        ))
        .group_by(User::EMAIL)
        .order_by(User::EMAIL.asc())
        .all(&db)
        .await?;
    assert_eq!(
        rows,
        [
            ("ada@example.org".to_owned(), 5, Some(13), Some(2.6), Some(2), Some(5), 2),
            ("bob@example.org".to_owned(), 1, Some(2), Some(2.0), Some(2), Some(2), 1),
        ]
    );
    let many = Post::query()
        .select((Post::AUTHOR_ID, Expr::count_rows()))
        .group_by(Post::AUTHOR_ID)
        .having(Expr::count_rows().gt(1))
        .all(&db)
        .await?;
    assert_eq!(many.iter().map(|row| row.1).collect::<Vec<_>>(), [5]);
    let none =
        Post::query().filter(Post::ID.lt(0)).select((Post::VIEWS.sum(), Post::VIEWS.average(), Post::VIEWS.max()));
    assert_eq!(none.first(&db).await?, Some((None, None, None)));
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn joined_models_are_read_whole(db: Pool) -> Result<()> {
    let pairs = User::query()
        .left_join(User::POSTS)
        .select((User::ALL, Post::ALL.optional()))
        .filter(Post::TITLE.ne("one") | Post::ID.is_null())
        .order_by(User::ID.desc())
        .order_by(Post::ID.asc())
        .all(&db)
        .await?;
    let found: Vec<(&str, Option<&str>)> =
        pairs.iter().map(|(user, post)| (user.email.as_str(), post.as_ref().map(|post| post.title.as_str()))).collect();
    let ada = "ada@example.org";
    assert_eq!(
        found,
        [
            ("cyd@example.com", None),
            ("bob@example.org", Some("of Bob's")),
            (ada, Some("two")),
            (ada, Some("three")),
            (ada, Some("four")),
            (ada, Some("five")),
        ]
    );
    let tagged = Post::query()
        .join(Post::TAGS)
        .select((Post::TITLE, Tag::NAME, PostTag::PLACE))
        .order_by(PostTag::PLACE.desc())
        .all(&db)
        .await?;
    assert_eq!(
        tagged,
        [("four", "red", 30), ("four", "blue", 20), ("two", "red", 10)].map(|(title, tag, place)| (
            title.to_owned(),
            tag.to_owned(),
            place
        ))
    );
    // A join makes a row of a post once for each tag.
    assert_eq!(Post::query().join(Post::TAGS).count(&db).await?, 3);
    assert_eq!(Post::query().join(Post::TAGS).distinct().count(&db).await?, 2);
    assert_eq!(Post::query().join(Post::TAGS).distinct().all(&db).await?.len(), 2);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn rows_come_as_a_stream(db: Pool) -> Result<()> {
    let mut stream = Post::query().order_by(Post::ID.asc()).stream(&db).await?;
    let mut titles = Vec::new();
    while let Some(post) = stream.next().await? {
        titles.push(post.title);
    }
    assert_eq!(titles, ["one", "two", "three", "four", "five", "of Bob's"]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn rows_are_locked_in_a_transaction(db: Pool) -> Result<()> {
    use oarlock::DbExt;
    let tx = db.begin().await?;
    let posts = Post::query().filter(Post::VIEWS.eq(0)).for_update().all(&tx).await?;
    assert_eq!(posts.len(), 6);
    tx.commit().await
}

/// What is told of a user.
#[derive(FromRow, Debug, PartialEq)]
struct Summary {
    email: String,
    nick: Option<String>,
    posts: i64,
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn rows_are_read_into_structs_by_name(db: Pool) -> Result<()> {
    let summaries: Vec<Summary> = User::query()
        .select((User::POSTS.count().named("posts"), User::EMAIL, User::NAME.named("nick")))
        .order_by(User::ID.asc())
        .limit(1)
        .all_as(&db)
        .await?;
    let (email, nick) = ("ada@example.org".to_owned(), Some("Ada".to_owned()));
    assert_eq!(summaries, [Summary { email, nick, posts: 5 }]);
    let groups: Vec<Summary> = Post::query()
        .join(Post::AUTHOR)
        .select((User::EMAIL, User::NAME.named("nick"), Expr::count_rows().named("posts")))
        .group_by((User::EMAIL, User::NAME))
        .having(Expr::count_rows().lt(2))
        .all_as(&db)
        .await?;
    assert_eq!(
        groups.iter().map(|group| (group.email.as_str(), group.posts)).collect::<Vec<_>>(),
        [("bob@example.org", 1)]
    );
    let missing = User::query().select(User::EMAIL).all_as::<Summary, _>(&db).await.expect_err("no posts are selected");
    assert_eq!(missing.kind(), ErrorKind::ColumnNotFound);
    Ok(())
}
