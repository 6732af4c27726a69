//! A time as rules write it: `2026-12-31T23:59:59Z`, the proleptic Gregorian calendar in UTC.

use crate::ident::UnixTime;

const DAY: u64 = 86_400;
/// The last second that four digits of a year can name.
const LAST: u64 = 253_402_300_799;

/// `None` for a time that four digits of a year cannot name.
pub(super) fn show(time: UnixTime) -> Option<String> {
    if time.0 > LAST {
        return None;
    }
    let (day, second) = (time.0 / DAY, time.0 % DAY);
    let (year, month, day) = civil(day);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// Takes exactly what [`show`] gives.
pub(super) fn read(text: &str) -> Option<UnixTime> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok()).flatten()
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let time = UnixTime(days(year, month, day) * DAY + hour * 3600 + minute * 60 + second);
    // What no calendar or clock shows, such as the 31st of June, comes back as something else.
    (show(time)? == text).then_some(time)
}

/// Days since 1970-01-01. Years are counted from March, so that the leap day comes last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - EPOCH
}

/// 1970-01-01 in days since March 1 of the year 0.
const EPOCH: u64 = 719_468;

fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + EPOCH;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_known_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_000_000_000, "2001-09-09T01:46:40Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(show(UnixTime(seconds)).as_deref(), Some(text));
            assert_eq!(read(text), Some(UnixTime(seconds)));
        }
        assert_eq!(show(UnixTime(LAST + 1)), None);
    }

    #[test]
    fn every_day_comes_back() {
        for day in 0..100_000 {
            let time = UnixTime(day * DAY + 3661);
            assert_eq!(read(&show(time).unwrap()), Some(time));
        }
    }

    #[test]
    fn refuses_dates_that_do_not_exist() {
        for text in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-06-31T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00Zz",
            "+026-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
