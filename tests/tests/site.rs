//! The example site over HTTP, on every engine.

use std::collections::HashMap;

use oarlock::migrate::Source;
use oarlock::{DbExt, Pool, embed_migrations};
use oarlock_tests::{Answer, Client, Database, Engine, Verdict, on_every_engine};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::TcpListener;

#[path = "../../examples/site/app/mod.rs"]
mod app;

fn migrations() -> Source {
    embed_migrations!("../examples/site/migrations")
}

/// Serves the site from a pool on a port of its own, until the test is over.
async fn serve(pool: Pool) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, app::router(pool)).await });
    Client::new(address)
}

/// Serves the site with no cities in it.
async fn empty_site(database: &Database) -> oarlock::Result<(Client, Pool)> {
    let pool = Pool::connect(&database.url).await?;
    app::setup::migrate(&pool, migrations()).await?;
    Ok((serve(pool.clone()).await, pool))
}

type Fields = [(&'static str, &'static str); 8];

const OSLO: Fields = [
    ("name", "Oslo"),
    ("country", "Norway"),
    ("country_code", "NO"),
    ("region", "12"),
    ("population", "717710"),
    ("latitude", "59.91273"),
    ("longitude", "10.74609"),
    ("timezone", "Europe/Oslo"),
];

/// Encodes a form, with one field changed.
fn form(fields: &Fields, field: &str, value: &str) -> String {
    let pairs = fields.iter().map(|(name, usual)| {
        format!("{name}={}", utf8_percent_encode(if *name == field { value } else { usual }, NON_ALPHANUMERIC))
    });
    pairs.collect::<Vec<_>>().join("&")
}

async fn search(site: &Client, text: &str) -> Answer {
    site.get(&format!("/?q={}", utf8_percent_encode(text, NON_ALPHANUMERIC))).await
}

/// Lists the names of the cities on a page.
fn names(answer: &Answer) -> Vec<&str> {
    let links = answer.body.split("<td><a href=\"/city/").skip(1);
    links.filter_map(|link| link.split_once("\">")?.1.split_once("</a>")).map(|(name, _)| name).collect()
}

/// Numbers the cities' keys by when they first occur: they are the database's own affair.
fn with_keys_numbered(page: &str) -> String {
    let mut seen = HashMap::new();
    let mut parts = page.split("/city/");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str("/city/");
        if digits > 0 {
            let next = seen.len();
            out.push_str(&seen.entry(&part[..digits]).or_insert(next).to_string());
        }
        out.push_str(&part[digits..]);
    }
    out
}

#[test]
fn pages_are_the_same_on_every_engine() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        let mut sites = Vec::new();
        for engine in Engine::ALL {
            let Some(database) = Database::make(engine).await.expect("a database is made") else { continue };
            let pool = Pool::connect(&database.url).await.expect("it is there");
            app::setup::migrate(&pool, migrations()).await.expect("the table is created");
            assert_eq!(app::setup::import(&pool).await.expect("the data is imported"), 34_003);
            assert_eq!(
                app::setup::import(&pool).await.expect("the data is there"),
                0,
                "a second start imports nothing"
            );
            app::setup::migrate(&pool, migrations()).await.expect("a second start finds the table");
            sites.push((serve(pool.clone()).await, pool, database));
        }
        for path in [
            "/",
            "/?page=2",
            "/?page=1361",
            "/?page=99999",
            "/?page=-7",
            "/?page=9223372036854775807",
            "/?sort=name",
            "/?sort=name&page=700",
            "/?sort=name&page=1360",
            "/?q=york",
            "/?q=YORK&sort=name",
            "/?q=zurich",
            "/?q=Z%C3%BCrich",
            "/?q=%E6%9D%B1",
            "/?q=saint&sort=name&page=2",
            "/?q=o&country=NO&page=2",
            "/?country=DE&sort=name&page=3",
            "/?country=de",
            "/?q=100%25",
            "/?q=_",
            "/?q=!",
            "/?q=%27",
            "/?q=%22",
            "/?q=%5C",
            "/?q=a%00b",
            "/?q=%27%20OR%201%3D1%20--",
            "/?country=%27%3B%20DROP%20TABLE%20city%3B%20--",
            "/?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        ] {
            let mut pages = Vec::new();
            for (site, _, database) in &sites {
                let answer = site.get(path).await;
                assert_eq!(answer.status, 200, "{path} on {:?}", database.engine);
                assert!(!answer.body.contains("<script>"), "{path}");
                pages.push((database.engine, with_keys_numbered(&answer.body)));
            }
            for (engine, page) in &pages {
                assert!(*page == pages[0].1, "{path} differs on {engine:?}:\n{page}\nand on SQLite:\n{}", pages[0].1);
            }
        }
        let (site, ..) = &sites[0];
        assert_eq!(names(&search(site, "zurich").await)[0], "Zürich");
        assert_eq!(
            names(&site.get("/?page=99999").await).len(),
            3,
            "past the last page is the last page: 34003 = 1360 × 25 + 3"
        );
        for (_, pool, database) in sites {
            drop(pool);
            database.remove().await.expect("the database is removed");
        }
    });
}

