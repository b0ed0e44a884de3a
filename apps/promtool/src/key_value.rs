//! Labels on the command line, as upstream's flags take them: `name=value` or `name:value`.

/// Splits at the first separator.
pub(crate) fn key_value(text: &str) -> Option<(&str, &str)> {
    text.split_once(['=', ':'])
}

/// Checks a flag's value.
pub(crate) fn check(text: &str) -> Result<(), String> {
    key_value(text).map(drop).ok_or_else(|| format!("expected KEY=VALUE got '{text}'"))
}
