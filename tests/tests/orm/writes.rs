//! Writing models.

use oarlock::testing::QueryLog;
use oarlock::{Conn, Db, DbExt, ErrorKind, HasMany, Model, Pool, Result, assert_queries};

use crate::blog::{Post, PostTag, Tag, User, filled, tables};

proofs! {
    many_rows_come_back_in_the_order_in_which_they_were_given(db: Pool) after tables;
    only_what_changes_is_sent_and_a_stale_row_is_found_out(db: Pool) after filled;
    a_row_that_is_marked_as_deleted_is_left_out(db: Pool) after filled;
    rows_are_changed_and_deleted_by_a_query(db: Pool) after filled;
    a_row_is_made_or_changed_by_its_unique_key(db: Pool) after filled;
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = tables)]
async fn a_row_is_given_back_as_it_is_stored(db: Pool) -> Result<()> {
    let ada = User::create().email("ada@example.org").name("Ada").exec(&db).await?;
    assert!(ada.id > 0);
    assert_eq!((ada.email.as_str(), ada.name.as_deref()), ("ada@example.org", Some("Ada")));
    assert_eq!(User::require(&db, ada.id).await?, ada);
    let post = Post::create().author_id(ada.id).title("one").exec(&db).await?;
    assert_eq!((post.views, post.version, post.deleted_at), (0, 1, None));
    let bob = User { id: 0, email: "bob@example.org".to_owned(), ..ada.clone() }.insert(&db).await?;
    assert!(bob.id > ada.id);
    let error = User::create().name("Nobody").exec(&db).await.expect_err("an email is needed");
    assert_eq!((error.kind(), error.column()), (ErrorKind::Interface, Some("email")));
    let error = User::create().email("ada@example.org").exec(&db).await.expect_err("it is there");
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    Ok(())
}

pub(crate) async fn many_rows_come_back_in_the_order_in_which_they_were_given(db: Pool) -> Result<()> {
    let emails: Vec<String> = (0..2_500).map(|number| format!("{}@example.org", (number * 7_919) % 2_500)).collect();
    let users = User::create_many(&db, emails.iter().map(|email| User::create().email(email))).await?;
    let (found, given): (Vec<_>, Vec<_>) = (users.iter().map(|user| &user.email).collect(), emails.iter().collect());
    assert_eq!(found, given, "in the order in which they were given");
    assert!(users.windows(2).all(|pair| pair[0].id < pair[1].id));
    assert_eq!(User::query().count(&db).await?, 2_500);
    // All or none, also where several statements are needed.
    let again = (0..2_000)
        .map(|number| User::create().email(format!("new{number}")))
        .chain([User::create().email("7@example.org")]);
    let error = User::create_many(&db, again).await.expect_err("one is there");
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    assert_eq!(User::query().count(&db).await?, 2_500);
    // Rows that give different columns.
    let mixed = User::create_many(
        &db,
        [User::create().email("x"), User::create().email("y").name("Y"), User::create().email("z")],
    )
    .await?;
    let found: Vec<_> = mixed.iter().map(|user| (user.email.as_str(), user.name.as_deref())).collect();
    assert_eq!(found, [("x", None), ("y", Some("Y")), ("z", None)]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = tables)]
async fn rows_that_nobody_looks_at_are_made_by_one_statement(db: Pool, log: QueryLog) -> Result<()> {
    let row = |number: u64| User::create().email(format!("{number}@example.org"));
    assert_eq!(assert_queries!(log, 1, { User::insert_all(&db, (0..700).map(row)).await? }), 700);
    assert_eq!(assert_queries!(log, 0, { User::insert_all(&db, (0..0).map(row)).await? }), 0);
    // The unset name is NULL and the time is filled in, as `create` does it.
    let users = User::query().order_by(User::ID.asc()).all(&db).await?;
    assert!(users.iter().map(|user| user.email.clone()).eq((0..700).map(|number| format!("{number}@example.org"))));
    assert!(users.iter().all(|user| user.name.is_none() && user.created_at >= users[0].created_at));
    // All or none, also where several statements are needed.
    let error = User::insert_all(&db, (700..3_000).chain([7]).map(row)).await.expect_err("one is there");
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    assert_eq!(User::query().count(&db).await?, 700);
    assert_eq!(User::insert_all(&db, (700..3_000).map(row)).await?, 2_300);
    // Rows that give different columns, an expression, nothing.
    let first = User::query().select(User::EMAIL.max()).scalar();
    let mixed = [row(3_000), row(3_001).name("Y"), row(3_002).name(first), row(3_003), row(3_004)];
    assert_eq!(User::insert_all(&db, mixed).await?, 5);
    let named = User::query().filter(User::NAME.is_not_null()).order_by(User::ID.asc()).select(User::NAME);
    assert_eq!(named.all(&db).await?, [Some("Y".to_owned()), Some("9@example.org".to_owned())]);
    assert_eq!(User::query().count(&db).await?, 3_005);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = tables)]
