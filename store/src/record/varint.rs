//! Whole numbers in as few bytes as they need, seven bits in each.

use oarlock_core::Result;

use super::cell::malformed;

#[inline]
pub(crate) fn put_unsigned(out: &mut Vec<u8>, number: u64) {
    let [low, ..] = number.to_le_bytes();
    if number < 0x80 {
        out.push(low);
    } else if number < 1 << 56 {
        // All bytes at once, and those taken away again that it does not need.
        let more = (u64::BITS - 1 - number.leading_zeros()) / 7;
        let word = (number & 0x0fff_ffff) | ((number << 4) & 0x0fff_ffff_0000_0000);
        let word = (word & 0x0000_3fff_0000_3fff) | ((word << 2) & 0x3fff_0000_3fff_0000);
        let word = (word & 0x007f_007f_007f_007f) | ((word << 1) & 0x7f00_7f00_7f00_7f00);
        let marks = 0x8080_8080_8080_8080 & ((1 << (8 * more)) - 1);
        let end = out.len() + 1 + usize::try_from(more).unwrap_or_default();
        out.extend_from_slice(&(word | marks).to_le_bytes());
        out.truncate(end);
    } else {
        put_long(out, number);
    }
}

fn put_long(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        let [low, ..] = number.to_le_bytes();
        out.push(low | 0x80);
        number >>= 7;
    }
    let [low, ..] = number.to_le_bytes();
    out.push(low);
}

/// Numbers around nought are short, whatever their sign.
pub(crate) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_unsigned(out, (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned());
}

#[inline]
pub(crate) fn get_unsigned(bytes: &mut &[u8]) -> Result<u64> {
    if let Some((first, rest)) = bytes.split_first()
        && *first < 0x80
    {
        *bytes = rest;
        return Ok((*first).into());
    }
    // All bytes at once, where eight are there and the number ends among them.
    if let Some(word) = bytes.first_chunk().map(|word| u64::from_le_bytes(*word))
        && let ends @ 1.. = !word & 0x8080_8080_8080_8080
    {
        let bits = ends.trailing_zeros() + 1;
        *bytes = &bytes[usize::try_from(bits / 8).unwrap_or(8)..];
        let word = word & (u64::MAX >> (u64::BITS - bits)) & 0x7f7f_7f7f_7f7f_7f7f;
        let word = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
        let word = (word & 0x0000_3fff_0000_3fff) | ((word & 0x3fff_0000_3fff_0000) >> 2);
        return Ok((word & 0x0fff_ffff) | ((word & 0x0fff_ffff_0000_0000) >> 4));
    }
    get_long(bytes)
}

/// Takes a number that is long or stands at the end.
fn get_long(bytes: &mut &[u8]) -> Result<u64> {
    let mut number = 0;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        // Of the tenth byte there is room for one bit.
        if place == 9 && *byte > 1 {
            break;
        }
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            *bytes = &bytes[place + 1..];
            return Ok(number);
        }
    }
    Err(malformed())
}

#[inline]
pub(crate) fn get_signed(bytes: &mut &[u8]) -> Result<i64> {
    let number = get_unsigned(bytes)?;
    Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

/// Takes so many bytes from the front.
#[inline]
pub(crate) fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Result<&'b [u8]> {
    let (front, rest) = bytes.split_at_checked(length).ok_or_else(malformed)?;
    *bytes = rest;
    Ok(front)
}

#[inline]
pub(crate) fn take_array<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (front, rest) = bytes.split_first_chunk().ok_or_else(malformed)?;
    *bytes = rest;
    Ok(*front)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_the_ends_of_their_ranges_come_back() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put_unsigned(&mut bytes, number);
            assert_eq!(get_unsigned(&mut bytes.as_slice()).unwrap(), number);
        }
        // Of every length, at the end and before others.
        for number in (0..64).flat_map(|bits| [1_u64 << bits, u64::MAX >> bits, 0x1234_5678_9abc_def0 >> bits]) {
            for behind in [0, 1, 9] {
                let mut bytes = Vec::new();
                put_unsigned(&mut bytes, number);
                bytes.resize(bytes.len() + behind, 0xff);
                let mut rest = bytes.as_slice();
                assert_eq!((get_unsigned(&mut rest).unwrap(), rest.len()), (number, behind));
            }
        }
        for number in [0, -1, 1, 63, -64, 64, i64::MIN, i64::MAX] {
            let mut bytes = Vec::new();
            put_signed(&mut bytes, number);
            assert_eq!(get_signed(&mut bytes.as_slice()).unwrap(), number);
        }
    }

    #[test]
    fn what_is_longer_than_a_number_or_breaks_off_is_malformed() {
        for bytes in
            [&[][..], &[0x80], &[0xff; 9], &[0xff; 11], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]]
        {
            assert!(get_unsigned(&mut &*bytes).is_err(), "{bytes:?}");
        }
    }
}
