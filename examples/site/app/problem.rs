//! What goes wrong, as a page with a message and the right status.

use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use oarlock::{Error, ErrorKind};

use super::form::{CityForm, Message};
use super::pages;

/// A request that cannot be served as asked.
pub enum Problem {
    /// There is no such thing.
    NotFound(&'static str),
    /// The address or the form is not of the site's making.
    NotUnderstood(StatusCode),
    /// The form has to be shown again, with what is wrong.
    Form { status: StatusCode, id: Option<i64>, form: Box<CityForm>, messages: Vec<Message> },
    /// The database failed.
    Database(Error),
}

impl Problem {
    /// The form's own checks found something.
    pub fn rejected(id: Option<i64>, form: &CityForm, messages: Vec<Message>) -> Self {
        Self::Form { status: StatusCode::UNPROCESSABLE_ENTITY, id, form: Box::new(form.clone()), messages }
    }

    /// The database refused the change: what a person can mend is said beside the form.
    pub fn refused(id: Option<i64>, form: &CityForm, error: Error) -> Self {
        match error.kind() {
            ErrorKind::UniqueViolation => Self::Form {
                status: StatusCode::CONFLICT,
                id,
                form: Box::new(form.clone()),
                messages: vec![("name", "is taken: the list has a city of this name at this place".to_owned())],
            },
            _ => Self::Database(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::NotUnderstood(rejection.status())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::NotUnderstood(rejection.status())
    }
}

impl From<FormRejection> for Problem {
    fn from(rejection: FormRejection) -> Self {
        Self::NotUnderstood(rejection.status())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, page) = match self {
            Self::NotFound(what) => {
                (StatusCode::NOT_FOUND, pages::message("Not found", &format!("There is no such {what}.")))
            }
            Self::NotUnderstood(status) => {
                (status, pages::message("Not understood", "The address or the form is not one of this site's."))
            }
            Self::Form { status, id, form, messages } => (status, pages::form(id, &form, &messages)),
            Self::Database(error) => {
                tracing::error!(kind = %error.kind(), %error, "a request failed");
                let (status, text) = in_trouble(error.kind());
                (status, pages::message("Something went wrong", text))
            }
        };
        (status, Html(page.into_string())).into_response()
    }
}

/// What a visitor is told of a failure; the operator reads the rest in the log.
fn in_trouble(kind: ErrorKind) -> (StatusCode, &'static str) {
    match kind {
        ErrorKind::PoolTimeout
        | ErrorKind::TooManyConnections
        | ErrorKind::ResourcesExhausted
        | ErrorKind::LockTimeout => {
            (StatusCode::SERVICE_UNAVAILABLE, "The site is busy. Please try again in a moment.")
        }
        ErrorKind::ConnectionLost | ErrorKind::ConnectionRefused | ErrorKind::PoolClosed => {
            (StatusCode::SERVICE_UNAVAILABLE, "The database cannot be reached. Please try again in a moment.")
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "The database could not do this. The fault is ours, and is logged."),
    }
}