async fn rows_that_nobody_looks_at_may_have_rows_of_their_own(db: Pool) -> Result<()> {
    let ada =
        User::create().email("ada@example.org").with(User::POSTS, ["a", "b"].map(|title| Post::create().title(title)));
    assert_eq!(User::insert_all(&db, [ada, User::create().email("bob@example.org")]).await?, 2);
    let users = User::query().with(User::POSTS).order_by(User::ID.asc()).all(&db).await?;
    assert_eq!((users.len(), users[0].posts.get()?.len(), users[1].posts.get()?.len()), (2, 2, 0));
    Ok(())
}

pub(crate) async fn only_what_changes_is_sent_and_a_stale_row_is_found_out(db: Pool) -> Result<()> {
    let post = Post::query().filter(Post::TITLE.eq("one")).require(&db).await?;
    let changed = post.update().title("new").views(Post::VIEWS + 5).exec(&db).await?;
    assert_eq!(Post::query().filter(Post::TITLE.eq("new")).count(&db).await?, 1, "others stay as they were");
    assert_eq!((changed.title.as_str(), changed.views, changed.version), ("new", 5, 2));
    assert_eq!(Post::require(&db, post.id).await?, changed);
    let error = post.update().title("late").exec(&db).await.expect_err("it was changed");
    assert_eq!(error.kind(), ErrorKind::StaleRow);
    let error = post.delete(&db).await.expect_err("it was changed");
    assert_eq!(error.kind(), ErrorKind::StaleRow);
    assert_eq!(Post::require(&db, post.id).await?, changed);
    let user = User::query().filter(User::EMAIL.eq("cyd@example.com")).require(&db).await?;
    user.delete(&db).await?;
    assert_eq!(user.update().name("Cyd").exec(&db).await.expect_err("gone").kind(), ErrorKind::RowNotFound);
    Ok(())
}

pub(crate) async fn a_row_that_is_marked_as_deleted_is_left_out(db: Pool) -> Result<()> {
    let post = Post::query().filter(Post::TITLE.eq("two")).require(&db).await?;
    post.delete(&db).await?;
    assert_eq!(Post::query().count(&db).await?, 5);
    assert_eq!(Post::query().with_deleted().count(&db).await?, 6);
    let deleted = Post::query().only_deleted().all(&db).await?;
    assert_eq!(deleted.iter().map(|post| post.title.as_str()).collect::<Vec<_>>(), ["two"]);
    assert!(deleted[0].deleted_at.is_some());
    let ada = User::query().with(User::POSTS).order_by(User::ID.asc()).require(&db).await?;
    assert_eq!(ada.posts.get()?.len(), 4);
    deleted[0].delete_for_good(&db).await?;
    assert_eq!(Post::query().with_deleted().count(&db).await?, 5);
    Ok(())
}

