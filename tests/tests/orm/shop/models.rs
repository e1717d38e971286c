//! The shop's tables.

use chrono::{DateTime, NaiveDate, Utc};
use oarlock::orm::{Draft, Hooks};
use oarlock::{BelongsTo, Decimal, FromValue, HasMany, HasOne, ManyToMany, Model, Result, ToValue};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Hundredths of the shop's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, FromValue, ToValue)]
pub(crate) struct Cents(pub(crate) i64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, FromValue, ToValue)]
pub(crate) enum Tier {
    Guest,
    Member,
    #[value(rename = "vip")]
    Patron,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, FromValue, ToValue)]
pub(crate) enum Status {
    Placed,
    Packed,
    Sent,
    Returned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, FromValue, ToValue)]
pub(crate) enum Means {
    Card,
    Transfer,
    Invoice,
}

#[derive(Model, Debug, Clone, PartialEq)]
#[model(embedded)]
pub(crate) struct Address {
    pub(crate) street: String,
    pub(crate) city: String,
    pub(crate) zip: Option<String>,
}

/// What a customer wants, as a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wishes {
    pub(crate) newsletter: bool,
    pub(crate) sizes: Vec<u8>,
}

#[derive(Model, Debug, Clone, PartialEq)]
#[model(hooks)]
pub(crate) struct Customer {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    #[model(unique, email, max_length = 80)]
    pub(crate) email: String,
    #[model(not_blank, max_length = 60)]
    pub(crate) name: String,
    pub(crate) tier: Tier,
    #[model(embed, prefix = "home_")]
    pub(crate) home: Address,
    #[model(json)]
    pub(crate) wishes: Wishes,
    #[model(references = Customer, on_delete = "set null")]
    pub(crate) referred_by: Option<i64>,
    #[model(created_at)]
    pub(crate) created_at: DateTime<Utc>,
    #[model(updated_at)]
    pub(crate) updated_at: DateTime<Utc>,
    #[model(soft_delete)]
    pub(crate) deleted_at: Option<DateTime<Utc>>,
    #[model(belongs_to = referred_by)]
    pub(crate) referrer: BelongsTo<Customer>,
    #[model(has_many)]
    pub(crate) orders: HasMany<Order>,
    #[model(has_many)]
    pub(crate) reviews: HasMany<Review>,
}

impl Hooks for Customer {
    /// Addresses of mail are kept in small letters.
    fn before_save(draft: &mut Draft<'_, Self>) -> Result<()> {
        if let Some(email) = draft.get(Self::EMAIL)? {
            draft.set(Self::EMAIL, email.to_lowercase());
        }
        Ok(())
    }
}

/// A tree: a category has one that it is in, and those that are in it.
#[derive(Model, Debug, Clone, PartialEq)]
pub(crate) struct Category {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    #[model(unique, max_length = 60)]
    pub(crate) name: String,
    #[model(references = Category)]
    pub(crate) parent_id: Option<i64>,
    #[model(belongs_to = parent_id)]
    pub(crate) parent: BelongsTo<Category>,
    #[model(has_many = parent_id)]
    pub(crate) children: HasMany<Category>,
    #[model(many_to_many = ProductCategory)]
    pub(crate) products: ManyToMany<Product, ProductCategory>,
}

#[derive(Model, Debug, Clone, PartialEq)]
pub(crate) struct Supplier {
    #[model(primary_key)]
    pub(crate) id: Uuid,
    #[model(unique, max_length = 60)]
    pub(crate) name: String,
    #[model(has_many)]
    pub(crate) products: HasMany<Product>,
}

#[derive(Model, Debug, Clone, PartialEq)]
#[model(index(kind, name))]
pub(crate) struct Product {
    #[model(primary_key)]
    pub(crate) id: Uuid,
    #[model(unique, max_length = 20)]
    pub(crate) sku: String,
    #[model(max_length = 80)]
    pub(crate) name: String,
    #[model(max_length = 20)]
    pub(crate) kind: Option<String>,
    #[model(precision(12, 2))]
    pub(crate) price: Decimal,
    #[model(min = 0)]
    pub(crate) weight: Option<f64>,
    pub(crate) active: bool,
    #[model(references = Supplier)]
    pub(crate) supplier_id: Uuid,
    #[model(version)]
    pub(crate) version: i32,
    #[model(belongs_to = supplier_id)]
    pub(crate) supplier: BelongsTo<Supplier>,
    #[model(many_to_many = ProductCategory)]
    pub(crate) categories: ManyToMany<Category, ProductCategory>,
    #[model(many_to_many = ProductTag)]
    pub(crate) tags: ManyToMany<Tag>,
    #[model(has_many)]
    pub(crate) stock: HasMany<Stock>,
    #[model(has_many)]
    pub(crate) reviews: HasMany<Review>,
    #[model(has_many)]
    pub(crate) lines: HasMany<OrderLine>,
}

/// A product in a category, and its place on the category's page.
#[derive(Model, Debug, Clone, PartialEq)]
pub(crate) struct ProductCategory {
    #[model(primary_key, references = Product, on_delete = "cascade")]
    pub(crate) product_id: Uuid,
    #[model(primary_key, references = Category)]
    pub(crate) category_id: i64,
    #[model(default = 0)]
    pub(crate) place: i32,
}

