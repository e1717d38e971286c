//! Writing to the shop.

use std::collections::BTreeSet;

use oarlock::orm::Invalid;
use oarlock::testing::QueryLog;
use oarlock::{DbExt, Decimal, Error, ErrorKind, Model, Pool, Result, assert_queries};
use uuid::Uuid;

use super::data::{Shop, filled};
use super::models::*;

proofs! {
    a_graph_is_made_in_one_transaction(db: Pool) after filled;
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn rows_of_many_keys_come_in_the_order_of_the_keys(db: Pool, log: QueryLog) -> Result<()> {
    let shop = Shop::new();
    let some: Vec<&Product> = shop.products.iter().rev().step_by(3).collect();
    let keys = some.iter().map(|product| product.id);
    let found = assert_queries!(log, 1, { Product::find_many(&db, keys).await? });
    assert_eq!(found.iter().collect::<Vec<_>>(), some);

    // None of that key; twice the same; two columns, one of them text.
    let (one, other) = (&shop.stock[300], &shop.stock[7]);
    let key = |stock: &Stock| (stock.product_id, stock.warehouse.clone());
    let keys = [key(one), (one.product_id, "nowhere".to_owned()), key(other), key(one)];
    assert_eq!(Stock::find_many(&db, keys).await?, [one.clone(), other.clone()]);

    // Hidden rows are, as by `find`.
    let ids = shop.customers.iter().map(|customer| customer.id);
    let here: Vec<i64> = shop.customers.iter().filter(|row| row.deleted_at.is_none()).map(|row| row.id).collect();
    let found = Customer::find_many(&db, ids.rev()).await?;
    assert_eq!(found.iter().rev().map(|customer| customer.id).collect::<Vec<_>>(), here);

    // More keys than one statement takes.
    let keys: Vec<(i64, i32)> = (1..=14).flat_map(|line| (1..=1_500).map(move |order| (order, line))).collect();
    let found = OrderLine::find_many(&db, keys.iter().copied()).await?;
    assert_eq!(found.len(), shop.lines.len());
    let places: Vec<(i32, i64)> = found.iter().map(|line| (line.line_no, line.order_id)).collect();
    assert!(places.is_sorted());
    assert_queries!(log, 0, { assert_eq!(Product::find_many(&db, Vec::<Uuid>::new()).await?, []) });
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn one_value_of_all_rows_is_one_word(db: Pool, log: QueryLog) -> Result<()> {
    let shop = Shop::new();
    let quantities = || shop.lines.iter().map(|line| i64::from(line.quantity));
    let sent = || Order::query().filter(Order::STATUS.eq(Status::Sent));
    assert_queries!(log, 5, {
        assert_eq!(OrderLine::query().sum(&db, OrderLine::QUANTITY).await?, Some(quantities().sum()));
        assert_eq!(
            OrderLine::query().sum(&db, OrderLine::QUANTITY * 2 + 1).await?,
            Some(quantities().map(|quantity| quantity * 2 + 1).sum())
        );
        let dates = || shop.orders.iter().filter(|order| order.status == Status::Sent).map(|order| order.placed_at);
        assert_eq!(sent().min(&db, Order::PLACED_AT).await?, dates().min());
        // An order and a limit do not matter.
        assert_eq!(sent().order_by(Order::ID.asc()).limit(1).max(&db, Order::PLACED_AT).await?, dates().max());
        let weights: Vec<f64> = shop.products.iter().filter_map(|product| product.weight).collect();
        let mean = weights.iter().sum::<f64>() / f64::from(u32::try_from(weights.len()).expect("a count"));
        let found = Product::query().average(&db, Product::WEIGHT).await?.expect("there are weights");
        assert!((found - mean).abs() < 1e-9, "{found} and {mean}");
    });
    let none = || OrderLine::query().filter(OrderLine::LINE_NO.lt(0));
    assert_eq!(none().sum(&db, OrderLine::QUANTITY).await?, None);
    assert_eq!(none().max(&db, OrderLine::LINE_NO).await?, None);
    assert_eq!(none().average(&db, OrderLine::LINE_NO).await?, None);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn rows_are_changed_one_by_one_and_by_the_hundred(db: Pool, log: QueryLog) -> Result<()> {
    let shop = Shop::new();

    // Only what is set is sent, hooks see it, and the time of the change is kept.
    let customer = Customer::query().order_by(Customer::ID.asc()).require(&db).await?;
    let changed = customer.update().email("ADA@Example.ORG").exec(&db).await?;
    let expected = Customer { email: "ada@example.org".to_owned(), updated_at: changed.updated_at, ..customer.clone() };
    assert_eq!(changed, expected);
    assert!(changed.updated_at > customer.updated_at);
    let home = Address { city: "Tromsø".to_owned(), ..customer.home.clone() };
    let wishes = Wishes { newsletter: true, sizes: vec![1, 2, 3] };
    let moved = changed.update().home(&home).wishes(&wishes).tier(Tier::Patron).exec(&db).await?;
    assert_eq!((&moved.home, &moved.wishes, moved.tier), (&home, &wishes, Tier::Patron));
    assert_eq!(Customer::require(&db, customer.id).await?, moved);

    // What breaks rules is told field by field, and nothing is sent.
    let error = assert_queries!(log, 0, {
        customer.update().email("nobody").name("  ").exec(&db).await.expect_err("two fields are wrong")
    });
    let invalid = Invalid::of(&error).expect("it says what is wrong");
    assert_eq!(invalid.fields().iter().map(|field| field.field.as_str()).collect::<Vec<_>>(), ["email", "name"]);

    // Many at once, by an expression: the rest is as it was.
    let boats = || Product::query().filter(Product::KIND.eq("boat") & Product::WEIGHT.is_not_null());
    let count =
        boats().update().set(Product::WEIGHT, Product::WEIGHT + 0.5).set(Product::ACTIVE, true).exec(&db).await?;
    let is_boat = |product: &&Product| product.kind.as_deref() == Some("boat") && product.weight.is_some();
    assert_eq!(count, u64::try_from(shop.products.iter().filter(is_boat).count()).expect("a count"));
    let expected: Vec<Product> = shop
        .products
        .iter()
        .map(|product| match product.weight {
            Some(weight) if is_boat(&product) => {
                Product { weight: Some(weight + 0.5), active: true, version: 2, ..product.clone() }
            }
            _ => product.clone(),
        })
        .collect();
    assert_eq!(Product::query().order_by(Product::SKU.asc()).all(&db).await?, expected);

    // A product is deleted with what refers to it, as the tables say; one that was bought stays.
    let bought: BTreeSet<Uuid> = shop.lines.iter().map(|line| line.product_id).collect();
    let error = shop.products.iter().find(|product| bought.contains(&product.id)).expect("one was bought");
    let error = Product::require(&db, error.id).await?.delete(&db).await.expect_err("a line refers to it");
    assert_eq!(error.kind(), ErrorKind::ForeignKeyViolation);
    let unsold = Product::query().filter(!Product::LINES.is_present());
    let expected = shop.products.iter().filter(|product| !bought.contains(&product.id)).count();
    assert!(expected > 0);
    let ids = unsold.select(Product::ID).all(&db).await?;
    assert_eq!(ids.len(), expected);
    assert_eq!(
        Product::query().filter(Product::ID.one_of(ids)).delete(&db).await?,
        u64::try_from(expected).expect("a count")
    );
    let left = shop.product_tags.iter().filter(|join| bought.contains(&join.product_id)).count();
    assert_eq!(ProductTag::query().count(&db).await?, u64::try_from(left).expect("a count"));

    // Customers are marked as deleted, hidden, found when asked for, and gone for good when told to.
    let guests = || Customer::query().filter(Customer::TIER.eq(Tier::Guest));
    let (hidden, shown) = (guests().only_deleted().count(&db).await?, guests().count(&db).await?);
    assert!(hidden > 0 && shown > 0);
    assert_eq!(guests().delete(&db).await?, shown);
    assert_eq!((guests().count(&db).await?, guests().only_deleted().count(&db).await?), (0, shown + hidden));
    assert_eq!(Customer::query().with_deleted().count(&db).await?, 400);
    let lonely = guests().with_deleted().filter(!Customer::ORDERS.is_present() & !Customer::REVIEWS.is_present());
    let lonely = lonely.all(&db).await?;
    for customer in &lonely {
        customer.delete_for_good(&db).await?;
    }
    assert_eq!(Customer::query().with_deleted().count(&db).await?, 400 - u64::try_from(lonely.len()).expect("a count"));
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn rows_are_made_or_changed_by_any_unique_key(db: Pool) -> Result<()> {
    let shop = Shop::new();
    let product = &shop.products[5];

    // By a column that is no primary key: the key, the version and what is not given stay.
    let changed = Product::upsert(Product::SKU)
        .id(Uuid::from_u128(1))
        .sku(&product.sku)
        .name("renamed")
        .price(product.price)
        .active(product.active)
        .supplier_id(product.supplier_id)
        .exec(&db)
        .await?;
    assert_eq!(changed, Product { name: "renamed".to_owned(), version: 2, ..product.clone() });

    // By two columns together; then first or create.
    let review = &shop.reviews[9];
    let upsert = |stars: i16| {
        Review::upsert((Review::PRODUCT_ID, Review::CUSTOMER_ID))
            .product_id(review.product_id)
            .customer_id(review.customer_id)
            .stars(stars)
    };
    let changed = upsert(2).text("changed").exec(&db).await?;
    assert_eq!(changed, Review { stars: 2, text: Some("changed".to_owned()), ..review.clone() });
    let count = u64::try_from(shop.reviews.len()).expect("a count");
    assert_eq!(Review::query().count(&db).await?, count);
    let error = upsert(6).exec(&db).await.expect_err("there are five stars");
    assert_eq!((error.kind(), error.column()), (ErrorKind::Invalid, Some("stars")));
    let first = Tag::find_or_create(Tag::NAME).name("tag 7").exec(&db).await?;
    assert_eq!(first, Tag { id: 23, name: "tag 7".to_owned() });
    let made = Tag::find_or_create(Tag::NAME).name("new").exec(&db).await?;
    assert_eq!(Tag::query().filter(Tag::NAME.eq("new")).all(&db).await?, [made]);
    Ok(())
}

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn price(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

pub(crate) async fn a_graph_is_made_in_one_transaction(db: Pool) -> Result<()> {
    let shop = Shop::new();
    let line = |number: i32, cents: i64| {
        OrderLine::create().line_no(number).product_id(shop.products[0].id).quantity(1).cents(Cents(cents))
    };
    let order =
        |seller: i64| Order::create().seller_id(seller).status(Status::Placed).placed_at(shop.orders[0].placed_at);
    let customer = |email: &str| {
        Customer::create()
            .email(email)
            .name("Ada")
            .tier(Tier::Guest)
            .home(&shop.customers[0].home)
            .wishes(&shop.customers[0].wishes)
    };

    // Three levels, many and one, and back again by queries: the same.
    let ada = customer("ada@example.org")
        .with(
            Customer::ORDERS,
            [
                order(1)
                    .with(Order::LINES, [line(1, 100), line(2, 250)])
                    .with(Order::INVOICE, [Invoice::create().number("A-1").due(shop.invoices[0].due)])
                    .with(Order::PACKER, [Employee::create().name("Paul").hired(shop.employees[0].hired)]),
                order(2).with(Order::LINES, [line(1, 7)]),
            ],
        )
        .exec(&db)
        .await?;
    let again = Customer::query()
        .filter(Customer::ID.eq(ada.id))
        .with(
            Customer::ORDERS
                .query()
                .order_by(Order::ID.asc())
                .with(Order::LINES.query().order_by(OrderLine::LINE_NO.asc()))
                .with(Order::INVOICE)
                .with(Order::PACKER),
        )
        .require(&db)
        .await?;
    let orders = ada.orders.get()?;
    assert_eq!(orders.len(), 2);
    let cents =
        |order: &Order| order.lines.get().map(|lines| lines.iter().map(|line| line.cents.0).collect::<Vec<_>>());
    assert_eq!((cents(&orders[0])?, cents(&orders[1])?), (vec![100, 250], vec![7]));
    assert_eq!(
        orders[0].invoice.get()?.map(|invoice| (invoice.number.as_str(), invoice.order_id)),
        Some(("A-1", orders[0].id))
    );
    assert_eq!(orders[0].packer.require()?.name, "Paul");
    assert_eq!(orders[0].packer_id, Some(orders[0].packer.require()?.id));
    for (made, found) in orders.iter().zip(again.orders.get()?) {
        assert_eq!((made.id, made.customer_id, &made.lines), (found.id, ada.id, &found.lines));
    }
    assert_eq!(orders[0].invoice, again.orders.get()?[0].invoice);

    // Through a third table; several parents at once.
    let product = |number: u128| {
        Product::create()
            .id(uuid(number))
            .sku(format!("NEW-{number}"))
            .name("new")
            .price(price("12.50"))
            .active(true)
            .supplier_id(shop.suppliers[0].id)
    };
    let made = Product::create_many(
        &db,
        [
            product(1)
                .with(Product::CATEGORIES, [Category::create().name("new one"), Category::create().name("new two")]),
            product(2),
        ],
    )
    .await?;
    let names: Vec<(&str, i32)> =
        made[0].categories.pairs()?.map(|(category, join)| (category.name.as_str(), join.place)).collect();
    assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from([("new one", 0), ("new two", 0)]));
    assert!(!made[1].categories.is_loaded());

    // What fails on the lowest level undoes all; so does a rule.
    let (customers, all) = (Customer::query().count(&db).await?, Order::query().count(&db).await?);
    for (wrong, kind) in [
        (line(1, 8), ErrorKind::UniqueViolation),
        (line(2, 8).quantity(0), ErrorKind::Invalid),
        (OrderLine::create(), ErrorKind::Interface),
    ] {
        let graph =
            customer("eve@example.org").with(Customer::ORDERS, [order(1).with(Order::LINES, [line(1, 7), wrong])]);
        assert_eq!(graph.exec(&db).await.expect_err("a line is wrong").kind(), kind);
        let left = (Customer::query().count(&db).await?, Order::query().count(&db).await?);
        assert_eq!(left, (customers, all), "nothing of a graph that fails is left");
    }
    let two = [
        Invoice::create().number("B-1").due(shop.invoices[0].due),
        Invoice::create().number("B-2").due(shop.invoices[0].due),
    ];
    let error = order(1).customer_id(ada.id).with(Order::INVOICE, two).exec(&db).await.expect_err("one at the most");
    assert_eq!(error.kind(), ErrorKind::Interface);
    assert_eq!((Customer::query().count(&db).await?, Order::query().count(&db).await?), (customers, all));

    // In a transaction of the program's, it goes with that.
    let failed: Result<()> = db
        .transaction(async |tx| {
            Order::create()
                .customer_id(1)
                .seller_id(1)
                .status(Status::Placed)
                .placed_at(chrono::DateTime::UNIX_EPOCH)
                .with(Order::PAYMENTS, [Payment::create().id(uuid(9)).amount(price("1.00")).means(Means::Card)])
                .exec(&tx)
                .await?;
            Err(Error::interface("no"))
        })
        .await;
    assert!(failed.is_err());
    assert_eq!((Order::query().count(&db).await?, Payment::find(&db, uuid(9)).await?), (all, None));
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn rows_are_joined_and_parted(db: Pool) -> Result<()> {
    let shop = Shop::new();
    let product = &shop.products[1];
    let ids = async |db: &Pool| -> Result<Vec<i64>> {
        let joins =
            ProductTag::query().filter(ProductTag::PRODUCT_ID.eq(product.id)).order_by(ProductTag::TAG_ID.asc());
        joins.select(ProductTag::TAG_ID).all(db).await
    };
    let total = ProductTag::query().count(&db).await? - u64::try_from(ids(&db).await?.len()).expect("a count");
    Product::TAGS.set(&db, product, &[]).await?;
    assert_eq!(ids(&db).await?, Vec::<i64>::new());
    assert_eq!(Product::TAGS.link(&db, product, &shop.tags[2..5]).await?, 3);
    assert_eq!(Product::TAGS.link(&db, product, &shop.tags[4..7]).await?, 2, "one was joined already");
    assert_eq!(ids(&db).await?, [3, 4, 5, 6, 7]);
    assert_eq!(Product::TAGS.unlink(&db, product, [&shop.tags[0], &shop.tags[3]]).await?, 1);
    assert_eq!(ids(&db).await?, [3, 5, 6, 7]);
    Product::TAGS.set(&db, product, shop.tags[5..9].iter().chain(&shop.tags[5..6])).await?;
    assert_eq!(ids(&db).await?, [6, 7, 8, 9]);
    assert_eq!(ProductTag::query().count(&db).await?, total + 4, "others keep theirs");

    // The joining row of what stays joined stays as it is; the columns of a new one have their defaults.
    let category = &shop.categories[0];
    Category::PRODUCTS.set(&db, category, [&shop.products[3]]).await?;
    let joined = ProductCategory::upsert((ProductCategory::PRODUCT_ID, ProductCategory::CATEGORY_ID));
    joined.product_id(shop.products[3].id).category_id(category.id).place(77).exec(&db).await?;
    Category::PRODUCTS.set(&db, category, &shop.products[3..5]).await?;
    let mut categories = [category.clone()];
    Category::load(&db, &mut categories, Category::PRODUCTS.query().order_by(Product::SKU.asc())).await?;
    let pairs: Vec<(&str, i32)> =
        categories[0].products.pairs()?.map(|(product, join)| (product.sku.as_str(), join.place)).collect();
    assert_eq!(pairs, [("SKU-0003", 77), ("SKU-0004", 0)]);

    // A row that is not there.
    let nobody = Tag { id: 999_999, name: "none".to_owned() };
    let error = Product::TAGS.link(&db, product, [&nobody, &shop.tags[0]]).await.expect_err("there is no such tag");
    assert_eq!(error.kind(), ErrorKind::ForeignKeyViolation);
    assert_eq!(ids(&db).await?, [6, 7, 8, 9], "all or none");
    Ok(())
}
