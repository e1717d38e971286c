//! Rows that are made with those that they are related to: how many statements it takes, and what belongs to whom.

use oarlock::testing::QueryLog;
use oarlock::{BelongsTo, Conn, Db, ErrorKind, HasMany, ManyToMany, Model, Pool, Result, assert_queries, orm};
use uuid::Uuid;

proofs! {
    a_graph_takes_statements_by_its_relations_and_not_by_its_rows(conn: Conn, log: QueryLog) after tables;
    what_rows_refer_to_is_made_before_them_all_at_once(conn: Conn, log: QueryLog) after tables;
}

#[derive(Model, Debug, Clone, PartialEq)]
#[model(table = "users")]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    email: String,
    #[model(has_many)]
    posts: HasMany<Post>,
}

#[derive(Model, Debug, Clone, PartialEq)]
struct Post {
    #[model(primary_key, auto)]
    id: i64,
    #[model(references = User)]
    author_id: i64,
    title: String,
    #[model(belongs_to = author_id)]
    author: BelongsTo<User>,
    #[model(many_to_many = PostTag)]
    tags: ManyToMany<Tag, PostTag>,
}

#[derive(Model, Debug, Clone, PartialEq)]
struct Tag {
    #[model(primary_key, auto)]
    id: i64,
    name: String,
}

#[derive(Model, Debug, Clone, PartialEq)]
struct PostTag {
    #[model(primary_key, references = Post)]
    post_id: i64,
    #[model(primary_key, references = Tag)]
    tag_id: i64,
}

pub(crate) async fn tables(db: &dyn Db) -> Result<()> {
    orm::create_tables(db, [PostTag::table(), Post::table(), User::table(), Tag::table()]).await
}

pub(crate) async fn a_graph_takes_statements_by_its_relations_and_not_by_its_rows(
    conn: Conn,
    log: QueryLog,
) -> Result<()> {
    let title = |user: usize, post: usize| format!("post {post} of user {user}");
    let tag = |user: usize, post: usize, tag: usize| format!("tag {tag} of {}", title(user, post));
    let graph = |user: usize| {
        let posts = (0..user % 4).map(move |post| {
            let tags = (0..(user + post) % 3).map(move |number| Tag::create().name(tag(user, post, number)));
            Post::create().title(title(user, post)).with(Post::TAGS, tags)
        });
        User::create().email(format!("{user}@example.org")).with(User::POSTS, posts)
    };
    // Each level is one statement where the database gives the new rows back; else it is read, by the numbers that it was given.
    let (level, load) = (if conn.info().capabilities.insert_returning { 1 } else { 3 }, 1);
    // Users, posts, tags, and the rows that join the tags with the posts, which are read as they are stored.
    let users = assert_queries!(log, 3 * level + 1 + load, { User::create_many(&conn, (0..40).map(graph)).await? });
    for (number, user) in users.iter().enumerate() {
        assert_eq!(user.email, format!("{number}@example.org"));
        let posts = user.posts.get()?;
        assert_eq!(posts.len(), number % 4);
        for (place, post) in posts.iter().enumerate() {
            assert_eq!((post.author_id, &post.title), (user.id, &title(number, place)));
            let names: Vec<&str> = post.tags.get()?.iter().map(|tag| tag.name.as_str()).collect();
            let expected: Vec<String> = (0..(number + place) % 3).map(|count| tag(number, place, count)).collect();
            assert_eq!(names, expected);
            assert!(post.tags.pairs()?.all(|(tag, join)| (join.post_id, join.tag_id) == (post.id, tag.id)));
        }
    }
    // What was given back is what is there.
    let again = User::query()
        .with(User::POSTS.query().order_by(Post::ID.asc()).with(Post::TAGS.query().order_by(Tag::ID.asc())))
        .order_by(User::ID.asc())
        .all(&conn)
        .await?;
    assert_eq!(again, users);
    Ok(())
}

pub(crate) async fn what_rows_refer_to_is_made_before_them_all_at_once(conn: Conn, log: QueryLog) -> Result<()> {
    let level = if conn.info().capabilities.insert_returning { 1 } else { 3 };
    let posts = (0..30).map(|number| {
        let post = Post::create().title(format!("post {number}"));
        post.with(Post::AUTHOR, [User::create().email(format!("{number}@example.org"))])
    });
    let posts = assert_queries!(log, 2 * level, { Post::create_many(&conn, posts).await? });
    for (number, post) in posts.iter().enumerate() {
        let author = post.author.require()?;
        assert_eq!((post.author_id, &author.email), (author.id, &format!("{number}@example.org")));
    }
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = tables)]
async fn only_what_was_given_is_loaded(db: Pool) -> Result<()> {
    let user = |name: &str| User::create().email(format!("{name}@example.org"));
    let post = |title: &str| Post::create().title(title);
    let users = User::create_many(
        &db,
        [
            user("a").with(User::POSTS, [post("1")]).with(User::POSTS, [post("2"), post("3")]),
            user("b"),
            user("c").with(User::POSTS, Vec::<orm::Create<Post>>::new()),
        ],
    )
    .await?;
    let titles: Vec<&str> = users[0].posts.get()?.iter().map(|post| post.title.as_str()).collect();
    assert_eq!(titles, ["1", "2", "3"], "the same relation twice");
    assert!(!users[1].posts.is_loaded());
    assert_eq!(users[2].posts.get()?, []);

    let tags = ["x", "y"].map(|name| Tag::create().name(name));
    let author = users[0].id;
    let posts = Post::create_many(
        &db,
        [post("4").author_id(author), post("5").author_id(author).with(Post::TAGS, tags), post("6").author_id(author)],
    )
    .await?;
    let loaded: Vec<bool> = posts.iter().map(|post| post.tags.is_loaded()).collect();
    assert_eq!(loaded, [false, true, false]);
    assert_eq!(posts[1].tags.get()?.len(), 2);
    assert_eq!(PostTag::query().count(&db).await?, 2);
    Ok(())
}

