//! How many operations a program that writes takes at most, told from the program alone.
//!
//! A write on the caller's thread cannot be stopped half-way, so that it is short has to be known before. What SQLite makes of
//! `INSERT … VALUES (…), (…) RETURNING …` has loops, but over what the statement itself has given: a coroutine that yields a row
//! for each list of values, and ephemeral tables that hold these rows and those to return. Such loops run as often as the
//! program yields, and so are bounded by its length; every other loop is taken to be endless.
//!
//! The proof: in the order in which a program runs (what `Init` jumps to comes first), everything goes forward but the loops
//! found here. Loops do not overlap and have no coroutine within, and coroutines have no loop within, so each loop is entered
//! once. One that takes a row from a coroutine with each turn ends with that one's rows; one that steps through an ephemeral
//! table ends with the table's rows, which were all put in before, by operations that are counted the same way.

use std::ops::RangeInclusive;

/// An operation of a program, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    kind: Kind,
    /// Its first operand: mostly a cursor or a register.
    first: i64,
    /// Its second operand: where it may go on.
    second: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Goes on with the next one.
    Straight,
    /// May go on at its second operand.
    Jumps,
    /// Moves a cursor, and may go on at its second operand.
    Moves,
    Init,
    Goto,
    Next,
    InitCoroutine,
    EndCoroutine,
    Yield,
    /// Opens a table that has few rows, or none yet.
    OpensShort,
    Opens,
    /// Puts a row into a table.
    Inserts,
    /// Goes on at its second operand unless foreign keys are broken.
    UnlessBroken,
    /// Notes that a foreign key is broken.
    Breaks,
    /// Goes on who knows where.
    Wanders,
}

impl Step {
    /// Looks at an operation of constant work, or one of coroutines or ephemeral tables.
    ///
    /// `jumps` says that it may go on elsewhere, `short` that what it opens has few rows.
    pub(crate) fn of(opcode: &str, first: i64, second: i64, jumps: bool, short: bool) -> Self {
        let kind = match opcode {
            "Init" => Kind::Init,
            "Goto" => Kind::Goto,
            "Next" => Kind::Next,
            "InitCoroutine" => Kind::InitCoroutine,
            "EndCoroutine" => Kind::EndCoroutine,
            "Yield" => Kind::Yield,
            "OpenEphemeral" => Kind::OpensShort,
            "OpenRead" | "OpenWrite" | "ReopenIdx" if short => Kind::OpensShort,
            "OpenRead" | "OpenWrite" | "ReopenIdx" => Kind::Opens,
            "Insert" | "IdxInsert" => Kind::Inserts,
            "FkIfZero" if first == 0 => Kind::UnlessBroken,
            "FkCounter" if first == 0 && second > 0 => Kind::Breaks,
            "Gosub" | "Return" | "Jump" => Kind::Wanders,
            "SeekEnd" => Kind::Moves,
            _ if jumps && MOVES.contains(&opcode) => Kind::Moves,
            _ if jumps => Kind::Jumps,
            _ => Kind::Straight,
        };
        // Only operations that jump nowhere have negative operands.
        Self { kind, first, second: usize::try_from(second).unwrap_or(0) }
    }

    /// Gives where it may go on, other than at the next one.
    fn target(&self) -> Option<usize> {
        match self.kind {
            Kind::Straight
            | Kind::OpensShort
            | Kind::Opens
            | Kind::Inserts
            | Kind::Breaks
            | Kind::EndCoroutine
            | Kind::Wanders => None,
            // The first operation of all is nowhere to go on: it says that there is no jump.
            Kind::Jumps | Kind::Moves | Kind::Yield | Kind::UnlessBroken if self.second == 0 => None,
            _ => Some(self.second),
        }
    }
}

/// Operations that jump where a cursor finds nothing.
const MOVES: &[&str] = &[
    "Found",
    "Last",
    "NoConflict",
    "NotExists",
    "NotFound",
    "Rewind",
    "SeekGE",
    "SeekGT",
    "SeekLE",
    "SeekLT",
    "SeekRowid",
];

/// Gives the most operations that a program can take; `None` where that is not known.
///
/// `immediate` says that no foreign key can have been broken when the statement begins: checks are not put off.
pub(crate) fn most_operations(steps: &[Step], immediate: bool) -> Option<usize> {
    let steps = in_order(steps)?;
    let steps = if immediate { without_checks(steps) } else { steps };
    let coroutines = coroutines(&steps)?;
    let mut loops: Vec<Loop> = Vec::new();
    let mut most = steps.len();
    for (place, step) in steps.iter().enumerate() {
        if step.kind == Kind::Wanders {
            return None;
        }
        let Some(target) = step.target().filter(|target| *target <= place) else { continue };
        let range = target..=place;
        let overlaps = loops.last().is_some_and(|before| *before.range.end() >= target);
        let starts = steps[range.clone()].iter().any(|step| step.kind == Kind::InitCoroutine);
        if overlaps || starts || coroutines.iter().any(|coroutine| coroutine.body.contains(&place)) {
            return None;
        }
        let turns = match step.kind {
            Kind::Next => rows(&steps, &loops, step.first, &range)?,
            Kind::Goto if steps[target].kind == Kind::Yield => {
                coroutines.iter().find(|coroutine| coroutine.register == steps[target].first)?.yields
            }
            _ => return None,
        };
        // The last turn finds nothing.
        let turns = turns.saturating_add(1);
        most = most.saturating_add(turns.saturating_mul(place - target + 1));
        loops.push(Loop { range, turns });
    }
    Some(most)
}

