//! The shape of numbers and durations. What they are worth is found out later.

use super::{
    Lexer,
    chars::{is_alphanumeric, is_digit},
};

const DECIMAL: &str = "0123456789";
const HEXADECIMAL: &str = "0123456789abcdefABCDEF";

impl Lexer<'_> {
    /// Takes a number; `false` where it goes wrong, which is then the end of the word.
    ///
    /// The rules of upstream's `scanNumber` (promql/parser/lex.go): at most one dot and one exponent; `_` not before a
    /// dot, an exponent, another `_` or the end; nothing alphanumeric behind.
    pub(super) fn scan_number(&mut self) -> bool {
        let begin = self.pos;
        let mut digits = DECIMAL;
        // A series description reads `0x3` as a repetition.
        if !self.in_series && self.accept("0") && self.accept("xX") {
            self.accept("_");
            digits = HEXADECIMAL;
        }
        self.accept(".");
        self.accept(digits);
        let (mut had_dot, mut had_exponent) = (false, false);
        while let Some(c) = self.peek() {
            match c {
                '.' => {
                    self.pos += 1;
                    if had_dot || self.accept("_.") || digits == HEXADECIMAL {
                        return false;
                    }
                    had_dot = true;
                }
                'e' | 'E' => {
                    self.pos += 1;
                    if had_exponent {
                        return false;
                    }
                    had_exponent = true;
                    self.accept("+-");
                    if self.accept("._eE") || self.peek().is_none() {
                        return false;
                    }
                }
                '_' => {
                    self.pos += 1;
                    if self.accept("._eE") || self.peek().is_none() {
                        return false;
                    }
                }
                _ if digits.contains(c) => while self.accept(digits) {},
                _ => break,
            }
        }
        if self.pos == begin {
            return false;
        }
        match self.peek() {
            Some('x') if self.in_series => true,
            Some(c) => !is_alphanumeric(c),
            None => true,
        }
    }

    /// Takes the units behind the number that [`Self::scan_number`] stopped at.
    ///
    /// The order of the units and pairs like `hs` are checked when the value is computed.
    pub(super) fn scan_duration(&mut self) -> bool {
        if !self.accept("smhdwy") {
            return false;
        }
        self.accept("s");
        while self.peek().is_some_and(is_digit) {
            while self.accept(DECIMAL) {}
            if !self.accept("smhdw") {
                return false;
            }
            self.accept("s");
        }
        match self.peek() {
            Some(c) if is_alphanumeric(c) => {
                self.pos += 1;
                false
            }
            _ => true,
        }
    }
}
