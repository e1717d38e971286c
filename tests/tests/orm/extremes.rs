//! What is large, what is empty, and what has names that SQL knows.

use oarlock::dialect::Flavor;
use oarlock::orm::create_tables;
use oarlock::{Db, DbExt, ErrorKind, HasMany, Model, Pool, Result};

use crate::blog::{Post, Tag, User, filled};

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn a_list_is_as_long_as_the_database_takes(db: Pool) -> Result<()> {
    let count = |length: i64| Post::query().filter(Post::ID.one_of(1..=length)).count(&db);
    let info = db.acquire().await?.info().clone();
    // PostgreSQL takes a list as one parameter.
    let most = if info.dialect.flavor == Flavor::Postgres { usize::MAX } else { info.capabilities.max_parameters };
    for length in [8_192, 20_000, most.min(100_000)] {
        assert_eq!(count(i64::try_from(length).expect("a small number")).await?, 6, "{length}");
    }
    if most < 100_000 {
        let error = count(100_000).await.expect_err("it takes less");
        let message = format!("a statement of 100000 values, of which the database takes {most} at once");
        assert_eq!((error.kind(), error.message()), (ErrorKind::Interface, message.as_str()));
    }
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn no_rows_are_asked_for(db: Pool) -> Result<()> {
    assert_eq!(Post::query().limit(0).all(&db).await?, []);
    let users = User::query().with(User::POSTS.query().limit(0)).all(&db).await?;
    assert!(users.iter().all(|user| user.posts.get().is_ok_and(<[Post]>::is_empty)));
    assert_eq!(Post::query().filter(Post::ID.one_of([0_i64; 0])).count(&db).await?, 0);
    assert_eq!(Post::query().filter(Post::ID.none_of([0_i64; 0])).count(&db).await?, 6);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn a_page_counts_what_its_query_reads(db: Pool) -> Result<()> {
    let page = Post::query().filter(Post::TITLE.ne("one")).order_by(Post::ID.asc()).page(&db, 2, 2).await?;
    let titles: Vec<&str> = page.items.iter().map(|post| post.title.as_str()).collect();
    assert_eq!((page.total, page.pages(), titles), (5, 3, vec!["four", "five"]));
    Post::query().filter(Post::TITLE.eq("two")).delete(&db).await?;
    assert_eq!(Post::query().page(&db, 1, 10).await?.total, 5, "what is marked as deleted does not count");
    assert_eq!(Post::query().with_deleted().page(&db, 1, 10).await?.total, 6);
    let joined = User::query().join(User::POSTS).distinct().page(&db, 1, 10).await?;
    assert_eq!((joined.total, joined.items.len()), (2, 2), "equal rows count once");
    Ok(())
}

#[derive(Model, Debug, Clone, PartialEq, Default)]
struct Wide {
    #[model(primary_key, auto)]
    id: i64,
    c1: Option<i32>,
    c2: Option<i32>,
    c3: Option<i32>,
    c4: Option<i32>,
    c5: Option<i32>,
    c6: Option<i32>,
    c7: Option<i32>,
    c8: Option<i32>,
    c9: Option<i32>,
    c10: Option<i32>,
    c11: Option<i32>,
    c12: Option<i32>,
    c13: Option<i32>,
    c14: Option<i32>,
    c15: Option<i32>,
    c16: Option<i32>,
    c17: Option<i32>,
    c18: Option<i32>,
    c19: Option<i32>,
    c20: Option<i32>,
    c21: Option<i32>,
    c22: Option<i32>,
    c23: Option<i32>,
    c24: Option<i32>,
    c25: Option<i32>,
    c26: Option<i32>,
    c27: Option<i32>,
    c28: Option<i32>,
    c29: Option<i32>,
    c30: Option<i32>,
    c31: Option<i32>,
    c32: Option<i32>,
    c33: Option<i32>,
    c34: Option<i32>,
    c35: Option<i32>,
    c36: Option<i32>,
    c37: Option<i32>,
    c38: Option<i32>,
    c39: Option<i32>,
    c40: Option<i32>,
    c41: Option<i32>,
    c42: Option<i32>,
    c43: Option<i32>,
    c44: Option<i32>,
    c45: Option<i32>,
    c46: Option<i32>,
    c47: Option<i32>,
    c48: Option<i32>,
    c49: Option<i32>,
    c50: Option<i32>,
    c51: Option<i32>,
    c52: Option<i32>,
    c53: Option<i32>,
    c54: Option<i32>,
    c55: Option<i32>,
    c56: Option<i32>,
    c57: Option<i32>,
    c58: Option<i32>,
    c59: Option<i32>,
    c60: Option<i32>,
    c61: Option<i32>,
    c62: Option<i32>,
    c63: Option<i32>,
    c64: Option<i32>,
    c65: Option<i32>,
    c66: Option<i32>,
    c67: Option<i32>,
    c68: Option<i32>,
    c69: Option<i32>,
    c70: Option<i32>,
    c71: Option<i32>,
    c72: Option<i32>,
    c73: Option<i32>,
    c74: Option<i32>,
    c75: Option<i32>,
    c76: Option<i32>,
    c77: Option<i32>,
    c78: Option<i32>,
    c79: Option<i32>,
}

async fn wide(db: &dyn Db) -> Result<()> {
    create_tables(db, [Wide::table()]).await
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = wide)]
async fn a_table_has_many_columns(db: Pool) -> Result<()> {
    assert_eq!(Wide::table().columns().len(), 80);
    let made = Wide::create().c1(1).c63(63).c64(64).c79(79).exec(&db).await?;
    assert_eq!((made.c1, made.c2, made.c63, made.c64, made.c79), (Some(1), None, Some(63), Some(64), Some(79)));
    let changed = made.update().c64(None).c78(78).exec(&db).await?;
    assert_eq!(changed, Wide { c64: None, c78: Some(78), ..made });
    let rows: Vec<Wide> = db.fetch_all("SELECT * FROM wide", ()).await?;
    assert_eq!(rows, [changed]);
    Ok(())
}

#[derive(Model, Debug, Clone, PartialEq)]
#[model(table = "select", unique(from))]
struct Words {
    #[model(primary_key, auto, column = "order")]
    id: i64,
    from: String,
    #[model(column = "a \"b\" `c` ? :d $1 {e}")]
    quoted: String,
    #[model(has_many)]
    group: HasMany<Group>,
}

#[derive(Model, Debug, Clone, PartialEq)]
struct Group {
    #[model(primary_key, auto)]
    r#where: i64,
    #[model(references = Words, on_delete = "cascade", column = "table")]
    r#in: i64,
}

async fn words(db: &dyn Db) -> Result<()> {
    create_tables(db, [Group::table(), Words::table()]).await
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = words)]
async fn names_are_words_of_sql_and_have_quotes(db: Pool) -> Result<()> {
    let made = Words::create().from("a").quoted("b").exec(&db).await?;
    let made = made.update().quoted("it's").exec(&db).await?;
    let same = Words::upsert(Words::FROM).from("a").quoted("?").exec(&db).await?;
    assert_eq!((same.id, same.quoted.as_str()), (made.id, "?"));
    Group::create_many(&db, [made.id; 3].map(|id| Group::create().r#in(id))).await?;
    let found = Words::query()
        .filter(Words::QUOTED.eq("?") & Words::GROUP.any(Group::WHERE.gt(0)))
        .with(Words::GROUP.query().order_by(Group::WHERE.desc()).limit(2))
        .order_by(Words::QUOTED.asc())
        .require(&db)
        .await?;
    assert_eq!(found.group.get()?.len(), 2);
    let counts = Words::query()
        .join(Words::GROUP)
        .select((Words::QUOTED, Group::WHERE.count()))
        .group_by(Words::QUOTED)
        .all(&db)
        .await?;
    assert_eq!(counts, [("?".to_owned(), 3)]);
    found.delete(&db).await?;
    assert_eq!(Group::query().count(&db).await?, 0);
    Ok(())
}

#[derive(Model, Debug, Clone, PartialEq)]
struct Document {
    #[model(primary_key, max_length = 700)]
    path: String,
    text: String,
}

async fn documents(db: &dyn Db) -> Result<()> {
    create_tables(db, [Document::table()]).await
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = documents)]
async fn a_key_is_long_text(db: Pool) -> Result<()> {
    let path = "é".repeat(700);
    let made = Document::create().path(&path).text("a").exec(&db).await?;
    assert_eq!(Document::require(&db, path.clone()).await?, made);
    assert_eq!(Document::find(&db, "é".repeat(699)).await?, None);
    let error = Document::create().path(format!("{path}é")).text("b").exec(&db).await.expect_err("it is too long");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    Ok(())
}

/// The table of [`Tag`], of which it knows the names only.
#[derive(Model, Debug, Clone, PartialEq)]
#[model(table = "tag")]
struct TagName {
    #[model(primary_key)]
    name: String,
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn a_table_has_two_models(db: Pool) -> Result<()> {
    let names = TagName::query().order_by(TagName::NAME.asc()).all(&db).await?;
    assert_eq!(names.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["blue", "red"]);
    names[0].update().name("green").exec(&db).await?;
    assert_eq!(Tag::query().filter(Tag::NAME.eq("green")).count(&db).await?, 1);
    Ok(())
}

#[derive(Model, Debug, Clone, PartialEq)]
struct Pair {
    #[model(primary_key)]
    id: i64,
    one: i64,
    other: i64,
}

async fn pairs(db: &dyn Db) -> Result<()> {
    create_tables(db, [Pair::table()]).await
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = pairs)]
async fn columns_are_set_by_the_row_as_it_was(db: Pool) -> Result<()> {
    let made = Pair::create().id(1).one(1).other(2).exec(&db).await?;
    let changed = made.update().one(10).other(Pair::ONE + 5).exec(&db).await?;
    assert_eq!((changed.one, changed.other), (10, 6));
    Pair::query().update().set(Pair::ONE, Pair::OTHER * 2).set(Pair::OTHER, 0).exec(&db).await?;
    assert_eq!(Pair::require(&db, 1).await?, Pair { id: 1, one: 12, other: 0 });
    // MySQL sets one column after the other, and says so rather than lose one.
    let swapped = changed.update().one(Pair::OTHER).other(Pair::ONE).exec(&db).await;
    if db.acquire().await?.info().dialect.flavor == Flavor::MySql {
        assert_eq!(swapped.expect_err("it would lose one").kind(), ErrorKind::NotSupported);
    } else {
        assert_eq!(swapped?, Pair { id: 1, one: 0, other: 12 });
    }
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = pairs)]
async fn a_sum_that_is_too_great_is_an_error(db: Pool) -> Result<()> {
    Pair::create_many(&db, [1, 2].map(|id| Pair::create().id(id).one(i64::MAX).other(-3))).await?;
    let error = Pair::query().select(Pair::ONE.sum()).first(&db).await.expect_err("it has 65 bits");
    assert_eq!(error.kind(), ErrorKind::OutOfRange);
    assert_eq!(Pair::query().select(Pair::OTHER.sum()).first(&db).await?, Some(Some(-6)));
    Ok(())
}
