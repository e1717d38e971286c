//! Queries of one table, expressions, and selections.

use insta::assert_snapshot;
use oarlock::orm::expr::Expr;
use oarlock::{Decimal, Model};

use crate::models::{Employee, Order, Page, Post, TagName, User, Words};
use crate::page;

#[test]
fn comparisons() {
    let page = page! {
        "all rows" => User::query();
        "equal" => User::query().filter(User::EMAIL.eq("a"));
        "equal to NULL" => User::query().filter(User::NAME.eq(None));
        "not equal" => User::query().filter(User::EMAIL.ne("a"));
        "less, and more" => Post::query().filter(Post::VIEWS.lt(1) | Post::VIEWS.gt(2));
        "at the most, and at the least" => Post::query().filter(Post::VIEWS.le(1) & Post::VIEWS.ge(2));
        "the same, where NULL is NULL" => User::query().filter(User::NAME.same(None) & User::NAME.not_same("a"));
        "is NULL" => User::query().filter(User::NAME.is_null() | User::NAME.is_not_null());
        "between" => Post::query().filter(Post::VIEWS.between(1, 2));
        "two columns" => Post::query().filter(Post::ID.eq(Post::AUTHOR_ID));
        "and, or, not" => Post::query().filter(!(Post::ID.eq(1) | Post::ID.eq(2)) & Post::VIEWS.eq(3));
        "or in and" => Post::query().filter(Post::ID.eq(1) | Post::ID.eq(2)).filter(Post::VIEWS.eq(3));
        "all and any of none" => User::query().filter(Expr::all([])).filter(Expr::any([]));
        "decimals" => Order::query().filter(Order::TOTAL.eq(Decimal::from(1)));
        "decimals compared" => Order::query().filter(Order::TOTAL.gt(Decimal::from(1)));
        "decimals of a list" => Order::query().filter(Order::TOTAL.one_of([Decimal::from(1), Decimal::from(2)]));
        "decimals that may be missing" => Order::query().filter(Order::TOTAL.expr().coalesce::<Decimal>(Decimal::from(1)).lt(Decimal::from(2)));
        "decimals of a query" => Order::query().filter(Order::TOTAL.eq(Order::query().select(Order::TOTAL.expr()).scalar()));
        "decimals computed with" => Order::query().filter((Order::TOTAL + Decimal::from(1)).eq(Decimal::from(2)));
        "words of SQL's" => Words::query().filter(Words::ORDER.eq(1) & Words::QUOTED.eq("x")).order_by(Words::ORDER.asc());
        "two models of one table" => TagName::query().filter(TagName::ID.eq(1));
    };
    assert_snapshot!(page.text());
}

#[test]
fn lists() {
    let page = page! {
        "of none" => Post::query().filter(Post::ID.one_of([0_i64; 0]));
        "not of none" => Post::query().filter(Post::ID.none_of([0_i64; 0]));
        "of one" => Post::query().filter(Post::ID.one_of([1_i64]));
        "of three" => Post::query().filter(Post::ID.one_of([1_i64, 2, 3]));
        "of five: filled up" => Post::query().filter(Post::ID.one_of([1_i64, 2, 3, 4, 5]));
        "not of five" => Post::query().filter(Post::ID.none_of([1_i64, 2, 3, 4, 5]));
        "of texts, between others" => User::query().filter(User::ID.gt(0)).filter(User::EMAIL.one_of(["a", "b"])).filter(User::ID.lt(9));
    };
    assert_snapshot!(page.text());
}

