use super::*;
use crate::dialect::Dialect;
use crate::lex::lex;

fn verb(sql: &str, dialect: &Dialect) -> Verb {
    lex(sql, dialect).map_or_else(|error| panic!("{sql}: {error}"), |lexed| lexed.verb())
}

#[test]
fn verbs_of_all_dialects() {
    for (sql, expected) in [
        ("select 1", Verb::Select),
        ("/* c */ ((SELECT 1) UNION SELECT 2)", Verb::Select),
        ("VALUES (1)", Verb::Values),
        ("(VALUES (1))", Verb::Values),
        ("TABLE t", Verb::Table),
        ("INSERT INTO t SELECT 1", Verb::Insert),
        ("REPLACE INTO t VALUES (1)", Verb::Replace),
        ("MERGE INTO t USING u ON a = b WHEN MATCHED THEN DELETE", Verb::Merge),
        ("WITH a AS (SELECT 1) SELECT * FROM a", Verb::Select),
        ("WITH RECURSIVE a(x) AS (SELECT 1), b AS (SELECT 2) UPDATE t SET x = 1", Verb::Update),
        ("WITH a AS (INSERT INTO t VALUES (1) RETURNING 1) SELECT * FROM a FOR UPDATE", Verb::Select),
        ("WITH replace AS (SELECT 1), update AS (SELECT 2) DELETE FROM t", Verb::Delete),
        ("WITH a AS NOT MATERIALIZED (SELECT 1) INSERT INTO t VALUES (1)", Verb::Insert),
        ("WITH a AS (SELECT 1) (SELECT 2)", Verb::With),
        ("BEGIN", Verb::Begin),
        ("BEGIN IMMEDIATE", Verb::Begin),
        ("START TRANSACTION READ ONLY", Verb::Begin),
        ("COMMIT", Verb::Commit),
        ("commit work and no chain", Verb::Commit),
        ("COMMIT AND CHAIN", Verb::CommitAndChain),
        ("COMMIT PREPARED 'x'", Verb::CommitPrepared),
        ("END TRANSACTION", Verb::Commit),
        ("END WORK AND CHAIN", Verb::CommitAndChain),
        ("ROLLBACK", Verb::Rollback),
        ("ABORT", Verb::Rollback),
        ("ROLLBACK TRANSACTION AND CHAIN", Verb::RollbackAndChain),
        ("ROLLBACK TO a", Verb::RollbackTo),
        ("ROLLBACK /* to */ WORK TO SAVEPOINT a", Verb::RollbackTo),
        ("ROLLBACK PREPARED 'x'", Verb::RollbackPrepared),
        ("SAVEPOINT a", Verb::Savepoint),
        ("RELEASE a", Verb::Release),
        ("PREPARE TRANSACTION 'x'", Verb::PrepareTransaction),
        ("PREPARE p AS SELECT 1", Verb::Prepare),
        ("SET a = 1", Verb::Set),
        ("RESET ALL", Verb::Reset),
        ("EXPLAIN ANALYZE SELECT 1", Verb::Explain),
        ("PRAGMA foreign_keys", Verb::Pragma),
        ("CREATE TABLE temporary (a int)", Verb::Create),
        ("CREATE TEMP TABLE t (a int)", Verb::CreateTemporary),
        ("CREATE OR REPLACE TEMPORARY TABLE t (a int)", Verb::CreateTemporary),
        ("DROP TEMPORARY TABLE t", Verb::DropTemporary),
        ("DROP TABLE t", Verb::Drop),
        ("VACUUM", Verb::Vacuum),
        ("ATTACH 'a' AS b", Verb::Attach),
        ("ANALYZE t", Verb::Analyze),
        ("select_into 1", Verb::Other),
        ("'SELECT'", Verb::Other),
    ] {
        for dialect in [Dialect::POSTGRES, Dialect::MYSQL, Dialect::SQLITE] {
            assert_eq!(verb(sql, &dialect), expected, "{}: {sql}", dialect.name);
        }
    }
}

#[test]
fn verbs_of_mysql() {
    for (sql, expected) in [
        ("/*!40101 SET NAMES utf8 */", Verb::Set),
        ("/*M!999999\\- enable the sandbox mode */ SELECT 1", Verb::Select),
        ("SET autocommit = 0", Verb::SetAutocommit),
        ("SET NAMES utf8, @@session.AutoCommit = 1", Verb::SetAutocommit),
        ("SET SESSION autocommit = 1", Verb::SetAutocommit),
        ("SET @autocommit_wanted = 1", Verb::Set),
        ("SET PASSWORD = 'x'", Verb::Administer),
        ("SET TRANSACTION READ ONLY", Verb::Set),
        ("START SLAVE", Verb::Administer),
        ("PREPARE transaction FROM 'SELECT 1'", Verb::Prepare),
        ("XA START 'x'", Verb::Xa),
        ("ANALYZE FORMAT=JSON SELECT 1", Verb::Explain),
        ("ANALYZE TABLE t", Verb::Analyze),
        ("OPTIMIZE TABLE t", Verb::Administer),
        ("LOAD DATA INFILE 'x' INTO TABLE t", Verb::Load),
        ("LOAD INDEX INTO CACHE t", Verb::Administer),
        ("BEGIN NOT ATOMIC SELECT 1; END", Verb::Other),
        ("DESC t", Verb::Describe),
        ("UNLOCK TABLES", Verb::Unlock),
    ] {
        assert_eq!(verb(sql, &Dialect::MARIADB), expected, "{sql}");
    }
}

#[test]
fn only_mysql_commits_implicitly() {
    for sql in ["CREATE TABLE t (a int)", "BEGIN", "TRUNCATE t", "SET autocommit = 1", "LOCK TABLES t READ"] {
        let verb = verb(sql, &Dialect::MYSQL);
        assert!(verb.commits_implicitly(Flavor::MySql), "{sql}");
        assert!(!verb.commits_implicitly(Flavor::Postgres), "{sql}");
        assert!(!verb.commits_implicitly(Flavor::Sqlite), "{sql}");
    }
    for sql in ["CREATE TEMPORARY TABLE t (a int)", "SELECT 1", "SET a = 1", "CALL p()", "DROP TEMPORARY TABLE t"] {
        assert!(!verb(sql, &Dialect::MYSQL).commits_implicitly(Flavor::MySql), "{sql}");
    }
}