on_every_engine!(
    a_city_is_added_edited_and_deleted,
    what_is_wrong_with_a_form_is_said_beside_the_field,
    a_city_twice_is_a_conflict,
    every_character_is_itself_in_a_search,
    what_is_not_there_is_not_found,
    a_database_in_trouble_gets_a_page_with_its_status,
    many_visitors_at_once_are_served,
);

async fn a_city_is_added_edited_and_deleted(database: Database) -> Verdict {
    let (site, pool) = empty_site(&database).await?;
    assert!(site.get("/").await.body.contains("No city fits"));
    assert!(site.get("/city/new").await.body.contains("action=\"/city/new\""));

    let added = site.post("/city/new", &form(&OSLO, "", "")).await;
    assert_eq!(added.status, 303, "{}", added.body);
    let location = added.location.expect("a redirect");
    let page = site.get(&location).await;
    assert!(page.body.contains("The city was added") && page.body.contains("717\u{2009}710"), "{}", page.body);
    assert!(page.body.contains("59.91273° N, 10.74609° E"), "{}", page.body);
    let path = location.split('?').next().unwrap_or_default();

    let filled = site.get(&format!("{path}/edit")).await;
    assert!(filled.body.contains("value=\"10.74609\""), "{}", filled.body);
    for name in ["Ósló", "'; DROP TABLE city; --", "<b>Oslo</b> & \"co\"", "東京 🛶", "back\\slash %_!"] {
        let saved = site.post(&format!("{path}/edit"), &form(&OSLO, "name", name)).await;
        assert_eq!((saved.status, saved.location), (303, Some(format!("{path}?done=saved"))), "{}", saved.body);
        let stored: String = pool.fetch_value("SELECT name FROM city", ()).await?;
        assert_eq!(stored, name);
        let page = site.get(path).await.body;
        let escaped = name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        assert!(page.contains(&format!("<h1>{escaped}</h1>")), "{page}");
        assert_eq!(names(&search(&site, name).await), [escaped], "{name} is found by its name");
    }
    // Saving what is there already is no error, whatever the engine counts as a change.
    let again = site.post(&format!("{path}/edit"), &form(&OSLO, "name", "back\\slash %_!")).await;
    assert_eq!(again.status, 303, "{}", again.body);

    let deleted = site.post(&format!("{path}/delete"), "").await;
    assert_eq!((deleted.status, deleted.location.as_deref()), (303, Some("/?deleted=1")));
    assert!(site.get("/?deleted=1").await.body.contains("The city was deleted"));
    assert_eq!(site.get(path).await.status, 404);
    assert_eq!(site.post(&format!("{path}/delete"), "").await.status, 404);
    assert_eq!(site.post(&format!("{path}/edit"), &form(&OSLO, "", "")).await.status, 404);
    Ok(())
}