#[derive(Model, Debug, Clone, PartialEq)]
pub(crate) struct Tag {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    #[model(unique, max_length = 30)]
    pub(crate) name: String,
}

#[derive(Model, Debug, Clone, PartialEq)]
pub(crate) struct ProductTag {
    #[model(primary_key, references = Product, on_delete = "cascade")]
    pub(crate) product_id: Uuid,
    #[model(primary_key, references = Tag)]
    pub(crate) tag_id: i64,
}

#[derive(Model, Debug, Clone, PartialEq)]
pub(crate) struct Warehouse {
    #[model(primary_key, max_length = 8)]
    pub(crate) code: String,
    pub(crate) city: String,
    #[model(has_many)]
    pub(crate) stock: HasMany<Stock>,
}

#[derive(Model, Debug, Clone, PartialEq)]
pub(crate) struct Stock {
    #[model(primary_key, references = Product, on_delete = "cascade")]
    pub(crate) product_id: Uuid,
    #[model(primary_key, references = Warehouse)]
    pub(crate) warehouse: String,
    #[model(min = 0)]
    pub(crate) quantity: i32,
    #[model(version)]
    pub(crate) version: i64,
    #[model(belongs_to = product_id)]
    pub(crate) product: BelongsTo<Product>,
}

#[derive(Model, Debug, Clone, PartialEq)]
pub(crate) struct Employee {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) hired: NaiveDate,
    #[model(references = Employee)]
    pub(crate) manager_id: Option<i64>,
    #[model(belongs_to = manager_id)]
    pub(crate) manager: BelongsTo<Employee>,
    #[model(has_many = manager_id)]
    pub(crate) team: HasMany<Employee>,
    #[model(has_many = seller_id)]
    pub(crate) sold: HasMany<Order>,
    #[model(has_many = packer_id)]
    pub(crate) packed: HasMany<Order>,
}

/// An order has two relations to the employees: who sold it, and who packed it.
#[derive(Model, Debug, Clone, PartialEq)]
#[model(table = "orders", index(status, placed_at))]
pub(crate) struct Order {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    #[model(references = Customer)]
    pub(crate) customer_id: i64,
    #[model(references = Employee)]
    pub(crate) seller_id: i64,
    #[model(references = Employee)]
    pub(crate) packer_id: Option<i64>,
    pub(crate) status: Status,
    pub(crate) placed_at: DateTime<Utc>,
    pub(crate) note: Option<String>,
    #[model(belongs_to = customer_id)]
    pub(crate) customer: BelongsTo<Customer>,
    #[model(belongs_to = seller_id)]
    pub(crate) seller: BelongsTo<Employee>,
    #[model(belongs_to = packer_id)]
    pub(crate) packer: BelongsTo<Employee>,
    #[model(has_many)]
    pub(crate) lines: HasMany<OrderLine>,
    #[model(has_many)]
    pub(crate) payments: HasMany<Payment>,
    #[model(has_one)]
    pub(crate) invoice: HasOne<Invoice>,
}

#[derive(Model, Debug, Clone, PartialEq)]
pub(crate) struct OrderLine {
    #[model(primary_key, references = Order, on_delete = "cascade")]
    pub(crate) order_id: i64,
    #[model(primary_key)]
    pub(crate) line_no: i32,
    #[model(references = Product)]
    pub(crate) product_id: Uuid,
    #[model(min = 1, max = 1000)]
    pub(crate) quantity: i32,
    pub(crate) cents: Cents,
    #[model(belongs_to = order_id)]
    pub(crate) order: BelongsTo<Order>,
    #[model(belongs_to = product_id)]
    pub(crate) product: BelongsTo<Product>,
}

#[derive(Model, Debug, Clone, PartialEq)]
pub(crate) struct Payment {
    #[model(primary_key)]
    pub(crate) id: Uuid,
    #[model(references = Order, on_delete = "cascade")]
    pub(crate) order_id: i64,
    #[model(precision(12, 2))]
    pub(crate) amount: Decimal,
    pub(crate) means: Means,
}

/// An order has one invoice at the most.
#[derive(Model, Debug, Clone, PartialEq)]
pub(crate) struct Invoice {
    #[model(primary_key, max_length = 20)]
    pub(crate) number: String,
    #[model(unique, references = Order, on_delete = "cascade")]
    pub(crate) order_id: i64,
    pub(crate) due: NaiveDate,
}

#[derive(Model, Debug, Clone, PartialEq)]
#[model(unique(product_id, customer_id))]
pub(crate) struct Review {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    #[model(references = Product, on_delete = "cascade")]
    pub(crate) product_id: Uuid,
    #[model(references = Customer)]
    pub(crate) customer_id: i64,
    #[model(min = 1, max = 5)]
    pub(crate) stars: i16,
    pub(crate) text: Option<String>,
    #[model(belongs_to = customer_id)]
    pub(crate) customer: BelongsTo<Customer>,
}
