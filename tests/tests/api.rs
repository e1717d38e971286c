//! The example API over HTTP, on every engine.

use oarlock::{Pool, Result};
use oarlock_tests::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[path = "../../examples/api_axum/app/mod.rs"]
mod app;

/// Serves the API from a pool on a port of its own, until the test is over.
async fn serve(pool: Pool) -> Result<Client> {
    app::create_tables(&pool).await?;
    app::create_tables(&pool).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, app::router(pool)).await });
    Ok(Client::new(address))
}

/// Sends JSON, and gives the status and the JSON that came back.
async fn send(api: Client, method: &str, path: &str, body: Value) -> (u16, Value) {
    let answer = api.json(method, path, &body.to_string()).await;
    let body = if answer.body.is_empty() { Value::Null } else { serde_json::from_str(&answer.body).expect("JSON") };
    (answer.status, body)
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn items_are_made_changed_moved_and_removed(db: Pool) -> Result<()> {
    let api = serve(db).await?;
    assert_eq!(send(api, "GET", "/items", Value::Null).await, (200, json!([])));
    let oar = json!({"sku": "A1", "name": "oar", "quantity": 4});
    let (status, made) = send(api, "POST", "/items", oar.clone()).await;
    let id = made["id"].as_i64().expect("it has a number");
    assert_eq!((status, &made), (201, &json!({"id": id, "sku": "A1", "name": "oar", "quantity": 4, "version": 1})));
    let path = format!("/items/{id}");
    assert_eq!(send(api, "GET", &path, Value::Null).await, (200, made));

    let (status, changed) = send(api, "PATCH", &path, json!({"version": 1, "quantity": 6})).await;
    assert_eq!(
        (status, &changed["quantity"], &changed["name"], &changed["version"]),
        (200, &json!(6), &json!("oar"), &json!(2))
    );
    let (status, rope) = send(api, "POST", "/items", json!({"sku": "B1", "name": "rope", "quantity": 0})).await;
    assert_eq!(status, 201);
    let (status, both) = send(api, "POST", &format!("{path}/move"), json!({"to": rope["id"], "quantity": 5})).await;
    assert_eq!((status, &both[0]["quantity"], &both[1]["quantity"]), (200, &json!(1), &json!(5)));

    // More than there are: nothing of it is done.
    let (status, told) = send(api, "POST", &format!("{path}/move"), json!({"to": rope["id"], "quantity": 5})).await;
    assert_eq!((status, &told["fields"][0]["field"]), (422, &json!("quantity")));
    let (_, items) = send(api, "GET", "/items", Value::Null).await;
    assert_eq!((&items[0]["quantity"], &items[1]["quantity"]), (&json!(1), &json!(5)));

    assert_eq!(send(api, "DELETE", &path, Value::Null).await, (204, Value::Null));
    assert_eq!(send(api, "DELETE", &path, Value::Null).await.0, 404);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn what_goes_wrong_has_its_status(db: Pool) -> Result<()> {
    let api = serve(db.clone()).await?;
    let (status, told) = send(api, "POST", "/items", json!({"sku": " ", "name": "", "quantity": -1})).await;
    let fields = json!([
        {"field": "sku", "message": "must not be blank"},
        {"field": "name", "message": "must not be blank"},
        {"field": "quantity", "message": "must be 0 or more"},
    ]);
    assert_eq!((status, told), (422, json!({"error": "the values break rules", "fields": fields})));

    let oar = json!({"sku": "A1", "name": "oar", "quantity": 4});
    let (_, made) = send(api, "POST", "/items", oar.clone()).await;
    let path = format!("/items/{}", made["id"]);
    assert_eq!(send(api, "POST", "/items", oar).await, (409, json!({"error": "it is there already"})));
    assert_eq!(send(api, "GET", "/items/999999", Value::Null).await, (404, json!({"error": "there is no such item"})));
    assert_eq!(send(api, "PATCH", &path, json!({"version": 1, "name": "long oar"})).await.0, 200);
    let stale = send(api, "PATCH", &path, json!({"version": 1, "name": "short oar"})).await;
    assert_eq!(stale, (409, json!({"error": "it was changed meanwhile"})));
    db.close().await?;
    assert_eq!(send(api, "GET", "/items", Value::Null).await.0, 503);
    Ok(())
}
