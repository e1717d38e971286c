//! Functions, procedures and aggregates.

use super::{Kind, Object, Reader, name, own, qualified};
use crate::Result;

/// Number, schema, name, name as SQL, types of the arguments, kind, definition, and how that begins.
type Found = (i64, Option<String>, String, String, String, String, String, String);

/// Number, schema, name, name as SQL, types of the arguments, arguments, options.
type FoundAggregate = (i64, Option<String>, String, String, String, String, String);

impl Reader<'_> {
    pub(super) async fn routines(&mut self) -> Result<()> {
        // What a range type brings with it is not written down by anybody.
        let own = format!(
            "{} AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid AND i.deptype = 'i')",
            own("n.nspname", "pg_proc", "p.oid")
        );
        let sql = format!(
            "SELECT p.oid::int8, {}, pg_get_function_identity_arguments(p.oid), p.prokind::text, pg_get_functiondef(p.oid), \
                 format('CREATE OR REPLACE %s %I.%I(', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, n.nspname, p.proname) \
             FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.prokind <> 'a' AND {own} \
             ORDER BY n.nspname, p.proname",
            name("n.nspname", "p.proname")
        );
        for (number, schema, routine, shown, arguments, kind, definition, lead) in self.rows::<Found>(&sql).await? {
            let (kind, word) = if kind == "p" { (Kind::Procedure, "PROCEDURE") } else { (Kind::Function, "FUNCTION") };
            let sql = match definition.strip_prefix(&lead) {
                Some(rest) => format!("CREATE {word} {shown}({}", rest.trim_end()),
                None => definition.trim_end().to_owned(),
            };
            let address = format!("{word} {shown}({arguments})");
            let object = Object::new(kind, qualified(schema, format!("{routine}({arguments})"))).sql(sql);
            self.add_routine(number, address, object);
        }
        self.aggregates(&own).await
    }

    async fn aggregates(&mut self, own: &str) -> Result<()> {
        let function = |label: &str, column: &str| format!("'{label} = ' || NULLIF(a.{column}::oid, 0)::regproc::text");
        let modify = |label: &str, column: &str| {
            format!(
                "CASE WHEN a.{column} <> CASE a.aggkind WHEN 'n' THEN 'r' ELSE 'w' END THEN '{label} = ' || \
                 CASE a.{column} WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END"
            )
        };
        let options = [
            function("SFUNC", "aggtransfn"),
            "'STYPE = ' || format_type(a.aggtranstype, NULL)".to_owned(),
            "'SSPACE = ' || NULLIF(a.aggtransspace, 0)".to_owned(),
            function("FINALFUNC", "aggfinalfn"),
            "CASE WHEN a.aggfinalextra THEN 'FINALFUNC_EXTRA' END".to_owned(),
            modify("FINALFUNC_MODIFY", "aggfinalmodify"),
            function("COMBINEFUNC", "aggcombinefn"),
            function("SERIALFUNC", "aggserialfn"),
            function("DESERIALFUNC", "aggdeserialfn"),
            "'INITCOND = ' || quote_literal(a.agginitval)".to_owned(),
            function("MSFUNC", "aggmtransfn"),
            function("MINVFUNC", "aggminvtransfn"),
            "'MSTYPE = ' || format_type(NULLIF(a.aggmtranstype, 0), NULL)".to_owned(),
            "'MSSPACE = ' || NULLIF(a.aggmtransspace, 0)".to_owned(),
            function("MFINALFUNC", "aggmfinalfn"),
            "CASE WHEN a.aggmfinalextra THEN 'MFINALFUNC_EXTRA' END".to_owned(),
            format!("CASE WHEN a.aggmfinalfn::oid <> 0 THEN {} END", modify("MFINALFUNC_MODIFY", "aggmfinalmodify")),
            "'MINITCOND = ' || quote_literal(a.aggminitval)".to_owned(),
            "'SORTOP = ' || (SELECT format('OPERATOR(%I.%s)', m.nspname, o.oprname) FROM pg_operator o \
                JOIN pg_namespace m ON m.oid = o.oprnamespace WHERE o.oid = a.aggsortop)"
                .to_owned(),
            "CASE p.proparallel WHEN 's' THEN 'PARALLEL = SAFE' WHEN 'r' THEN 'PARALLEL = RESTRICTED' END".to_owned(),
            "CASE WHEN a.aggkind = 'h' THEN 'HYPOTHETICAL' END".to_owned(),
        ];
        let sql = format!(
            "SELECT p.oid::int8, {}, COALESCE(NULLIF(pg_get_function_identity_arguments(p.oid), ''), '*'), \
                 COALESCE(NULLIF(pg_get_function_arguments(p.oid), ''), '*'), concat_ws(E',\\n    ', {}) \
             FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN pg_namespace n ON n.oid = p.pronamespace \
             WHERE {own} ORDER BY n.nspname, p.proname",
            name("n.nspname", "p.proname"),
            options.join(", ")
        );
        for (number, schema, aggregate, shown, types, arguments, options) in self.rows::<FoundAggregate>(&sql).await? {
            let sql = format!("CREATE AGGREGATE {shown}({arguments}) (\n    {options}\n)");
            let object = Object::new(Kind::Aggregate, qualified(schema, format!("{aggregate}({types})"))).sql(sql);
            self.add_routine(number, format!("AGGREGATE {shown}({types})"), object);
        }
        Ok(())
    }

    fn add_routine(&mut self, number: i64, address: String, object: Object) {
        self.state.address("pg_proc", number, 0, address);
        self.state.add("pg_proc", number, object);
    }
}
