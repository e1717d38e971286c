//! `plan`: the SQL that a run would send, with its transactions.

use oarlock_migrate::{Purpose, Step};
use serde::Serialize;

use super::Context;
use crate::arguments::{Plan, Way};
use crate::exit::Exit;
use crate::failure::Result;

/// What a run would do, for programs.
#[derive(Debug, Serialize)]
struct Document {
    setup: Vec<String>,
    steps: Vec<Planned>,
}

#[derive(Debug, Serialize)]
struct Planned {
    migration: String,
    direction: &'static str,
    file: String,
    one_transaction: bool,
    resumed: bool,
    commands: Vec<Sent>,
}

#[derive(Debug, Serialize)]
struct Sent {
    purpose: &'static str,
    sql: String,
    line: Option<usize>,
}

pub(super) async fn show(context: &Context, asked: &Plan) -> Result<Exit> {
    let migrator = context.migrator(&asked.allowed)?;
    let conn = context.database()?.look().await?;
    let plan = match asked.way() {
        Way::Up(to) => migrator.plan_up(conn, to).await?,
        Way::Down(back) => migrator.plan_down(conn, back).await?,
    };
    let steps: Vec<Planned> = plan.steps().iter().map(|step| Planned::new(&plan, step)).collect();
    if steps.is_empty() {
        context.output.line("-- nothing to do");
    } else {
        for sql in plan.setup() {
            context.output.line(format_args!("{sql};"));
        }
    }
    for step in &steps {
        let resumed = if step.resumed { ", which was interrupted" } else { "" };
        context.output.line(format_args!("\n-- {}: {}{resumed} ({})", step.direction, step.migration, step.file));
        for command in &step.commands {
            // A migration in Rust is a comment.
            let end = if command.sql.starts_with("--") { "" } else { ";" };
            context.output.line(format_args!("{}{end}", command.sql));
        }
    }
    context.output.document(&Document { setup: plan.setup().to_vec(), steps });
    Ok(Exit::Done)
}

impl Planned {
    fn new(plan: &oarlock_migrate::Plan, step: &Step) -> Self {
        let commands = plan.commands(step).into_iter().map(|command| Sent {
            purpose: match command.purpose {
                Purpose::Begin => "begin",
                Purpose::Commit => "commit",
                Purpose::Setting => "setting",
                Purpose::Statement => "statement",
                _ => "record",
            },
            sql: command.sql,
            line: command.place.map(|place| place.line()),
        });
        Self {
            migration: step.migration().title().to_owned(),
            direction: step.direction().as_str(),
            file: step.migration().file().to_owned(),
            one_transaction: step.is_one_transaction(),
            resumed: step.is_resumed(),
            commands: commands.collect(),
        }
    }
}
