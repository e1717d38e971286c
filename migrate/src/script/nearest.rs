//! The known word that a misspelt one is likely to mean.

/// Gives the known word nearest to another, if it is near enough to be meant.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let limit = (word.chars().count() / 3).max(1);
    let distances = known.iter().map(|known| (distance(word, known), *known));
    distances.filter(|(distance, _)| *distance <= limit).min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// Counts the letters to insert, delete, replace, or swap with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![(0..=to.len()).collect::<Vec<usize>>()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let mut least = (rows[i][j] + usize::from(a != b)).min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_another_word_finds_none() {
        let known = ["no-transaction", "lock-timeout", "allow", "up", "down"];
        for (word, found) in [
            ("no-transactoin", Some("no-transaction")),
            ("notransaction", Some("no-transaction")),
            ("locktimeout", Some("lock-timeout")),
            ("alow", Some("allow")),
            ("donw", Some("down")),
            ("transactional", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, &known), found, "{word}");
        }
    }
}
