//! The order of decimals, which SQLite has as text only.

use std::cmp::Ordering;
use std::iter::Chain;
use std::slice::Iter;

/// Compares texts as decimal numbers of any number of digits, so that `9` is less than `10` and `1.0` is `1.00`. What is no number comes
/// behind all numbers, and compares by its bytes.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    match (Number::read(left), Number::read(right)) {
        (Some(left), Some(right)) => left.cmp(right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

/// A number as a text has it.
struct Number<'t> {
    sign: Ordering,
    /// How many digits stand before the point, counted from the first that is not nought; negative where noughts follow the point.
    magnitude: i64,
    /// The digits from that one on.
    digits: Chain<Iter<'t, u8>, Iter<'t, u8>>,
}

impl<'t> Number<'t> {
    fn read(text: &'t str) -> Option<Self> {
        let (sign, rest) = match text.strip_prefix('-') {
            Some(rest) => (Ordering::Less, rest),
            None => (Ordering::Greater, text.strip_prefix('+').unwrap_or(text)),
        };
        let (plain, exponent) = match rest.split_once(['e', 'E']) {
            Some((plain, exponent)) => (plain, whole(exponent)?),
            None => (rest, 0),
        };
        let (whole, part) = plain.split_once('.').unwrap_or((plain, ""));
        let (whole, part) = (whole.as_bytes(), part.as_bytes());
        if whole.len() + part.len() == 0 || !whole.iter().chain(part).all(u8::is_ascii_digit) {
            return None;
        }
        let some = |digit: &u8| *digit != b'0';
        let before = i64::try_from(whole.len()).ok()?;
        let Some(noughts) = whole.iter().chain(part).position(some) else {
            return Some(Self { sign: Ordering::Equal, magnitude: 0, digits: [].iter().chain(&[]) });
        };
        let magnitude = before.checked_sub(i64::try_from(noughts).ok()?)?.checked_add(exponent)?;
        let (skipped, rest) = (noughts.min(whole.len()), noughts.saturating_sub(whole.len()));
        Some(Self { sign, magnitude, digits: whole[skipped..].iter().chain(&part[rest..]) })
    }

    fn cmp(self, other: Self) -> Ordering {
        let size = self.magnitude.cmp(&other.magnitude).then_with(|| compare_digits(self.digits, other.digits));
        self.sign.cmp(&other.sign).then(if self.sign == Ordering::Less { size.reverse() } else { size })
    }
}

/// Reads an exponent. One past 64 bits is no number that anybody has.
fn whole(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// Compares digits behind a point: the shorter ones end in noughts.
fn compare_digits<'t>(mut left: impl Iterator<Item = &'t u8>, mut right: impl Iterator<Item = &'t u8>) -> Ordering {
    loop {
        let (one, other) = (left.next(), right.next());
        if one.is_none() && other.is_none() {
            return Ordering::Equal;
        }
        let order = one.unwrap_or(&b'0').cmp(other.unwrap_or(&b'0'));
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use oarlock_core::value::Decimal;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_in_the_order_of_their_numbers() {
        let longest = "9".repeat(60);
        let groups: [&[&str]; 16] = [
            &[&format!("-{longest}1"), &format!("-{longest}1.00")],
            &[&format!("-{longest}")],
            &["-10", "-10.0", "-1e1", "-0010"],
            &["-9.99"],
            &["-0.05"],
            &["-0.049"],
            &["0", "-0", "0.00", "000", "0e9", ".0", "+0"],
            &["0.0000000000000000000000000000000000000000000000001", "1e-49"],
            &["0.1", ".1", "+0.10", "1e-1"],
            &["0.11"],
            &["1", "1.", "1.0", "01"],
            &["9"],
            &["10", "1E1", "1e+1"],
            &["10.000000000000000000000000000000000000000001"],
            &[&longest, &format!("{longest}.0")],
            &[&format!("{longest}.1")],
        ];
        let texts = groups.iter().enumerate().flat_map(|(rank, texts)| texts.iter().map(move |text| (rank, *text)));
        let mut texts: Vec<(usize, &str)> = texts.collect();
        let others = ["", " 1", ".", "-", "1.2.3", "1e", "1e99999999999999999999", "NaN", "one", "٣"];
        texts.extend(others.iter().enumerate().map(|(place, text)| (groups.len() + place, *text)));
        for (rank, text) in &texts {
            for (other_rank, other) in &texts {
                let no_numbers = rank.min(other_rank) >= &groups.len();
                let expected = if no_numbers { text.cmp(other) } else { rank.cmp(other_rank) };
                assert_eq!(compare(text, other), expected, "{text:?} and {other:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_decimals(left in any::<i64>(), right in any::<i64>(), one in 0_u8..25, other in 0_u8..25) {
            let (left, right) = (Decimal::new(left.into(), one)?, Decimal::new(right.into(), other)?);
            prop_assert_eq!(compare(&left.to_string(), &right.to_string()), left.cmp_numeric(right));
            prop_assert_eq!(compare(&left.to_string(), &left.normalized().to_string()), Ordering::Equal);
        }
    }
}
