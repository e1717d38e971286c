//! Statements that write.

use chrono::{DateTime, Utc};
use insta::assert_snapshot;
use oarlock::Model;

use crate::models::{Employee, Page, Post, PostTag, Tag, User, Words, post, user};
use crate::page;
use crate::page::{Answer, Kind, Page as Texts};

fn nothing(_: Kind) -> Vec<Answer> {
    Vec::new()
}

/// What a database without RETURNING answers to a new row.
fn numbered(kind: Kind) -> Vec<Answer> {
    if kind.name == "mysql" { vec![Answer::Inserted(7)] } else { Vec::new() }
}

/// What a database without RETURNING answers to a change.
fn changed(kind: Kind) -> Vec<Answer> {
    if matches!(kind.name, "mysql" | "mariadb") { vec![Answer::Changed(1)] } else { Vec::new() }
}

fn of_page() -> Page {
    let at = DateTime::<Utc>::UNIX_EPOCH;
    let (path, text) = (String::new(), String::new());
    Page { id: 1, path, text, version: 3, created_at: at, updated_at: at, deleted_at: None }
}

#[test]
fn new_rows() {
    let mut page = Texts::default();
    page.sent("one", &numbered, async |db| {
        let _ = Post::create().author_id(1).title("a").exec(db).await;
    });
    page.sent("one, by an expression", &numbered, async |db| {
        let first = Post::query().select(Post::TITLE.max()).scalar();
        let _ = User::create().email("a").name(first).exec(db).await;
    });
    page.sent("one of nothing but defaults", &numbered, async |db| {
        let _ = Counter::create().exec(db).await;
    });
    page.sent("what the ORM keeps", &numbered, async |db| {
        let _ = Page::create().path("/").text("a").exec(db).await;
    });
    page.sent("a whole row", &numbered, async |db| {
        let _ = user(5).insert(db).await;
    });
    page.sent("a key that the program gives", &changed_on_mysql, async |db| {
        let _ = PostTag::create().post_id(1).tag_id(2).place(3).exec(db).await;
    });
    let many = |kind: Kind| {
        let step = Answer::Rows(vec![vec![oarlock::Value::I64(1)]]);
        if kind.name == "mysql" { vec![Answer::Inserted(7), step] } else { Vec::new() }
    };
    page.sent("three", &many, async |db| {
        let _ = Tag::create_many(db, ["a", "b", "c"].map(|name| Tag::create().name(name))).await;
    });
    page.sent("three that nobody looks at", &changed_on_mysql, async |db| {
        let _ = Tag::insert_all(db, ["a", "b", "c"].map(|name| Tag::create().name(name))).await;
    });
    page.sent("two with keys of the program's", &changed_on_mysql, async |db| {
        let rows = [1, 2].map(|tag| PostTag::create().post_id(1).tag_id(tag).place(0));
        let _ = PostTag::create_many(db, rows).await;
    });
    page.sent("words of SQL's", &changed_on_mysql, async |db| {
        let _ = Words::create().order(1).quoted("x").exec(db).await;
    });
    assert_snapshot!(page.text());
}

fn changed_on_mysql(kind: Kind) -> Vec<Answer> {
    if kind.name == "mysql" { vec![Answer::Changed(1)] } else { Vec::new() }
}

/// Has nothing that must be said.
#[derive(Model, Debug, Clone)]
struct Counter {
    #[model(primary_key, auto)]
    id: i64,
}