pub(crate) async fn rows_are_changed_and_deleted_by_a_query(db: Pool) -> Result<()> {
    let count = Post::query()
        .filter(Post::TITLE.one_of(["one", "two"]))
        .update()
        .set(Post::VIEWS, Post::VIEWS + 10)
        .exec(&db)
        .await?;
    assert_eq!(count, 2);
    let viewed: Vec<(i32, i32)> =
        Post::query().order_by(Post::ID.asc()).all(&db).await?.iter().map(|post| (post.views, post.version)).collect();
    assert_eq!(viewed, [(10, 2), (10, 2), (0, 1), (0, 1), (0, 1), (0, 1)]);
    assert_eq!(PostTag::query().filter(PostTag::PLACE.ge(20)).delete(&db).await?, 2);
    assert_eq!(PostTag::query().count(&db).await?, 1);
    assert_eq!(Post::query().filter(Post::VIEWS.eq(10)).delete_for_good(&db).await?, 2);
    assert_eq!(Post::query().with_deleted().count(&db).await?, 4);
    Ok(())
}

pub(crate) async fn a_row_is_made_or_changed_by_its_unique_key(db: Pool) -> Result<()> {
    let new = User::upsert(User::EMAIL).email("dan@example.org").name("Dan").exec(&db).await?;
    assert_eq!(new.name.as_deref(), Some("Dan"));
    let same = User::upsert(User::EMAIL).email("dan@example.org").name("Daniel").exec(&db).await?;
    assert_eq!((same.id, same.name.as_deref(), same.created_at), (new.id, Some("Daniel"), new.created_at));
    assert_eq!(User::query().count(&db).await?, 4);
    // Another unique key that is taken is an error.
    let tag = Tag::query().filter(Tag::NAME.eq("red")).require(&db).await?;
    let error = Tag::upsert(Tag::ID).id(tag.id + 1_000).name("red").exec(&db).await.expect_err("the name is there");
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    assert_eq!(Tag::query().count(&db).await?, 2);
    let join = PostTag::query().order_by(PostTag::PLACE.asc()).require(&db).await?;
    let moved = PostTag::upsert((PostTag::POST_ID, PostTag::TAG_ID))
        .post_id(join.post_id)
        .tag_id(join.tag_id)
        .place(99)
        .exec(&db)
        .await?;
    assert_eq!(moved, PostTag { place: 99, ..join });
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn a_transaction_takes_models_like_anything_else(db: Pool) -> Result<()> {
    let post = Post::query().filter(Post::TITLE.eq("one")).require(&db).await?;
    let post = &post;
    let failed: Result<()> = db
        .transaction(|tx| async move {
            post.update().title("New title").exec(&tx).await?;
            Err(oarlock::Error::new(ErrorKind::Interface, "no"))
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(Post::require(&db, post.id).await?, *post);
    db.transaction(|tx| async move { post.update().title("New title").exec(&tx).await.map(drop) }).await?;
    assert_eq!(Post::require(&db, post.id).await?.title, "New title");
    Ok(())
}

/// A row that is nothing but its number.
#[derive(Model, Debug, Clone, PartialEq)]
struct Ticket {
    #[model(primary_key, auto)]
    id: i64,
}

async fn tickets(db: &dyn Db) -> Result<()> {
    oarlock::orm::create_tables(db, [Ticket::table()]).await
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = tickets)]
async fn rows_that_give_nothing_are_made(db: Pool) -> Result<()> {
    let tickets = Ticket::create_many(&db, (0..3).map(|_| Ticket::create())).await?;
    assert!(tickets.windows(2).all(|pair| pair[0].id < pair[1].id), "{tickets:?}");
    assert_eq!(Ticket::query().count(&db).await?, 3);
    assert_eq!(Ticket::insert_all(&db, (0..3).map(|_| Ticket::create())).await?, 3);
    assert_eq!(Ticket::query().count(&db).await?, 6);
    Ok(())
}

#[derive(Model, Debug, Clone, PartialEq)]
struct Shelf {
    #[model(primary_key)]
    id: i64,
    books: i64,
    #[model(has_many)]
    on_it: HasMany<ShelfBook>,
}

#[derive(Model, Debug, Clone, PartialEq)]
struct ShelfBook {
    #[model(primary_key, auto)]
    id: i64,
    #[model(references = Shelf)]
    shelf_id: i64,
}

async fn shelves(db: &dyn Db) -> Result<()> {
    oarlock::orm::create_tables(db, [ShelfBook::table(), Shelf::table()]).await?;
    Shelf::create_many(db, [7, 8, 9].map(|id| Shelf::create().id(id).books(0))).await?;
    ShelfBook::create_many(db, [8, 8, 9].map(|shelf| ShelfBook::create().shelf_id(shelf))).await.map(drop)
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = shelves)]
async fn rows_are_changed_by_what_is_related_to_them(db: Pool) -> Result<()> {
    // Both tables have an `id`: the one that counts is the shelf's.
    assert_eq!(Shelf::query().update().set(Shelf::BOOKS, Shelf::ON_IT.count()).exec(&db).await?, 3);
    let books = async || Shelf::query().order_by(Shelf::ID.asc()).select(Shelf::BOOKS).all(&db).await;
    assert_eq!(books().await?, [0, 2, 1]);
    let shelf = Shelf::require(&db, 7).await?;
    let changed = shelf.update().books(Shelf::ON_IT.count() + Shelf::ID).exec(&db).await?;
    assert_eq!(changed.books, 7);
    Ok(())
}

/// What no database takes.
struct Unbindable;

impl oarlock::ToValue for Unbindable {
    fn to_value(&self) -> Result<oarlock::value::Bound<'_>> {
        Err(oarlock::Error::new(ErrorKind::InvalidValue, "it cannot be bound"))
    }
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = shelves)]
async fn what_cannot_be_bound_is_told(db: Pool) -> Result<()> {
    let wrong = || oarlock::orm::Expr::<i64>::value(&Unbindable);
    let by_query = Shelf::query().update().set(Shelf::BOOKS, wrong()).exec(&db).await;
    let by_row = Shelf::require(&db, 7).await?.update().books(wrong()).exec(&db).await.map(|_| 0);
    let new = Shelf::create().id(1).books(wrong()).exec(&db).await.map(|_| 0);
    let found = Shelf::query().filter(Shelf::BOOKS.eq(wrong())).count(&db).await;
    for result in [by_query, by_row, new, found] {
        assert_eq!(result.expect_err("it cannot be bound").kind(), ErrorKind::InvalidValue);
    }
    assert_eq!(Shelf::query().update().exec(&db).await?, 0, "nothing is set");
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn deleting_a_row_is_a_change_of_it(db: Pool) -> Result<()> {
    let post = Post::query().filter(Post::TITLE.eq("one")).require(&db).await?;
    post.delete(&db).await?;
    let error = post.update().title("late").exec(&db).await.expect_err("it was deleted meanwhile");
    assert_eq!(error.kind(), ErrorKind::StaleRow);
    assert_eq!(post.delete(&db).await.expect_err("it is deleted").kind(), ErrorKind::StaleRow);
    // Whoever reads it as deleted can bring it back.
    let deleted = Post::query().only_deleted().require(&db).await?;
    assert_eq!((deleted.id, deleted.version), (post.id, post.version + 1));
    deleted.update().deleted_at(None).exec(&db).await?;
    assert_eq!(Post::require(&db, post.id).await?.title, "one");
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn rows_that_are_locked_are_counted(db: Pool) -> Result<()> {
    let tx = db.begin().await?;
    let posts = || Post::query().filter(Post::TITLE.ne("one")).for_update();
    assert_eq!(posts().count(&tx).await?, 5);
    assert_eq!(posts().max(&tx, Post::VIEWS).await?, Some(0));
    let page = posts().page(&tx, 2, 2).await?;
    assert_eq!((page.total, page.items.len()), (5, 2));
    tx.rollback().await
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn a_row_whose_key_is_changed_comes_back(conn: Conn) -> Result<()> {
    let red = Tag::create().name("green").exec(&conn).await?;
    let moved = red.update().id(5_000).exec(&conn).await?;
    assert_eq!(moved, Tag { id: 5_000, ..red });
    let computed = moved.update().id(Tag::ID + 1).exec(&conn).await;
    if conn.info().capabilities.update_returning {
        assert_eq!(computed?.id, 5_001);
    } else {
        // Nobody but the database knows where it is, so that it is left where it was.
        assert_eq!(computed.expect_err("it is not known").kind(), ErrorKind::NotSupported);
        assert_eq!(Tag::require(&conn, 5_000).await?, moved);
    }
    Ok(())
}
