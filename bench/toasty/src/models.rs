//! The models, with unsigned keys as the guide has them. (Signed ones cannot be loaded with what belongs to them on SQLite, where toasty
//! 0.11 takes keys that the database gives for shorter than those that name them.)

use oarlock_bench_protocol::{comment_sum, nested_sum, post_sum, user_sum};
use toasty::{Deferred, Model};

#[derive(Debug, Model)]
#[table = "orm_users"]
pub struct User {
    #[key]
    #[auto]
    id: u64,
    name: String,
    hair_color: Option<String>,
    #[has_many]
    posts: Deferred<Vec<Post>>,
}

#[derive(Debug, Model)]
#[table = "orm_posts"]
pub struct Post {
    #[key]
    #[auto]
    id: u64,
    #[index]
    user_id: u64,
    #[belongs_to]
    user: Deferred<User>,
    title: String,
    body: Option<String>,
    #[has_many]
    comments: Deferred<Vec<Comment>>,
}

#[derive(Debug, Model)]
#[table = "orm_comments"]
pub struct Comment {
    #[key]
    #[auto]
    id: u64,
    #[index]
    post_id: u64,
    #[belongs_to]
    post: Deferred<Post>,
    text: String,
}

impl User {
    pub fn sum(&self) -> u64 {
        user_sum(self.id.cast_signed(), &self.name, self.hair_color.as_deref())
    }

    /// Sums it, its posts and the comments on them up.
    pub fn whole_sum(&self) -> u64 {
        nested_sum(self.sum(), self.posts.get().iter().map(Post::whole_sum))
    }
}

impl Post {
    fn whole_sum(&self) -> u64 {
        let own = post_sum(self.id.cast_signed(), self.user_id.cast_signed(), &self.title, self.body.as_deref());
        nested_sum(own, self.comments.get().iter().map(Comment::sum))
    }
}

impl Comment {
    fn sum(&self) -> u64 {
        comment_sum(self.id.cast_signed(), self.post_id.cast_signed(), &self.text)
    }
}
