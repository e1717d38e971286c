//! The example notebook over HTTP.

use oarlock_tests::Client;
use tokio::net::TcpListener;

#[path = "../../examples/notebook/app/mod.rs"]
mod app;

async fn notebook(file: &str) -> Client {
    let store = app::open(file).expect("the file can be made");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, app::router(store)).await });
    Client::new(address)
}

#[tokio::test]
async fn notes_are_written_changed_deleted_and_undone() {
    let directory = tempfile::tempdir().expect("a directory");
    let site = notebook(&directory.path().join("notes.store").to_string_lossy()).await;
    assert!(site.get("/").await.body.contains("There are no notes."));
    let made = site.post("/", "title=Milk&text=two+bottles").await;
    assert_eq!((made.status, made.location.as_deref()), (303, Some("/note/1")));
    let page = site.get("/note/1").await;
    assert!(page.body.contains("two bottles") && page.body.contains("name=\"version\" value=\"1\""), "{}", page.body);

    assert_eq!(site.post("/note/1", "title=Milk&text=three+bottles&version=1").await.status, 303);
    let stale = site.post("/note/1", "title=Milk&text=none&version=1").await;
    assert_eq!(stale.status, 409, "somebody else has saved meanwhile");
    assert_eq!(site.post("/", "title=Milk&text=").await.status, 409, "the title is taken");
    let blank = site.post("/", "title=+&text=").await;
    assert!(blank.status == 422 && blank.body.contains("must not be blank"), "{}", blank.body);

    assert_eq!(site.post("/note/1/delete", "").await.location.as_deref(), Some("/changes"));
    let changes = site.get("/changes").await.body;
    assert!(changes.contains("deleted \u{201c}Milk\u{201d}"), "{changes}");
    assert!(site.get("/as-of/3").await.body.contains("Milk"), "it was there after the change before");
    assert_eq!(site.post("/undo/2", "").await.status, 409, "later changes stand on it");
    assert_eq!(site.post("/undo/4", "").await.status, 303);
    let page = site.get("/note/1").await.body;
    assert!(page.contains("three bottles") && page.contains("undo of transaction 4"), "{page}");
    assert_eq!(site.get("/note/77").await.status, 404);
}
