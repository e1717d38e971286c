//! The catalog, where this driver's servers have their own ways.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod support;

use oarlock_core::schema::{Action, Auto, Default, GeneratedKind, IndexKey, Literal, Order, Type};
use oarlock_core::{DbExt, ErrorKind};
use support::database;

#[tokio::test]
async fn a_table_is_read_in_full() {
    let Some(db) = database("catalog").await else { return };
    let conn = db.connect().await;
    conn.script(
        "CREATE TABLE `Parent` (a INT, b INT, PRIMARY KEY (b, a)) COMMENT 'it''s';
         CREATE TABLE `parent2` (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY);
         CREATE TABLE child (id INT PRIMARY KEY, x INT, y INT, z INT, note TEXT, price DECIMAL(10,2) NOT NULL DEFAULT 1.50,
            word VARCHAR(20) NOT NULL DEFAULT 'it''s' COLLATE utf8mb4_bin COMMENT 'a word',
            at DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6), twice INT AS (x * 2) STORED, more INT AS (x + 1) VIRTUAL, doc JSON,
            CONSTRAINT positive CHECK (x > 0), UNIQUE KEY words (word), KEY notes (note(10), x DESC),
            CONSTRAINT parents FOREIGN KEY (y, z) REFERENCES `Parent` (b, a) ON DELETE CASCADE ON UPDATE SET NULL)",
    )
    .await
    .unwrap();
    assert_eq!(conn.table_names(None).await.unwrap(), ["Parent", "child", "parent2"]);
    let parent = conn.table(None, "Parent").await.unwrap();
    assert_eq!(
        (parent.comment.as_deref(), &parent.primary_key.unwrap().columns[..]),
        (Some("it's"), &["b".to_owned(), "a".to_owned()][..])
    );
    let numbered = conn.table(None, "parent2").await.unwrap();
    assert_eq!((numbered.columns[0].auto, &numbered.columns[0].ty), (Some(Auto::ByDefault), &Type::UInt8));

    let child = conn.table(db.url.database(), "child").await.unwrap();
    assert_eq!(child.schema.as_deref(), db.url.database());
    let column = |name: &str| child.find_column(name).unwrap();
    assert_eq!(column("price").default, Some(Default::Literal(Literal::Number("1.50".to_owned()))));
    let word = column("word");
    assert_eq!(
        (&word.default, word.collation.as_deref(), word.comment.as_deref()),
        (&Some("it's".into()), Some("utf8mb4_bin"), Some("a word"))
    );
    assert_eq!((column("at").nullable, &column("at").ty), (true, &Type::DateTime));
    assert_eq!(column("twice").generated.as_ref().map(|g| g.kind), Some(GeneratedKind::Stored));
    assert_eq!(column("more").generated.as_ref().map(|g| g.kind), Some(GeneratedKind::Virtual));
    assert_eq!(column("doc").ty, Type::Json);
    assert_eq!(child.checks.iter().map(|check| check.name.as_deref()).collect::<Vec<_>>(), [Some("positive")]);
    assert_eq!(
        (child.uniques[0].name.as_deref(), &child.uniques[0].columns[..]),
        (Some("words"), &["word".to_owned()][..])
    );
    let notes = child.indexes.iter().find(|index| index.name.as_deref() == Some("notes")).unwrap();
    assert_eq!((&notes.parts[0].key, notes.parts[0].prefix), (&IndexKey::Column("note".to_owned()), Some(10)));
    assert_eq!(notes.parts[1].order, Order::Descending);
    let key = &child.foreign_keys[0];
    assert_eq!(
        (key.columns.join(","), key.references.name.as_str(), key.referenced_columns.join(",")),
        ("y,z".to_owned(), "Parent", "b,a".to_owned())
    );
    assert_eq!((key.on_delete, key.on_update), (Action::Cascade, Action::SetNull));
    assert_eq!(conn.table(None, "CHILD").await.unwrap_err().kind(), ErrorKind::TableNotFound);
    assert!(conn.schemas().await.unwrap().contains(&db.url.database().unwrap().to_owned()));
    db.drop().await;
}
