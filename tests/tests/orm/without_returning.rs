//! Writing where the database gives no rows back, as on MySQL: MariaDB whose `RETURNING` is hidden does it in the same way.

use std::sync::Arc;

use oarlock::connection::{BoxFuture, DriverInfo};
use oarlock::decorate::{Decorate, Decorated};
use oarlock::factory::DriverFactory;
use oarlock::mysql::MysqlFactory;
use oarlock::testing::{Database, QueryLog};
use oarlock::{Conn, Connection, Connector, ErrorKind, Model, Pool, PoolOptions, Purpose, Result, Url};

use crate::blog::{Post, PostTag, Tag, User, filled, tables};
use crate::graph;

/// A connection that says of itself that it gives no written rows back.
struct LessAble {
    inner: Box<dyn Connection>,
    info: DriverInfo,
}

impl Decorate for LessAble {
    fn inner(&self) -> &dyn Connection {
        &*self.inner
    }

    fn inner_mut(&mut self) -> &mut dyn Connection {
        &mut *self.inner
    }

    fn info(&self) -> &DriverInfo {
        &self.info
    }
}

struct OpensLessAble(Arc<dyn Connector>);

impl Connector for OpensLessAble {
    fn connect(&self) -> BoxFuture<'_, Box<dyn Connection>> {
        Box::pin(async move {
            let inner = self.0.connect().await?;
            let mut info = inner.info().clone();
            (info.capabilities.insert_returning, info.capabilities.update_returning) = (false, false);
            Ok(Box::new(Decorated(LessAble { inner, info })) as Box<dyn Connection>)
        })
    }
}

fn connector(database: &Database) -> Result<OpensLessAble> {
    MysqlFactory.connector(&Url::parse(database.url())?, Purpose::Pool).map(OpensLessAble)
}

fn less_able(database: &Database) -> Result<Pool> {
    Ok(Pool::new(Arc::new(connector(database)?), PoolOptions::new().max_size(2)))
}

#[oarlock::test(engines = [mysql], setup = tables)]
async fn rows_are_made_and_read_back(database: Database) -> Result<()> {
    let db = less_able(&database)?;
    let ada = User::create().email("ada@example.org").name("Ada").exec(&db).await?;
    assert_eq!(User::require(&db, ada.id).await?, ada);
    let post = Post::create().author_id(ada.id).title("one").exec(&db).await?;
    assert_eq!((post.views, post.version), (0, 1), "what the database fills in is there");
    let bob = User { id: 0, email: "bob@example.org".to_owned(), ..ada.clone() }.insert(&db).await?;
    assert!(bob.id > ada.id);
    // A key that the program gives is the one that is read back, and not the last number of another row.
    let tag = Tag::create().id(5_000).name("red").exec(&db).await?;
    let join = PostTag::create().post_id(post.id).tag_id(tag.id).place(3).exec(&db).await?;
    assert_eq!((tag.id, join.tag_id, join.place), (5_000, 5_000, 3));
    let error = User::create().email("ada@example.org").exec(&db).await.expect_err("it is there");
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    db.close().await
}

#[oarlock::test(engines = [mysql], setup = tables)]
async fn many_rows_are_made_and_read_back_in_their_order(database: Database) -> Result<()> {
    let db = less_able(&database)?;
    let emails: Vec<String> = (0..2_500).map(|number| format!("{}@example.org", (number * 7_919) % 2_500)).collect();
    let users = User::create_many(&db, emails.iter().map(|email| User::create().email(email))).await?;
    assert_eq!(users.iter().map(|user| &user.email).collect::<Vec<_>>(), emails.iter().collect::<Vec<_>>());
    // Keys of the program's, of two columns, given backwards.
    let post = Post::create().author_id(users[0].id).title("one").exec(&db).await?;
    let tags = Tag::create_many(&db, ["a", "b", "c"].map(|name| Tag::create().name(name))).await?;
    let joins = tags.iter().rev().map(|tag| PostTag::create().post_id(post.id).tag_id(tag.id).place(1));
    let joins = PostTag::create_many(&db, joins).await?;
    assert!(joins.iter().map(|join| join.tag_id).eq(tags.iter().rev().map(|tag| tag.id)));
    // All or none, also where the rows differ in what they give.
    let mixed = [User::create().email("x"), User::create().email("y").name("Y"), User::create().email("7@example.org")];
    let error = User::create_many(&db, mixed).await.expect_err("one is there");
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    assert_eq!(User::query().count(&db).await?, 2_500);
    db.close().await
}

#[oarlock::test(engines = [mysql], setup = filled)]
async fn rows_are_made_or_changed(database: Database) -> Result<()> {
    let db = less_able(&database)?;
    let new = User::upsert(User::EMAIL).email("dan@example.org").name("Dan").exec(&db).await?;
    let same = User::upsert(User::EMAIL).email("dan@example.org").name("Daniel").exec(&db).await?;
    assert_eq!((same.id, same.name.as_deref()), (new.id, Some("Daniel")));
    let kept = User::upsert(User::EMAIL).email("dan@example.org").exec(&db).await?;
    assert_eq!(kept, same, "nothing is there to change");
    let tag = Tag::query().filter(Tag::NAME.eq("red")).require(&db).await?;
    let error = Tag::upsert(Tag::ID).id(tag.id + 1_000).name("red").exec(&db).await.expect_err("the name is there");
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    let post = Post::query().filter(Post::TITLE.eq("one")).require(&db).await?;
    let changed = post.update().title("new").exec(&db).await?;
    assert_eq!((changed.title.as_str(), changed.version), ("new", 2));
    db.close().await
}

/// Gives a connection that is less able, and the log of what runs on it.
async fn logged(database: &Database) -> Result<(Conn, QueryLog)> {
    let log = QueryLog::new();
    let connection = connector(database)?.connect().await?;
    Ok((Conn::new(log.connection(connection)), log))
}

#[oarlock::test(engines = [mysql], setup = graph::tables)]
async fn a_graph_is_made_and_read_back(database: Database) -> Result<()> {
    let (conn, log) = logged(&database).await?;
    graph::a_graph_takes_statements_by_its_relations_and_not_by_its_rows(conn, log).await
}

#[oarlock::test(engines = [mysql], setup = graph::tables)]
async fn what_rows_refer_to_is_made_and_read_back(database: Database) -> Result<()> {
    let (conn, log) = logged(&database).await?;
    graph::what_rows_refer_to_is_made_before_them_all_at_once(conn, log).await
}
