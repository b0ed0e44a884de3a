//! Quoted strings: found and checked here, unquoted by the parser.

use super::{Lexer, State, chars::code_point};
use crate::token::{Kind, Token};

impl Lexer<'_> {
    /// Takes a string that began with `open`.
    pub(super) fn quoted(&mut self, open: char) -> Option<Token> {
        loop {
            match self.bump() {
                None | Some('\n') => return self.fail("unterminated quoted string"),
                // Go cannot tell this character from bytes that are not UTF-8.
                Some(char::REPLACEMENT_CHARACTER) => return self.fail("invalid UTF-8 rune"),
                Some('\\') => {
                    if let Err(fault) = self.escape(open) {
                        return self.fail(fault);
                    }
                }
                Some(c) if c == open => return self.emit(Kind::String, State::Statements),
                Some(_) => {}
            }
        }
    }

    /// Takes a string that began with a backtick.
    pub(super) fn raw(&mut self) -> Option<Token> {
        loop {
            match self.bump() {
                None => return self.fail("unterminated raw string"),
                Some(char::REPLACEMENT_CHARACTER) => return self.fail("invalid UTF-8 rune"),
                Some('`') => return self.emit(Kind::String, State::Statements),
                Some(_) => {}
            }
        }
    }

    /// Checks what follows a backslash.
    fn escape(&mut self, open: char) -> Result<(), String> {
        let not_terminated = || "escape sequence not terminated".to_owned();
        let c = self.bump().ok_or_else(not_terminated)?;
        let (count, radix, max, mut first) = match c {
            'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
            _ if c == open => return Ok(()),
            '0'..='7' => (3, 8, 255, Some(c)),
            'x' => (2, 16, 255, None),
            'u' => (4, 16, u32::from(char::MAX), None),
            'U' => (8, 16, u32::from(char::MAX), None),
            _ => return Err(format!("unknown escape sequence {}", code_point(c))),
        };
        let mut code: u32 = 0;
        for _ in 0..count {
            let c = match first.take() {
                Some(c) => c,
                None => self.bump().ok_or_else(not_terminated)?,
            };
            let digit =
                c.to_digit(radix).ok_or_else(|| format!("illegal character {} in escape sequence", code_point(c)))?;
            code = code.wrapping_mul(radix).wrapping_add(digit);
        }
        if code > max || (0xD800..0xE000).contains(&code) {
            return Err("escape sequence is an invalid Unicode code point".to_owned());
        }
        Ok(())
    }
}
