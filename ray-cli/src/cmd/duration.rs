//! Times as a user writes them: a number and a unit.

/// `90s`, `30m`, `12h`, `7d` as seconds.
pub(super) fn parse_seconds(text: &str) -> Result<u64, String> {
    let wrong = || "a number and a unit, such as 30m, 12h or 7d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    match count.checked_mul(factor) {
        Some(0) => Err("no time at all".to_owned()),
        Some(seconds) => Ok(seconds),
        None => Err("too long".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_each_unit() {
        assert_eq!(parse_seconds("90s"), Ok(90));
        assert_eq!(parse_seconds("30m"), Ok(1800));
        assert_eq!(parse_seconds("12h"), Ok(43_200));
        assert_eq!(parse_seconds("7d"), Ok(604_800));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in
            ["", "h", "12", "-1h", "+1h", "1.5h", "0d", "1w", "1 h", "ü", "99999999999999999999d", "213503982334602d"]
        {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
