//! The queries, written once for both libraries: the caller has the one or the other `RunQueryDsl` in scope, and says how to wait.

macro_rules! peer {
    ($name:ident, $connection:ty, $($wait:tt)*) => {
        struct $name($connection);

        impl OrmPeer for $name {
            async fn script(&mut self, statements: Vec<String>) {
                for statement in statements {
                    self.0.batch_execute(&statement) $($wait)* .expect("script");
                }
            }

            async fn trivial(&mut self) -> u64 {
                let users: Vec<User> =
                    orm_users::table.select(User::as_select()).load(&mut self.0) $($wait)* .expect("select");
                unordered_sum(users.iter().map(User::sum))
            }

            async fn medium(&mut self) -> u64 {
                let pairs: Vec<(User, Option<Post>)> = orm_users::table
                    .left_join(orm_posts::table)
                    .filter(orm_users::hair_color.eq("black"))
                    .order(orm_users::name.desc())
                    .select((User::as_select(), Option::<Post>::as_select()))
                    .load(&mut self.0)
                    $($wait)*
                    .expect("select");
                ordered_sum(pairs.iter().map(pair_sum))
            }

            async fn insert(&mut self, users: &[NewUser]) {
                self.insert_rows(users).await;
            }

            async fn associations(&mut self) -> u64 {
                let users: Vec<User> =
                    orm_users::table.select(User::as_select()).load(&mut self.0) $($wait)* .expect("select");
                let posts: Vec<Post> = Post::belonging_to(&users)
                    .select(Post::as_select())
                    .load(&mut self.0)
                    $($wait)*
                    .expect("select");
                let comments: Vec<Comment> = Comment::belonging_to(&posts)
                    .select(Comment::as_select())
                    .load(&mut self.0)
                    $($wait)*
                    .expect("select");
                let comments = comments.grouped_by(&posts);
                let posts = posts.into_iter().zip(comments).grouped_by(&users);
                let whole: Vec<_> = users.into_iter().zip(posts).collect();
                unordered_sum(whole.iter().map(whole_sum))
            }
        }
    };
}

/// How a peer inserts, of which one needs another way.
macro_rules! insert_rows {
    ($name:ident, $($wait:tt)*) => {
        impl $name {
            async fn insert_rows(&mut self, users: &[NewUser]) {
                let insert = diesel::insert_into(orm_users::table);
                // Only the statement of a single row is kept prepared.
                if let [user] = users {
                    insert.values(NewRow::from(user)).execute(&mut self.0) $($wait)* .expect("insert");
                } else {
                    let rows: Vec<_> = users.iter().map(NewRow::from).collect();
                    insert.values(rows).execute(&mut self.0) $($wait)* .expect("insert");
                }
            }
        }
    };
}

pub(crate) use {insert_rows, peer};
