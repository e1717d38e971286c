//! The proleptic Gregorian calendar, over every day that 32 bits can count.

use super::DAY;

/// Days from 0000-03-01, where the cycle of 400 years starts, to 1970-01-01.
const EPOCH: i64 = 719_468;
/// Days in 400 years.
const CYCLE: i64 = 146_097;

/// Gives year, month and day of a count of days since 1970-01-01. Year 0 is 1 BC.
#[must_use]
pub fn civil_from_days(days: i32) -> (i32, u8, u8) {
    // Years that start in March have their leap day at the end; the algorithm is Howard Hinnant's `civil_from_days`.
    let days = i64::from(days) + EPOCH;
    let cycle = days.div_euclid(CYCLE);
    let day_of_cycle = days.rem_euclid(CYCLE);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_cycle + cycle * 400 + i64::from(month <= 2);
    (
        i32::try_from(year).unwrap_or_default(),
        u8::try_from(month).unwrap_or_default(),
        u8::try_from(day).unwrap_or_default(),
    )
}

/// Gives the count of days since 1970-01-01, or none where the calendar has no such day or 32 bits cannot count it.
#[must_use]
pub fn days_from_civil(year: i32, month: u8, day: u8) -> Option<i32> {
    if day == 0 || day > days_in_month(year, month)? {
        return None;
    }
    let (month, day) = (i64::from(month), i64::from(day));
    let year = i64::from(year) - i64::from(month <= 2);
    let cycle = year.div_euclid(400);
    let year_of_cycle = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    i32::try_from(cycle * CYCLE + day_of_cycle - EPOCH).ok()
}

fn days_in_month(year: i32, month: u8) -> Option<u8> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// Splits microseconds since 1970-01-01 00:00:00 into days since that day and microseconds since midnight.
#[must_use]
pub fn split_micros(micros: i64) -> (i32, i64) {
    // 2^63 microseconds are about 10^8 days.
    (i32::try_from(micros.div_euclid(DAY)).unwrap_or_default(), micros.rem_euclid(DAY))
}

/// Joins days since 1970-01-01 and microseconds since midnight, or gives none where 64 bits cannot count them.
#[must_use]
pub fn join_micros(days: i32, time: i64) -> Option<i64> {
    // The sum may fit where the product alone does not, at the very beginning of the range.
    i64::try_from(i128::from(days) * i128::from(DAY) + i128::from(time)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_day_of_ten_thousand_years_follows_the_one_before() {
        let first = days_from_civil(-1, 1, 1).expect("in range");
        let last = days_from_civil(10_000, 12, 31).expect("in range");
        let (mut year, mut month, mut day) = (-1, 1, 1);
        for days in first..=last {
            assert_eq!(civil_from_days(days), (year, month, day));
            assert_eq!(days_from_civil(year, month, day), Some(days));
            day += 1;
            if day > days_in_month(year, month).expect("a month") {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
        assert_eq!((year, month, day), (10_001, 1, 1));
    }

    #[test]
    fn known_days_have_their_count() {
        assert_eq!(civil_from_days(0), (1970, 1, 1));
        assert_eq!(civil_from_days(-1), (1969, 12, 31));
        assert_eq!(days_from_civil(2000, 2, 29), Some(11_016));
        assert_eq!(days_from_civil(0, 1, 1), Some(-719_528));
        assert_eq!(civil_from_days(i32::MAX), (5_881_580, 7, 11));
        assert_eq!(civil_from_days(i32::MIN), (-5_877_641, 6, 23));
    }

    #[test]
    fn days_that_the_calendar_lacks_are_none() {
        for (year, month, day) in
            [(2023, 2, 29), (1900, 2, 29), (2024, 2, 30), (2024, 4, 31), (2024, 0, 1), (2024, 13, 1), (2024, 1, 0)]
        {
            assert_eq!(days_from_civil(year, month, day), None, "{year}-{month}-{day}");
        }
        assert_eq!(days_from_civil(5_881_580, 7, 12), None);
        assert_eq!(days_from_civil(i32::MIN, 1, 1), None);
        assert_eq!(days_from_civil(i32::MAX, 12, 31), None);
    }

    proptest! {
        #[test]
        fn any_day_survives(days in any::<i32>()) {
            let (year, month, day) = civil_from_days(days);
            prop_assert_eq!(days_from_civil(year, month, day), Some(days));
        }

        #[test]
        fn no_civil_date_panics(year in any::<i32>(), month in any::<u8>(), day in any::<u8>()) {
            if let Some(days) = days_from_civil(year, month, day) {
                prop_assert_eq!(civil_from_days(days), (year, month, day));
            }
        }

        #[test]
        fn any_instant_splits_and_joins(micros in any::<i64>()) {
            let (days, time) = split_micros(micros);
            prop_assert!((0..DAY).contains(&time));
            prop_assert_eq!(join_micros(days, time), Some(micros));
        }
    }
}