async fn what_is_wrong_with_a_form_is_said_beside_the_field(database: Database) -> Verdict {
    let (site, pool) = empty_site(&database).await?;
    let long = "å".repeat(201);
    for (field, value, message) in [
        ("name", "  ", "Name must not be empty."),
        ("name", &long, "Name must have at most 200 characters."),
        ("name", "a\0b", "Name must not contain control characters."),
        ("country_code", "ß", "Country code must be two letters from A to Z."),
        ("country_code", "N1", "Country code must be two letters from A to Z."),
        ("population", "many", "Population must be a whole number, 0 or more."),
        ("population", "-1", "Population must be a whole number, 0 or more."),
        ("population", "9223372036854775808", "Population must be a whole number, 0 or more."),
        ("latitude", "90.5", "Latitude must be a number from −90 to 90."),
        ("latitude", "NaN", "Latitude must be a number from −90 to 90."),
        ("longitude", "inf", "Longitude must be a number from −180 to 180."),
        ("timezone", "", "Time zone must not be empty."),
    ] {
        let answer = site.post("/city/new", &form(&OSLO, field, value)).await;
        assert_eq!(answer.status, 422, "{field} = {value:?}");
        assert!(answer.body.contains(message), "{field} = {value:?}: {}", answer.body);
        assert_eq!(answer.body.matches("class=\"message\"").count(), 1, "only the wrong field has a message");
        assert!(answer.body.contains("value=\"Europe/Oslo\"") || field == "timezone", "what was typed stays");
    }
    assert_eq!(pool.fetch_value::<i64>("SELECT COUNT(*) FROM city", ()).await?, 0);

    let longest = "İ".repeat(200);
    for (field, value) in [
        ("name", longest.as_str()),
        ("population", "9223372036854775807"),
        ("population", " 0 "),
        ("latitude", "-90"),
        ("longitude", "-0"),
        ("region", ""),
    ] {
        let answer = site.post("/city/new", &form(&OSLO, field, value)).await;
        assert_eq!(answer.status, 303, "{field} = {value:?}: {}", answer.body);
        assert_eq!(names(&search(&site, " ").await).len(), 1);
        pool.execute("DELETE FROM city", ()).await?;
    }
    // Not a form of the site's making.
    assert_eq!(site.post("/city/new", "name=%FF").await.status, 422);
    assert_eq!(site.post("/city/new", "name=a&name=b").await.status, 422);
    Ok(())
}

async fn a_city_twice_is_a_conflict(database: Database) -> Verdict {
    let (site, pool) = empty_site(&database).await?;
    assert_eq!(site.post("/city/new", &form(&OSLO, "", "")).await.status, 303);
    let twice = site.post("/city/new", &form(&OSLO, "", "")).await;
    assert_eq!(twice.status, 409);
    assert!(twice.body.contains("Name is taken: the list has a city of this name at this place."), "{}", twice.body);
    assert!(twice.body.contains("value=\"Oslo\""), "what was typed stays");

    // Another case or another accent is another name, on every engine.
    for name in ["OSLO", "Ósló", "Oslo "] {
        let status = site.post("/city/new", &form(&OSLO, "name", name)).await.status;
        assert_eq!(status, if name == "Oslo " { 409 } else { 303 }, "{name}");
    }
    let other: i64 = pool.fetch_value("SELECT id FROM city WHERE name = ?", ("OSLO",)).await?;
    let renamed = site.post(&format!("/city/{other}/edit"), &form(&OSLO, "", "")).await;
    assert_eq!(renamed.status, 409);
    assert!(renamed.body.contains(&format!("action=\"/city/{other}/edit\"")), "it stays the form of that city");
    assert_eq!(pool.fetch_value::<i64>("SELECT COUNT(*) FROM city", ()).await?, 3);
    Ok(())
}

