-- Whatever PostgreSQL has that the histories have not.

-- Names that need quotes, that are reserved, that are made of SQL.
CREATE SCHEMA "Odd ""schema""";
CREATE TABLE "Odd ""schema"""."select" ("from" int PRIMARY KEY, "a.b" text DEFAULT 'it''s \ this', " ON public.t" int);
CREATE INDEX "where; --" ON "Odd ""schema"""."select" ("a.b", " ON public.t" DESC NULLS LAST);
CREATE TABLE "order" (id int GENERATED ALWAYS AS IDENTITY, "Größe 字" text COLLATE "C", CONSTRAINT "primary" PRIMARY KEY (id));
COMMENT ON TABLE "order" IS E'two\nlines; and $$ a quote''s end';
COMMENT ON COLUMN "order"."Größe 字" IS 'wie groß';
COMMENT ON CONSTRAINT "primary" ON "order" IS 'the key';
INSERT INTO "order" ("Größe 字") VALUES ('ß'), (NULL), (E'tab\tnewline\nback\\slash''quote');
CREATE TABLE public."t$1" ("?" int, ":name" int);
INSERT INTO "t$1" VALUES (1, 2);

-- Circles of foreign keys, one to itself, and what they do.
CREATE TABLE hen (id int PRIMARY KEY, egg int);
CREATE TABLE egg (id int PRIMARY KEY, hen int REFERENCES hen (id) ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE, mother int REFERENCES egg);
ALTER TABLE hen ADD CONSTRAINT hen_egg FOREIGN KEY (egg) REFERENCES egg (id) MATCH FULL DEFERRABLE INITIALLY DEFERRED NOT VALID;

SET CONSTRAINTS ALL DEFERRED;
INSERT INTO hen VALUES (1, 1), (2, NULL);
INSERT INTO egg VALUES (2, 2, 1), (1, 1, 1);
SET CONSTRAINTS ALL IMMEDIATE;


