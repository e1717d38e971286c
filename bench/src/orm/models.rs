//! oarlock's ORM.

use oarlock::{Conn, DbExt, HasMany, Model};
use oarlock_bench_protocol::{
    NewUser, OrmPeer, comment_sum, nested_sum, ordered_sum, post_sum, unordered_sum, user_sum,
};

#[derive(Model)]
#[model(table = "orm_users")]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    name: String,
    hair_color: Option<String>,
    #[model(has_many)]
    posts: HasMany<Post>,
}

#[derive(Model)]
#[model(table = "orm_posts")]
struct Post {
    #[model(primary_key, auto)]
    id: i64,
    #[model(references = User)]
    user_id: i64,
    title: String,
    body: Option<String>,
    #[model(has_many)]
    comments: HasMany<Comment>,
}

#[derive(Model)]
#[model(table = "orm_comments")]
struct Comment {
    #[model(primary_key, auto)]
    id: i64,
    #[model(references = Post)]
    post_id: i64,
    text: String,
}

impl User {
    fn sum(&self) -> u64 {
        user_sum(self.id, &self.name, self.hair_color.as_deref())
    }

    fn nested_sum(&self) -> u64 {
        nested_sum(self.sum(), self.posts.get().expect("loaded").iter().map(Post::nested_sum))
    }
}

impl Post {
    fn sum(&self) -> u64 {
        post_sum(self.id, self.user_id, &self.title, self.body.as_deref())
    }

    fn nested_sum(&self) -> u64 {
        let comment = |comment: &Comment| comment_sum(comment.id, comment.post_id, &comment.text);
        nested_sum(self.sum(), self.comments.get().expect("loaded").iter().map(comment))
    }
}

pub struct Models(Conn);

impl Models {
    pub async fn open(url: String) -> Self {
        Self(oarlock::connect(&url).await.expect("the database is there"))
    }
}

impl OrmPeer for Models {
    async fn script(&mut self, statements: Vec<String>) {
        self.0.script(&statements.join(";\n")).await.expect("script");
    }

    async fn trivial(&mut self) -> u64 {
        let users = User::query().all(&self.0).await.expect("select");
        unordered_sum(users.iter().map(User::sum))
    }

    async fn medium(&mut self) -> u64 {
        let query =
            User::query().left_join(User::POSTS).filter(User::HAIR_COLOR.eq("black")).order_by(User::NAME.desc());
        let pairs = query.select((User::ALL, Post::ALL.optional())).all(&self.0).await.expect("select");
        ordered_sum(pairs.iter().map(|(user, post)| user.sum().wrapping_add(post.as_ref().map_or(0, Post::sum))))
    }

    async fn insert(&mut self, users: &[NewUser]) {
        let rows = users.iter().map(|user| User::create().name(&user.name).hair_color(user.hair_color.clone()));
        User::insert_all(&self.0, rows).await.expect("insert");
    }

    async fn associations(&mut self) -> u64 {
        let users = User::query().with(User::POSTS.query().with(Post::COMMENTS)).all(&self.0).await.expect("select");
        unordered_sum(users.iter().map(User::nested_sum))
    }
}