/// Refers to another twice, and through another table twice.
#[derive(Model, Debug, Clone, PartialEq)]
struct Station {
    #[model(primary_key, auto)]
    id: i64,
    name: String,
    #[model(has_many = from)]
    departures: HasMany<Train>,
    #[model(has_many = to)]
    arrivals: HasMany<Train>,
    #[model(many_to_many(Walk, from = one, to = other))]
    near: ManyToMany<Station>,
    #[model(many_to_many(Walk, from = other, to = one))]
    near_by: ManyToMany<Station>,
}

#[derive(Model, Debug, Clone, PartialEq)]
struct Train {
    #[model(primary_key, auto)]
    id: i64,
    #[model(references = Station)]
    from: Option<i64>,
    #[model(references = Station)]
    to: Option<i64>,
}

#[derive(Model, Debug, Clone, PartialEq)]
struct Walk {
    #[model(primary_key, references = Station)]
    one: i64,
    #[model(primary_key, references = Station)]
    other: i64,
}

async fn stations(db: &dyn Db) -> Result<()> {
    orm::create_tables(db, [Station::table(), Train::table(), Walk::table()]).await
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = stations)]
async fn relations_between_the_same_models_are_told_apart(db: Pool) -> Result<()> {
    let station = |name: &str| Station::create().name(name);
    let made = Station::create_many(
        &db,
        [
            station("Oslo").with(Station::DEPARTURES, [Train::create(), Train::create()]),
            station("Bergen")
                .with(Station::ARRIVALS, [Train::create()])
                .with(Station::NEAR, [station("Voss").with(Station::ARRIVALS, [Train::create()])])
                .with(Station::NEAR_BY, [station("Arna"), station("Flåm")]),
        ],
    )
    .await?;
    let (oslo, bergen) = (&made[0], &made[1]);
    let ends = |trains: &[Train]| trains.iter().map(|train| (train.from, train.to)).collect::<Vec<_>>();
    assert_eq!(ends(oslo.departures.get()?), [(Some(oslo.id), None); 2]);
    assert_eq!(ends(bergen.arrivals.get()?), [(None, Some(bergen.id))]);
    assert!(!oslo.arrivals.is_loaded() && !bergen.departures.is_loaded());
    let names = |stations: &[Station]| stations.iter().map(|station| station.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(bergen.near.get()?), ["Voss"]);
    assert_eq!(ends(bergen.near.get()?[0].arrivals.get()?), [(None, Some(bergen.near.get()?[0].id))]);
    assert_eq!(names(bergen.near_by.get()?), ["Arna", "Flåm"]);
    assert!(!oslo.near.is_loaded() && !oslo.near_by.is_loaded());
    assert_eq!(Walk::query().filter(Walk::ONE.eq(bergen.id)).count(&db).await?, 1);
    assert_eq!(Walk::query().filter(Walk::OTHER.eq(bergen.id)).count(&db).await?, 2);
    Ok(())
}

/// Its key is made up by the database, which does not number it.
#[derive(Model, Debug, Clone, PartialEq)]
struct Chest {
    #[model(primary_key, default = "uuid")]
    id: Uuid,
    name: String,
    #[model(has_many)]
    things: HasMany<Thing>,
}

#[derive(Model, Debug, Clone, PartialEq)]
struct Thing {
    #[model(primary_key, default = "uuid")]
    id: Uuid,
    #[model(references = Chest)]
    chest_id: Option<Uuid>,
    name: String,
}

async fn chests(db: &dyn Db) -> Result<()> {
    orm::create_tables(db, [Chest::table(), Thing::table()]).await
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = chests)]
async fn rows_whose_keys_the_database_makes_up_are_told_apart(conn: Conn) -> Result<()> {
    let thing = |name: &str| Thing::create().name(name);
    let chests = ["a", "b"].map(|name| {
        Chest::create()
            .name(name)
            .with(Chest::THINGS, ["x", "y"].map(|thing_name| thing(&format!("{name}{thing_name}"))))
    });
    let made = Chest::create_many(&conn, chests).await;
    if !conn.info().capabilities.insert_returning {
        // Such a key is known to nobody but the database.
        assert_eq!(made.expect_err("its keys are not known").kind(), ErrorKind::NotSupported);
        assert_eq!(Chest::query().count(&conn).await?, 0);
        return Ok(());
    }
    for (made, name) in made?.iter().zip(["a", "b"]) {
        assert_eq!(made.name, name);
        let things = made.things.get()?;
        let names: Vec<&str> = things.iter().map(|thing| thing.name.as_str()).collect();
        assert_eq!(names, [format!("{name}x"), format!("{name}y")]);
        assert!(things.iter().all(|thing| thing.chest_id == Some(made.id)));
    }
    let names = |things: Vec<Thing>| things.into_iter().map(|thing| thing.name).collect::<Vec<_>>();
    assert_eq!(names(Thing::create_many(&conn, ["1", "2", "3"].map(thing)).await?), ["1", "2", "3"]);
    Ok(())
}
