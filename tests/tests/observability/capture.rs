//! Hears all that is told: spans and events of `tracing` at every level, and the records of `log`, which other crates write.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use oarlock_tests::{Database, Engine};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// A span or an event.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub(crate) name: &'static str,
    pub(crate) target: String,
    pub(crate) level: Level,
    /// Where the span stands in which it was told.
    pub(crate) parent: Option<usize>,
    pub(crate) fields: BTreeMap<&'static str, String>,
    /// The span is over.
    pub(crate) closed: bool,
}

impl Note {
    #[track_caller]
    pub(crate) fn get(&self, field: &str) -> &str {
        self.find(field).unwrap_or_else(|| panic!("no {field} in {self:?}"))
    }

    pub(crate) fn find(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }

    /// Gives OpenTelemetry's name of the span.
    pub(crate) fn title(&self) -> &str {
        self.find("otel.name").unwrap_or(self.name)
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.target.starts_with("oarlock")
    }
}

/// All that was heard, in order. Cloning shares it.
#[derive(Clone, Default)]
pub(crate) struct Capture {
    notes: Arc<Mutex<Vec<Note>>>,
    log: Arc<Mutex<String>>,
}

impl Capture {
    /// Gives the one that hears whatever no other does, in all tests of this process.
    pub(crate) fn everything() -> &'static Self {
        static EVERYTHING: OnceLock<Capture> = OnceLock::new();
        EVERYTHING.get_or_init(|| {
            let capture = Self::default();
            tracing::subscriber::set_global_default(Registry::default().with(capture.clone()))
                .expect("nobody listens yet");
            log::set_boxed_logger(Box::new(capture.clone())).expect("nobody listens yet");
            log::set_max_level(log::LevelFilter::Trace);
            capture
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn notes(&self) -> Vec<Note> {
        self.lock().clone()
    }

    /// Gives the spans of calls to a database, in order.
    pub(crate) fn calls(&self, database: &Database) -> Vec<Note> {
        let namespace = namespace(database);
        let mut notes = self.notes();
        notes.retain(|note| note.name == "db" && note.find("db.namespace") == Some(&namespace));
        notes
    }

    /// Gives the names of the spans of calls to a database, in order.
    pub(crate) fn titles(&self, database: &Database) -> Vec<String> {
        self.calls(database).iter().map(|call| call.title().to_owned()).collect()
    }

    /// Gives the last span of a name on a database.
    #[track_caller]
    pub(crate) fn last(&self, database: &Database, title: &str) -> Note {
        let calls = self.calls(database);
        calls.iter().rfind(|call| call.title() == title).unwrap_or_else(|| panic!("no {title} in {calls:?}")).clone()
    }

    /// Gives the events of a target whose message begins so.
    pub(crate) fn events(&self, target: &str, message: &str) -> Vec<Note> {
        let mut notes = self.notes();
        notes
            .retain(|note| note.target == target && note.find("message").is_some_and(|told| told.starts_with(message)));
        notes
    }

    /// Writes all that was told, by us or by all.
    pub(crate) fn text(&self, whose: Whose) -> String {
        let mut text = String::new();
        for note in self.lock().iter().filter(|note| whose == Whose::All || note.is_ours()) {
            let _ = writeln!(text, "{} {} {} {:?}", note.level, note.target, note.name, note.fields);
        }
        if whose == Whose::All {
            text.push_str(&self.log.lock().unwrap_or_else(PoisonError::into_inner));
        }
        text
    }

    fn add(&self, metadata: &'static Metadata<'static>, parent: Option<usize>, fields: Fields) -> usize {
        let (name, target, level) = (metadata.name(), metadata.target().to_owned(), *metadata.level());
        let mut notes = self.lock();
        notes.push(Note { name, target, level, parent, fields: fields.0, closed: false });
        notes.len() - 1
    }
}

/// Who told something: oarlock's crates alone, or those underneath them too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Ours,
    All,
}

/// Gives what the spans of a database say that it is.
pub(crate) fn namespace(database: &Database) -> String {
    let place = database.url.split('?').next().unwrap_or_default();
    match database.engine {
        Engine::Sqlite => place.trim_start_matches("sqlite:").to_owned(),
        Engine::Postgres | Engine::MySql => place.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

/// Where a span's note stands.
struct Place(usize);

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Capture {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let span = context.span(id).expect("a new span is there");
        let parent = span.parent().and_then(|parent| parent.extensions().get::<Place>().map(|place| place.0));
        let place = self.add(attributes.metadata(), parent, fields);
        span.extensions_mut().insert(Place(place));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(Place(place)) = context.span(id).expect("the span is there").extensions().get() {
            self.lock()[*place].fields.append(&mut fields.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let parent = context.event_span(event);
        let parent = parent.and_then(|parent| parent.extensions().get::<Place>().map(|place| place.0));
        self.add(event.metadata(), parent, fields);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if let Some(Place(place)) = context.span(&id).expect("the span is there").extensions().get() {
            self.lock()[*place].closed = true;
        }
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl log::Log for Capture {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(log, "{} {} {}", record.level(), record.target(), record.args());
    }

    fn flush(&self) {}
}
