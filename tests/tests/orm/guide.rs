//! The code of docs/orm.md.

use chrono::{DateTime, Utc};
use oarlock::orm::query::Place;
use oarlock::orm::{Expr, Invalid, create_tables};
use oarlock::{BelongsTo, Db, DbExt, HasMany, ManyToMany, Model, Pool, Result, sql};

#[derive(Model, Debug, Clone)]
#[model(table = "users")]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(unique, email)]
    email: String,
    name: Option<String>,
    #[model(default = "now")]
    created_at: DateTime<Utc>,
    #[model(has_many)]
    posts: HasMany<Post>,
}

#[derive(Model, Debug, Clone)]
struct Post {
    #[model(primary_key, auto)]
    id: i64,
    #[model(references = User, on_delete = "cascade")]
    author_id: i64,
    title: String,
    #[model(version)]
    version: i32,
    #[model(belongs_to = author_id)]
    author: BelongsTo<User>,
    #[model(many_to_many = PostTag)]
    tags: ManyToMany<Tag>,
}

#[derive(Model, Debug, Clone)]
struct Tag {
    #[model(primary_key, auto)]
    id: i64,
    #[model(unique)]
    name: String,
}

#[derive(Model, Debug, Clone)]
struct PostTag {
    #[model(primary_key, references = Post, on_delete = "cascade")]
    post_id: i64,
    #[model(primary_key, references = Tag)]
    tag_id: i64,
}

async fn tables(db: &dyn Db) -> Result<()> {
    create_tables(db, [User::table(), Post::table(), Tag::table(), PostTag::table()]).await
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = tables)]
async fn the_first_steps(db: Pool) -> Result<()> {
    let ada = User::create().email("ada@example.org").name("Ada").exec(&db).await?;
    let posts = ["One", "Two", "Three", "Four"].map(|title| Post::create().author_id(ada.id).title(title));
    Post::create_many(&db, posts).await?;

    let since = ada.created_at;
    let users = User::query()
        .filter(User::EMAIL.ends_with("@example.org") & User::CREATED_AT.ge(since))
        .with(User::POSTS.query().filter(Post::TITLE.ne("")).order_by(Post::ID.desc()).limit(3).with(Post::TAGS))
        .order_by(User::ID.desc())
        .limit(10)
        .all(&db)
        .await?;
    for post in users[0].posts.get()? {
        println!("{}: {} tags", post.title, post.tags.get()?.len());
    }

    let post = &users[0].posts.get()?[0];
    db.transaction(|tx| async move {
        post.update().title("New title").exec(&tx).await?;
        Ok(())
    })
    .await?;

    let ids = [ada.id];
    let rows: Vec<(String, i64)> =
        sql!(&db, "SELECT email, count(*) FROM users WHERE id IN ({ids..}) GROUP BY email").all().await?;
    assert_eq!(rows, [("ada@example.org".to_owned(), 1)]);

    assert_eq!(
        users[0].posts.get()?.iter().map(|post| post.title.as_str()).collect::<Vec<_>>(),
        ["Four", "Three", "Two"]
    );
    assert_eq!(Post::require(&db, post.id).await?.title, "New title");
    assert_eq!((ada.name.as_deref(), post.version), (Some("Ada"), 1));
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = tables)]
async fn reading(db: Pool) -> Result<()> {
    let ada = User::create().email("ada@example.org").exec(&db).await?;
    Post::create_many(&db, ["b", "a", "c"].map(|title| Post::create().author_id(ada.id).title(title))).await?;

    let one: Option<User> = User::find(&db, ada.id).await?;
    let first: User = User::query().filter(User::NAME.is_null()).require(&db).await?;
    let many: u64 = Post::query().filter(Post::TITLE.one_of(["a", "b"])).count(&db).await?;
    let any: bool = Post::query().filter(Post::TITLE.like_ignoring_case("A%")).exists(&db).await?;
    // In the order of the keys, by one statement; the last title of all.
    let keys = Post::query().order_by(Post::ID.desc()).select(Post::ID).all(&db).await?;
    let some: Vec<Post> = Post::find_many(&db, keys).await?;
    let last: Option<String> = Post::query().max(&db, Post::TITLE).await?;
    assert_eq!(some.iter().map(|post| post.title.as_str()).collect::<Vec<_>>(), ["c", "a", "b"]);
    assert_eq!(last.as_deref(), Some("c"));
    assert_eq!((one.map(|user| user.id), first.id, many, any), (Some(ada.id), ada.id, 2, true));

    // Users with a post of that title, and how many posts they have.
    let counts: Vec<(String, i64)> = User::query()
        .filter(User::POSTS.any(Post::TITLE.eq("a")))
        .select((User::EMAIL, User::POSTS.count()))
        .all(&db)
        .await?;
    assert_eq!(counts, [("ada@example.org".to_owned(), 3)]);

    // Groups, over a join.
    let last: Vec<(String, Option<String>)> = Post::query()
        .join(Post::AUTHOR)
        .select((User::EMAIL, Post::TITLE.max()))
        .group_by(User::EMAIL)
        .having(Expr::count_rows().gt(1))
        .all(&db)
        .await?;
    assert_eq!(last, [("ada@example.org".to_owned(), Some("c".to_owned()))]);

    // Slices by key cost the same wherever they are; `next` can stand in a URL.
    let slice = Post::query().order_by(Post::TITLE.asc()).slice(&db, Place::Start, 2).await?;
    let next = slice.next.expect("there is a third");
    let rest = Post::query().order_by(Post::TITLE.asc()).slice(&db, Place::After(&next), 2).await?;
    assert_eq!(rest.items.iter().map(|post| post.title.as_str()).collect::<Vec<_>>(), ["c"]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = tables)]
