//! On a terminal: a bar while it works, a question before it destroys.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::place::{Engine, Place};

/// How long a program may take to show something.
const LIMIT: Duration = Duration::from_mins(1);

/// A program on a terminal.
struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    shown: String,
}

impl Terminal {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let size = Winsize { ws_row: 24, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&keyboard, size).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let open = || OpenOptions::new().read(true).write(true).open(OsStr::from_bytes(name.as_bytes())).unwrap();
        let child = place
            .command(arguments)
            .env("TERM", "xterm-256color")
            .stdin(Stdio::from(open()))
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(open()))
            .spawn()
            .unwrap();
        let keyboard = File::from(keyboard);
        let mut reader = keyboard.try_clone().unwrap();
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Linux fails the read when the program has ended.
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keyboard, screen, shown: String::new() }
    }

    /// Waits until something is on the screen.
    #[track_caller]
    fn until(&mut self, wanted: &str) {
        let end = Instant::now() + LIMIT;
        while !self.shown.contains(wanted) {
            let left = end.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("{wanted:?} is not shown ({error}), but: {:?}", self.shown),
            }
        }
    }

    fn answer(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").unwrap();
    }

    /// Waits for the end; gives the exit code and all that was shown.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        while let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(100)) {
            self.shown.push_str(&String::from_utf8_lossy(&bytes));
        }
        (code, self.shown)
    }
}

impl Place {
    fn tables(&self) -> String {
        self.ok(&["schema"])
    }
}

#[test]
fn a_bar_shows_the_statement_that_runs() {
    let Some(place) = Place::with_database(Engine::Sqlite) else { return };
    place.two_migrations();
    place.migration(
        "3_numbers",
        "CREATE TABLE numbers (i INT);\n\
         INSERT INTO numbers WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) SELECT i FROM n;\n",
        "",
    );
    let mut terminal = Terminal::start(&place, &["up"]);
    terminal.until("3/3 3_numbers");
    terminal.until("INSERT INTO numbers WITH RECURSIVE");
    terminal.until("applied 3_numbers in");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("applied 1_users in") && shown.contains("applied 2_ada in"), "{shown}");
    assert!(shown.contains("1/2"), "how many of the statements are done: {shown}");
}

#[test]
fn destruction_waits_for_a_yes() {
    let Some(place) = Place::with_database(Engine::Sqlite) else { return };
    place.two_migrations();
    place.ok(&["up"]);
    for no in ["", "n", "yeah"] {
        let mut terminal = Terminal::start(&place, &["down", "--all"]);
        terminal.until(
            "this takes back 2 migrations in sqlite:place.db, and what is in their tables: 2_ada, 1_users. Go on? [y/N]",
        );
        terminal.answer(no);
        let (code, shown) = terminal.end();
        assert_eq!(code, Some(9), "{no:?}: {shown}");
        assert!(shown.contains("nothing has been done"), "{shown}");
        assert!(place.tables().contains("users"));
    }
    let mut terminal = Terminal::start(&place, &["down", "--all"]);
    terminal.until("[y/N]");
    terminal.answer("y");
    terminal.until("took back 1_users");
    assert_eq!(terminal.end().0, Some(0));
    assert_eq!(place.tables(), "there are no tables\n");
    let mut terminal = Terminal::start(&place, &["drop"]);
    terminal.until("this drops sqlite:place.db with all that is in it. Go on? [y/N]");
    terminal.answer("yes");
    terminal.until("dropped sqlite:place.db");
    assert_eq!(terminal.end().0, Some(0));
    assert!(!place.path().join("place.db").exists());
}

#[test]
fn json_asks_nothing_and_draws_nothing() {
    let Some(place) = Place::with_database(Engine::Sqlite) else { return };
    place.two_migrations();
    let (code, shown) = Terminal::start(&place, &["up", "--json"]).end();
    assert_eq!(code, Some(0));
    let document: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(document["steps"][1]["migration"], "2_ada");
    let (code, shown) = Terminal::start(&place, &["down", "--json"]).end();
    let document: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((code, document["error"]["kind"].as_str()), (Some(9), Some("unconfirmed")));
}
