//! diesel-async: SQLite by its wrapper, which sends every call to a thread, tokio-postgres and mysql_async.

use diesel::{BelongingToDsl, ExpressionMethods, GroupedBy, QueryDsl, SelectableHelper, SqliteConnection};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection, AsyncMysqlConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use oarlock_bench_protocol::{Engine, NewUser, OrmPeer, ordered_sum, serve_orm, unordered_sum};

use crate::models::{Comment, NewRow, Post, User, orm_posts, orm_users, pair_sum, whole_sum};
use crate::peer::{insert_rows, peer};

peer!(Sqlite, SyncConnectionWrapper<SqliteConnection>, .await);
peer!(Postgres, AsyncPgConnection, .await);
peer!(Mysql, AsyncMysqlConnection, .await);
insert_rows!(Postgres, .await);
insert_rows!(Mysql, .await);

impl Sqlite {
    /// Many rows in one statement are a special case of diesel's for SQLite, which the wrapper has not; so they are made by
    /// diesel itself on the wrapper's thread.
    async fn insert_rows(&mut self, users: &[NewUser]) {
        if let [user] = users {
            let insert = diesel::insert_into(orm_users::table).values(NewRow::from(user));
            insert.execute(&mut self.0).await.expect("insert");
        } else {
            let users = users.to_vec();
            let work = move |db: &mut SqliteConnection| {
                let rows: Vec<_> = users.iter().map(NewRow::from).collect();
                diesel::RunQueryDsl::execute(diesel::insert_into(orm_users::table).values(rows), db)
            };
            self.0.spawn_blocking(work).await.expect("insert");
        }
    }
}

pub fn serve(engine: Engine, url: String) -> std::io::Result<()> {
    match engine {
        Engine::Sqlite => serve_orm(engine, || async { Sqlite(open(":memory:").await) }),
        Engine::Postgres => serve_orm(engine, || async move { Postgres(open(&url).await) }),
        Engine::Mysql => {
            // As the raw driver's: left to itself it would leave TCP for the server's Unix socket.
            let mark = if url.contains('?') { '&' } else { '?' };
            let url = format!("{url}{mark}prefer_socket=false");
            serve_orm(engine, || async move { Mysql(open(&url).await) })
        }
    }
}

async fn open<C: AsyncConnection>(url: &str) -> C {
    C::establish(url).await.expect("the database is there")
}
