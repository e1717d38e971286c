//! diesel itself, called directly on the task: over SQLite, libpq and the C client of MariaDB or MySQL.

use diesel::connection::SimpleConnection;
use diesel::{
    BelongingToDsl, Connection, ExpressionMethods, GroupedBy, MysqlConnection, PgConnection, QueryDsl, RunQueryDsl,
    SelectableHelper, SqliteConnection,
};
use oarlock_bench_protocol::{Engine, NewUser, OrmPeer, ordered_sum, serve_orm, unordered_sum};

use crate::models::{Comment, NewRow, Post, User, orm_posts, orm_users, pair_sum, whole_sum};
use crate::peer::{insert_rows, peer};

peer!(Sqlite, SqliteConnection,);
peer!(Postgres, PgConnection,);
peer!(Mysql, MysqlConnection,);
insert_rows!(Sqlite,);
insert_rows!(Postgres,);
insert_rows!(Mysql,);

pub fn serve(engine: Engine, url: String) -> std::io::Result<()> {
    const THERE: &str = "the database is there";
    match engine {
        Engine::Sqlite => serve_orm(engine, || async { Sqlite(SqliteConnection::establish(":memory:").expect(THERE)) }),
        Engine::Postgres => serve_orm(engine, || async move { Postgres(PgConnection::establish(&url).expect(THERE)) }),
        Engine::Mysql => serve_orm(engine, || async move { Mysql(MysqlConnection::establish(&url).expect(THERE)) }),
    }
}
