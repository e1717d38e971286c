//! The macros of oarlock: the derives, `sql!`, `embed_migrations!` and `#[oarlock::test]`.
//!
//! Generated code names `::oarlock::__private`; `#[row(crate = "path")]`, `#[value(crate = "path")]` and `#[test(crate = "path")]`
//! name another path for who re-exports oarlock.

mod attributes;
mod case;
mod embed;
mod from_row;
mod generics;
mod model;
mod params;
mod span;
mod sql;
mod test;
mod value;

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemFn, parse_macro_input};

/// Reads a struct from a row.
///
/// A struct with named fields takes each from the column of the same name, wherever it stands; other columns are left
/// alone. A tuple struct takes its fields from the columns in order, and wants as many as it has. Where the columns are is
/// found out once per statement.
///
/// # Options of the struct
///
/// - `#[row(rename_all = "camelCase")]`: the case of the column names: `lowercase`, `UPPERCASE`, `PascalCase`,
///   `camelCase`, `snake_case`, `SCREAMING_SNAKE_CASE`, `kebab-case`, `SCREAMING-KEBAB-CASE`.
/// - `#[row(crate = "path")]`: where oarlock is.
///
/// # Options of a field
///
/// - `#[row(rename = "name")]`: the column's name.
/// - `#[row(default)]`: `Default::default()` when there is no such column. NULL is not a missing column: read it as an
///   `Option`.
/// - `#[row(skip)]`: no column; `Default::default()`.
/// - `#[row(flatten)]`: another struct that derives `FromRow`, from the same row; `#[row(flatten, prefix = "author_")]` from
///   the columns whose names start so. An `Option` of one is `None` where all of its columns are NULL, as an outer join gives them.
/// - `#[row(json)]`: any type that serde deserializes, from a JSON document.
/// - `#[row(try_from = "i32")]`: by `TryFrom` from what the column holds.
///
/// # Examples
///
/// ```
/// use oarlock_macros::FromRow;
///
/// #[derive(FromRow)]
/// # #[row(crate = "oarlock_core")]
/// struct Post {
///     id: i64,
///     title: String,
///     #[row(rename = "body_text")]
///     body: Option<String>,
///     #[row(flatten, prefix = "author_")]
///     author: Author,
/// }
///
/// #[derive(FromRow)]
/// # #[row(crate = "oarlock_core")]
/// struct Author {
///     id: i64,
///     #[row(json)]
///     settings: Vec<String>,
/// }
/// ```
#[proc_macro_derive(FromRow, attributes(row))]
pub fn derive_from_row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    from_row::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Gives a struct's fields as the parameters of a statement: by name from named fields, by position from a tuple struct.
///
/// It takes the options of [`FromRow`](macro@FromRow), so that one struct serves both ways: `rename`, `rename_all`, `skip`,
/// `flatten` and `json` mean the same, `default` and `try_from` concern reading only, and `prefix` is refused. One is its own:
///
/// - `#[row(into = "i32")]`: by `Into` from a clone of the field.
///
/// # Examples
///
/// ```
/// use oarlock_macros::Params;
///
/// #[derive(Params)]
/// # #[row(crate = "oarlock_core")]
/// struct NewPost<'a> {
///     title: &'a str,
///     #[row(json)]
///     tags: Vec<String>,
/// }
/// // db.execute("INSERT INTO post (title, tags) VALUES (:title, :tags)", NewPost { … })
/// ```
#[proc_macro_derive(Params, attributes(row))]
pub fn derive_params(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    params::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Reads a newtype as what it wraps, or an enum without fields from text.
///
/// A variant's text is its name in snake case, unless `#[value(rename_all = "…")]` on the enum or `#[value(rename = "…")]`
/// on the variant says otherwise. `#[value(try_from = "i32")]` on any type reads it by `TryFrom` instead. An enum is a `TextEnum`
/// then, too, which lists its texts.
///
/// # Examples
///
/// ```
/// use oarlock_macros::{FromValue, ToValue};
///
/// #[derive(FromValue, ToValue)]
/// # #[value(crate = "oarlock_core")]
/// struct UserId(i64);
///
/// #[derive(FromValue, ToValue)]
/// # #[value(crate = "oarlock_core")]
/// enum Status {
///     Draft,      // 'draft'
///     InReview,   // 'in_review'
///     #[value(rename = "live")]
///     Published,  // 'live'
/// }
/// ```
#[proc_macro_derive(FromValue, attributes(value))]
pub fn derive_from_value(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    value::expand_from(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Binds a newtype as what it wraps, or an enum without fields as text.
///
/// The texts are those of [`FromValue`](macro@FromValue). `#[value(into = "i32")]` on a type that is `Clone` binds it by
/// `Into` instead.
#[proc_macro_derive(ToValue, attributes(value))]
pub fn derive_to_value(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    value::expand_to(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a struct with named fields a table's row: a constant for each column and relation, the setters of `create`, `update` and `upsert`, and
/// reading by place in the ORM and by name from any other SQL.
///
/// # Options of the struct
///
/// - `table = "users"`: the table's name; without it the struct's, in snake case. `schema = "…"`: its schema.
/// - `rename_all = "camelCase"`: the case of the columns' names, as of [`FromRow`](macro@FromRow).
/// - `unique(a, b)`, `index(a, b)`: a unique constraint or an index of several fields.
/// - `foreign_key(a, b, references = Model)`: a foreign key of several fields; `references = Model(c, d)` to fields that are not its primary
///   key; with `on_delete` and `on_update`.
/// - `check = "…"`: a check constraint, in SQL. `comment = "…"`: what the table is for.
/// - `hooks`: the struct implements `oarlock::orm::Hooks`, which is called before its rows are written.
/// - `embedded`: no table, but a struct that stands in models by `embed`.
/// - `crate = "path"`: where oarlock is.
///
/// # Options of a field that is a column
///
/// - `primary_key`, on several fields where the key has several; `auto` beside it where the database numbers it.
/// - `unique`, `index`.
/// - `default = "now"`, `default = "uuid"`, or of text, a number or a truth value; `default_sql = "…"`: what the database stores where an insert
///   does not say.
/// - `references = Model` or `Model(field)`: a foreign key, with `on_delete = "cascade"` (or `"set null"`, `"set default"`, `"restrict"`,
///   `"no action"`) and `on_update`.
/// - `version`: a whole number that counts the updates; one of a row that was changed meanwhile is an error.
/// - `created_at`, `updated_at`: set by create and update. `soft_delete`: an `Option` that `delete` sets, and queries leave such rows out.
/// - `max_length = 100`: of text or bytes. `precision(12, 2)`: of a decimal. Text in a key or an index has 255 characters unless it says.
/// - `not_blank`, `email`, `min_length = 2`, `min = 0`, `max = 10`, `validate = path`: what values have to keep, as has the length of `max_length`;
///   `path` is a function of `&T` that gives `Err` with a message. What breaks them is an `Invalid` error that names the fields.
/// - `json`: any type that serde knows, as a document. `native_enum`: an enum of the database's own. `native = "…"`: a type in its words.
/// - `embed`, with `prefix = "address_"`: an embedded struct.
/// - `column = "name"`: the column's name. `comment = "…"`. `renamed_from = "…"`: the name that it had before.
/// - `skip`: no column; `Default::default()`.
///
/// A field cannot be called `exec`, `sql` or `with`: the builders have these words for themselves. `column = "exec"` on a field of another name
/// is the column.
///
/// # Options of a field that is a relation
///
/// - `belongs_to = author_id` in a `BelongsTo<User>`: by a foreign key of this model; `belongs_to(a, b)` by one of several fields.
/// - `has_many` in a `HasMany<Post>`, `has_one` in a `HasOne<Profile>`: by the foreign key of the other model; `has_many = author_id` where it
///   has several to this one.
/// - `many_to_many = PostTag` in a `ManyToMany<Tag>`: by two foreign keys of a third model, whose rows are kept in a `ManyToMany<Tag, PostTag>`;
///   `many_to_many(Friendship, from = one_id, to = other_id)` where it has several to one model.
#[proc_macro_derive(Model, attributes(model))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    model::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a statement of SQL in which arguments stand where they belong: `{name}` for a value, `{names..}` for a list.
///
/// ```ignore
/// let rows: Vec<(String, i64)> =
///     sql!(&db, "SELECT email, count(*) FROM users WHERE id IN ({ids..}) AND name <> {name} GROUP BY 1").all().await?;
/// ```
///
/// What stands in the braces is any expression, borrowed; it becomes a parameter and never text. `IN ({ids..})` and `NOT IN ({ids..})` take a
/// list of any length, of none as well, on every database; elsewhere a list becomes parameters with commas between them. A brace of the
/// SQL is written twice, as in `format!`. PostgreSQL's operator `?` is written `??`.
///
/// The statement is registered, so that `oarlock::testing::check_sql` can have it prepared by a real database in a test.
#[proc_macro]
pub fn sql(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as sql::Input);
    sql::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Compiles the migrations of a directory in, as an `oarlock::migrate::Source`. The path starts at the package.
///
/// ```ignore
/// let migrations = Migrator::new(oarlock::embed_migrations!("migrations"));
/// migrations.run(&pool).await?;
/// ```
///
/// A file that changes is compiled in anew. For cargo to notice a file that is new, too, the package needs a `build.rs`:
///
/// ```
/// // build.rs
/// println!("cargo:rerun-if-changed=migrations");
/// ```
#[proc_macro]
pub fn embed_migrations(input: TokenStream) -> TokenStream {
    let directory = parse_macro_input!(input as syn::LitStr);
    embed::expand(&directory).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a test of an async function, with a database of its own that is dropped when the test passes, and kept when it fails.
///
/// Its arguments are made from the database: `oarlock::Pool`, `oarlock::Conn`, `oarlock::testing::QueryLog`,
/// `oarlock::testing::Database`, and every other type that implements `oarlock::testing::FromDatabase`. It gives nothing, or a
/// `Result`. `oarlock::testing` tells where the database is, and who drops it when.
///
/// ```
/// use oarlock::DbExt;
///
/// #[oarlock::test(setup = crate::schema, fixtures("cities.sql"), engines = [sqlite, postgres])]
/// async fn counts(db: oarlock::Pool) -> oarlock::Result<()> {
///     assert_eq!(db.fetch_value::<i64>("SELECT COUNT(*) FROM city", ()).await?, 3);
///     Ok(())
/// }
/// ```
///
/// # Options
///
/// - `setup = path`: an async function that takes a `&dyn Db` and fills the empty database. It gives what a test may give.
/// - `fixtures("a.sql", "b.sql")`: scripts to run then. Their paths start at the test's file; they are compiled in.
/// - `engines = [sqlite, postgres, mysql]`: a test on each, in a module of the function's name.
/// - `url = "…"`: the server; an expression of a `String` or `&str`. Without it and `engines`, it is that of `DATABASE_URL`.
/// - `flavor = "multi_thread"`, `worker_threads = 2`: as of `tokio::test`; by default all runs on the test's thread.
/// - `crate = "path"`: where oarlock is.
///
/// `#[should_panic]` and `#[ignore]` stand beside it as beside `#[test]`.
#[proc_macro_attribute]
pub fn test(options: TokenStream, function: TokenStream) -> TokenStream {
    let mut read = test::Options::default();
    let parser = syn::meta::parser(|meta| read.read(&meta));
    parse_macro_input!(options with parser);
    let function = parse_macro_input!(function as ItemFn);
    test::expand(&read, &function).unwrap_or_else(syn::Error::into_compile_error).into()
}
