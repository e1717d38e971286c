//! The tables as a drawing: those that are referred to stand left of those that refer to them.

use std::collections::HashMap;
use std::fmt::Write;

use oarlock::schema::Table;

use super::{Shown, refers};

/// The height of a line of text.
const LINE: usize = 20;
/// The width of a character of the font, a little more than it is.
const CHARACTER: usize = 8;
/// What is left free around text.
const PADDING: usize = 10;
/// What is left free between two tables, one above the other and side by side.
const GAPS: [usize; 2] = [24, 90];

/// A table's place in the drawing.
struct Place<'s> {
    table: &'s Table,
    x: usize,
    y: usize,
    width: usize,
    lines: Vec<String>,
}

impl Place<'_> {
    fn height(&self) -> usize {
        LINE * (self.lines.len() + 1) + PADDING
    }

    /// Gives the middle of a column's line, from the top of the drawing.
    fn line(&self, column: Option<&String>) -> usize {
        let index = column.and_then(|name| self.table.columns.iter().position(|column| column.name == *name));
        self.y + index.map_or(0, |index| (index + 1) * LINE) + LINE / 2 + PADDING / 2
    }
}

/// Writes the drawing.
pub(super) fn write(shown: &Shown) -> String {
    let places = lay_out(shown);
    let width = places.iter().map(|place| place.x + place.width).max().unwrap_or(0) + GAPS[1] / 2;
    let height = places.iter().map(|place| place.y + place.height()).max().unwrap_or(0) + GAPS[0];
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"monospace\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for place in &places {
        for key in &place.table.foreign_keys {
            if let Some(other) = places.iter().find(|other| other.table.name == key.references.name) {
                let from = place.line(key.columns.first());
                let to = other.line(key.referenced_columns.first());
                text.push_str(&curve(place, from, other, to));
            }
        }
    }
    for place in &places {
        draw(&mut text, place);
    }
    text.push_str("</svg>\n");
    text
}

fn lay_out(shown: &Shown) -> Vec<Place<'_>> {
    let depths = depths(&shown.model.tables);
    let deepest = depths.values().max().copied().unwrap_or(0);
    let mut places = Vec::new();
    let mut x = GAPS[1] / 2;
    for depth in 0..=deepest {
        let mut y = GAPS[0];
        let mut widest = 0;
        for table in shown.model.tables.iter().filter(|table| depths.get(table.name.as_str()) == Some(&depth)) {
            let lines: Vec<String> = table
                .columns
                .iter()
                .map(|column| {
                    let key = if table.is_key(&column.name) { "* " } else { "  " };
                    let arrow = if refers(table, &column.name) { " →" } else { "" };
                    let null = if column.nullable { "?" } else { "" };
                    format!("{key}{} {}{null}{arrow}", column.name, shown.type_of(table, column))
                })
                .collect();
            let longest = lines.iter().map(|line| line.chars().count()).chain([table.name.chars().count()]).max();
            let place = Place { table, x, y, width: longest.unwrap_or(0) * CHARACTER + 2 * PADDING, lines };
            y += place.height() + GAPS[0];
            widest = widest.max(place.width);
            places.push(place);
        }
        x += widest + GAPS[1];
    }
    places
}

/// Gives for each table how far it stands from those that refer to none. Circles end at as many steps as there are tables.
fn depths(tables: &[Table]) -> HashMap<&str, usize> {
    let mut depths: HashMap<&str, usize> = tables.iter().map(|table| (table.name.as_str(), 0)).collect();
    for _ in 1..tables.len() {
        let mut changed = false;
        for table in tables {
            let others = table.foreign_keys.iter().map(|key| key.references.name.as_str());
            let deepest = others.filter(|name| *name != table.name).filter_map(|name| depths.get(name)).max();
            let wanted = deepest.map_or(0, |depth| depth + 1).min(tables.len() - 1);
            changed |= depths.insert(&table.name, wanted) != Some(wanted);
        }
        if !changed {
            break;
        }
    }
    depths
}

/// Draws the way from a column to the one that it refers to.
fn curve(place: &Place<'_>, from: usize, other: &Place<'_>, to: usize) -> String {
    let (start, end) = if other.x + other.width < place.x {
        (place.x, other.x + other.width)
    } else {
        (place.x + place.width, other.x + other.width)
    };
    let bend = GAPS[1] / 2;
    let (first, second) = if start == place.x { (start - bend, end + bend) } else { (start + bend, end + bend) };
    format!(
        "<path d=\"M{start},{from} C{first},{from} {second},{to} {end},{to}\" fill=\"none\" stroke=\"#789\"/>\
         <circle cx=\"{end}\" cy=\"{to}\" r=\"3\" fill=\"#789\"/>\n"
    )
}

fn draw(text: &mut String, place: &Place<'_>) {
    let Place { x, y, width, .. } = place;
    let height = place.height();
    let head = LINE + PADDING / 2;
    let _ = writeln!(
        text,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"4\" fill=\"#f7f9fb\" stroke=\"#456\"/>\
         <rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{head}\" rx=\"4\" fill=\"#456\"/>"
    );
    let left = x + PADDING;
    let baseline = y + LINE * 3 / 4 + PADDING / 4;
    let _ = writeln!(
        text,
        "<text x=\"{left}\" y=\"{baseline}\" fill=\"#fff\" font-weight=\"bold\">{}</text>",
        escape(&place.table.name)
    );
    for (index, line) in place.lines.iter().enumerate() {
        let baseline = baseline + (index + 1) * LINE + PADDING / 4;
        let _ = writeln!(
            text,
            "<text x=\"{left}\" y=\"{baseline}\" fill=\"#123\" xml:space=\"preserve\">{}</text>",
            escape(line)
        );
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no way to write them.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