-- Types.
CREATE TYPE address AS (street text COLLATE "C", "number" numeric(5, 1));
COMMENT ON COLUMN address.street IS 'and its number?';
CREATE TYPE span AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi);
CREATE DOMAIN code AS varchar(8) COLLATE "C" DEFAULT 'none' NOT NULL CONSTRAINT short CHECK (length(VALUE) < 8) CHECK (VALUE <> '');
CREATE DOMAIN codes AS code[];
COMMENT ON DOMAIN code IS 'a code';
COMMENT ON CONSTRAINT short ON DOMAIN code IS 'short';
CREATE COLLATION lazy (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE "Mood" AS ENUM ('it''s', 'b"c', '');
CREATE TYPE numeric_kind AS ENUM ('1abc', '-2');
CREATE TABLE kinds (kind numeric_kind, kinds numeric(4, 1)[]);
INSERT INTO kinds VALUES ('1abc', '{1.5,NaN}'), ('-2', NULL);
CREATE TYPE empty AS ENUM ();
CREATE TYPE nothing AS ();

CREATE TABLE every_type (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    flag boolean DEFAULT true, small smallint, medium int, big bigint, real4 real, real8 double precision, exact numeric, scaled numeric(20, 4),
    cash money, fixed char(5), vary varchar(20), plain text COLLATE lazy, raw bytea, "date" date, "time" time(3), timez timetz,
    stamp timestamp, stampz timestamptz(2), gap interval, mood "Mood", home address, homes address[], doc json, docb jsonb, page xml,
    ip inet, net cidr, mac macaddr, bits bit(3), vbits varbit, place point, path path, circle circle, words tsvector, query tsquery,
    numbers int[], matrix text[], period tstzrange, spans span, many int4multirange, many_codes codes, the_code code,
    type regclass, number oid, low pg_lsn, "position" int GENERATED ALWAYS AS (medium + 1) STORED
);
INSERT INTO every_type VALUES ('6ba7b810-9dad-11d1-80b4-00c04fd430c8', false, -32768, -2147483648, -9223372036854775808, 1.1, 0.1, 123456789012345678901234567890.123456789, 1.5,
    '$1,234.56', 'ab', 'x', 'Straße', '\x00ff5c27', '2026-02-28', '12:34:56.789', '12:34:56+05:30', '2026-02-28 12:34:56.123456', '2026-02-28 12:34:56.12+02',
    '-1 year 2 days -03:04:05.678', 'it''s', ROW('Am "Ring"', 1.5), ARRAY[ROW('a,b', NULL)::address], '{"a" :  [1.10, "\\"]}', '{"a": 1.10}', '<a>b</a>',
    '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', B'101', B'1', '(1,2)', '[(0,0),(1,1)]', '<(1,2),3>', 'a fat cat', 'fat & cat',
    '{1,NULL,-3}', '{{a,"b,c"},{NULL,"NULL"}}', '[2026-01-01 00:00+00,)', '[0.1,0.2)', '{[1,3),[5,7)}', '{a,b}', 'c', 'hen', 42, '16/B374D848');
INSERT INTO every_type (id, real4, real8, exact, "date", stamp, stampz, the_code) VALUES
    ('00000000-0000-0000-0000-000000000001', 'NaN', '-Infinity', 'NaN', 'infinity', '-infinity', 'infinity', 'x'),
    ('00000000-0000-0000-0000-000000000002', '1e-40', 1.7976931348623157e308, 'Infinity', '0044-03-15 BC', '294276-12-31 23:59:59.999999', '4713-01-01 00:00:00+00 BC', 'y'),
    ('00000000-0000-0000-0000-000000000003', '-0', 5e-324, 0.0000000000000000000000000001, NULL, NULL, NULL, DEFAULT);

-- Extensions, here and in a schema of another name; what they bring is theirs.
CREATE EXTENSION citext WITH SCHEMA "Odd ""schema""";
CREATE EXTENSION btree_gist;
COMMENT ON EXTENSION btree_gist IS 'for exclusion; it''s ours';
CREATE TABLE extended (mail "Odd ""schema""".citext UNIQUE, mails "Odd ""schema""".citext[], n int, during daterange, EXCLUDE USING gist (n WITH =, during WITH &&));
INSERT INTO extended VALUES ('A@b', '{X,"y z"}', 1, '[2026-01-01,2026-02-01)');
CREATE VIEW of_extended AS SELECT mail FROM extended WHERE mail = 'a@B';

-- Numbering.
CREATE TABLE numbered (
    a smallserial, b serial, c bigserial,
    d int GENERATED ALWAYS AS IDENTITY (START WITH 100 INCREMENT BY -5 MINVALUE -1000 MAXVALUE 100 CACHE 7 CYCLE),
    e bigint GENERATED BY DEFAULT AS IDENTITY, f bigint DEFAULT 1
);
INSERT INTO numbered (f) SELECT generate_series(1, 5);
CREATE TABLE renamed (id serial, other int GENERATED BY DEFAULT AS IDENTITY);
ALTER TABLE renamed RENAME TO renamed_since;
CREATE SEQUENCE down AS smallint INCREMENT BY -2 MINVALUE -100 START WITH -10 CYCLE;
SELECT nextval('down'), nextval('down');
CREATE SEQUENCE owned OWNED BY renamed_since.id;
COMMENT ON SEQUENCE down IS 'backwards';
ALTER TABLE renamed_since ADD COLUMN twice bigint DEFAULT nextval('down') * 2;
CREATE UNLOGGED TABLE fleeting (id bigserial PRIMARY KEY) WITH (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_enabled = false);

-- Functions and what uses them: tables whose defaults call functions that use tables, in circles, too.
CREATE FUNCTION next_code(lead text, OUT code text) LANGUAGE plpgsql STABLE SET search_path = public AS $$ BEGIN code := lead || (SELECT count(*) FROM called); END $$;
CREATE TABLE called (code text DEFAULT next_code('c;'), CHECK (length(code) < 100));
CREATE TABLE ring (id int PRIMARY KEY, next int);
CREATE FUNCTION next_in_ring() RETURNS int LANGUAGE sql RETURN (SELECT max(ring.next) FROM ring);
ALTER TABLE ring ALTER COLUMN next SET DEFAULT next_in_ring();
CREATE FUNCTION is_small(c ring) RETURNS boolean LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT (c).id < 100; END;
ALTER TABLE ring ADD CONSTRAINT small CHECK (is_small(ring));
INSERT INTO ring VALUES (1, 2);
CREATE FUNCTION overloaded(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION overloaded(text, VARIADIC rest int[] DEFAULT '{}') RETURNS SETOF ring LANGUAGE sql COST 7 ROWS 3 PARALLEL SAFE STRICT SECURITY DEFINER AS 'TABLE ring';
COMMENT ON FUNCTION overloaded(int) IS 'of a number';
CREATE PROCEDURE nothing_done(INOUT x int) LANGUAGE plpgsql AS $x$ BEGIN NULL; END $x$;
CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int, COMBINEFUNC = int4pl, INITCOND = '0', PARALLEL = SAFE);
COMMENT ON AGGREGATE total (int) IS 'all of it';
CREATE AGGREGATE any_rows (*) (SFUNC = int8inc, STYPE = bigint, INITCOND = '0');
CREATE AGGREGATE least_of (int) (SFUNC = int4smaller, STYPE = int, SORTOP = <);

-- Views upon views, and on what is made with the rows.
CREATE VIEW a_upper AS SELECT upper(z.code) AS code FROM (SELECT code FROM called) AS z;
CREATE VIEW "0 first" WITH (security_barrier) AS SELECT * FROM a_upper WHERE code <> 'X' WITH LOCAL CHECK OPTION;
COMMENT ON VIEW "0 first" IS 'a view''s comment';
COMMENT ON COLUMN "0 first".code IS 'the code';
ALTER VIEW "0 first" ALTER COLUMN code SET DEFAULT 'new';
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM hen;
CREATE UNIQUE INDEX counted_n ON counted (n);
CREATE MATERIALIZED VIEW not_yet AS SELECT 1 AS x WITH NO DATA;
CREATE VIEW of_counted AS SELECT n FROM counted;
CREATE RECURSIVE VIEW numbers_to (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM numbers_to WHERE n < 10;
CREATE VIEW by_key AS SELECT id, egg FROM hen GROUP BY id;

-- Indexes and constraints.
CREATE TABLE indexed (a int, b text, c jsonb, d int4range, e int, CONSTRAINT indexed_key UNIQUE NULLS NOT DISTINCT (a) INCLUDE (e) WITH (fillfactor = 60), EXCLUDE USING gist (d WITH &&) WHERE (a > 0));
CREATE UNIQUE INDEX indexed_lower ON indexed (lower(b) text_pattern_ops) INCLUDE (e) WITH (fillfactor = 50) WHERE b IS NOT NULL;
CREATE INDEX indexed_c ON indexed USING gin (c jsonb_path_ops);
CREATE INDEX indexed_expr ON indexed ((a + e), b COLLATE "C" DESC NULLS FIRST);
ALTER INDEX indexed_expr ALTER COLUMN 1 SET STATISTICS 500;
COMMENT ON INDEX indexed_c IS 'documents';
ALTER TABLE indexed CLUSTER ON indexed_expr;
ALTER TABLE indexed ADD CONSTRAINT not_yet CHECK (a < 1000) NOT VALID;
ALTER TABLE indexed ADD CONSTRAINT own_only CHECK (a <> 7) NO INHERIT;
ALTER TABLE indexed ALTER COLUMN b SET STORAGE EXTERNAL, ALTER COLUMN b SET STATISTICS 200, ALTER COLUMN a SET (n_distinct = 5);
ALTER TABLE indexed ALTER COLUMN e SET NOT NULL;
CREATE UNIQUE INDEX indexed_e ON indexed (e);
ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_e;
CREATE STATISTICS indexed_stats (ndistinct, mcv) ON a, (lower(b)) FROM indexed;
ALTER STATISTICS indexed_stats SET STATISTICS 77;
COMMENT ON STATISTICS indexed_stats IS 'for the planner';

-- Partitions: with keys, of partitions, attached with columns in another order, with their own.
CREATE TABLE measured (at date NOT NULL, place int NOT NULL, value numeric DEFAULT 0, PRIMARY KEY (at, place), CHECK (place > 0)) PARTITION BY RANGE (at);
CREATE TABLE measured_1 PARTITION OF measured FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY LIST (place);
CREATE TABLE measured_1_odd PARTITION OF measured_1 FOR VALUES IN (1, 3, 5);
CREATE TABLE measured_1_rest PARTITION OF measured_1 DEFAULT;
CREATE TABLE measured_2 (value numeric DEFAULT 9, place int NOT NULL, at date NOT NULL, CONSTRAINT measured_place_check CHECK (place > 0), CONSTRAINT own CHECK (value >= 0));
ALTER TABLE measured ATTACH PARTITION measured_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE INDEX measured_value ON measured (value);
ALTER TABLE measured ADD UNIQUE (place, at);
CREATE INDEX measured_2_own ON measured_2 (value DESC);
INSERT INTO measured VALUES ('2026-01-05', 1, 1.5), ('2026-01-06', 2, NULL), ('2026-02-07', 3, 2);
CREATE TABLE seen (at date, place int, FOREIGN KEY (at, place) REFERENCES measured (at, place));
INSERT INTO seen VALUES ('2026-01-05', 1);
COMMENT ON TABLE measured_1 IS 'January';

-- Inheritance: columns added since, two parents, joined later.
CREATE TABLE parent (a int NOT NULL DEFAULT 1, CHECK (a > 0));
CREATE TABLE child (b int) INHERITS (parent);
ALTER TABLE parent ADD COLUMN c int DEFAULT 3;
CREATE TABLE other_parent (d int);
CREATE TABLE child_of_two (e int) INHERITS (parent, other_parent);
CREATE TABLE joined (c int DEFAULT 3, a int NOT NULL DEFAULT 1, CONSTRAINT parent_a_check CHECK (a > 0));
ALTER TABLE joined INHERIT parent;
INSERT INTO child VALUES (1, 2, 3);
INSERT INTO parent VALUES (9, 9);

-- Triggers, rules, policies.
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER " ON public.hen" BEFORE INSERT OR UPDATE OF egg ON hen FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION noted('a', 'it''s; ');
CREATE TRIGGER every AFTER UPDATE ON hen REFERENCING OLD TABLE AS old NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION noted();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON hen DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION noted();
ALTER TABLE hen DISABLE TRIGGER every;
ALTER TABLE hen ENABLE ALWAYS TRIGGER late;
COMMENT ON TRIGGER every ON hen IS 'off';
CREATE TRIGGER on_parts BEFORE INSERT ON measured FOR EACH ROW EXECUTE FUNCTION noted();
CREATE TRIGGER instead INSTEAD OF INSERT ON by_key FOR EACH ROW EXECUTE FUNCTION noted();
CREATE RULE "also; this" AS ON INSERT TO egg WHERE NEW.id > 100 DO ALSO (INSERT INTO hen VALUES (NEW.id); DELETE FROM seen);
ALTER TABLE egg DISABLE RULE "also; this";
ALTER TABLE egg ENABLE ROW LEVEL SECURITY;
ALTER TABLE egg FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON egg AS RESTRICTIVE FOR UPDATE TO PUBLIC USING (id > 0) WITH CHECK (mother IS NOT NULL);
CREATE POLICY reading ON egg FOR SELECT TO postgres, pg_monitor USING (true);
COMMENT ON POLICY mine ON egg IS 'mine';

-- Tables without columns to write.
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
INSERT INTO no_columns DEFAULT VALUES;
