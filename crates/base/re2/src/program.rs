//! Building the automaton.

use regex_automata::meta;
use regex_syntax::hir::Hir;

use crate::error::{ErrorCode, RegexError};

/// Go allows patterns of 128 MiB of instructions; ours are denser.
const NFA_BYTES_MAX: usize = 64 << 20;

/// Compiles; errors when the automaton would be too large, which Go says in the same words.
pub(crate) fn compile(hir: &Hir, pattern: &str) -> Result<meta::Regex, RegexError> {
    meta::Builder::new()
        .configure(meta::Config::new().nfa_size_limit(Some(NFA_BYTES_MAX)))
        .build_from_hir(hir)
        .map_err(|_| RegexError::new(ErrorCode::Large, pattern))
}
