//! What the shop has: made up by a generator that gives the same each time.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, TimeZone, Utc};
use oarlock::orm::create_tables;
use oarlock::orm::model::TableInfo;
use oarlock::{BelongsTo, Db, Decimal, HasMany, HasOne, ManyToMany, Model, Result};
use uuid::Uuid;

use super::models::*;

/// The shop's rows, as they are in the database. A row that the database numbers has its place among its like, counted from 1, as its key.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) customers: Vec<Customer>,
    pub(crate) categories: Vec<Category>,
    pub(crate) suppliers: Vec<Supplier>,
    pub(crate) products: Vec<Product>,
    pub(crate) product_categories: Vec<ProductCategory>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) product_tags: Vec<ProductTag>,
    pub(crate) warehouses: Vec<Warehouse>,
    pub(crate) stock: Vec<Stock>,
    pub(crate) employees: Vec<Employee>,
    pub(crate) orders: Vec<Order>,
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) payments: Vec<Payment>,
    pub(crate) invoices: Vec<Invoice>,
    pub(crate) reviews: Vec<Review>,
}

/// Numbers that look like chance, the same ones each time: xorshift.
struct Chance(u64);

impl Chance {
    /// Gives a number below another.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Tells `true` once in so many times.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Gives some of the numbers below `end`, each once, in a mixed order.
    fn some(&mut self, most: usize, end: usize) -> Vec<usize> {
        let count = self.below(most + 1);
        let mut seen = BTreeSet::new();
        (0..count).map(|_| self.below(end)).filter(|number| seen.insert(*number)).collect()
    }

    fn uuid(&mut self) -> Uuid {
        let mut half = || u64::try_from(self.below(1 << 31)).expect("31 bits") << 20 | 7;
        Uuid::from_u64_pair(half(), half())
    }
}

/// Gives the number that a database gives to the row of a place.
pub(crate) fn number(place: usize) -> i64 {
    i64::try_from(place).expect("it is small") + 1
}

pub(crate) fn small<T: TryFrom<usize>>(number: usize) -> T {
    T::try_from(number).ok().expect("it is small")
}

fn money(cents: usize) -> Decimal {
    Decimal::new(small(cents), 2).expect("it has few digits")
}

pub(crate) fn instant(minutes: usize) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 8, 0, 0).single().expect("an instant") + TimeDelta::minutes(small(minutes))
}

fn day(after: usize) -> NaiveDate {
    NaiveDate::from_ymd_opt(2020, 2, 28).expect("a day") + Days::new(small(after))
}

const FIRST: [&str; 8] = ["Ada", "bob", "Çelik", "Émile", "zoë", "Øystein", "李", "Zed"];
const LAST: [&str; 6] = ["Lovelace", "o'Neil", "Ångström", "de Vries", "100%", "under_score"];
const CITIES: [&str; 5] = ["Oslo", "Bergen", "Zürich", "São Paulo", "東京"];
const KINDS: [&str; 4] = ["boat", "Oar", "paint", "rope"];
const TIERS: [Tier; 3] = [Tier::Guest, Tier::Member, Tier::Patron];
const STATUSES: [Status; 4] = [Status::Placed, Status::Packed, Status::Sent, Status::Returned];
const MEANS: [Means; 3] = [Means::Card, Means::Transfer, Means::Invoice];

