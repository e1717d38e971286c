//! PostgreSQL's `numeric` in binary form: groups of four decimal digits, counted from the point.

use bytes::{BufMut, BytesMut};
use oarlock_core::value::Decimal;

/// Why bytes are no decimal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A number, but one that a decimal cannot hold.
    Beyond,
    /// No number at all.
    Malformed,
}

const NEGATIVE: u16 = 0x4000;
const SPECIAL: u16 = 0x8000;

/// Digits in a group.
const GROUP: i32 = 4;
const BASE: i128 = 10_000;

/// Reads a number.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decimal, Refusal> {
    let word = |index: usize| Some(u16::from_be_bytes([*bytes.get(2 * index)?, *bytes.get(2 * index + 1)?]));
    let (Some(count), Some(weight), Some(sign), Some(scale)) = (word(0), word(1), word(2), word(3)) else {
        return Err(Refusal::Malformed);
    };
    if bytes.len() != 8 + 2 * usize::from(count) {
        return Err(Refusal::Malformed);
    }
    if sign & SPECIAL != 0 {
        return Err(Refusal::Beyond);
    }
    let scale = u8::try_from(scale).map_err(|_| Refusal::Beyond)?;
    // The last group's last digit stands so many digits before the place that the scale names; behind it where negative.
    let groups = i32::from(weight.cast_signed()) + 1 - i32::from(count);
    let shift = groups * GROUP + i32::from(scale);
    let count = usize::from(count);
    let mut coefficient = 0_i128;
    for index in 0..count {
        let group = word(4 + index).map(i128::from).filter(|group| *group < BASE).ok_or(Refusal::Malformed)?;
        // Zeros fill the last group past the scale; pushing them too could overflow.
        let filling = match u32::try_from(-shift) {
            Ok(digits) if index + 1 == count => 10_i128.checked_pow(digits).ok_or(Refusal::Malformed)?,
            _ => 1,
        };
        if group % filling != 0 || filling > BASE {
            return Err(Refusal::Malformed);
        }
        coefficient = push(coefficient, BASE / filling, group / filling)?;
    }
    for _ in 0..shift.max(0) {
        if coefficient == 0 {
            break;
        }
        coefficient = push(coefficient, 10, 0)?;
    }
    let coefficient = if sign & NEGATIVE == 0 { coefficient } else { -coefficient };
    Decimal::new(coefficient, scale).map_err(|_| Refusal::Beyond)
}

fn push(number: i128, times: i128, plus: i128) -> Result<i128, Refusal> {
    number.checked_mul(times).and_then(|product| product.checked_add(plus)).ok_or(Refusal::Beyond)
}

/// Writes a number, keeping its scale.
pub(crate) fn encode(number: Decimal, out: &mut BytesMut) {
    let scale = i32::from(number.scale());
    // Zeros up to a full group, so that the point falls between two.
    let fill = (GROUP - scale % GROUP) % GROUP;
    let magnitude = number.coefficient().unsigned_abs();
    // 38 digits and three of filling are more than 128 bits hold, so the last group is split off first.
    let unit = 10_u128.pow(u32::try_from(GROUP - fill).unwrap_or_default());
    let filling = 10_u128.pow(u32::try_from(fill).unwrap_or_default());
    let mut groups = [0_u16; 12];
    let mut count = 0;
    let mut put = |group: u128| {
        groups[count] = u16::try_from(group).unwrap_or_default();
        count += 1;
    };
    put(magnitude % unit * filling);
    let mut rest = magnitude / unit;
    while rest > 0 {
        put(rest % 10_000);
        rest /= 10_000;
    }
    let fraction = (scale + fill) / GROUP;
    let whole = i32::try_from(count).unwrap_or_default() - fraction;
    let trimmed = groups[..count].iter().take_while(|group| **group == 0).count();
    let kept = &groups[trimmed..count];
    let (weight, sign) = match kept {
        [] => (0, 0),
        _ => (whole - 1, if number.is_negative() { NEGATIVE } else { 0 }),
    };
    out.put_u16(u16::try_from(kept.len()).unwrap_or_default());
    out.put_i16(i16::try_from(weight).unwrap_or_default());
    out.put_u16(sign);
    out.put_u16(u16::from(number.scale()));
    for group in kept.iter().rev() {
        out.put_u16(*group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        let mut out = BytesMut::new();
        encode(text.parse().unwrap_or_else(|error| panic!("{text}: {error}")), &mut out);
        out.to_vec()
    }

    fn words(bytes: &[u8]) -> Vec<u16> {
        bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
    }

    #[test]
    fn bytes_are_the_servers_own() {
        // As `numeric_send` gives them on PostgreSQL 15.
        for (text, expected) in [
            ("0", &[0, 0, 0, 0][..]),
            ("0.00", &[0, 0, 0, 2]),
            ("1", &[1, 0, 0, 0, 1]),
            ("-1", &[1, 0, 0x4000, 0, 1]),
            ("10000", &[1, 1, 0, 0, 1]),
            ("1.10", &[2, 0, 0, 2, 1, 1000]),
            ("0.0001", &[1, 0xFFFF, 0, 4, 1]),
            ("0.00001", &[1, 0xFFFE, 0, 5, 1000]),
            ("12345678.9", &[3, 1, 0, 1, 1234, 5678, 9000]),
        ] {
            assert_eq!(words(&bytes(text)), expected, "{text}");
        }
    }

    #[test]
    fn numbers_survive_with_their_scale() {
        let widest = "9".repeat(38);
        let finest = format!("-0.{}", "9".repeat(38));
        let small = format!("0.{}1", "0".repeat(37));
        let middle = "12345678901234567890123456789012345.678";
        for text in
            ["0", "0.000", "100", "-12.50", "10000.0001", "99999999", &widest, &finest, &small, middle, "1000000000000"]
        {
            assert_eq!(decode(&bytes(text)).map(|number| number.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_a_decimal_cannot_hold_is_beyond() {
        let of = |words: &[u16]| decode(&words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>());
        assert_eq!(of(&[0, 0, 0xC000, 0]), Err(Refusal::Beyond));
        assert_eq!(of(&[0, 0, 0xD000, 0]), Err(Refusal::Beyond));
        assert_eq!(of(&[1, 9, 0, 0, 100]), Err(Refusal::Beyond));
        assert_eq!(of(&[1, 9, 0, 0, 99]).map(|number| number.to_string()), Ok(format!("99{}", "0".repeat(36))));
        assert_eq!(of(&[0, 0, 0, 39]), Err(Refusal::Beyond));
        assert_eq!(of(&[1, 0, 0, 0, 10_000]), Err(Refusal::Malformed));
        assert_eq!(of(&[2, 0, 0, 0, 1]), Err(Refusal::Malformed));
        assert_eq!(of(&[1, 0]), Err(Refusal::Malformed));
    }
}
