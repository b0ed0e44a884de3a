//! Small and capital letters as Go's `strings.ToLower` and `ToUpper` make them: one character for one.
//!
//! The standard library follows Unicode's full mappings instead, in which ß becomes SS and a final Σ becomes ς.

pub(super) fn to_lower(text: &str) -> String {
    text.chars().map(|c| single(c.to_lowercase()).unwrap_or(if c == '\u{130}' { 'i' } else { c })).collect()
}

pub(super) fn to_upper(text: &str) -> String {
    text.chars().map(|c| single(c.to_uppercase()).unwrap_or_else(|| single_upper(c))).collect()
}

fn single(mut mapped: impl Iterator<Item = char>) -> Option<char> {
    let first = mapped.next();
    if mapped.next().is_none() { first } else { None }
}

/// Of the characters with several capitals only Greek ones with a iota subscript have a single one too.
fn single_upper(c: char) -> char {
    let offset = match c {
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => 8,
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => 9,
        _ => 0,
    };
    char::from_u32(c as u32 + offset).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_for_one() {
        assert_eq!(
            to_upper("stra\u{df}e \u{e9} \u{1f80} \u{1fb3} \u{fb01} \u{1c6}"),
            "STRA\u{df}E \u{c9} \u{1f88} \u{1fbc} \u{fb01} \u{1c4}"
        );
        assert_eq!(to_lower("\u{39f}\u{394}\u{39f}\u{3a3} \u{130}X \u{c9}"), "\u{3bf}\u{3b4}\u{3bf}\u{3c3} ix \u{e9}");
    }
}