async fn every_character_is_itself_in_a_search(database: Database) -> Verdict {
    let (site, _pool) = empty_site(&database).await?;
    for name in ["100% sure", "under_score", "wow!", "it's", "say \"hi\"", "back\\slash", "semi;colon", "plain"] {
        assert_eq!(site.post("/city/new", &form(&OSLO, "name", name)).await.status, 303, "{name}");
    }
    for (text, found) in [
        ("%", vec!["100% sure"]),
        ("0% S", vec!["100% sure"]),
        ("_", vec!["under_score"]),
        ("r_s", vec!["under_score"]),
        ("!", vec!["wow!"]),
        ("'", vec!["it's"]),
        ("\"", vec!["say &quot;hi&quot;"]),
        ("\\", vec!["back\\slash"]),
        (";", vec!["semi;colon"]),
        ("PLÄIN", vec!["plain"]),
        ("p_ain", vec![]),
        ("%%", vec![]),
        ("' OR '1'='1", vec![]),
        ("x') UNION SELECT 1,2,3,4,5,6,7,8,9 --", vec![]),
        ("?", vec![]),
        (":name", vec![]),
        ("$1", vec![]),
    ] {
        let answer = search(&site, text).await;
        assert_eq!((answer.status, names(&answer)), (200, found), "{text}");
    }
    let all = search(&site, " ").await;
    assert_eq!(names(&all).len(), 8, "blanks are no search");
    let endless = search(&site, &"a".repeat(60_000)).await;
    assert_eq!((endless.status, names(&endless).len()), (200, 0));
    Ok(())
}

async fn what_is_not_there_is_not_found(database: Database) -> Verdict {
    let (site, _pool) = empty_site(&database).await?;
    for (path, status) in [
        ("/city/1", 404),
        ("/city/-1", 404),
        ("/city/9223372036854775807", 404),
        ("/city/1/edit", 404),
        ("/nowhere", 404),
        ("/city/abc", 400),
        ("/city/9223372036854775808", 400),
        ("/city/1%27%20OR%201=1", 400),
        ("/?page=first", 400),
        ("/?sort=size", 400),
        ("/city/1/delete", 405),
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(
            answer.body.contains("Back to the list"),
            "{path}: a page of the site, not a bare line: {}",
            answer.body
        );
    }
    Ok(())
}

async fn a_database_in_trouble_gets_a_page_with_its_status(database: Database) -> Verdict {
    let (site, pool) = empty_site(&database).await?;
    pool.execute("DROP TABLE city", ()).await?;
    let broken = site.get("/").await;
    assert_eq!(broken.status, 500);
    assert!(broken.body.contains("The database could not do this"), "{}", broken.body);
    assert!(!broken.body.contains("city WHERE"), "no SQL is told to visitors");
    assert_eq!(site.post("/city/new", &form(&OSLO, "", "")).await.status, 500);
    pool.close().await?;
    let closed = site.get("/").await;
    assert_eq!(closed.status, 503);
    assert!(closed.body.contains("cannot be reached"), "{}", closed.body);
    Ok(())
}

async fn many_visitors_at_once_are_served(database: Database) -> Verdict {
    let (site, pool) = empty_site(&database).await?;
    let name = |visitor: usize| format!("Town {visitor:02}");
    let visits: Vec<_> = (0..40)
        .map(|visitor| {
            let name = name(visitor);
            tokio::spawn(async move {
                let added = site.post("/city/new", &form(&OSLO, "name", &name)).await;
                let shown = site.get(added.location.as_deref().unwrap_or("/lost")).await;
                (added.status, shown.status, shown.body.contains(&name), site.get("/?sort=name").await.status)
            })
        })
        .collect();
    for visit in visits {
        assert_eq!(visit.await.expect("no visit panics"), (303, 200, true, 200));
    }
    assert_eq!(pool.fetch_value::<i64>("SELECT COUNT(*) FROM city", ()).await?, 40);
    let first = site.get("/?sort=name").await;
    assert_eq!(names(&first), (0..25).map(name).collect::<Vec<_>>());
    Ok(())
}
