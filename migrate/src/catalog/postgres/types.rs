//! Extensions, schemas, collations and types.

use std::collections::HashMap;

use oarlock_core::schema::EnumType;

use super::super::Model;
use super::{Kind, Object, Reader, name, own, qualified};
use crate::Result;

/// Number, name, name as SQL, schema, comment.
type FoundExtension = (i64, String, String, Option<String>, Option<String>);

/// Number, schema, name, name as SQL, and what stands behind it.
type Found = (i64, Option<String>, String, String, String);

/// Number, schema, name, name as SQL, values, and these as literals.
type FoundEnum = (i64, Option<String>, String, String, Vec<String>, Vec<String>);

/// Number, schema, name, name as SQL, number as a class, attributes.
type FoundComposite = (i64, Option<String>, String, String, i64, String);

/// Number, schema, name, name as SQL, type, collation, default, whether it cannot be NULL.
type FoundDomain = (i64, Option<String>, String, String, String, Option<String>, Option<String>, bool);

/// Constraint, domain, name as SQL, definition, whether it holds for all values.
type FoundCheck = (i64, i64, String, String, bool);

impl Reader<'_> {
    pub(super) async fn types(&mut self) -> Result<()> {
        self.extensions().await?;
        self.schemas().await?;
        self.collations().await?;
        self.enums().await?;
        self.composites().await?;
        self.ranges().await?;
        self.domains().await
    }

    async fn extensions(&mut self) -> Result<()> {
        // One that makes its schema itself cannot be told of it.
        let sql = "SELECT x.oid::int8, x.extname::text, quote_ident(x.extname), \
                CASE WHEN n.nspname <> current_schema() AND NOT EXISTS (SELECT FROM pg_depend e \
                    WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e') THEN quote_ident(n.nspname) END, \
                quote_literal((SELECT NULLIF(obj_description(x.oid, 'pg_extension'), v.comment) FROM pg_available_extensions v \
                    WHERE v.name = x.extname)) \
            FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace WHERE x.extname <> 'plpgsql' ORDER BY 2";
        for (number, extension, shown, schema, comment) in self.rows::<FoundExtension>(sql).await? {
            let within = schema.map(|schema| format!(" WITH SCHEMA {schema}")).unwrap_or_default();
            let sql = format!("CREATE EXTENSION IF NOT EXISTS {shown}{within}");
            let mut object = Object::new(Kind::Extension, extension.into()).sql(sql);
            // It brings a comment of its own; this is another one.
            let comment = comment.map(|comment| format!("COMMENT ON EXTENSION {shown} IS {comment}"));
            object.statements.extend(comment);
            self.state.add("pg_extension", number, object);
        }
        Ok(())
    }

    async fn schemas(&mut self) -> Result<()> {
        let sql = format!(
            "SELECT n.oid::int8, n.nspname::text, quote_ident(n.nspname) FROM pg_namespace n \
             WHERE n.nspname NOT IN ('public', current_schema()) AND {} ORDER BY n.nspname",
            own("n.nspname", "pg_namespace", "n.oid")
        );
        for (number, schema, shown) in self.rows::<(i64, String, String)>(&sql).await? {
            self.state.address("pg_namespace", number, 0, format!("SCHEMA {shown}"));
            let object = Object::new(Kind::Schema, schema.into()).sql(format!("CREATE SCHEMA {shown}"));
            self.state.add("pg_namespace", number, object);
        }
        Ok(())
    }

    async fn collations(&mut self) -> Result<()> {
        // The columns have changed their names from one release to the next.
        let sql = format!(
            "SELECT l.oid::int8, {}, concat_ws(', ', \
                 'provider = ' || CASE l.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END, \
                 'locale = ' || quote_literal(COALESCE(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale', \
                     CASE WHEN l.collcollate = l.collctype THEN l.collcollate END)), \
                 CASE WHEN l.collcollate <> l.collctype THEN 'lc_collate = ' || quote_literal(l.collcollate) || ', lc_ctype = ' \
                     || quote_literal(l.collctype) END, \
                 CASE WHEN NOT l.collisdeterministic THEN 'deterministic = false' END, \
                 'rules = ' || quote_literal(to_jsonb(l) ->> 'collicurules')) \
             FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace WHERE {} ORDER BY n.nspname, l.collname",
            name("n.nspname", "l.collname"),
            own("n.nspname", "pg_collation", "l.oid")
        );
        for (number, schema, collation, shown, options) in self.rows::<Found>(&sql).await? {
            self.state.address("pg_collation", number, 0, format!("COLLATION {shown}"));
            let object = Object::new(Kind::Collation, qualified(schema, collation));
            self.state.add("pg_collation", number, object.sql(format!("CREATE COLLATION {shown} ({options})")));
        }
        Ok(())
    }

    async fn enums(&mut self) -> Result<()> {
        let sql = format!(
            "SELECT t.oid::int8, {}, ARRAY(SELECT v.enumlabel::text FROM pg_enum v WHERE v.enumtypid = t.oid ORDER BY v.enumsortorder), \
                 ARRAY(SELECT quote_literal(v.enumlabel) FROM pg_enum v WHERE v.enumtypid = t.oid ORDER BY v.enumsortorder) \
             FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'e' AND {} ORDER BY n.nspname, t.typname",
            name("n.nspname", "t.typname"),
            own("n.nspname", "pg_type", "t.oid")
        );
        for (number, schema, type_name, shown, values, literals) in self.rows::<FoundEnum>(&sql).await? {
            let sql = match &*literals.join(",\n    ") {
                "" => format!("CREATE TYPE {shown} AS ENUM ()"),
                literals => format!("CREATE TYPE {shown} AS ENUM (\n    {literals}\n)"),
            };
            let mut known = EnumType::new(type_name.as_str(), values).native();
            known.schema.clone_from(&schema);
            let mut object = Object::new(Kind::Enum, qualified(schema, type_name)).sql(sql);
            object.model = Some(Model::Enum(known));
            self.add_type(number, &shown, object);
        }
        Ok(())
    }

    async fn composites(&mut self) -> Result<()> {
        let sql = format!(
            "SELECT t.oid::int8, {}, c.oid::int8, COALESCE((SELECT string_agg(format(E'\\n    %I %s', a.attname, \
                     format_type(a.atttypid, a.atttypmod)) || CASE WHEN a.attcollation <> y.typcollation \
                     THEN ' COLLATE ' || a.attcollation::regcollation::text ELSE '' END, ',' ORDER BY a.attnum) \
                 FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid \
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '') \
             FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c' \
             JOIN pg_namespace n ON n.oid = t.typnamespace WHERE {} ORDER BY n.nspname, t.typname",
            name("n.nspname", "t.typname"),
            own("n.nspname", "pg_type", "t.oid")
        );
        for (number, schema, type_name, shown, class, attributes) in self.rows::<FoundComposite>(&sql).await? {
            let object = Object::new(Kind::Composite, qualified(schema, type_name));
            let place = self.add_type(number, &shown, object.sql(format!("CREATE TYPE {shown} AS ({attributes}\n)")));
            self.state.places.insert(("pg_class".to_owned(), class), place);
        }
        Ok(())
    }

    async fn ranges(&mut self) -> Result<()> {
        let sql = format!(
            "SELECT t.oid::int8, {}, concat_ws(', ', 'SUBTYPE = ' || format_type(r.rngsubtype, NULL), \
                 CASE WHEN NOT o.opcdefault THEN 'SUBTYPE_OPCLASS = ' || quote_ident(m.nspname) || '.' || quote_ident(o.opcname) END, \
                 CASE WHEN r.rngcollation <> s.typcollation THEN 'COLLATION = ' || r.rngcollation::regcollation::text END, \
                 'SUBTYPE_DIFF = ' || NULLIF(r.rngsubdiff::oid, 0)::regproc::text, \
                 'MULTIRANGE_TYPE_NAME = ' || (SELECT quote_ident(g.typname) FROM pg_type g \
                     WHERE g.oid = CAST(to_jsonb(r) ->> 'rngmultitypid' AS oid))) \
             FROM pg_range r JOIN pg_type t ON t.oid = r.rngtypid JOIN pg_type s ON s.oid = r.rngsubtype \
             JOIN pg_opclass o ON o.oid = r.rngsubopc JOIN pg_namespace m ON m.oid = o.opcnamespace \
             JOIN pg_namespace n ON n.oid = t.typnamespace WHERE {} ORDER BY n.nspname, t.typname",
            name("n.nspname", "t.typname"),
            own("n.nspname", "pg_type", "t.oid")
        );
        for (number, schema, type_name, shown, options) in self.rows::<Found>(&sql).await? {
            let object = Object::new(Kind::Range, qualified(schema, type_name));
            self.add_type(number, &shown, object.sql(format!("CREATE TYPE {shown} AS RANGE ({options})")));
        }
        Ok(())
    }

    async fn domains(&mut self) -> Result<()> {
        let sql = format!(
            "SELECT t.oid::int8, {}, format_type(t.typbasetype, t.typtypmod), \
                 CASE WHEN t.typcollation <> b.typcollation THEN t.typcollation::regcollation::text END, \
                 pg_get_expr(t.typdefaultbin, 0), t.typnotnull \
             FROM pg_type t JOIN pg_type b ON b.oid = t.typbasetype JOIN pg_namespace n ON n.oid = t.typnamespace \
             WHERE t.typtype = 'd' AND {} ORDER BY n.nspname, t.typname",
            name("n.nspname", "t.typname"),
            own("n.nspname", "pg_type", "t.oid")
        );
        let domains: Vec<FoundDomain> = self.rows(&sql).await?;
        let sql = "SELECT k.oid::int8, k.contypid::int8, quote_ident(k.conname), pg_get_constraintdef(k.oid), k.convalidated \
            FROM pg_constraint k WHERE k.contypid <> 0 AND k.contype = 'c' ORDER BY k.conname";
        let mut checks: HashMap<i64, Vec<FoundCheck>> = HashMap::new();
        for check in self.rows::<FoundCheck>(sql).await? {
            checks.entry(check.1).or_default().push(check);
        }
        for (number, schema, type_name, shown, base, collation, default, not_null) in domains {
            let mut sql = format!("CREATE DOMAIN {shown} AS {base}");
            if let Some(collation) = collation {
                sql = format!("{sql} COLLATE {collation}");
            }
            if let Some(default) = default {
                sql = format!("{sql} DEFAULT {default}");
            }
            if not_null {
                sql.push_str(" NOT NULL");
            }
            let mut later = Vec::new();
            let found = checks.remove(&number).unwrap_or_default();
            for (_, _, check, definition, holds) in &found {
                if *holds {
                    sql = format!("{sql}\n    CONSTRAINT {check} {definition}");
                } else {
                    later.push(format!("ALTER DOMAIN {shown} ADD CONSTRAINT {check} {definition}"));
                }
            }
            let mut object = Object::new(Kind::Domain, qualified(schema, type_name)).sql(sql);
            object.statements.extend(later);
            let place = self.add_type(number, &shown, object);
            self.state.address("pg_type", number, 0, format!("DOMAIN {shown}"));
            for (check, _, check_name, ..) in found {
                self.state.places.insert(("pg_constraint".to_owned(), check), place);
                self.state.address("pg_constraint", check, 0, format!("CONSTRAINT {check_name} ON DOMAIN {shown}"));
            }
        }
        Ok(())
    }

    fn add_type(&mut self, number: i64, shown: &str, object: Object) -> usize {
        self.state.address("pg_type", number, 0, format!("TYPE {shown}"));
        self.state.add("pg_type", number, object)
    }
}
