//! What Go's `strconv` says when a text is not a number.

use std::fmt;

use crate::quote;

/// Whether a text was not a number, or one that does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberFault {
    Syntax,
    Range,
}

/// Displays as Go's `*strconv.NumError`: `strconv.ParseFloat: parsing "abc": invalid syntax`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberError {
    /// The Go function that upstream calls here, such as `ParseFloat`.
    pub function: &'static str,
    pub input: Vec<u8>,
    pub fault: NumberFault,
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = match self.fault {
            NumberFault::Syntax => "invalid syntax",
            NumberFault::Range => "value out of range",
        };
        write!(f, "strconv.{}: parsing {}: {fault}", self.function, quote(&self.input))
    }
}

impl std::error::Error for NumberError {}
