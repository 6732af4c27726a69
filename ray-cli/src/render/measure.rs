//! Quantities in few characters: times, sizes, dates.

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A round trip, at most seven characters up to 999 s: three digits that mean something.
pub(crate) fn rtt(us: u64) -> String {
    match us {
        0..10_000 => format!("{}.{:02} ms", us / 1000, us % 1000 / 10),
        10_000..100_000 => format!("{}.{} ms", us / 1000, us % 1000 / 100),
        100_000..1_000_000 => format!("{} ms", us / 1000),
        1_000_000..10_000_000 => format!("{}.{:02} s", us / 1_000_000, us % 1_000_000 / 10_000),
        _ => format!("{} s", us / 1_000_000),
    }
}

/// Bytes in at most four characters, decimal units, rounded down.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    if count < 1000 {
        return format!("{count}B");
    }
    let mut scale: u64 = 1000;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    while count / scale >= 1000 {
        let Some(larger) = units.next() else { break };
        scale *= 1000;
        unit = larger;
    }
    let whole = count / scale;
    if whole < 10 { format!("{whole}.{}{unit}", count % scale / (scale / 10)) } else { format!("{whole}{unit}") }
}

/// How long something lasts or has been gone, in its largest unit.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => format!("{}m", seconds / MINUTE),
        HOUR..DAY => format!("{}h", seconds / HOUR),
        _ => format!("{}d", seconds / DAY),
    }
}

/// Milliseconds as seconds without needless digits.
pub(crate) fn seconds(ms: u32) -> String {
    format!("{} s", f64::from(ms) / 1000.0)
}

/// A span exactly as the arguments take it: `90m` is not `1h`.
pub(crate) fn lasting(seconds: u64) -> String {
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "m")];
    let unit = units.iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{seconds}s"), |(unit, name)| format!("{}{name}", seconds / unit))
}

/// A moment as seen from another one: `in 23h`, `5m ago`.
pub(crate) fn moment(at_s: u64, now_s: u64) -> String {
    match (at_s.checked_sub(now_s), now_s.saturating_sub(at_s)) {
        (Some(ahead @ 1..), _) => format!("in {}", age(ahead)),
        (_, 0..MINUTE) => "now".to_owned(),
        (_, gone) => format!("{} ago", age(gone)),
    }
}

/// A Unix time as date and minute in UTC.
pub(crate) fn utc(unix_s: u64) -> String {
    format!("{} UTC", utc_minute(unix_s))
}

/// The same where the zone is told elsewhere.
pub(crate) fn utc_minute(unix_s: u64) -> String {
    let (year, month, day) = date(unix_s / DAY);
    let (hour, minute) = (unix_s % DAY / HOUR, unix_s % HOUR / MINUTE);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

/// To the second, where the zone is told elsewhere.
pub(crate) fn utc_second(unix_s: u64) -> String {
    format!("{}:{:02}", utc_minute(unix_s), unix_s % MINUTE)
}

/// A Unix time after ISO 8601.
pub(crate) fn iso(unix_s: u64) -> String {
    let (year, month, day) = date(unix_s / DAY);
    let (hour, minute, second) = (unix_s % DAY / HOUR, unix_s % HOUR / MINUTE, unix_s % MINUTE);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a day since 1970, after Hinnant's `civil_from_days`.
fn date(days_since_1970: u64) -> (u64, u64, u64) {
    // Years start in March here, so that the leap day is the last of a year; an era is 400 years.
    let days = days_since_1970 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_keeps_three_digits() {
        let shown = [0, 420, 1_849, 18_400, 184_000, 1_840_000, 60_000_000].map(rtt);
        assert_eq!(shown, ["0.00 ms", "0.42 ms", "1.84 ms", "18.4 ms", "184 ms", "1.84 s", "60 s"]);
    }

    #[test]
    fn bytes_never_need_more_than_four_characters() {
        let shown = [0, 999, 1000, 9_999, 10_000, 999_999, 1_000_000, 1_250_000_000, u64::MAX].map(bytes);
        assert_eq!(shown, ["0B", "999B", "1.0K", "9.9K", "10K", "999K", "1.0M", "1.2G", "18E"]);
    }

    #[test]
    fn an_age_uses_its_largest_unit() {
        assert_eq!([0, 59, 60, 3599, 3600, 86_399, 86_400].map(age), ["0s", "59s", "1m", "59m", "1h", "23h", "1d"]);
    }

    #[test]
    fn dates_know_leap_years() {
        assert_eq!(utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(utc(1_709_251_140), "2024-02-29 23:59 UTC");
        assert_eq!(utc(1_709_251_200), "2024-03-01 00:00 UTC");
        assert_eq!(utc(4_107_542_400), "2100-03-01 00:00 UTC");
        assert!(!utc(u64::MAX).is_empty());
    }

    #[test]
    fn a_span_loses_nothing() {
        let shown = [0, 59, 60, 90, 5400, 86_400, 604_801].map(lasting);
        assert_eq!(shown, ["0s", "59s", "1m", "90s", "90m", "1d", "604801s"]);
    }

    #[test]
    fn a_moment_tells_before_and_after() {
        let shown = [0, 940, 941, 1000, 1001, 1000 + 84_000].map(|at| moment(at, 1000));
        assert_eq!(shown, ["16m ago", "1m ago", "now", "now", "in 1s", "in 23h"]);
        assert_eq!(moment(u64::MAX, 0), "in 213503982334601d");
    }

    #[test]
    fn an_iso_time_has_seconds() {
        assert_eq!(iso(1_790_000_000), "2026-09-21T14:13:20Z");
    }
}
