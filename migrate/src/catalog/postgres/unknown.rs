//! What is not known here, by its names.

use super::{Reader, not_of_extension, own};
use crate::Result;

impl Reader<'_> {
    /// Gives what there is that no dump would have.
    pub(super) async fn unknown(&self) -> Result<Vec<String>> {
        let in_schema = |kind: &str, class: &str, name: &str, schema: &str, condition: &str| {
            format!(
                "SELECT '{kind}', {name} FROM {class} x JOIN pg_namespace n ON n.oid = x.{schema} WHERE {}{condition}",
                own("n.nspname", class, "x.oid")
            )
        };
        let alone = |kind: &str, class: &str, name: &str, condition: &str| {
            format!(
                "SELECT '{kind}', {name} FROM {class} x WHERE x.oid >= 16384 AND {}{condition}",
                not_of_extension(class, "x.oid")
            )
        };
        // A range type brings the one to its multirange with it.
        let of_nothing_else = " AND NOT EXISTS (SELECT FROM pg_depend i \
            WHERE i.classid = 'pg_cast'::regclass AND i.objid = x.oid AND i.deptype = 'i')";
        let questions = [
            in_schema("foreign table", "pg_class", "x.relname::text", "relnamespace", " AND x.relkind = 'f'"),
            in_schema("table of a type", "pg_class", "x.relname::text", "relnamespace", " AND x.reloftype <> 0"),
            in_schema(
                "index that is not valid",
                "pg_class",
                "x.relname::text",
                "relnamespace",
                " AND x.relkind = 'i' AND EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = x.oid AND NOT i.indisvalid)",
            ),
            in_schema(
                "base type",
                "pg_type",
                "x.typname::text",
                "typnamespace",
                " AND (x.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = x.oid) OR x.typtype = 'p')",
            ),
            in_schema(
                "range type with a canonical function",
                "pg_type",
                "x.typname::text",
                "typnamespace",
                " AND EXISTS (SELECT FROM pg_range r WHERE r.rngtypid = x.oid AND r.rngcanonical <> 0)",
            ),
            in_schema("operator", "pg_operator", "x.oid::regoperator::text", "oprnamespace", ""),
            in_schema("operator class", "pg_opclass", "x.opcname::text", "opcnamespace", ""),
            in_schema("operator family", "pg_opfamily", "x.opfname::text", "opfnamespace", ""),
            in_schema("conversion", "pg_conversion", "x.conname::text", "connamespace", ""),
            in_schema("text search configuration", "pg_ts_config", "x.cfgname::text", "cfgnamespace", ""),
            in_schema("text search dictionary", "pg_ts_dict", "x.dictname::text", "dictnamespace", ""),
            in_schema("text search parser", "pg_ts_parser", "x.prsname::text", "prsnamespace", ""),
            in_schema("text search template", "pg_ts_template", "x.tmplname::text", "tmplnamespace", ""),
            alone(
                "cast",
                "pg_cast",
                "format('%s AS %s', x.castsource::regtype, x.casttarget::regtype)",
                of_nothing_else,
            ),
            alone("transform", "pg_transform", "x.trftype::regtype::text", ""),
            alone("access method", "pg_am", "x.amname::text", ""),
            alone("language", "pg_language", "x.lanname::text", ""),
            alone("foreign data wrapper", "pg_foreign_data_wrapper", "x.fdwname::text", ""),
            alone("server", "pg_foreign_server", "x.srvname::text", ""),
            alone("publication", "pg_publication", "x.pubname::text", ""),
            alone("event trigger", "pg_event_trigger", "x.evtname::text", ""),
            alone(
                "subscription",
                "pg_subscription",
                "x.subname::text",
                " AND x.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
            ),
            "SELECT DISTINCT 'security label', pg_describe_object(classoid, objoid, objsubid) FROM pg_seclabel"
                .to_owned(),
        ];
        let sql = format!("{} ORDER BY 1, 2", questions.join(" UNION ALL "));
        let found: Vec<(String, String)> = self.rows(&sql).await?;
        Ok(found.into_iter().map(|(kind, name)| format!("{kind} {name}")).collect())
    }
}