impl Shop {
    /// Makes the shop up.
    pub(crate) fn new() -> Self {
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let customers: Vec<Customer> = (0..400).map(|place| customer(&mut chance, place)).collect();
        // Each category but the first three is in one before it.
        let categories: Vec<Category> = (0..40)
            .map(|place| Category {
                id: number(place),
                name: format!("category {place}"),
                parent_id: (place >= 3).then(|| number(chance.below(place))),
                parent: BelongsTo::default(),
                children: HasMany::default(),
                products: ManyToMany::default(),
            })
            .collect();
        let suppliers: Vec<Supplier> = (0..25)
            .map(|place| Supplier {
                id: chance.uuid(),
                name: format!("supplier {place}"),
                products: HasMany::default(),
            })
            .collect();
        let products: Vec<Product> = (0..500).map(|place| product(&mut chance, place, &suppliers)).collect();
        let tags: Vec<Tag> =
            (0..30).map(|place| Tag { id: number(place), name: format!("tag {}", 29 - place) }).collect();
        let warehouses = ["north", "South", "West"].map(|code| Warehouse {
            code: code.to_owned(),
            city: (*chance.one(&CITIES)).to_owned(),
            stock: HasMany::default(),
        });
        let employees: Vec<Employee> = (0..20)
            .map(|place| Employee {
                id: number(place),
                name: format!("{} {place}", chance.one(&FIRST)),
                hired: day(chance.below(2_000)),
                manager_id: (place > 0).then(|| number(chance.below(place))),
                manager: BelongsTo::default(),
                team: HasMany::default(),
                sold: HasMany::default(),
                packed: HasMany::default(),
            })
            .collect();
        let (mut product_categories, mut product_tags, mut stock) = (Vec::new(), Vec::new(), Vec::new());
        for product in &products {
            product_categories.extend(chance.some(4, categories.len()).into_iter().map(|category| ProductCategory {
                product_id: product.id,
                category_id: number(category),
                place: small(chance.below(1_000)),
            }));
            let tagged = chance.some(5, tags.len()).into_iter();
            product_tags.extend(tagged.map(|tag| ProductTag { product_id: product.id, tag_id: number(tag) }));
            stock.extend(chance.some(3, warehouses.len()).into_iter().map(|warehouse| Stock {
                product_id: product.id,
                warehouse: warehouses[warehouse].code.clone(),
                quantity: small(chance.below(50)),
                version: 1,
                product: BelongsTo::default(),
            }));
        }
        let orders: Vec<Order> =
            (0..1_500).map(|place| order(&mut chance, place, customers.len(), employees.len())).collect();
        let (mut lines, mut payments, mut invoices) = (Vec::new(), Vec::new(), Vec::new());
        for order in &orders {
            for line in 0..chance.below(6) {
                lines.push(OrderLine {
                    order_id: order.id,
                    line_no: small(line + 1),
                    product_id: chance.one(&products).id,
                    quantity: small(chance.below(9) + 1),
                    cents: Cents(small(chance.below(100_000))),
                    order: BelongsTo::default(),
                    product: BelongsTo::default(),
                });
            }
            for _ in 0..chance.below(3) {
                let (id, amount, means) = (chance.uuid(), money(chance.below(1_000_000)), *chance.one(&MEANS));
                payments.push(Payment { id, order_id: order.id, amount, means });
            }
            if chance.once_in(2) {
                let due = day(2_000 + chance.below(90));
                invoices.push(Invoice { number: format!("2026-{:05}", order.id), order_id: order.id, due });
            }
        }
        let mut pairs = BTreeSet::new();
        let reviews = (0..1_500)
            .filter_map(|_| {
                let (product, customer) = (chance.below(products.len()), chance.below(customers.len()));
                pairs.insert((product, customer)).then_some((product, customer))
            })
            .collect::<Vec<_>>()
            .into_iter()
            .enumerate()
            .map(|(place, (product, customer))| Review {
                id: number(place),
                product_id: products[product].id,
                customer_id: number(customer),
                stars: small(chance.below(5) + 1),
                text: (!chance.once_in(3)).then(|| format!("It is \"{}\".", chance.one(&LAST))),
                customer: BelongsTo::default(),
            })
            .collect();
        Self {
            customers,
            categories,
            suppliers,
            products,
            product_categories,
            tags,
            product_tags,
            warehouses: warehouses.into(),
            stock,
            employees,
            orders,
            lines,
            payments,
            invoices,
            reviews,
        }
    }
}

fn customer(chance: &mut Chance, place: usize) -> Customer {
    let made = instant(place * 7);
    Customer {
        id: number(place),
        email: format!("customer{place}@{}", chance.one(&["example.org", "example.com", "shop.example"])),
        name: format!("{} {}", chance.one(&FIRST), chance.one(&LAST)),
        tier: *chance.one(&TIERS),
        home: Address {
            street: format!("{} road", chance.one(&LAST)),
            city: (*chance.one(&CITIES)).to_owned(),
            zip: (!chance.once_in(4)).then(|| format!("{:04}", chance.below(10_000))),
        },
        wishes: Wishes { newsletter: chance.once_in(2), sizes: chance.some(3, 50).into_iter().map(small).collect() },
        referred_by: (place > 0 && chance.once_in(3)).then(|| number(chance.below(place))),
        created_at: made,
        updated_at: made,
        deleted_at: chance.once_in(10).then(|| instant(place * 7 + 1)),
        referrer: BelongsTo::default(),
        orders: HasMany::default(),
        reviews: HasMany::default(),
    }
}

