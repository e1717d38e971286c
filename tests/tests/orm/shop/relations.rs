//! Loading the shop's relations: to depth three, filtered, ordered and limited for each parent.

use std::collections::BTreeMap;

use oarlock::testing::QueryLog;
use oarlock::{Model, Pool, Result, assert_queries};
use uuid::Uuid;

use super::data::{Shop, filled};
use super::models::*;

fn place(id: i64) -> usize {
    usize::try_from(id - 1).expect("a place")
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn three_levels_are_four_queries_whatever_the_number_of_rows(db: Pool, log: QueryLog) -> Result<()> {
    let shop = Shop::new();
    let products: BTreeMap<Uuid, &Product> = shop.products.iter().map(|product| (product.id, product)).collect();
    let customers = assert_queries!(log, 4, {
        Customer::query()
            .with(
                Customer::ORDERS
                    .query()
                    .filter(Order::STATUS.ne(Status::Returned))
                    .order_by(Order::PLACED_AT.desc())
                    .order_by(Order::ID.asc())
                    .limit(2)
                    .with(OrderLine::query_of_order()),
            )
            .order_by(Customer::ID.asc())
            .all(&db)
            .await?
    });
    let here: Vec<&Customer> = shop.customers.iter().filter(|customer| customer.deleted_at.is_none()).collect();
    assert_eq!(customers.len(), here.len());
    let mut lines_seen = 0;
    for (customer, expected) in customers.iter().zip(here) {
        assert_eq!(customer.id, expected.id);
        let mut orders: Vec<&Order> = shop
            .orders
            .iter()
            .filter(|order| order.customer_id == customer.id && order.status != Status::Returned)
            .collect();
        orders.sort_by_key(|order| (std::cmp::Reverse(order.placed_at), order.id));
        orders.truncate(2);
        let found = customer.orders.get()?;
        assert_eq!(
            found.iter().map(|order| order.id).collect::<Vec<_>>(),
            orders.iter().map(|order| order.id).collect::<Vec<_>>()
        );
        for order in found {
            let mut lines: Vec<&OrderLine> =
                shop.lines.iter().filter(|line| line.order_id == order.id && line.quantity > 1).collect();
            lines.sort_by_key(|line| (std::cmp::Reverse(line.cents), line.line_no));
            lines.truncate(3);
            let found = order.lines.get()?;
            let numbers = |lines: &[&OrderLine]| lines.iter().map(|line| line.line_no).collect::<Vec<_>>();
            assert_eq!(numbers(&found.iter().collect::<Vec<_>>()), numbers(&lines), "of order {}", order.id);
            for line in found {
                assert_eq!(line.product.require()?, products[&line.product_id]);
                lines_seen += 1;
            }
        }
    }
    assert!(lines_seen > 500, "{lines_seen} lines are a proof");
    Ok(())
}

impl OrderLine {
    /// The three dearest lines of each order, with their products.
    fn query_of_order() -> oarlock::orm::relation::RelationQuery<Order, oarlock::HasMany<Self>> {
        Order::LINES
            .query()
            .filter(Self::QUANTITY.gt(1))
            .order_by(Self::CENTS.desc())
            .order_by(Self::LINE_NO.asc())
            .limit(3)
            .with(Self::PRODUCT)
    }
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = filled)]
async fn every_kind_of_relation_is_loaded(db: Pool, log: QueryLog) -> Result<()> {
    let shop = Shop::new();

    // Many to many, each with its joining row, by its place on the page; and by key, a query for each level.
    let mut products = Product::query().order_by(Product::SKU.asc()).all(&db).await?;
    let by_place = || {
        Product::CATEGORIES
            .query()
            .order_by(ProductCategory::PLACE.desc())
            .order_by(Category::ID.asc())
            .with(Category::PARENT)
    };
    assert_queries!(log, 2, { Product::load(&db, &mut products, by_place()).await? });
    assert_queries!(log, 1, {
        Product::load(&db, &mut products, Product::TAGS.query().order_by(Tag::NAME.asc()).limit(2)).await?;
    });
    assert_queries!(log, 1, { Product::load(&db, &mut products, Product::SUPPLIER).await? });
    for (product, expected) in products.iter().zip(&shop.products) {
        let mut joins: Vec<&ProductCategory> =
            shop.product_categories.iter().filter(|join| join.product_id == product.id).collect();
        joins.sort_by_key(|join| (std::cmp::Reverse(join.place), join.category_id));
        assert_eq!(product.categories.pairs()?.map(|(_, join)| join).collect::<Vec<_>>(), joins, "{}", product.sku);
        for (category, join) in product.categories.pairs()? {
            let known = &shop.categories[place(join.category_id)];
            assert_eq!((category.id, &category.name), (known.id, &known.name));
            let parent = known.parent_id.map(|id| &shop.categories[place(id)]);
            assert_eq!(category.parent.get()?, parent);
        }
        let mut tags: Vec<&Tag> = shop
            .product_tags
            .iter()
            .filter(|join| join.product_id == product.id)
            .map(|join| &shop.tags[place(join.tag_id)])
            .collect();
        tags.sort_by(|a, b| a.name.cmp(&b.name));
        tags.truncate(2);
        assert_eq!(product.tags.get()?.iter().collect::<Vec<_>>(), tags);
        assert_eq!(product.supplier.require()?.id, expected.supplier_id);
    }

    // A tree, three levels down; from the side of the categories, the joining rows too.
    let roots = assert_queries!(log, 4, {
        Category::query()
            .filter(Category::PARENT_ID.is_null())
            .with(
                Category::CHILDREN.query().order_by(Category::ID.asc()).with(
                    Category::CHILDREN.query().order_by(Category::NAME.desc()).limit(2).with(
                        Category::PRODUCTS
                            .query()
                            .filter(ProductCategory::PLACE.lt(500))
                            .order_by(Product::SKU.desc())
                            .limit(4),
                    ),
                ),
            )
            .order_by(Category::ID.asc())
            .all(&db)
            .await?
    });
    assert_eq!(roots.iter().map(|root| root.id).collect::<Vec<_>>(), [1, 2, 3]);
    let skus: BTreeMap<Uuid, &str> = shop.products.iter().map(|product| (product.id, product.sku.as_str())).collect();
    let children = |id: i64| shop.categories.iter().filter(move |category| category.parent_id == Some(id));
    for root in &roots {
        let found = root.children.get()?;
        assert_eq!(
            found.iter().map(|one| one.id).collect::<Vec<_>>(),
            children(root.id).map(|one| one.id).collect::<Vec<_>>()
        );
        for child in found {
            let mut grand: Vec<&Category> = children(child.id).collect();
            grand.sort_by(|a, b| b.name.cmp(&a.name));
            grand.truncate(2);
            let found = child.children.get()?;
            assert_eq!(
                found.iter().map(|one| &one.name).collect::<Vec<_>>(),
                grand.iter().map(|one| &one.name).collect::<Vec<_>>()
            );
            for category in found {
                let mut expected: Vec<&str> = shop
                    .product_categories
                    .iter()
                    .filter(|join| join.category_id == category.id && join.place < 500)
                    .map(|join| skus[&join.product_id])
                    .collect();
                expected.sort_unstable();
                expected.reverse();
                expected.truncate(4);
                let found = category.products.get()?;
                assert_eq!(found.iter().map(|product| product.sku.as_str()).collect::<Vec<_>>(), expected);
            }
        }
    }

    // Several relations to one table, one to one, and a key of text.
    let orders = assert_queries!(log, 4, {
        Order::query()
            .with(Order::SELLER)
            .with(Order::PACKER)
            .with(Order::INVOICE)
            .order_by(Order::ID.asc())
            .all(&db)
            .await?
    });
    for (order, expected) in orders.iter().zip(&shop.orders) {
        assert_eq!(order.seller.require()?, &shop.employees[place(expected.seller_id)]);
        assert_eq!(order.packer.get()?, expected.packer_id.map(|id| &shop.employees[place(id)]));
        assert_eq!(order.invoice.get()?, shop.invoices.iter().find(|invoice| invoice.order_id == order.id));
    }
    let employees = assert_queries!(log, 4, {
        Employee::query()
            .with(Employee::SOLD.query().filter(Order::NOTE.is_null()).order_by(Order::ID.desc()).limit(5))
            .with(Employee::PACKED.query().order_by(Order::ID.asc()).limit(3))
            .with(Employee::TEAM.query().order_by(Employee::HIRED.asc()).order_by(Employee::ID.asc()))
            .order_by(Employee::ID.asc())
            .all(&db)
            .await?
    });
    for (employee, known) in employees.iter().zip(&shop.employees) {
        let ids = |orders: &[Order]| orders.iter().map(|order| order.id).collect::<Vec<_>>();
        let sold = shop.orders.iter().rev().filter(|order| order.seller_id == known.id && order.note.is_none());
        assert_eq!(ids(employee.sold.get()?), sold.take(5).map(|order| order.id).collect::<Vec<_>>());
        let packed = shop.orders.iter().filter(|order| order.packer_id == Some(known.id));
        assert_eq!(ids(employee.packed.get()?), packed.take(3).map(|order| order.id).collect::<Vec<_>>());
        let mut team: Vec<&Employee> = shop.employees.iter().filter(|one| one.manager_id == Some(known.id)).collect();
        team.sort_by_key(|one| (one.hired, one.id));
        assert_eq!(employee.team.get()?.iter().collect::<Vec<_>>(), team);
    }
    let warehouses = Warehouse::query()
        .with(Warehouse::STOCK.query().filter(Stock::QUANTITY.gt(40)).order_by(Stock::QUANTITY.desc()).limit(10))
        .order_by(Warehouse::CODE.asc())
        .all(&db)
        .await?;
    assert_eq!(warehouses.iter().map(|one| one.code.as_str()).collect::<Vec<_>>(), ["South", "West", "north"]);
    for warehouse in &warehouses {
        let mut expected: Vec<i32> = shop
            .stock
            .iter()
            .filter(|stock| stock.warehouse == warehouse.code && stock.quantity > 40)
            .map(|stock| stock.quantity)
            .collect();
        expected.sort_unstable_by_key(|quantity| std::cmp::Reverse(*quantity));
        expected.truncate(10);
        assert_eq!(warehouse.stock.get()?.iter().map(|stock| stock.quantity).collect::<Vec<_>>(), expected);
    }

    // What a loop finds through relations, a condition finds.
    let expected: Vec<i64> = shop
        .customers
        .iter()
        .filter(|customer| customer.deleted_at.is_none())
        .filter(|customer| shop.orders.iter().filter(|order| order.customer_id == customer.id).count() > 6)
        .filter(|customer| !shop.reviews.iter().any(|review| review.customer_id == customer.id && review.stars == 1))
        .map(|customer| customer.id)
        .collect();
    assert!(!expected.is_empty());
    let found = Customer::query()
        .filter(Customer::ORDERS.count().gt(6) & !Customer::REVIEWS.any(Review::STARS.eq(1)))
        .order_by(Customer::ID.asc())
        .select(Customer::ID)
        .all(&db)
        .await?;
    assert_eq!(found, expected);
    Ok(())
}
