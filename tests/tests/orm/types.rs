//! What a model's fields can be.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use oarlock::{BelongsTo, Db, Decimal, FromValue, HasMany, HasOne, Json, Model, Pool, Result, ToValue};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, FromValue, ToValue)]
enum Kind {
    Person,
    #[value(rename = "co")]
    Company,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, FromValue, ToValue)]
struct Cents(i64);

#[derive(Model, Debug, Clone, PartialEq)]
#[model(embedded)]
struct Address {
    street: String,
    #[model(index)]
    city: String,
    #[model(embed)]
    point: Point,
}

#[derive(Model, Debug, Clone, PartialEq)]
#[model(embedded)]
struct Point {
    x: f64,
    y: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Settings {
    theme: String,
    sizes: Vec<u8>,
}

#[derive(Model, Debug, Clone, PartialEq)]
struct Client {
    #[model(primary_key)]
    id: uuid::Uuid,
    kind: Kind,
    balance: Cents,
    #[model(precision(12, 2))]
    limit: Decimal,
    #[model(embed)]
    home: Address,
    #[model(embed, prefix = "work_")]
    work: Address,
    #[model(json)]
    settings: Settings,
    tags: Json<BTreeMap<String, i32>>,
    born: Option<NaiveDate>,
    wakes: Option<NaiveTime>,
    met: NaiveDateTime,
    seen: DateTime<Utc>,
    small: i16,
    unsigned: u32,
    real: f64,
    photo: Vec<u8>,
    active: bool,
    #[model(column = "type")]
    r#type: String,
}

fn client() -> Client {
    let address =
        |city: &str| Address { street: "Main".to_owned(), city: city.to_owned(), point: Point { x: 1.5, y: -2.0 } };
    Client {
        id: uuid::Uuid::from_u128(7),
        kind: Kind::Company,
        balance: Cents(-5),
        limit: "1234.50".parse().expect("a decimal"),
        home: address("Bergen"),
        work: address("Oslo"),
        settings: Settings { theme: "dark".to_owned(), sizes: vec![1, 2] },
        tags: Json(BTreeMap::from([("a".to_owned(), 1)])),
        born: NaiveDate::from_ymd_opt(1815, 12, 10),
        wakes: None,
        met: NaiveDate::from_ymd_opt(2026, 2, 3).and_then(|day| day.and_hms_micro_opt(4, 5, 6, 7)).expect("a date"),
        seen: Utc.with_ymd_and_hms(2026, 7, 8, 9, 10, 11).single().expect("an instant"),
        small: -3,
        unsigned: u32::MAX,
        real: 0.1,
        photo: vec![0, 255],
        active: true,
        r#type: "select".to_owned(),
    }
}

async fn clients(db: &dyn Db) -> Result<()> {
    oarlock::orm::create_tables(db, [Client::table()]).await
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = clients)]
async fn every_type_comes_back_as_it_went(db: Pool) -> Result<()> {
    let client = client();
    assert_eq!(client.insert(&db).await?, client);
    assert_eq!(Client::require(&db, client.id).await?, client);
    let found = Client::query()
        .filter(
            Client::KIND.eq(Kind::Company)
                & Client::BALANCE.lt(Cents(0))
                & Client::HOME.column(Address::CITY).eq("Bergen")
                & Client::WORK.embedded(Address::POINT).column(Point::Y).lt(0.0)
                & Client::BORN.lt(NaiveDate::from_ymd_opt(1900, 1, 1).expect("a date"))
                & Client::WAKES.is_null()
                & Client::UNSIGNED.gt(7)
                & Client::PHOTO.eq(&[0, 255])
                & Client::ACTIVE.eq(true)
                & Client::TYPE.eq("select")
                & Client::LIMIT.eq("1234.50".parse::<Decimal>().expect("a decimal")),
        )
        .all(&db)
        .await?;
    assert_eq!(found, std::slice::from_ref(&client));
    let moved = Address { city: "Tromsø".to_owned(), ..client.home.clone() };
    let settings = Settings { theme: "light".to_owned(), sizes: vec![] };
    let changed = client.update().home(&moved).settings(&settings).kind(Kind::Person).exec(&db).await?;
    assert_eq!(changed, Client { home: moved, settings, kind: Kind::Person, ..client });
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = clients)]
async fn a_model_knows_its_table(db: Pool) -> Result<()> {
    use oarlock::DbExt;
    let table = db.table(None, "client").await?;
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "id",
            "kind",
            "balance",
            "limit",
            "home_street",
            "home_city",
            "home_point_x",
            "home_point_y",
            "work_street",
            "work_city",
            "work_point_x",
            "work_point_y",
            "settings",
            "tags",
            "born",
            "wakes",
            "met",
            "seen",
            "small",
            "unsigned",
            "real",
            "photo",
            "active",
            "type"
        ]
    );
    let nullable: Vec<&str> =
        table.columns.iter().filter(|column| column.nullable).map(|column| column.name.as_str()).collect();
    assert_eq!(nullable, ["born", "wakes"]);
    Ok(())
}