fn product(chance: &mut Chance, place: usize, suppliers: &[Supplier]) -> Product {
    let kind = (!chance.once_in(6)).then(|| (*chance.one(&KINDS)).to_owned());
    Product {
        id: chance.uuid(),
        sku: format!("SKU-{place:04}"),
        name: format!("{} {}", kind.as_deref().unwrap_or("thing"), chance.below(200)),
        kind,
        price: money(chance.below(100_000)),
        weight: (!chance.once_in(5)).then(|| f64::from(small::<i32>(chance.below(400))) / 8.0),
        active: !chance.once_in(7),
        supplier_id: chance.one(suppliers).id,
        version: 1,
        supplier: BelongsTo::default(),
        categories: ManyToMany::default(),
        tags: ManyToMany::default(),
        stock: HasMany::default(),
        reviews: HasMany::default(),
        lines: HasMany::default(),
    }
}

fn order(chance: &mut Chance, place: usize, customers: usize, employees: usize) -> Order {
    let status = *chance.one(&STATUSES);
    Order {
        id: number(place),
        customer_id: number(chance.below(customers)),
        seller_id: number(chance.below(employees)),
        packer_id: (status > Status::Placed).then(|| number(chance.below(employees))),
        status,
        placed_at: instant(chance.below(100_000)),
        note: chance.once_in(4).then(|| (*chance.one(&LAST)).to_owned()),
        customer: BelongsTo::default(),
        seller: BelongsTo::default(),
        packer: BelongsTo::default(),
        lines: HasMany::default(),
        payments: HasMany::default(),
        invoice: HasOne::default(),
    }
}

pub(crate) fn tables() -> [&'static TableInfo; 15] {
    [
        Review::table(),
        Invoice::table(),
        Payment::table(),
        OrderLine::table(),
        Order::table(),
        Employee::table(),
        Stock::table(),
        Warehouse::table(),
        ProductTag::table(),
        Tag::table(),
        ProductCategory::table(),
        Product::table(),
        Supplier::table(),
        Category::table(),
        Customer::table(),
    ]
}

/// Makes rows, and finds that what comes back is what was given, in its order: `unnumbered` takes from a row what the database fills in.
async fn make<M: Model + Clone + PartialEq + std::fmt::Debug>(
    db: &dyn Db,
    rows: &[M],
    unnumbered: impl Fn(&mut M),
) -> Result<()> {
    let creates = rows.iter().map(|row| {
        let mut row = row.clone();
        unnumbered(&mut row);
        oarlock::orm::Create::of(&row)
    });
    let made = M::create_many(db, creates.collect::<Result<Vec<_>>>()?).await?;
    assert_eq!(made.len(), rows.len());
    for (made, given) in made.iter().zip(rows) {
        assert_eq!(made, given);
    }
    Ok(())
}

/// Makes the tables and fills them.
pub(crate) async fn filled(db: &dyn Db) -> Result<()> {
    create_tables(db, tables()).await?;
    let shop = Shop::new();
    make(db, &shop.customers, |row| row.id = 0).await?;
    make(db, &shop.categories, |row| row.id = 0).await?;
    make(db, &shop.suppliers, |_| ()).await?;
    make(db, &shop.products, |_| ()).await?;
    make(db, &shop.product_categories, |_| ()).await?;
    make(db, &shop.tags, |row| row.id = 0).await?;
    make(db, &shop.product_tags, |_| ()).await?;
    make(db, &shop.warehouses, |_| ()).await?;
    make(db, &shop.stock, |_| ()).await?;
    make(db, &shop.employees, |row| row.id = 0).await?;
    make(db, &shop.orders, |row| row.id = 0).await?;
    make(db, &shop.lines, |_| ()).await?;
    make(db, &shop.payments, |_| ()).await?;
    make(db, &shop.invoices, |_| ()).await?;
    make(db, &shop.reviews, |row| row.id = 0).await
}
