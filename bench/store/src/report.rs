//! What is printed, and written to the file.

use std::path::Path;

use serde::Serialize;

use crate::Failure;

#[derive(Serialize)]
struct Row {
    engine: &'static str,
    shape: &'static str,
    peer: &'static str,
    /// Nanoseconds; bytes, for the shapes that say so. None, as the ratio, where the peer cannot do the shape.
    median_ns: Option<u64>,
    /// The median of each round's ratio to the peer `raw`.
    ratio: Option<f64>,
}

/// The table.
#[derive(Default)]
pub struct Report(Vec<Row>);

impl Report {
    /// Adds a shape: for each peer its figures, round by round, the first of which are `raw`'s.
    pub fn add(&mut self, shape: &'static str, peers: &[(&'static str, Vec<f64>)]) {
        for (peer, figures) in peers {
            let ratios = figures.iter().zip(&peers[0].1).map(|(figure, raw)| figure / raw).collect();
            self.push(shape, peer, median(figures.clone()), median(ratios));
        }
    }

    /// Adds what only ours is measured by.
    pub fn add_ours(&mut self, shape: &'static str, figures: Vec<f64>) {
        self.push(shape, "oarlock-store", median(figures), None);
    }

    fn push(&mut self, shape: &'static str, peer: &'static str, figure: Option<f64>, ratio: Option<f64>) {
        let text = match figure {
            None => "-".to_owned(),
            Some(bytes) if shape.ends_with("bytes") => format!("{:.2} MB", bytes / 1e6),
            Some(bytes) if shape.ends_with("memory") => format!("{bytes:.0} B"),
            Some(nanos) if nanos >= 1e6 => format!("{:.2} ms", nanos / 1e6),
            Some(nanos) => format!("{:.3} µs", nanos / 1e3),
        };
        let faster = ratio.map_or("-".to_owned(), |ratio| format!("{:.2}", 1.0 / ratio));
        println!("{shape:22} {peer:14} {text:>12} {faster:>8} × raw");
        let ratio = ratio.map(|ratio| (ratio * 1000.0).round() / 1000.0);
        self.0.push(Row { engine: "store", shape, peer, median_ns: figure.map(|figure| figure as u64), ratio });
    }

    pub fn write(&self, out: &Path) -> Result<(), Failure> {
        std::fs::write(out, serde_json::to_string_pretty(&self.0)? + "\n")?;
        Ok(())
    }
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}