/// An order line is found by two columns; its notes refer to both.
#[derive(Model, Debug, Clone, PartialEq)]
struct Item {
    #[model(primary_key)]
    order_no: i32,
    #[model(primary_key)]
    line_no: i32,
    goods: String,
    #[model(has_many)]
    notes: HasMany<Note>,
    #[model(has_one)]
    seal: HasOne<Seal>,
}

#[derive(Model, Debug, Clone, PartialEq)]
#[model(foreign_key(order_no, line_no, references = Item, on_delete = "cascade"))]
struct Note {
    #[model(primary_key, auto)]
    id: i64,
    order_no: i32,
    line_no: i32,
    text: String,
    #[model(belongs_to(order_no, line_no))]
    line: BelongsTo<Item>,
}

#[derive(Model, Debug, Clone, PartialEq)]
#[model(foreign_key(order_no, line_no, references = Item), unique(order_no, line_no))]
struct Seal {
    #[model(primary_key)]
    code: String,
    order_no: i32,
    line_no: i32,
}

async fn lines(db: &dyn Db) -> Result<()> {
    oarlock::orm::create_tables(db, [Note::table(), Seal::table(), Item::table()]).await?;
    let lines =
        (0..30).map(|number| Item::create().order_no(number / 10).line_no(number % 10).goods(format!("item {number}")));
    Item::create_many(db, lines).await?;
    let notes = (0..60)
        .map(|number| Note::create().order_no(number % 3).line_no((number * 7) % 10).text(format!("note {number}")));
    Note::create_many(db, notes).await?;
    Seal::create().code("A1").order_no(1).line_no(2).exec(db).await.map(drop)
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = lines)]
async fn keys_of_several_columns_find_and_load(db: Pool) -> Result<()> {
    let line = Item::require(&db, (1, 2)).await?;
    assert_eq!(line.goods, "item 12");
    assert_eq!(Item::find(&db, (9, 9)).await?, None);
    let lines = Item::query()
        .with(Item::NOTES.query().order_by(Note::ID.desc()).limit(1))
        .with(Item::SEAL)
        .order_by(Item::ORDER_NO.asc())
        .order_by(Item::LINE_NO.asc())
        .all(&db)
        .await?;
    assert_eq!(lines.len(), 30);
    for line in &lines {
        let expected: Vec<i32> = (0..60)
            .rev()
            .filter(|number| number % 3 == line.order_no && (number * 7) % 10 == line.line_no)
            .take(1)
            .collect();
        let found: Vec<&str> = line.notes.get()?.iter().map(|note| note.text.as_str()).collect();
        assert_eq!(found, expected.iter().map(|number| format!("note {number}")).collect::<Vec<_>>());
        let seal = line.seal.get()?.map(|seal| seal.code.as_str());
        assert_eq!(seal, (line.order_no == 1 && line.line_no == 2).then_some("A1"));
    }
    let notes = Note::query().with(Note::LINE).filter(Note::TEXT.eq("note 5")).all(&db).await?;
    assert_eq!(notes[0].line.require()?.goods, "item 25");
    let with_notes = Item::query().filter(Item::NOTES.any(Note::TEXT.eq("note 5"))).all(&db).await?;
    assert_eq!(with_notes.iter().map(|line| line.goods.as_str()).collect::<Vec<_>>(), ["item 25"]);
    Ok(())
}

