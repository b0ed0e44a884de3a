//! Lines of start timestamps: `metric{a="b"}@st _ -1m -30s+1sx3`, each relative to the time of its sample.

use firesteel_go_compat::parse_duration;

/// Returns the parts of such a line: the series, and what follows `@st`.
pub(super) fn split(line: &str) -> Option<(&str, &str)> {
    let end = line.find([' ', '\t'])?;
    Some((line[..end].strip_suffix("@st")?, line[end..].trim()))
}

/// Reads the sequence: `None` is a position without a start timestamp, else milliseconds.
pub(super) fn parse(sequence: &str) -> Result<Vec<Option<i64>>, String> {
    let mut starts = Vec::new();
    for item in sequence.split_whitespace() {
        push_item(item, &mut starts).map_err(|e| format!("invalid ST item \"{item}\": {e}"))?;
    }
    Ok(starts)
}

fn push_item(item: &str, starts: &mut Vec<Option<i64>>) -> Result<(), String> {
    let count = |text: &str| text.parse::<usize>().map_err(|_| "invalid repeat count".to_owned());
    if let Some(rest) = item.strip_prefix('_') {
        let n = match rest.strip_prefix('x') {
            Some(n) => count(n)?,
            None if rest.is_empty() => 1,
            None => return Err("unexpected character behind \"_\"".to_owned()),
        };
        starts.extend(std::iter::repeat_n(None, n));
        return Ok(());
    }
    let (base, rest) = duration(item)?;
    if rest.is_empty() {
        starts.push(Some(base));
        return Ok(());
    }
    if let Some(n) = rest.strip_prefix('x') {
        starts.extend(std::iter::repeat_n(Some(base), count(n)? + 1));
        return Ok(());
    }
    let negative = rest.starts_with('-');
    let step = rest.strip_prefix(['+', '-']).ok_or("unexpected character after duration")?;
    let (step, rest) = duration(step).map_err(|e| format!("invalid step duration: {e}"))?;
    let n = count(rest.strip_prefix('x').ok_or("expected 'x<count>' after step duration")?)?;
    let step = if negative { -step } else { step };
    starts.extend((0..=n as i64).map(|i| Some(base + step * i)));
    Ok(())
}

/// Reads a duration with a sign from the start of `text`; returns milliseconds and what is left.
fn duration(text: &str) -> Result<(i64, &str), String> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = text.find(['x', '+', '-', '_']).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let ms = parse_duration(number).map_err(|e| e.to_string())?.as_millis() as i64;
    Ok((if negative { -ms } else { ms }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences() {
        let check = |text: &str, expected: &[Option<i64>]| assert_eq!(parse(text).as_deref(), Ok(expected), "{text}");
        check("_ _x2 -1m", &[None, None, None, Some(-60_000)]);
        check("1msx2", &[Some(1), Some(1), Some(1)]);
        check("-30s-1mx2", &[Some(-30_000), Some(-90_000), Some(-150_000)]);
        check("0-1mx1 0s", &[Some(0), Some(-60_000), Some(0)]);
        for bad in ["1", "1mz", "1m+1s", "_xx", "-"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(split(r#"a{b="c"}@st _ 1m"#), Some((r#"a{b="c"}"#, "_ 1m")));
        assert_eq!(split("a 1 2"), None);
    }
}
