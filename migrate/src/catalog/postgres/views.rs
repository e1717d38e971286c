//! Views, plain and materialized.

use super::{Kind, Object, Reader, name, options, own, qualified};
use crate::Result;

/// Number, schema, name, name as SQL, kind, definition, options, access method, whether there are rows.
type Found = (i64, Option<String>, String, String, String, String, Option<String>, Option<String>, bool);

/// View, its name as SQL, number of the column's default, column, default.
type FoundDefault = (i64, i64, String, String);

impl Reader<'_> {
    pub(super) async fn views(&mut self) -> Result<()> {
        let sql = format!(
            "SELECT c.oid::int8, {}, c.relkind::text, pg_get_viewdef(c.oid), {}, NULLIF(m.amname, 'heap')::text, c.relispopulated \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am m ON m.oid = c.relam \
             WHERE c.relkind IN ('v', 'm') AND {} ORDER BY n.nspname, c.relname",
            name("n.nspname", "c.relname"),
            options("c.reloptions", ""),
            own("n.nspname", "pg_class", "c.oid")
        );
        let sql_of_defaults = "SELECT d.adrelid::int8, d.oid::int8, quote_ident(a.attname), pg_get_expr(d.adbin, d.adrelid) \
            FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid AND c.relkind = 'v' \
            JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum ORDER BY d.adrelid, d.adnum";
        let defaults: Vec<FoundDefault> = self.rows(sql_of_defaults).await?;
        for (number, schema, view, shown, kind, definition, options, method, filled) in self.rows::<Found>(&sql).await?
        {
            let materialized = kind == "m";
            let (kind, words) =
                if materialized { (Kind::MaterializedView, "MATERIALIZED VIEW") } else { (Kind::View, "VIEW") };
            let mut sql = format!("CREATE {words} {shown}");
            if let Some(method) = method {
                sql = format!("{sql} USING {method}");
            }
            if let Some(options) = options {
                sql = format!("{sql} WITH ({options})");
            }
            sql = format!("{sql} AS\n{}", definition.trim_end().trim_end_matches(';'));
            if materialized && !filled {
                sql.push_str("\nWITH NO DATA");
            }
            let mut object = Object::new(kind, qualified(schema, view)).sql(sql);
            // It takes its rows from tables when it is made.
            object.after_rows = materialized;
            let of_view = defaults.iter().filter(|(of, ..)| *of == number);
            for (_, _, column, default) in of_view.clone() {
                object.statements.push(format!("ALTER VIEW {shown} ALTER COLUMN {column} SET DEFAULT {default}"));
            }
            self.state.address("pg_class", number, 0, format!("{words} {shown}"));
            let place = self.state.add("pg_class", number, object);
            for (_, default, ..) in of_view {
                self.state.places.insert(("pg_attrdef".to_owned(), *default), place);
            }
        }
        Ok(())
    }
}
