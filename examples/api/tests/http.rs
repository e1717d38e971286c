//! The API over HTTP, on every engine and on both frameworks.

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use oarlock::{Pool, Result};
use oarlock_example_api::{on_actix, on_axum, store};
use oarlock_tests::Client;
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy)]
enum Framework {
    Actix,
    Axum,
}

/// The API, as it is served on a port of its own.
struct Served {
    client: Client,
    /// What stops actix-web's threads; axum ends with the test's runtime.
    actix: Option<ServerHandle>,
}

impl Served {
    async fn from(pool: Pool, framework: Framework) -> Result<Self> {
        store::create_tables(&pool).await?;
        store::create_tables(&pool).await?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        listener.set_nonblocking(true).expect("it is a socket");
        let client = Client::new(listener.local_addr().expect("it is bound"));
        let actix = match framework {
            Framework::Actix => {
                let server = HttpServer::new(move || App::new().configure(on_actix::routes(pool.clone())));
                let server = server.workers(2).disable_signals().listen(listener).expect("it listens").run();
                let handle = server.handle();
                tokio::spawn(server);
                Some(handle)
            }
            Framework::Axum => {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime is there");
                tokio::spawn(async move { axum::serve(listener, on_axum::router(pool)).await });
                None
            }
        };
        Ok(Self { client, actix })
    }

    /// Sends JSON, and gives the status and the JSON that came back.
    async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.send_text(method, path, &body.to_string()).await
    }

    async fn send_text(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let answer = self.client.json(method, path, body).await;
        let body = if answer.body.is_empty() { Value::Null } else { serde_json::from_str(&answer.body).expect("JSON") };
        (answer.status, body)
    }

    async fn stop(self) {
        if let Some(actix) = self.actix {
            actix.stop(true).await;
        }
    }
}

async fn items_are_made_changed_moved_and_removed(db: Pool, framework: Framework) -> Result<()> {
    let api = Served::from(db, framework).await?;
    assert_eq!(api.send("GET", "/items", Value::Null).await, (200, json!([])));
    let oar = json!({"sku": "A1", "name": "oar", "quantity": 4});
    let (status, made) = api.send("POST", "/items", oar.clone()).await;
    let id = made["id"].as_i64().expect("it has a number");
    assert_eq!((status, &made), (201, &json!({"id": id, "sku": "A1", "name": "oar", "quantity": 4, "version": 1})));
    let path = format!("/items/{id}");
    assert_eq!(api.send("GET", &path, Value::Null).await, (200, made));

    let (status, changed) = api.send("PATCH", &path, json!({"version": 1, "quantity": 6})).await;
    assert_eq!(
        (status, &changed["quantity"], &changed["name"], &changed["version"]),
        (200, &json!(6), &json!("oar"), &json!(2))
    );
    let (status, rope) = api.send("POST", "/items", json!({"sku": "B1", "name": "rope", "quantity": 0})).await;
    assert_eq!(status, 201);
    let (status, both) = api.send("POST", &format!("{path}/move"), json!({"to": rope["id"], "quantity": 5})).await;
    assert_eq!((status, &both[0]["quantity"], &both[1]["quantity"]), (200, &json!(1), &json!(5)));

    // More than there are: nothing of it is done.
    let (status, told) = api.send("POST", &format!("{path}/move"), json!({"to": rope["id"], "quantity": 5})).await;
    assert_eq!((status, &told["fields"][0]["field"]), (422, &json!("quantity")));
    let (_, items) = api.send("GET", "/items", Value::Null).await;
    assert_eq!((&items[0]["quantity"], &items[1]["quantity"]), (&json!(1), &json!(5)));

    assert_eq!(api.send("DELETE", &path, Value::Null).await, (204, Value::Null));
    assert_eq!(api.send("DELETE", &path, Value::Null).await.0, 404);
    api.stop().await;
    Ok(())
}

async fn what_goes_wrong_has_its_status(db: Pool, framework: Framework) -> Result<()> {
    let api = Served::from(db.clone(), framework).await?;
    let (status, told) = api.send("POST", "/items", json!({"sku": " ", "name": "", "quantity": -1})).await;
    let fields = json!([
        {"field": "sku", "message": "must not be blank"},
        {"field": "name", "message": "must not be blank"},
        {"field": "quantity", "message": "must be 0 or more"},
    ]);
    assert_eq!((status, told), (422, json!({"error": "the values break rules", "fields": fields})));

    let oar = json!({"sku": "A1", "name": "oar", "quantity": 4});
    let (_, made) = api.send("POST", "/items", oar.clone()).await;
    let path = format!("/items/{}", made["id"]);
    assert_eq!(api.send("POST", "/items", oar).await, (409, json!({"error": "it is there already"})));
    assert_eq!(api.send("GET", "/items/999999", Value::Null).await, (404, json!({"error": "there is no such item"})));
    assert_eq!(api.send("PATCH", &path, json!({"version": 1, "name": "long oar"})).await.0, 200);
    let stale = api.send("PATCH", &path, json!({"version": 1, "name": "short oar"})).await;
    assert_eq!(stale, (409, json!({"error": "it was changed meanwhile"})));
    for (method, path, body) in [
        ("POST", "/items", "{"),
        ("POST", "/items", r#"{"sku": "A2"}"#),
        ("PATCH", path.as_str(), r#"{"version": "one"}"#),
        ("GET", "/items/oar", ""),
        ("DELETE", "/items/99999999999999999999", ""),
    ] {
        let (status, told) = api.send_text(method, path, body).await;
        assert_eq!((status, &told["error"]), (400, &json!("the request cannot be read")), "{method} {path} {body}");
        assert!(told["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{told}");
    }
    db.close().await?;
    assert_eq!(api.send("GET", "/items", Value::Null).await.0, 503);
    api.stop().await;
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn items_are_made_changed_moved_and_removed_on_actix(db: Pool) -> Result<()> {
    items_are_made_changed_moved_and_removed(db, Framework::Actix).await
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn items_are_made_changed_moved_and_removed_on_axum(db: Pool) -> Result<()> {
    items_are_made_changed_moved_and_removed(db, Framework::Axum).await
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn what_goes_wrong_has_its_status_on_actix(db: Pool) -> Result<()> {
    what_goes_wrong_has_its_status(db, Framework::Actix).await
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn what_goes_wrong_has_its_status_on_axum(db: Pool) -> Result<()> {
    what_goes_wrong_has_its_status(db, Framework::Axum).await
}