/// An employee has a manager, and a deputy, who are employees.
#[derive(Model, Debug, Clone, PartialEq)]
struct Employee {
    #[model(primary_key)]
    id: i64,
    name: String,
    #[model(references = Employee)]
    manager_id: Option<i64>,
    #[model(references = Employee)]
    deputy_id: Option<i64>,
    #[model(belongs_to = manager_id)]
    manager: BelongsTo<Employee>,
    #[model(has_many = manager_id)]
    team: HasMany<Employee>,
    #[model(belongs_to = deputy_id)]
    deputy: BelongsTo<Employee>,
}

async fn employees(db: &dyn Db) -> Result<()> {
    oarlock::orm::create_tables(db, [Employee::table()]).await?;
    for (id, name, manager, deputy) in
        [(1, "Ada", None, None), (2, "Bob", Some(1), None), (3, "Cyd", Some(1), Some(2)), (4, "Dan", Some(2), Some(3))]
    {
        let manager: Option<i64> = manager;
        let deputy: Option<i64> = deputy;
        Employee::create().id(id).name(name).manager_id(manager).deputy_id(deputy).exec(db).await?;
    }
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = employees)]
async fn a_table_is_related_to_itself_in_several_ways(db: Pool) -> Result<()> {
    let all = Employee::query()
        .with(Employee::MANAGER.query().with(Employee::MANAGER))
        .with(Employee::TEAM.query().order_by(Employee::ID.asc()))
        .with(Employee::DEPUTY)
        .order_by(Employee::ID.asc())
        .all(&db)
        .await?;
    let name = |employee: Option<&Employee>| employee.map(|employee| employee.name.clone());
    let managers: Vec<_> = all.iter().map(|one| one.manager.get().map(name)).collect::<Result<_, _>>()?;
    assert_eq!(managers, [None, Some("Ada".to_owned()), Some("Ada".to_owned()), Some("Bob".to_owned())]);
    let grand = all[3].manager.require()?.manager.require()?;
    assert_eq!(grand.name, "Ada");
    let team: Vec<&str> = all[0].team.get()?.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(team, ["Bob", "Cyd"]);
    assert_eq!(name(all[3].deputy.get()?), Some("Cyd".to_owned()));
    let managing = Employee::query().filter(Employee::TEAM.any(Employee::NAME.eq("Dan"))).all(&db).await?;
    assert_eq!(managing.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Bob"]);
    let pairs = Employee::query()
        .join_as(Employee::MANAGER, "boss")
        .select((Employee::NAME, Employee::NAME.of("boss")))
        .filter(Employee::NAME.of("boss").eq("Ada"))
        .order_by(Employee::NAME.asc())
        .all(&db)
        .await?;
    assert_eq!(pairs, [("Bob", "Ada"), ("Cyd", "Ada")].map(|(one, boss)| (one.to_owned(), boss.to_owned())));
    Ok(())
}

#[test]
fn an_index_of_an_embedded_struct_is_the_models() -> Result<()> {
    for dialect in [oarlock::Dialect::SQLITE, oarlock::Dialect::POSTGRES, oarlock::Dialect::MARIADB] {
        let statements = oarlock::orm::schema::create_statements([Client::table()], &dialect)?;
        for column in ["home_city", "work_city"] {
            let column = dialect.quote_identifier(column);
            let indexed = |text: &&String| text.starts_with("CREATE INDEX") && text.contains(&format!("({column})"));
            assert_eq!(statements.iter().filter(indexed).count(), 1, "{column}: {statements:#?}");
        }
    }
    Ok(())
}

#[test]
fn text_compares_by_code_point_whatever_the_locale_of_the_database() -> Result<()> {
    use oarlock::Dialect;
    let statements = oarlock::orm::schema::create_statements([Client::table()], &Dialect::POSTGRES)?.join(";\n");
    for column in ["home_city", "type", "kind"] {
        let line = statements.lines().find(|line| line.contains(&format!("\"{column}\" "))).expect("it is a column");
        assert!(line.contains("COLLATE \"C\""), "{line}");
    }
    assert_eq!(statements.matches("COLLATE").count(), 6, "text alone has a collation: {statements}");
    Ok(())
}
