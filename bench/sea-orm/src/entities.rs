//! The entities.

pub mod user {
    use oarlock_bench_protocol::{nested_sum, user_sum};
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "orm_users")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        pub hair_color: Option<String>,
        #[sea_orm(has_many)]
        pub posts: HasMany<super::post::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub fn sum(&self) -> u64 {
            user_sum(self.id, &self.name, self.hair_color.as_deref())
        }
    }

    /// Sums a user, its posts and the comments on them up.
    pub fn whole_sum(user: ModelEx) -> u64 {
        let own = user_sum(user.id, &user.name, user.hair_color.as_deref());
        assert!(user.posts.is_loaded(), "the posts were asked for");
        nested_sum(own, user.posts.into_iter().map(super::post::whole_sum))
    }
}

pub mod post {
    use oarlock_bench_protocol::{nested_sum, post_sum};
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "orm_posts")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub user_id: i64,
        pub title: String,
        pub body: Option<String>,
        #[sea_orm(belongs_to, from = "user_id", to = "id")]
        pub user: BelongsTo<super::user::Entity>,
        #[sea_orm(has_many)]
        pub comments: HasMany<super::comment::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub fn sum(&self) -> u64 {
            post_sum(self.id, self.user_id, &self.title, self.body.as_deref())
        }
    }

    pub(super) fn whole_sum(post: ModelEx) -> u64 {
        let own = post_sum(post.id, post.user_id, &post.title, post.body.as_deref());
        assert!(post.comments.is_loaded(), "the comments were asked for");
        nested_sum(own, post.comments.into_iter().map(super::comment::sum))
    }
}

pub mod comment {
    use oarlock_bench_protocol::comment_sum;
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "orm_comments")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub post_id: i64,
        pub text: String,
        #[sea_orm(belongs_to, from = "post_id", to = "id")]
        pub post: BelongsTo<super::post::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}

    pub(super) fn sum(comment: ModelEx) -> u64 {
        comment_sum(comment.id, comment.post_id, &comment.text)
    }
}