/// Puts operations into the order in which they run: what `Init` jumps to prepares for what follows it.
fn in_order(steps: &[Step]) -> Option<Vec<Step>> {
    let (first, last) = (steps.first()?, steps.last()?);
    let begin = first.second;
    let prepares = first.kind == Kind::Init && last.kind == Kind::Goto && last.second == 1;
    if !prepares || !(1..steps.len()).contains(&begin) {
        return None;
    }
    let preparing = steps.len() - begin;
    let place = |step: usize| match step {
        0 => 0,
        step if step >= begin => step - begin + 1,
        step => step + preparing,
    };
    let moved = |step: &Step| Step { second: step.target().map_or(step.second, place), ..*step };
    Some(steps[..1].iter().chain(&steps[begin..]).chain(&steps[1..begin]).map(moved).collect())
}

/// Leaves out what looks for rows that make a broken foreign key whole again, where the statement cannot have broken one.
fn without_checks(mut steps: Vec<Step>) -> Vec<Step> {
    if steps.iter().any(|step| step.kind == Kind::Breaks) {
        return steps;
    }
    for place in 0..steps.len() {
        if steps[place].kind != Kind::UnlessBroken || !(place..=steps.len()).contains(&steps[place].second) {
            continue;
        }
        let check = place + 1..steps[place].second;
        let mut outside = steps.iter().enumerate().filter(|(other, _)| !check.contains(other));
        if !outside.any(|(_, step)| step.target().is_some_and(|target| check.contains(&target))) {
            steps[check].iter_mut().for_each(|step| step.kind = Kind::Straight);
        }
    }
    steps
}

struct Coroutine {
    register: i64,
    body: RangeInclusive<usize>,
    yields: usize,
}

/// Finds the coroutines, each of which runs straight through, and once.
fn coroutines(steps: &[Step]) -> Option<Vec<Coroutine>> {
    let mut found: Vec<Coroutine> = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        match step.kind {
            Kind::InitCoroutine => {
                let end = step.second.checked_sub(1).filter(|end| *end > place && *end < steps.len())?;
                let body = place + 1..=end;
                let again = found.iter().any(|other| other.register == step.first || other.body.contains(&place));
                if again || steps[end].kind != Kind::EndCoroutine || steps[end].first != step.first {
                    return None;
                }
                found.push(Coroutine { register: step.first, body, yields: 0 });
            }
            Kind::EndCoroutine if !found.iter().any(|coroutine| *coroutine.body.end() == place) => return None,
            Kind::Yield => match found.iter_mut().find(|coroutine| coroutine.body.contains(&place)) {
                Some(inside) if inside.register == step.first => inside.yields += 1,
                // Where it goes on when there are no more rows.
                None if step.second > place => {}
                _ => return None,
            },
            _ => {}
        }
    }
    // Nothing goes in or out but by yielding.
    let inside = |place: usize| found.iter().position(|coroutine| coroutine.body.contains(&place));
    let crosses = |(place, step): (usize, &Step)| {
        step.kind != Kind::InitCoroutine && step.target().is_some_and(|target| inside(target) != inside(place))
    };
    if steps.iter().enumerate().any(crosses) { None } else { Some(found) }
}

struct Loop {
    range: RangeInclusive<usize>,
    turns: usize,
}

/// Gives the most rows through which a loop can step.
fn rows(steps: &[Step], loops: &[Loop], cursor: i64, range: &RangeInclusive<usize>) -> Option<usize> {
    let is = |step: &Step, kinds: &[Kind]| step.first == cursor && kinds.contains(&step.kind);
    let starts_again = [Kind::Moves, Kind::Inserts, Kind::Opens, Kind::OpensShort];
    if steps[*range.start()..*range.end()].iter().any(|step| is(step, &starts_again)) {
        return None;
    }
    // What the cursor was opened on last, which no jump may pass by.
    let opened = steps[..*range.start()].iter().rposition(|step| is(step, &[Kind::Opens, Kind::OpensShort]))?;
    let passes = |step: &Step| step.target().is_some_and(|target| target > opened && target <= *range.end());
    if steps[opened].kind != Kind::OpensShort || steps[..opened].iter().any(passes) {
        return None;
    }
    let inserted = steps.iter().enumerate().take(*range.start()).skip(opened);
    let counts = inserted
        .filter(|(_, step)| is(step, &[Kind::Inserts]))
        .map(|(place, _)| loops.iter().find(|before| before.range.contains(&place)).map_or(1, |before| before.turns));
    // A table that has rows already has few: it counts as one.
    Some(counts.fold(1, usize::saturating_add))
}
