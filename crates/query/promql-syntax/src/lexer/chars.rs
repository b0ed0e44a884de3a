//! Classes of characters, and characters as Go's messages show them.

use firesteel_go_compat::{is_print, quote};

pub(super) const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

pub(super) const fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

/// Returns whether the character is a letter or an underscore.
pub(super) const fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

pub(super) const fn is_alphanumeric(c: char) -> bool {
    is_alpha(c) || is_digit(c)
}

/// Go's `%q` of a character; the end of the text, which Go gives as -1, shows as U+FFFD.
pub(super) fn quote_char(c: Option<char>) -> String {
    match c.unwrap_or(char::REPLACEMENT_CHARACTER) {
        '\'' => r"'\''".to_owned(),
        '"' => r#"'"'"#.to_owned(),
        c => {
            let quoted = quote(c.encode_utf8(&mut [0; 4])).to_string();
            format!("'{}'", quoted.trim_matches('"'))
        }
    }
}

/// Go's `%#U`: the code point, and the character if it can be printed.
pub(super) fn code_point(c: char) -> String {
    let code = u32::from(c);
    if is_print(c) { format!("U+{code:04X} '{c}'") } else { format!("U+{code:04X}") }
}
