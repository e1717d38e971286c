//! Reading the shop: conditions, orders, groups, pages and streams, each as a loop over the data in Rust gives it.

use std::collections::{BTreeMap, BTreeSet};

use oarlock::orm::query::Place;
use oarlock::orm::{Column, Expr};
use oarlock::testing::QueryLog;
use oarlock::{ErrorKind, Model, Pool, Query, Result, assert_queries, sql};

use super::data::{Shop, filled, instant};
use super::models::*;

/// What a condition is in SQL and in Rust.
type Condition<M> = (Expr<bool>, Box<dyn Fn(&M) -> bool>);

/// Compares what conditions find with what they find in the data.
async fn compare<M: Model + Clone + PartialEq + std::fmt::Debug>(
    db: &Pool,
    data: &[M],
    order: impl Fn(Query<M>) -> Query<M>,
    conditions: Vec<Condition<M>>,
) -> Result<()> {
    for (condition, oracle) in conditions {
        let text = format!("{condition:?}");
        let expected: Vec<&M> = data.iter().filter(|row| oracle(row)).collect();
        assert!(!expected.is_empty() && expected.len() < data.len(), "it tells rows apart: {text}");
        let query = || order(M::query().filter(condition.clone()).with_deleted());
        let found = query().all(db).await?;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{text}");
        assert_eq!(query().count(db).await?, u64::try_from(expected.len()).expect("a count"), "{text}");
        assert!(query().exists(db).await?, "{text}");
        assert_eq!(query().first(db).await?.as_ref(), expected.first().copied(), "{text}");
    }
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn conditions_find_what_a_loop_finds(db: Pool) -> Result<()> {
    let shop = Shop::new();
    let city = Customer::HOME.column(Address::CITY);
    let zip = Customer::HOME.column(Address::ZIP);
    let known: &'static str =
        shop.customers.iter().find_map(|row| row.home.zip.clone()).expect("one has a code").leak();
    let conditions: Vec<Condition<Customer>> = vec![
        (Customer::TIER.eq(Tier::Patron), Box::new(|row| row.tier == Tier::Patron)),
        (Customer::TIER.none_of([Tier::Guest, Tier::Member]), Box::new(|row| row.tier == Tier::Patron)),
        (city.eq("東京"), Box::new(|row| row.home.city == "東京")),
        (city.gt("Oslo"), Box::new(|row| row.home.city.as_str() > "Oslo")),
        (zip.is_null(), Box::new(|row| row.home.zip.is_none())),
        (zip.ne(known), Box::new(move |row| row.home.zip.as_deref().is_some_and(|zip| zip != known))),
        (zip.not_same(known.to_owned()), Box::new(move |row| row.home.zip.as_deref() != Some(known))),
        (Customer::NAME.contains("100%"), Box::new(|row| row.name.contains("100%"))),
        (Customer::NAME.contains("_"), Box::new(|row| row.name.contains('_'))),
        (Customer::NAME.starts_with("z"), Box::new(|row| row.name.starts_with('z'))),
        (
            Customer::NAME.like_ignoring_case("Z%o'n%"),
            Box::new(|row| {
                row.name.to_ascii_lowercase().starts_with('z') && row.name.to_ascii_lowercase().contains("o'n")
            }),
        ),
        (Customer::NAME.char_length().eq(12), Box::new(|row| row.name.chars().count() == 12)),
        (
            Customer::CREATED_AT.between(instant(70), instant(700)),
            Box::new(|row| (instant(70)..=instant(700)).contains(&row.created_at)),
        ),
        (Customer::DELETED_AT.is_not_null(), Box::new(|row| row.deleted_at.is_some())),
        (
            (Customer::TIER.eq(Tier::Guest) | city.eq("Oslo")) & !Customer::REFERRED_BY.is_null(),
            Box::new(|row| (row.tier == Tier::Guest || row.home.city == "Oslo") && row.referred_by.is_some()),
        ),
        ((Customer::ID % 7).eq(3), Box::new(|row| row.id % 7 == 3)),
    ];
    compare(&db, &shop.customers, |query| query.order_by(Customer::ID.asc()), conditions).await?;

    let (price, supplier) = (shop.products[3].price, shop.products[3].supplier_id);
    let ids = [shop.products[9].id, shop.products[499].id, uuid::Uuid::nil()];
    let conditions: Vec<Condition<Product>> = vec![
        (Product::PRICE.eq(price), Box::new(move |row| row.price == price)),
        (Product::SUPPLIER_ID.eq(supplier), Box::new(move |row| row.supplier_id == supplier)),
        (Product::ID.one_of(ids), Box::new(move |row| ids.contains(&row.id))),
        (Product::KIND.eq("Oar"), Box::new(|row| row.kind.as_deref() == Some("Oar"))),
        (Product::KIND.lt("a"), Box::new(|row| row.kind.as_deref().is_some_and(|kind| kind < "a"))),
        (Product::WEIGHT.ge(25.125), Box::new(|row| row.weight.is_some_and(|weight| weight >= 25.125))),
        ((Product::WEIGHT * 2.0).lt(1.0), Box::new(|row| row.weight.is_some_and(|weight| weight * 2.0 < 1.0))),
        (Product::ACTIVE.eq(false), Box::new(|row| !row.active)),
        (Product::SKU.le("SKU-0123"), Box::new(|row| row.sku.as_str() <= "SKU-0123")),
    ];
    compare(&db, &shop.products, |query| query.order_by(Product::SKU.asc()), conditions).await?;

    for product in shop.products.iter().step_by(97) {
        assert_eq!(Product::find(&db, product.id).await?.as_ref(), Some(product));
    }
    for line in shop.lines.iter().step_by(301) {
        assert_eq!(OrderLine::require(&db, (line.order_id, line.line_no)).await?, *line);
    }
    assert_eq!(Product::find(&db, uuid::Uuid::nil()).await?, None);
    let deleted = shop.customers.iter().find(|row| row.deleted_at.is_some()).expect("there is one");
    assert_eq!(Customer::require(&db, deleted.id).await.expect_err("it is hidden").kind(), ErrorKind::RowNotFound);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn orders_groups_and_joins_are_what_a_loop_gives(db: Pool, log: QueryLog) -> Result<()> {
    let shop = Shop::new();

    // NULL first, then by code point, the greatest first; the key decides what is left.
    let mut expected: Vec<&Product> = shop.products.iter().collect();
    expected.sort_by(|a, b| a.kind.cmp(&b.kind).then(b.name.cmp(&a.name)).then(a.sku.cmp(&b.sku)));
    let query =
        || Product::query().order_by(Product::KIND.asc()).order_by(Product::NAME.desc()).order_by(Product::SKU.asc());
    assert_eq!(query().all(&db).await?.iter().collect::<Vec<_>>(), expected);
    let some = query().offset(37).limit(91).all(&db).await?;
    assert_eq!(some.iter().collect::<Vec<_>>(), expected[37..37 + 91]);
    let mut names: Vec<&str> =
        shop.customers.iter().map(|row| row.name.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    names.reverse();
    let found = Customer::query().with_deleted().order_by(Customer::NAME.desc()).select(Customer::NAME).distinct();
    assert_eq!(found.all(&db).await?, names);

    // Orders by status: how many, how many packed, the last one, and the mean of the sellers' numbers.
    let mut expected: BTreeMap<&str, Vec<&Order>> = BTreeMap::new();
    for order in &shop.orders {
        let status = match order.status {
            Status::Placed => "placed",
            Status::Packed => "packed",
            Status::Sent => "sent",
            Status::Returned => "returned",
        };
        expected.entry(status).or_default().push(order);
    }
    let groups = Order::query()
        .select((
            Order::STATUS,
            Expr::count_rows(),
            Order::PACKER_ID.count(),
            Order::PLACED_AT.max(),
            Order::SELLER_ID.sum(),
            Order::CUSTOMER_ID.count_distinct(),
        ))
        .group_by(Order::STATUS)
        .order_by(Order::STATUS.asc())
        .all(&db)
        .await?;
    let expected: Vec<_> = expected
        .values()
        .map(|orders| {
            (
                orders[0].status,
                i64::try_from(orders.len()).expect("a count"),
                i64::try_from(orders.iter().filter(|order| order.packer_id.is_some()).count()).expect("a count"),
                orders.iter().map(|order| order.placed_at).max(),
                Some(orders.iter().map(|order| order.seller_id).sum::<i64>()),
                i64::try_from(orders.iter().map(|order| order.customer_id).collect::<BTreeSet<_>>().len())
                    .expect("a count"),
            )
        })
        .collect();
    assert_eq!(groups, expected);

    // The cities whose customers bought most, through three joins: whole cents, so that the sums are exact.
    let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for line in &shop.lines {
        let order = &shop.orders[usize::try_from(line.order_id - 1).expect("a place")];
        let customer = &shop.customers[usize::try_from(order.customer_id - 1).expect("a place")];
        let product = shop.products.iter().find(|product| product.id == line.product_id).expect("it is there");
        if customer.deleted_at.is_none() && product.active {
            let sum = sums.entry(&customer.home.city).or_default();
            sum.0 += i64::from(line.quantity);
            sum.1 += 1;
        }
    }
    let mut expected: Vec<(String, Option<i64>, i64)> = sums
        .into_iter()
        .filter(|(_, sum)| sum.1 > 300)
        .map(|(city, sum)| (city.to_owned(), Some(sum.0), sum.1))
        .collect();
    expected.sort_by_key(|row| std::cmp::Reverse(row.1));
    assert!(expected.len() > 1);
    let city = Customer::HOME.column(Address::CITY);
    let found = assert_queries!(log, 1, {
        OrderLine::query()
            .join(OrderLine::PRODUCT)
            .join(OrderLine::ORDER)
            .join(Order::CUSTOMER)
            .filter(Product::ACTIVE.eq(true))
            .select((city, OrderLine::QUANTITY.sum(), Expr::count_rows()))
            .group_by(city)
            .having(Expr::count_rows().gt(300))
            .order_by(OrderLine::QUANTITY.sum().desc())
            .all(&db)
            .await?
    });
    assert_eq!(found, expected);

    // A product that was bought in an order which somebody has noted, and never returned.
    let noted = |status: Option<Status>| {
        shop.orders
            .iter()
            .filter(move |order| status.map_or_else(|| order.note.is_some(), |status| order.status == status))
    };
    let bought = |orders: Vec<&Order>| -> BTreeSet<uuid::Uuid> {
        let ids: BTreeSet<i64> = orders.iter().map(|order| order.id).collect();
        shop.lines.iter().filter(|line| ids.contains(&line.order_id)).map(|line| line.product_id).collect()
    };
    let (noted, returned) = (bought(noted(None).collect()), bought(noted(Some(Status::Returned)).collect()));
    let expected: Vec<&str> = shop
        .products
        .iter()
        .filter(|product| noted.contains(&product.id) && !returned.contains(&product.id))
        .map(|product| product.sku.as_str())
        .collect();
    assert!(!expected.is_empty());
    let found = Product::query()
        .filter(Product::LINES.any(OrderLine::ORDER.any(Order::NOTE.is_not_null())))
        .filter(!Product::LINES.any(OrderLine::ORDER.any(Order::STATUS.eq(Status::Returned))))
        .order_by(Product::SKU.asc())
        .select(Product::SKU)
        .all(&db)
        .await?;
    assert_eq!(found, expected);
    Ok(())
}

/// Reads all slices of an order, there and back.
async fn walk<M: Model + Clone>(db: &Pool, query: impl Fn() -> Query<M>, size: u64) -> Result<(Vec<M>, Vec<M>)> {
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let mut slice = query().slice(db, Place::Start, size).await?;
    while let Some(next) = slice.next {
        there.extend(slice.items);
        slice = query().slice(db, Place::After(&next), size).await?;
    }
    there.extend(slice.items.iter().cloned());
    back.extend(slice.items.into_iter().rev());
    while let Some(previous) = slice.previous {
        slice = query().slice(db, Place::Before(&previous), size).await?;
        back.extend(slice.items.into_iter().rev());
    }
    back.reverse();
    Ok((there, back))
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn the_whole_shop_is_read_by_pages_slices_and_streams(db: Pool) -> Result<()> {
    let shop = Shop::new();

    let mut stream =
        OrderLine::query().order_by(OrderLine::ORDER_ID.asc()).order_by(OrderLine::LINE_NO.asc()).stream(&db).await?;
    let mut lines = Vec::new();
    while let Some(line) = stream.next().await? {
        lines.push(line);
    }
    assert!(lines == shop.lines, "{} of {} lines came", lines.len(), shop.lines.len());

    // By a column that is often equal and often NULL, then by another; the key decides the rest.
    let mut expected: Vec<&Order> = shop.orders.iter().collect();
    expected.sort_by(|a, b| {
        // Going up, with NULLs last.
        (a.note.is_none(), &a.note)
            .cmp(&(b.note.is_none(), &b.note))
            .then(b.customer_id.cmp(&a.customer_id))
            .then(b.id.cmp(&a.id))
    });
    let query = || Order::query().order_by(Order::NOTE.asc().nulls_last()).order_by(Order::CUSTOMER_ID.desc());
    for size in [97, 1_000] {
        let (there, back) = walk(&db, query, size).await?;
        assert_eq!(there.iter().collect::<Vec<_>>(), expected, "slices of {size}");
        assert_eq!(back.iter().collect::<Vec<_>>(), expected, "slices of {size}, backwards");
    }
    let mut paged = Vec::new();
    for number in 1.. {
        let page = query().page(&db, number, 400).await?;
        assert_eq!((page.total, page.pages()), (1_500, 4));
        if page.items.is_empty() {
            assert_eq!(number, 5);
            break;
        }
        paged.extend(page.items);
    }
    assert_eq!(paged.iter().collect::<Vec<_>>(), expected);

    // A key of two columns, by slices.
    let (there, back) = walk(&db, OrderLine::query, 500).await?;
    assert!(there == shop.lines && back == shop.lines);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn sql_is_read_into_everything(db: Pool) -> Result<()> {
    let shop = Shop::new();
    let ids: Vec<i64> = shop.orders.iter().map(|order| order.id).filter(|id| id % 11 == 0).collect();
    let expected: Vec<&Order> = shop.orders.iter().filter(|order| ids.contains(&order.id)).collect();
    let found: Vec<Order> = sql!(&db, "SELECT * FROM orders WHERE id IN ({ids..}) ORDER BY id").all().await?;
    assert_eq!(found.iter().collect::<Vec<_>>(), expected);

    let status = Status::Sent;
    let count: i64 =
        sql!(&db, "SELECT count(*) FROM orders WHERE status = {status} AND id IN ({ids..})").value().await?;
    assert_eq!(count, i64::try_from(expected.iter().filter(|order| order.status == status).count()).expect("a count"));

    let id = ids[0];
    let pairs: Vec<oarlock::orm::sql::Joined<(Order, Option<Invoice>)>> = sql!(
        &db,
        "SELECT orders.*, invoice.* FROM orders LEFT JOIN invoice ON invoice.order_id = orders.id WHERE orders.id <= {id} ORDER BY orders.id"
    )
    .all()
    .await?;
    assert_eq!(pairs.len(), 11);
    for oarlock::orm::sql::Joined((order, invoice)) in &pairs {
        assert_eq!(invoice.as_ref(), shop.invoices.iter().find(|invoice| invoice.order_id == order.id));
    }
    let (product, kind) = (shop.products[3].id, Column::<Product, Option<String>>::index(Product::KIND));
    assert_eq!(Product::table().column(kind).name, "kind");
    let found: Option<Product> = sql!(&db, "SELECT * FROM product WHERE id = {product}").first().await?;
    assert_eq!(found.as_ref(), Some(&shop.products[3]));
    Ok(())
}
