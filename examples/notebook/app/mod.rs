//! The notebook itself: what each address does.

#![allow(unreachable_pub, reason = "the notebook is a module of a program, and of its tests")]

mod pages;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use oarlock::orm::Invalid;
use oarlock::store::{Store, Transaction};
use oarlock::{ErrorKind, Model, Record, Result};
use serde::Deserialize;

/// A note, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Note {
    #[model(primary_key, auto)]
    pub id: i64,
    #[model(unique, not_blank, max_length = 100)]
    pub title: String,
    pub text: String,
    /// The page that is saved says which version it shows: what somebody else has saved meanwhile is not overwritten.
    #[model(version)]
    pub version: i64,
}

/// What a form sends.
#[derive(Debug, Default, Deserialize)]
struct Written {
    title: String,
    text: String,
    #[serde(default)]
    version: i64,
}

pub fn open(file: &str) -> Result<Store> {
    let store = Store::open(file)?;
    store.define([Note::definition()])?;
    Ok(store)
}

pub fn router(store: Store) -> Router {
    Router::new()
        .route("/", get(list).post(create))
        .route("/note/{id}", get(show).post(update))
        .route("/note/{id}/delete", post(delete))
        .route("/changes", get(changes))
        .route("/as-of/{transaction}", get(as_of))
        .route("/undo/{transaction}", post(undo))
        .with_state(store)
}

/// A failure, as a page.
struct Problem(oarlock::Error);

impl From<oarlock::Error> for Problem {
    fn from(error: oarlock::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, message) = match self.0.kind() {
            ErrorKind::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, wrong(&self.0)),
            ErrorKind::UniqueViolation => (StatusCode::CONFLICT, "There is a note of this title already.".to_owned()),
            ErrorKind::StaleRow => (StatusCode::CONFLICT, format!("Not done: {}.", self.0.message())),
            ErrorKind::RowNotFound | ErrorKind::ObjectNotFound => {
                (StatusCode::NOT_FOUND, "There is no such note, or no more.".to_owned())
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "The notebook cannot be used at the moment.".to_owned()),
        };
        (status, Html(pages::problem(&message).into_string())).into_response()
    }
}

fn wrong(error: &oarlock::Error) -> String {
    let fields = Invalid::of(error).map_or(&[][..], Invalid::fields);
    let told: Vec<String> = fields.iter().map(|found| format!("The {} {}.", found.field, found.message)).collect();
    told.join(" ")
}

type Page = Result<Html<String>, Problem>;
type Done = Result<Redirect, Problem>;

/// Carries out what waits for the disk, where that keeps nobody else waiting.
async fn aside<T: Send + 'static>(act: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(act).await;
    done.map_err(|_| oarlock::Error::new(ErrorKind::Internal, "what was carried out aside has panicked"))?
}

async fn commit<T: Send + 'static>(
    store: Store,
    note: String,
    act: impl Fn(&Transaction) -> Result<T> + Send + 'static,
) -> Result<T> {
    aside(move || {
        store.transaction(|tx| {
            tx.note(note.as_str());
            act(tx)
        })
    })
    .await
}

async fn list(State(store): State<Store>) -> Page {
    let notes = store.table::<Note>().query().order_by(Note::TITLE.asc()).all()?;
    Ok(Html(pages::list(&notes, None).into_string()))
}

async fn create(State(store): State<Store>, Form(written): Form<Written>) -> Done {
    let what = format!("wrote \u{201c}{}\u{201d}", written.title);
    let made = commit(store, what, move |tx| {
        let note = Note { id: 0, title: written.title.clone(), text: written.text.clone(), version: 0 };
        tx.table::<Note>().insert(note)
    });
    Ok(Redirect::to(&format!("/note/{}", made.await?.id)))
}

async fn show(State(store): State<Store>, Path(id): Path<i64>) -> Page {
    let (note, versions) = aside(move || {
        let notes = store.table::<Note>();
        let versions = notes.history(id)?;
        let note = if versions.is_empty() { Some(notes.require(id)?) } else { notes.get(id)? };
        Ok((note, versions))
    })
    .await?;
    Ok(Html(pages::show(note.as_ref(), &versions).into_string()))
}

async fn update(State(store): State<Store>, Path(id): Path<i64>, Form(written): Form<Written>) -> Done {
    let what = format!("changed \u{201c}{}\u{201d}", written.title);
    commit(store, what, move |tx| {
        let Written { title, text, version } = &written;
        tx.table::<Note>().update(Note { id, title: title.clone(), text: text.clone(), version: *version })
    })
    .await?;
    Ok(Redirect::to(&format!("/note/{id}")))
}

async fn delete(State(store): State<Store>, Path(id): Path<i64>) -> Done {
    let what = format!("deleted \u{201c}{}\u{201d}", store.table::<Note>().require(id)?.title);
    commit(store, what, move |tx| tx.table::<Note>().delete(id)).await?;
    Ok(Redirect::to("/changes"))
}

async fn changes(State(store): State<Store>) -> Page {
    const SHOWN: u64 = 50;
    let first = store.snapshot().transaction().saturating_sub(SHOWN);
    let entries = aside(move || store.transactions(first..)).await?;
    Ok(Html(pages::changes(&entries).into_string()))
}

async fn as_of(State(store): State<Store>, Path(transaction): Path<u64>) -> Page {
    let notes =
        aside(move || store.as_of(transaction)?.table::<Note>().query().order_by(Note::TITLE.asc()).all()).await?;
    Ok(Html(pages::list(&notes, Some(transaction)).into_string()))
}

async fn undo(State(store): State<Store>, Path(transaction): Path<u64>) -> Done {
    aside(move || store.undo(transaction)).await?;
    Ok(Redirect::to("/changes"))
}