async fn writing(db: Pool) -> Result<()> {
    let ada = User::create().email("ada@example.org").exec(&db).await?;
    let ada = ada.update().name("Ada").exec(&db).await?;
    let same = User::upsert(User::EMAIL).email("ada@example.org").name("Ada L.").exec(&db).await?;
    assert_eq!((same.id, same.name.as_deref()), (ada.id, Some("Ada L.")));

    let same = User::find_or_create(User::EMAIL).email("ada@example.org").name("Nobody").exec(&db).await?;
    assert_eq!(same.name.as_deref(), Some("Ada L."));

    let tags: u64 = Tag::insert_all(&db, ["red", "blue"].map(|name| Tag::create().name(name))).await?;
    assert_eq!(tags, 2);

    let bob = User::create()
        .email("bob@example.org")
        .with(
            User::POSTS,
            [Post::create().title("One").with(Post::TAGS, [Tag::create().name("first")]), Post::create().title("Two")],
        )
        .exec(&db)
        .await?;
    assert_eq!(bob.posts.get()?[0].tags.get()?[0].name, "first");
    bob.delete(&db).await?;

    let changed = User::query().filter(User::NAME.is_not_null()).update().set(User::NAME, "Somebody").exec(&db).await?;
    let deleted = User::query().filter(User::EMAIL.ends_with(".invalid")).delete(&db).await?;
    assert_eq!((changed, deleted), (1, 0));

    let refused = User::create().email("no address").exec(&db).await.expect_err("it breaks a rule");
    let invalid = Invalid::of(&refused).expect("rules say what is wrong");
    assert_eq!(invalid.messages("email").collect::<Vec<_>>(), ["must be an address of mail"]);

    ada.delete(&db).await?;
    assert_eq!(User::query().count(&db).await?, 0);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = tables)]
async fn loading_later(db: Pool) -> Result<()> {
    let ada = User::create().email("ada@example.org").exec(&db).await?;
    let tag = Tag::create().name("news").exec(&db).await?;
    let post = Post::create().author_id(ada.id).title("One").exec(&db).await?;
    PostTag { post_id: post.id, tag_id: tag.id }.insert(&db).await?;

    let mut posts = Post::query().all(&db).await?;
    assert!(posts[0].author.get().is_err(), "nothing is loaded that was not asked for");
    Post::load(&db, &mut posts, Post::AUTHOR).await?;
    Post::load(&db, &mut posts, Post::TAGS.query().filter(Tag::NAME.ne("old"))).await?;
    assert_eq!(posts[0].author.require()?.email, "ada@example.org");
    assert_eq!(posts[0].tags.get()?[0].name, "news");

    let (news, rust) = (tag, Tag::create().name("rust").exec(&db).await?);
    Post::TAGS.link(&db, &post, [&news, &rust]).await?;
    Post::TAGS.unlink(&db, &post, [&news]).await?;
    Post::TAGS.set(&db, &post, [&rust]).await?;
    Post::load(&db, &mut posts, Post::TAGS).await?;
    assert_eq!(posts[0].tags.get()?.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["rust"]);
    Ok(())
}
