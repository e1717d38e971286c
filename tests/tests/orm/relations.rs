//! Loading related rows.

use chrono::{DateTime, Utc};
use oarlock::orm::create_tables;
use oarlock::testing::QueryLog;
use oarlock::{Db, ErrorKind, ManyToMany, Model, Pool, Result, assert_queries};

use crate::blog::{Post, PostTag, Tag, User, filled};

proofs! {
    a_graph_is_loaded_by_one_query_for_each_level(db: Pool, log: QueryLog) after filled;
    rows_that_are_there_are_loaded_for(db: Pool, log: QueryLog) after filled;
    a_joining_row_that_is_marked_as_deleted_joins_nothing(db: Pool) after written;
}

pub(crate) async fn a_graph_is_loaded_by_one_query_for_each_level(db: Pool, log: QueryLog) -> Result<()> {
    let users = assert_queries!(log, 3, {
        User::query()
            .filter(User::EMAIL.ends_with("@example.org"))
            .with(
                User::POSTS
                    .query()
                    .filter(Post::TITLE.ne("two"))
                    .order_by(Post::ID.desc())
                    .limit(3)
                    .with(Post::TAGS.query().order_by(Tag::NAME.asc())),
            )
            .order_by(User::ID.desc())
            .limit(10)
            .all(&db)
            .await?
    });
    let titles: Vec<Vec<&str>> = users
        .iter()
        .map(|user| user.posts.get().map(|posts| posts.iter().map(|post| post.title.as_str()).collect()))
        .collect::<Result<_, _>>()?;
    assert_eq!(titles, [vec!["of Bob's"], vec!["five", "four", "three"]]);
    let tags = users[1].posts.get()?[1].tags.get()?;
    assert_eq!(tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["blue", "red"]);
    let places: Vec<i32> = users[1].posts.get()?[1].tags.pairs()?.map(|(_, join)| join.place).collect();
    assert_eq!(places, [20, 30]);
    assert!(users[1].posts.get()?[0].tags.get()?.is_empty());
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn what_several_rows_refer_to_is_loaded_once(db: Pool, log: QueryLog) -> Result<()> {
    let posts = assert_queries!(log, 2, { Post::query().with(Post::AUTHOR).order_by(Post::ID.asc()).all(&db).await? });
    let emails: Vec<&str> =
        posts.iter().map(|post| post.author.require().map(|user| user.email.as_str())).collect::<Result<_>>()?;
    assert_eq!(emails[..5], ["ada@example.org"; 5]);
    assert_eq!(emails[5], "bob@example.org");
    Ok(())
}

pub(crate) async fn rows_that_are_there_are_loaded_for(db: Pool, log: QueryLog) -> Result<()> {
    let mut users = User::query().order_by(User::ID.asc()).all(&db).await?;
    let error: oarlock::Error = users[0].posts.get().expect_err("nothing was loaded").into();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Interface, "the list of Post was not loaded"));
    assert_queries!(log, 1, { User::load(&db, &mut users, User::POSTS).await? });
    let counts: Vec<usize> = users.iter().map(|user| user.posts.get().map(<[Post]>::len)).collect::<Result<_, _>>()?;
    assert_eq!(counts, [5, 1, 0]);
    assert_queries!(log, 0, { User::load(&db, &mut [], User::POSTS).await? });
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn rows_are_found_through_a_joining_table(db: Pool) -> Result<()> {
    let red = Post::query().filter(Post::TAGS.any(Tag::NAME.eq("red"))).order_by(Post::ID.asc()).all(&db).await?;
    assert_eq!(red.iter().map(|post| post.title.as_str()).collect::<Vec<_>>(), ["two", "four"]);
    let late = Post::query().filter(Post::TAGS.any(Tag::NAME.eq("red") & PostTag::PLACE.gt(10))).all(&db).await?;
    assert_eq!(late.iter().map(|post| post.title.as_str()).collect::<Vec<_>>(), ["four"]);
    Ok(())
}

#[derive(Model, Debug, Clone, PartialEq)]
struct Author {
    #[model(primary_key)]
    id: i64,
    #[model(many_to_many = Wrote)]
    books: ManyToMany<Book>,
}

#[derive(Model, Debug, Clone, PartialEq)]
struct Book {
    #[model(primary_key)]
    id: i64,
}

#[derive(Model, Debug, Clone, PartialEq)]
struct Wrote {
    #[model(primary_key, references = Author)]
    author_id: i64,
    #[model(primary_key, references = Book)]
    book_id: i64,
    #[model(soft_delete)]
    deleted_at: Option<DateTime<Utc>>,
}

pub(crate) async fn written(db: &dyn Db) -> Result<()> {
    create_tables(db, [Wrote::table(), Author::table(), Book::table()]).await?;
    Author::create().id(1).exec(db).await?;
    Book::create_many(db, [1, 2].map(|id| Book::create().id(id))).await?;
    Wrote::create_many(db, [1, 2].map(|id| Wrote::create().author_id(1).book_id(id))).await?;
    Wrote::query().filter(Wrote::BOOK_ID.eq(1)).delete(db).await.map(drop)
}

pub(crate) async fn a_joining_row_that_is_marked_as_deleted_joins_nothing(db: Pool) -> Result<()> {
    let author = Author::query().with(Author::BOOKS).require(&db).await?;
    assert_eq!(author.books.get()?, [Book { id: 2 }]);
    assert_eq!(Author::query().filter(Author::BOOKS.any(Book::ID.eq(1))).count(&db).await?, 0);
    assert_eq!(Author::query().filter(Author::BOOKS.any(Book::ID.eq(2))).count(&db).await?, 1);
    assert_eq!(Author::query().join(Author::BOOKS).count(&db).await?, 1);
    Ok(())
}
