//! What goes wrong, as a page with a message and the right status.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use oarlock::{Error, ErrorKind};

use super::form::{CityForm, Message};
use super::pages;

/// A request that cannot be served as asked.
pub enum Problem {
    /// There is no such thing.
    NotFound(&'static str),
    /// The form has to be shown again, with what is wrong.
    Form {
        status: StatusCode,
        id: Option<i64>,
        form: Box<CityForm>,
        messages: Vec<Message>,
    },
    /// The database failed.
    Database(Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl Problem {
    /// The form's own checks found something.
    pub fn rejected(id: Option<i64>, form: &CityForm, messages: Vec<Message>) -> Self {
        Self::Form {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            id,
            form: Box::new(form.clone()),
            messages,
        }
    }

    /// The database refused the change: what a person can mend is said beside the form.
    pub fn refused(id: Option<i64>, form: &CityForm, error: Error) -> Self {
        let message: Message = match error.kind() {
            ErrorKind::UniqueViolation => (
                "name",
                "there is already a city of this name at this place".to_owned(),
            ),
            ErrorKind::CheckViolation | ErrorKind::OutOfRange | ErrorKind::InvalidValue => (
                "population",
                "the database does not accept this value".to_owned(),
            ),
            _ => return Self::Database(error),
        };
        Self::Form {
            status: StatusCode::CONFLICT,
            id,
            form: Box::new(form.clone()),
            messages: vec![message],
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, markup) = match self {
            Self::NotFound(what) => (
                StatusCode::NOT_FOUND,
                pages::message("Not found", &format!("There is no such {what}.")),
            ),
            Self::Form {
                status,
                id,
                form,
                messages,
            } => (status, pages::form(id, &form, &messages)),
            Self::Database(error) => {
                let (status, text) = match error.kind() {
                    ErrorKind::PoolTimeout
                    | ErrorKind::TooManyConnections
                    | ErrorKind::ResourcesExhausted => (
                        StatusCode::SERVICE_UNAVAILABLE,
                        "The site is busy. Please try again in a moment.",
                    ),
                    ErrorKind::ConnectionLost | ErrorKind::ConnectionRefused => (
                        StatusCode::SERVICE_UNAVAILABLE,
                        "The database cannot be reached. Please try again in a moment.",
                    ),
                    _ => (
                        StatusCode::INTERNAL_SERVER_ERROR,
                        "The database could not do this. Nothing was changed.",
                    ),
                };
                tracing::error!(kind = %error.kind(), error = %error, "request failed");
                (status, pages::message("Something went wrong", text))
            }
        };
        (status, Html(markup.into_string())).into_response()
    }
}
