//! Joins, subqueries, and loading.

use insta::assert_snapshot;
use oarlock::orm::query::Place;
use oarlock::{HasMany, Model, Value};

use crate::models::{Employee, Order, Page, Post, PostTag, Tag, User, post, user};
use crate::page;
use crate::page::{Answer, Page as Texts};

#[test]
fn joins() {
    let page = page! {
        "of the owner" => Post::query().join(Post::AUTHOR).filter(User::EMAIL.eq("a"));
        "of what refers" => User::query().join(User::POSTS).filter(Post::VIEWS.gt(1)).order_by(Post::TITLE.asc());
        "left" => User::query().left_join(User::POSTS);
        "through a third table" => Post::query().join(Post::TAGS).filter(Tag::NAME.eq("a") & PostTag::PLACE.gt(1));
        "of a table with itself" => Employee::query().join_as(Employee::MANAGER, "boss").filter(Employee::NAME.of("boss").eq("a"));
        "by a key of two columns" => Order::query().join(Order::LINES);
        "of several" => Post::query().join(Post::AUTHOR).join(Post::TAGS).filter(User::NAME.is_null());
        "of a table that is not there" => Post::query().filter(User::EMAIL.eq("a"));
    };
    assert_snapshot!(page.text());
}

#[test]
fn subqueries() {
    let page = page! {
        "any" => User::query().filter(User::POSTS.any(Post::TITLE.eq("a")));
        "present, and none" => User::query().filter(User::POSTS.is_present() & !User::POSTS.any(Post::VIEWS.gt(1)));
        "count" => User::query().filter(User::POSTS.count().gt(3)).order_by(User::POSTS.count().desc());
        "of the owner" => Post::query().filter(Post::AUTHOR.any(User::EMAIL.eq("a")));
        "through a third table" => Post::query().filter(Post::TAGS.any(Tag::NAME.eq("a") & PostTag::PLACE.gt(1)));
        "of a table in itself" => Employee::query().filter(Employee::REPORTS.any(Employee::NAME.eq("a")));
        "by a key of two columns" => Order::query().filter(Order::LINES.is_present());
        "one in another" => User::query().filter(User::POSTS.any(Post::TAGS.any(Tag::NAME.eq("a"))));
        "in an update" => User::query().filter(User::POSTS.is_present()).update().set(User::NAME, "a");
    };
    assert_snapshot!(page.text());
}

#[test]
fn loading() {
    let mut page = Texts::default();
    let nothing = |_| Vec::new();
    page.sent("what refers", &nothing, async |db| {
        let _ = User::load(db, &mut [user(1), user(2), user(3)], User::POSTS).await;
    });
    page.sent("filtered, in an order, so many for each", &nothing, async |db| {
        let posts = User::POSTS.query().filter(Post::VIEWS.gt(1)).order_by(Post::ID.desc()).limit(3);
        let _ = User::load(db, &mut [user(1), user(2), user(3)], posts).await;
    });
    page.sent("the owner", &nothing, async |db| {
        let _ = Post::load(db, &mut [post(1)], Post::AUTHOR).await;
    });
    page.sent("through a third table", &nothing, async |db| {
        let _ = Post::load(db, &mut [post(1), post(2)], Post::TAGS).await;
    });
    page.sent("through a third table, so many for each", &nothing, async |db| {
        let tags = Post::TAGS.query().order_by(PostTag::PLACE.asc()).limit(2);
        let _ = Post::load(db, &mut [post(1), post(2)], tags).await;
    });
    page.sent("by a key of two columns", &nothing, async |db| {
        let order = |number| Order { shop: 1, number, total: 1.into(), lines: HasMany::unloaded() };
        let _ = Order::load(db, &mut [order(1), order(2)], Order::LINES).await;
    });
    page.sent("by one key of two columns", &nothing, async |db| {
        let order = Order { shop: 1, number: 1, total: 1.into(), lines: HasMany::unloaded() };
        let _ = Order::load(db, &mut [order], Order::LINES.query().limit(1)).await;
    });
    assert_snapshot!(page.text());
}

#[test]
fn pages() {
    let mut page = Texts::default();
    let nothing = |_| Vec::new();
    let count = |_| vec![Answer::Rows(vec![vec![Value::I64(3)]])];
    page.sent("by number", &count, async |db| {
        let _ = User::query().filter(User::ID.gt(1)).distinct().order_by(User::NAME.asc()).page(db, 2, 10).await;
    });
    page.sent("count", &nothing, async |db| {
        let _ = User::query().filter(User::ID.gt(1)).order_by(User::ID.asc()).limit(3).count(db).await;
    });
    page.sent("count of joined rows", &nothing, async |db| {
        let _ = User::query().join(User::POSTS).distinct().count(db).await;
    });
    page.sent("exists", &nothing, async |db| {
        let _ = Page::query().order_by(Page::ID.asc()).exists(db).await;
    });
    page.sent("find", &nothing, async |db| {
        let _ = PostTag::find(db, (1, 2)).await;
    });
    // A slice of two rows and one more, then what is beyond its place.
    let row = |id: i64, name: Option<&str>| {
        let name = name.map_or(Value::Null, |name| Value::Text(name.to_owned()));
        vec![Value::I64(id), Value::Text(String::new()), name]
    };
    let named = |_| vec![Answer::Rows(vec![row(1, Some("a")), row(2, Some("b")), row(3, None)])];
    let unnamed = |_| vec![Answer::Rows(vec![row(1, None), row(2, None), row(3, None)])];
    page.sent("slices by the key", &named, async |db| {
        if let Ok(slice) = User::query().slice(db, Place::Start, 2).await {
            let next = slice.next.unwrap_or_default();
            let _ = User::query().slice(db, Place::After(&next), 2).await;
        }
    });
    page.sent("slices backwards", &named, async |db| {
        if let Ok(slice) = User::query().order_by(User::EMAIL.desc()).slice(db, Place::Start, 2).await {
            let next = slice.next.unwrap_or_default();
            let _ = User::query().order_by(User::EMAIL.desc()).slice(db, Place::Before(&next), 2).await;
        }
    });
    page.sent("slices in two directions", &named, async |db| {
        let query = || User::query().order_by(User::EMAIL.desc()).order_by(User::ID.asc());
        if let Ok(slice) = query().slice(db, Place::Start, 2).await {
            let _ = query().slice(db, Place::After(&slice.next.unwrap_or_default()), 2).await;
        }
    });
    page.sent("slices by what may be NULL, and is not", &named, async |db| {
        let query = || User::query().order_by(User::NAME.desc());
        if let Ok(slice) = query().slice(db, Place::Start, 2).await {
            let _ = query().slice(db, Place::After(&slice.next.unwrap_or_default()), 2).await;
        }
    });
    page.sent("slices by what may be NULL, and is", &unnamed, async |db| {
        let query = || User::query().order_by(User::NAME.asc());
        if let Ok(slice) = query().slice(db, Place::Start, 2).await {
            let _ = query().slice(db, Place::After(&slice.next.unwrap_or_default()), 2).await;
        }
    });
    page.sent("slices with NULL last, which is there", &unnamed, async |db| {
        let query = || User::query().order_by(User::NAME.asc().nulls_last());
        if let Ok(slice) = query().slice(db, Place::Start, 2).await {
            let _ = query().slice(db, Place::After(&slice.next.unwrap_or_default()), 2).await;
        }
    });
    assert_snapshot!(page.text());
}
