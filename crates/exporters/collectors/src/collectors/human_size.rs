//! Sizes as bcache and bcachefs write them for people.

const UNITS: &str = "kMGTPEZY";

/// Reads a size of bcache's bch_hprint, such as `1.1k` or `-12.3M`. The part behind the point counts to 1023, not to 9:
/// it is put back into its order as the reference does.
pub(crate) fn parse_hprint(text: &str) -> Option<f64> {
    if let Some(rest) = text.strip_prefix('-') {
        return Some(-parse_hprint(rest)?);
    }
    let last = text.chars().next_back()?;
    if last.is_ascii_digit() {
        return Some(text.parse::<f64>().ok()?.trunc());
    }
    let power = UNITS.find(last)? + 1;
    let digits = text.strip_suffix(last)?;
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let number = |text: &str| text.parse::<u64>().ok().map(|n| n as f64);
    Some(((number(whole)? + number(part)? / 10.24) * 1024f64.powi(power as i32)).trunc())
}

/// Reads a size of bcachefs, such as `2.05G` or `512k`.
pub(crate) fn parse_binary_size(text: &str) -> Option<f64> {
    let text = text.trim();
    let last = text.chars().next_back()?;
    let (digits, power) = match UNITS[..6].find(last).or_else(|| UNITS[..6].to_ascii_lowercase().find(last)) {
        Some(at) => (text.strip_suffix(last)?, at + 1),
        None if last == 'K' => (text.strip_suffix(last)?, 1),
        None => (text, 0),
    };
    Some((digits.trim().parse::<f64>().ok()? * 1024f64.powi(power as i32)).trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, want) in [
            ("0", Some(0.0)),
            ("544", Some(544.0)),
            ("1k", Some(1024.0)),
            ("1.1k", Some(1124.0)),
            ("20.512M", Some(73_400_320.0)),
            ("-512", Some(-512.0)),
            ("", None),
            ("k", None),
            ("1.k", None),
            ("1x", None),
            ("ä", None),
        ] {
            assert_eq!(parse_hprint(text), want, "{text}");
        }
        for (text, want) in
            [("512k", Some(524_288.0)), ("1.5G", Some(1_610_612_736.0)), (" 7 ", Some(7.0)), ("K", None), ("", None)]
        {
            assert_eq!(parse_binary_size(text), want, "{text}");
        }
    }
}
