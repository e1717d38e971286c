//! The pages as HTML.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use oarlock::store::{Entry, Version};

use super::Note;

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}\
nav a{margin-right:1rem}input[name=title],textarea{width:100%;box-sizing:border-box;font:inherit}textarea{height:8rem}\
form.inline{display:inline}table{border-collapse:collapse;width:100%}td{border-top:1px solid #8884;padding:.3rem;vertical-align:top}\
.gone{opacity:.6}";

fn frame(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Notebook" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                nav { a href="/" { "Notes" } a href="/changes" { "Changes" } }
                h1 { (title) }
                (body)
            }
        }
    }
}

pub fn list(notes: &[Note], as_of: Option<u64>) -> Markup {
    let title = as_of.map_or_else(|| "Notes".to_owned(), |transaction| format!("Notes after change {transaction}"));
    frame(
        &title,
        &html! {
            @if notes.is_empty() { p { "There are no notes." } }
            ul {
                @for note in notes { li { a href={ "/note/" (note.id) } { (note.title) } } }
            }
            @if as_of.is_none() {
                h2 { "A new note" }
                (form("/", &Note { id: 0, title: String::new(), text: String::new(), version: 0 }))
            }
        },
    )
}

fn form(action: &str, note: &Note) -> Markup {
    html! {
        form method="post" action=(action) {
            p { input name="title" value=(note.title) placeholder="Title" aria-label="Title" required; }
            p { textarea name="text" aria-label="Text" { (note.text) } }
            input type="hidden" name="version" value=(note.version);
            button { "Save" }
        }
    }
}

pub fn show(note: Option<&Note>, versions: &[Version<Note>]) -> Markup {
    let title = note.map_or("A deleted note", |note| note.title.as_str());
    frame(
        title,
        &html! {
            @if let Some(note) = note {
                (form(&format!("/note/{}", note.id), note))
                form.inline method="post" action={ "/note/" (note.id) "/delete" } { button { "Delete" } }
            }
            h2 { "History" }
            table {
                @for version in versions {
                    tr {
                        td { a href={ "/as-of/" (version.transaction) } { (version.transaction) } }
                        td {
                            @match &version.record {
                                Some(then) => { strong { (then.title) } br; (then.text) },
                                None => { span.gone { "deleted" } },
                            }
                        }
                        td { (version.note.as_deref().unwrap_or_default()) }
                        td { (undo(version.transaction)) }
                    }
                }
            }
        },
    )
}

pub fn changes(entries: &[Entry]) -> Markup {
    frame(
        "Changes",
        &html! {
            table {
                // The definition of the tables has no note, and is not to be undone.
                @for entry in entries.iter().rev().filter(|entry| entry.note.is_some()) {
                    tr {
                        td { a href={ "/as-of/" (entry.transaction) } { (entry.transaction) } }
                        td { (entry.note.as_deref().unwrap_or_default()) }
                        td { (undo(entry.transaction)) }
                    }
                }
            }
        },
    )
}

fn undo(transaction: u64) -> Markup {
    html! { form.inline method="post" action={ "/undo/" (transaction) } { button { "Undo" } } }
}

pub fn problem(message: &str) -> Markup {
    frame("That was not possible", &html! { p role="alert" { (message) } })
}