#[test]
fn changes() {
    let mut page = Texts::default();
    page.sent("a row", &changed, async |db| {
        let _ = post(1).update().title("a").exec(db).await;
    });
    page.sent("a row, by an expression", &changed, async |db| {
        let _ = post(1).update().views(Post::VIEWS + 1).exec(db).await;
    });
    page.sent("a row with a version", &changed, async |db| {
        let _ = of_page().update().text("a").exec(db).await;
    });
    page.sent("nothing", &nothing, async |db| {
        let _ = post(1).update().exec(db).await;
    });
    page.sent("a row whose name is made of words", &changed, async |db| {
        let _ = Words { order: 1, quoted: String::new() }.update().quoted("x").exec(db).await;
    });
    page.sent("a row that goes", &nothing, async |db| {
        let _ = post(1).delete(db).await;
    });
    page.sent("a row that is marked as deleted", &nothing, async |db| {
        let _ = of_page().delete(db).await;
    });
    page.sent("a row that was marked goes for good", &nothing, async |db| {
        let _ = of_page().delete_for_good(db).await;
    });
    page.sent("rows that go", &nothing, async |db| {
        let _ = Post::query().filter(Post::VIEWS.lt(1)).delete(db).await;
    });
    page.sent("rows that are marked", &nothing, async |db| {
        let _ = Page::query().filter(Page::TEXT.eq("")).delete(db).await;
    });
    page.sent("rows that others refer to not", &nothing, async |db| {
        let _ = User::query().filter(!User::POSTS.is_present()).delete(db).await;
    });
    page.sent("rows of a table that refers to itself", &nothing, async |db| {
        let _ = Employee::query().filter(!Employee::REPORTS.is_present()).delete(db).await;
    });
    let mut text = page.text().to_owned();
    let page = page! {
        "rows by a query" => Post::query().filter(Post::TITLE.eq("a")).update().set(Post::VIEWS, Post::VIEWS + 1).set(Post::TITLE, "b");
        "all rows" => Post::query().update().set(Post::VIEWS, 0);
        "rows with a version, not those that are deleted" => Page::query().update().set(Page::TEXT, "");
        "by the count of what refers" => User::query().update().set(User::NAME, Post::query().select(Post::TITLE.max()).scalar());
        "by rows that have a column of the same name" => User::query().update().set(User::ID, User::POSTS.count() + User::ID);
        "a column that another is set by" => Post::query().update().set(Post::ID, 7).set(Post::AUTHOR_ID, Post::ID + 1);
        "columns that change places" => Post::query().update().set(Post::AUTHOR_ID, Post::ID).set(Post::ID, Post::AUTHOR_ID);
        "rows of a join" => Post::query().join(Post::AUTHOR).update().set(Post::VIEWS, 0);
        "the first rows" => Post::query().limit(1).update().set(Post::VIEWS, 0);
    };
    text.push_str(page.text());
    assert_snapshot!(text);
}

#[test]
fn rows_that_are_made_or_changed() {
    let mut page = Texts::default();
    let found =
        |kind: Kind| if kind.name == "mysql" || kind.name == "mariadb" { vec![Answer::Changed(1)] } else { Vec::new() };
    let absent = |kind: Kind| match kind.name {
        "mysql" => vec![Answer::Changed(0), Answer::NoRows, Answer::Inserted(7)],
        "mariadb" => vec![Answer::Changed(0), Answer::NoRows],
        _ => Vec::new(),
    };
    page.sent("by a unique column, which is there", &found, async |db| {
        let _ = User::upsert(User::EMAIL).email("a").name("b").exec(db).await;
    });
    page.sent("by a unique column, which is not there", &absent, async |db| {
        let _ = User::upsert(User::EMAIL).email("a").name("b").exec(db).await;
    });
    page.sent("by a key of two columns", &found, async |db| {
        let _ = PostTag::upsert((PostTag::POST_ID, PostTag::TAG_ID)).post_id(1).tag_id(2).place(3).exec(db).await;
    });
    page.sent("with a version", &found, async |db| {
        let _ = Page::upsert(Page::PATH).path("/").text("a").exec(db).await;
    });
    page.sent("with nothing to change", &nothing, async |db| {
        let _ = User::upsert(User::EMAIL).email("a").exec(db).await;
    });
    assert_snapshot!(page.text());
}

#[test]
fn looks() {
    let page = page! {
        "a new row" => Post::create().author_id(1).title("a");
        "a new row, with what the ORM keeps" => Page::create().path("/").text("a");
        "a new row that lacks something" => Post::create().author_id(1);
        "a row that is changed" => of_page().update().text("a");
        "a row that nothing is changed of" => post(1).update();
        "rows that nothing is changed of" => Post::query().update();
        "made or changed" => Page::upsert(Page::PATH).path("/").text("a");
        "made or kept" => User::find_or_create(User::EMAIL).email("a");
        "made or changed by nothing" => User::upsert(User::EMAIL).name("a");
    };
    let mut text = page.text().to_owned();
    let mut page = Texts::default();
    page.add("rows that go", |dialect| Post::query().filter(Post::VIEWS.lt(1)).delete_sql(dialect));
    page.add("rows that are marked", |dialect| Page::query().filter(Page::TEXT.eq("")).delete_sql(dialect));
    text.push_str(page.text());
    assert_snapshot!(text);
}
