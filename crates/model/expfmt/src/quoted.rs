//! Pieces of a body as error texts quote them.

use firesteel_go_compat::quote as go_quote;

use crate::ParseError;

/// Quotes bytes as Go's `%q`, cut to [`ParseError::QUOTED_MAX`].
pub(crate) fn quote(bytes: &[u8]) -> String {
    match bytes.get(..ParseError::QUOTED_MAX) {
        Some(shown) if shown.len() < bytes.len() => format!("{}... ({} bytes)", go_quote(shown), bytes.len()),
        _ => go_quote(bytes).to_string(),
    }
}