#[test]
fn text_and_numbers() {
    let page = page! {
        "like" => User::query().filter(User::EMAIL.like("a%"));
        "like, ignoring case" => User::query().filter(User::EMAIL.like_ignoring_case("a%"));
        "starts, ends, contains" => User::query().filter(User::EMAIL.starts_with("a") & User::EMAIL.ends_with("b") & User::NAME.contains("c"));
        "lower, upper, length" => User::query().filter(User::EMAIL.lower().eq("a") & User::EMAIL.upper().eq("A") & User::NAME.char_length().gt(3));
        "arithmetic" => Post::query().filter(((Post::VIEWS + 1) * 2 - 3).gt(Post::VIEWS / 2 + Post::VIEWS % 3));
        "the number without its sign" => Post::query().filter(Post::VIEWS.abs().eq(1));
        "coalesce" => User::query().filter(User::NAME.expr().coalesce::<String>("x").eq("y"));
        "in the words of the database" => Post::query().filter(Expr::<bool>::sql("? @> ?", [Post::TITLE.expr().erase(), Post::ID.expr().erase()]));
    };
    assert_snapshot!(page.text());
}

#[test]
fn order_and_limits() {
    let page = page! {
        "up" => User::query().order_by(User::EMAIL.asc());
        "up, what may be NULL" => User::query().order_by(User::NAME.asc());
        "down, what may be NULL" => User::query().order_by(User::NAME.desc());
        "NULL first, and last" => User::query().order_by(User::NAME.desc().nulls_first()).order_by(User::NAME.asc().nulls_last());
        "by an expression" => Post::query().order_by((Post::VIEWS * 2).desc());
        "by a decimal" => Order::query().order_by(Order::TOTAL.asc());
        "limit" => User::query().limit(10);
        "limit and offset" => User::query().filter(User::ID.gt(1)).limit(10).offset(20);
        "offset" => User::query().offset(20);
        "limit of nought" => User::query().limit(0);
        "distinct" => User::query().distinct();
        "locked" => User::query().filter(User::ID.eq(1)).for_update();
        "locked for reading" => User::query().for_share();
        "what is locked left out" => User::query().limit(1).for_update_skip_locked();
        "what is locked refused" => User::query().for_update_no_wait();
        "rows that are marked as deleted" => Page::query().filter(Page::ID.gt(1));
        "with those, and only those" => Page::query().with_deleted().filter(Page::ID.gt(1));
        "only those" => Page::query().only_deleted();
    };
    assert_snapshot!(page.text());
}

#[test]
fn selections() {
    let page = page! {
        "a column" => User::query().select(User::EMAIL);
        "columns and an expression" => Post::query().select((Post::ID, Post::TITLE.upper(), Post::VIEWS + 1)).filter(Post::ID.gt(3));
        "distinct" => Post::query().select(Post::TITLE).distinct().limit(5);
        "aggregates" => Post::query().select((Expr::count_rows(), Post::VIEWS.sum(), Post::VIEWS.average(), Post::VIEWS.min(), Post::VIEWS.max()));
        "counts" => User::query().select((User::NAME.count(), User::NAME.count_distinct()));
        "the greatest decimal" => Order::query().select((Order::TOTAL.max(), Order::TOTAL.count_distinct()));
        "different decimals" => Order::query().select((Order::TOTAL, Order::SHOP)).distinct();
        "groups of decimals" => Order::query().select(Expr::count_rows()).group_by(Order::TOTAL);
        "the sum of a decimal" => Order::query().select(Order::TOTAL.sum());
        "groups" => Post::query().select((Post::AUTHOR_ID, Expr::count_rows())).group_by(Post::AUTHOR_ID);
        "groups that are kept" => Post::query().filter(Post::ID.gt(1)).select((Post::AUTHOR_ID, Expr::count_rows()))
            .group_by(Post::AUTHOR_ID).having(Expr::count_rows().gt(2)).having(Post::VIEWS.sum().gt(3))
            .order_by(Post::AUTHOR_ID.desc()).limit(4).offset(5);
        "groups of an expression" => Post::query().select((Post::VIEWS / 10, Expr::count_rows())).group_by(Post::VIEWS / 10);
        "the value of another query" => Post::query()
            .filter(Post::VIEWS.eq(Post::query().select(Post::VIEWS.expr()).filter(Post::ID.eq(1)).scalar()));
        "a model of a join" => Employee::query().left_join_as(Employee::MANAGER, "boss")
            .select((Employee::NAME, Employee::ALL.of("boss").optional()));
    };
    assert_snapshot!(page.text());
}
