//! Reading models.

use oarlock::{ErrorKind, Model, Pool, Result};

use crate::blog::{Post, User, filled};

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn rows_are_found_by_key_and_by_condition(db: Pool) -> Result<()> {
    let ada = User::query().filter(User::EMAIL.eq("ada@example.org")).require(&db).await?;
    assert_eq!(ada.name.as_deref(), Some("Ada"));
    assert_eq!(User::find(&db, ada.id).await?, Some(ada.clone()));
    assert_eq!(User::find(&db, -1).await?, None);
    let error = User::require(&db, -1).await.expect_err("there is none");
    assert_eq!((error.kind(), error.table()), (ErrorKind::RowNotFound, Some("users")));
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn conditions_mean_the_same_everywhere(db: Pool) -> Result<()> {
    let emails = async |query: oarlock::Query<User>| -> Result<Vec<String>> {
        Ok(query.order_by(User::ID.asc()).all(&db).await?.into_iter().map(|user| user.email).collect())
    };
    let (ada, bob, cyd) = ("ada@example.org", "bob@example.org", "cyd@example.com");
    for (condition, expected) in [
        (User::EMAIL.ends_with("@example.org"), vec![ada, bob]),
        (User::EMAIL.starts_with("ADA"), vec![]),
        (User::EMAIL.like_ignoring_case("ADA%"), vec![ada]),
        (User::EMAIL.contains("_"), vec![]),
        (User::EMAIL.like("_da@%"), vec![ada]),
        (User::NAME.is_null(), vec![cyd]),
        (User::NAME.eq("Ada"), vec![ada]),
        (User::NAME.ne("Ada"), vec![bob]),
        (User::NAME.not_same("Ada".to_owned()), vec![bob, cyd]),
        (User::EMAIL.one_of([ada, cyd, "nobody"]), vec![ada, cyd]),
        (User::EMAIL.none_of([ada, cyd, "nobody"]), vec![bob]),
        (User::EMAIL.one_of(Vec::<String>::new()), vec![]),
        (User::EMAIL.none_of(Vec::<String>::new()), vec![ada, bob, cyd]),
        (User::EMAIL.gt("b") & User::NAME.is_not_null(), vec![bob]),
        (User::EMAIL.eq(ada) | User::EMAIL.eq(cyd), vec![ada, cyd]),
        (!User::EMAIL.eq(ada), vec![bob, cyd]),
        (User::EMAIL.between("b", "c"), vec![bob]),
        (User::NAME.lower().eq("ada"), vec![ada]),
        (User::NAME.char_length().eq(3), vec![ada, bob]),
        (User::POSTS.any(Post::TITLE.eq("three")), vec![ada]),
        (!User::POSTS.is_present(), vec![cyd]),
        (User::POSTS.count().gt(1), vec![ada]),
    ] {
        let text = format!("{condition:?}");
        assert_eq!(emails(User::query().filter(condition)).await?, expected, "{text}");
    }
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn rows_are_ordered_limited_and_counted(db: Pool) -> Result<()> {
    let names: Vec<Option<String>> =
        User::query().order_by(User::NAME.desc()).all(&db).await?.into_iter().map(|user| user.name).collect();
    assert_eq!(names, [Some("Bob".to_owned()), Some("Ada".to_owned()), None]);
    let first: Vec<Option<String>> = User::query()
        .order_by(User::NAME.asc().nulls_last())
        .order_by(User::ID.desc())
        .offset(1)
        .all(&db)
        .await?
        .into_iter()
        .map(|user| user.name)
        .collect();
    assert_eq!(first, [Some("Bob".to_owned()), None]);
    let posts = Post::query().filter(Post::VIEWS.lt(1) & Post::TITLE.ne("one"));
    assert_eq!(posts.count(&db).await?, 5);
    assert!(Post::query().filter(Post::TITLE.eq("two")).exists(&db).await?);
    assert!(!Post::query().filter(Post::TITLE.eq("nine")).exists(&db).await?);
    assert!(!Post::query().limit(0).exists(&db).await? && Post::query().limit(5).exists(&db).await?);
    assert!(Post::query().limit(0).first(&db).await?.is_none());
    assert!(Post::query().limit(0).select(Post::TITLE).first(&db).await?.is_none());
    let second = Post::query().order_by(Post::ID.asc()).limit(1).offset(1).all(&db).await?;
    assert_eq!(second.iter().map(|post| post.title.as_str()).collect::<Vec<_>>(), ["two"]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn a_column_of_a_table_that_takes_no_part_is_refused(db: Pool) -> Result<()> {
    let error = User::query().filter(Post::TITLE.eq("one")).all(&db).await.expect_err("no post is in the query");
    assert_eq!(error.kind(), ErrorKind::Interface);
    assert_eq!(error.message(), "Post.title is asked for, but Post takes no part in the query");
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn a_model_is_read_from_any_sql_by_name(db: Pool) -> Result<()> {
    use oarlock::DbExt;
    let posts: Vec<Post> = db
        .fetch_all(
            "SELECT title, views, version, deleted_at, author_id, id, 7 AS more FROM post WHERE title = ?",
            ("three",),
        )
        .await?;
    assert_eq!(posts, Post::query().filter(Post::TITLE.eq("three")).all(&db).await?);
    Ok(())
}
