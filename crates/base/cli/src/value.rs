//! Checking flag values, and printing them as the flags page shows them.

use std::time::Duration;

use firesteel_go_compat as go;

use crate::FlagKind;

/// Checks one value; the error is upstream's text.
pub(crate) fn check(kind: FlagKind, text: &str) -> Result<(), String> {
    match kind {
        FlagKind::Bool | FlagKind::Text => Ok(()),
        FlagKind::Int | FlagKind::Float => number(text).map(drop),
        FlagKind::Duration => go::parse_duration(text).map(drop).map_err(|e| e.to_string()),
        FlagKind::GoDuration => go::parse_go_duration(text).map(drop).map_err(|e| e.to_string()),
        FlagKind::Bytes => go::parse_byte_size(text).map(drop).map_err(|e| e.to_string()),
        FlagKind::Enum(words) if words.contains(&text) => Ok(()),
        FlagKind::Enum(words) => Err(format!("enum value must be one of {}, got '{text}'", words.join(","))),
        FlagKind::Checked(check) => check(text),
    }
}

/// Prints one value in its canonical form; a value that does not parse stays as it is.
pub(crate) fn canonical(kind: FlagKind, text: &str) -> String {
    let shown = match kind {
        FlagKind::Int => number(text).ok().map(|v| (v as i64).to_string()),
        FlagKind::Float => number(text).ok().map(|v| v.to_string()),
        FlagKind::Duration => go::parse_duration(text).ok().map(go::format_duration),
        FlagKind::GoDuration => go::parse_go_duration(text).ok().map(go::format_go_duration),
        FlagKind::Bytes => go::parse_byte_size(text).ok().map(go::format_byte_size),
        _ => None,
    };
    shown.unwrap_or_else(|| text.to_owned())
}

/// Returns what an unset flag of this kind shows.
pub(crate) fn unset(kind: FlagKind) -> &'static str {
    match kind {
        FlagKind::Bool => "false",
        FlagKind::Int | FlagKind::Float => "0",
        FlagKind::Duration | FlagKind::GoDuration => "0s",
        FlagKind::Bytes => "0B",
        FlagKind::Text | FlagKind::Enum(_) | FlagKind::Checked(_) => "",
    }
}

/// Parses a number; upstream reads whole numbers as floats too.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    go::parse_float(text).map_err(|e| e.to_string())
}

/// Parses Go's duration; a negative one counts as zero.
pub(crate) fn go_duration(text: &str) -> Option<Duration> {
    go::parse_go_duration(text).ok().map(|ns| Duration::from_nanos(ns.max(0) as u64))
}
