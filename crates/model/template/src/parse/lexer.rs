//! Cutting a template into text and the words of its actions.

use std::borrow::Cow;

use firesteel_go_compat::{is_print, quote};

use super::token::{Kind, Token};

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
/// The length of "- " and " -".
const TRIM_MARKER: usize = 2;

/// A token, or the words of what cannot be one.
pub(crate) struct Item<'a> {
    pub(crate) token: Token<'a>,
    pub(crate) fault: Option<String>,
}

pub(crate) struct Lexer<'a> {
    input: &'a str,
    at: usize,
    start: usize,
    line: usize,
    start_line: usize,
    paren_depth: i32,
    inside_action: bool,
    /// A fault ends everything; afterwards there is only EOF.
    failed: bool,
    /// Whether `break` and `continue` are not functions of the user.
    pub(crate) has_break: bool,
    pub(crate) has_continue: bool,
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn starts_trimmed(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('-') && chars.next().is_some_and(is_space)
}

fn ends_trimmed(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_space) && chars.next() == Some('-')
}

fn lines_in(text: &str) -> usize {
    text.bytes().filter(|&b| b == b'\n').count()
}

/// A character as Go's `%#U`.
fn unicode(c: char) -> String {
    if is_print(c) { format!("U+{:04X} '{c}'", c as u32) } else { format!("U+{:04X}", c as u32) }
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(input: &'a str, has_break: bool, has_continue: bool) -> Self {
        Self {
            input,
            at: 0,
            start: 0,
            line: 1,
            start_line: 1,
            paren_depth: 0,
            inside_action: false,
            failed: false,
            has_break,
            has_continue,
        }
    }

    fn rest(&self) -> &'a str {
        self.input.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn next_if(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        let taken = self.peek().is_some_and(wanted);
        if taken {
            self.next();
        }
        taken
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.next_if(&wanted) {}
    }

    /// Takes what was read for a token.
    fn item(&mut self, kind: Kind) -> Item<'a> {
        let text = self.input.get(self.start..self.at).unwrap_or("");
        let token = Token { kind, pos: self.start, line: self.start_line, text };
        self.start = self.at;
        self.start_line = self.line;
        Item { token, fault: None }
    }

    /// Passes over `bytes` that were not read yet and counts their lines.
    fn skip(&mut self, bytes: usize) {
        self.line += lines_in(self.rest().get(..bytes).unwrap_or(""));
        self.at += bytes;
        self.start = self.at;
        self.start_line = self.line;
    }

    fn fault(&mut self, what: impl Into<Cow<'static, str>>) -> Item<'a> {
        let token = Token { kind: Kind::Error, pos: self.start, line: self.start_line, text: "" };
        self.failed = true;
        Item { token, fault: Some(what.into().into_owned()) }
    }

    pub(crate) fn next_item(&mut self) -> Item<'a> {
        if self.failed {
            let token = Token { kind: Kind::Eof, pos: self.at, line: self.start_line, text: "EOF" };
            return Item { token, fault: None };
        }
        if self.inside_action { self.in_action() } else { self.in_text() }
    }

    fn in_text(&mut self) -> Item<'a> {
        loop {
            let rest = self.rest();
            let Some(length) = rest.find(LEFT) else {
                self.line += lines_in(rest);
                self.at = self.input.len();
                let kind = if rest.is_empty() { Kind::Eof } else { Kind::Text };
                return self.item(kind);
            };
            if length > 0 {
                let text = &rest[..length];
                let trimmed = starts_trimmed(&rest[length + LEFT.len()..]);
                let kept = if trimmed { text.trim_end_matches(is_space).len() } else { length };
                self.line += lines_in(&text[..kept]);
                self.at += kept;
                let item = self.item(Kind::Text);
                self.skip(length - kept);
                if !item.token.text.is_empty() {
                    return item;
                }
            }
            if let Some(item) = self.left_delim() {
                return item;
            }
        }
    }

    /// Reads `{{` or a whole comment, which gives nothing.
    fn left_delim(&mut self) -> Option<Item<'a>> {
        let inside = &self.rest()[LEFT.len()..];
        let marker = if starts_trimmed(inside) { TRIM_MARKER } else { 0 };
        if !inside[marker..].starts_with("/*") {
            self.at += LEFT.len();
            let item = self.item(Kind::LeftDelim);
            self.inside_action = true;
            self.skip(marker);
            self.paren_depth = 0;
            return Some(item);
        }
        self.skip(LEFT.len() + marker);
        let Some(length) = self.rest()[2..].find("*/") else {
            return Some(self.fault("unclosed comment"));
        };
        let end = 2 + length + 2;
        let (closed, trims) = right_delim(&self.rest()[end..]);
        if !closed {
            return Some(self.fault("comment ends before closing delimiter"));
        }
        self.skip(end + RIGHT.len() + if trims { TRIM_MARKER } else { 0 });
        if trims {
            self.skip_spaces();
        }
        None
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.skip(rest.len() - rest.trim_start_matches(is_space).len());
    }

    fn right_delim(&mut self, trims: bool) -> Item<'a> {
        if trims {
            self.skip(TRIM_MARKER);
        }
        self.at += RIGHT.len();
        let item = self.item(Kind::RightDelim);
        if trims {
            self.skip_spaces();
        }
        self.inside_action = false;
        item
    }

    fn in_action(&mut self) -> Item<'a> {
        let (closed, trims) = right_delim(self.rest());
        if closed {
            return if self.paren_depth == 0 { self.right_delim(trims) } else { self.fault("unclosed left paren") };
        }
        let Some(c) = self.next() else { return self.fault("unclosed action") };
        match c {
            c if is_space(c) => self.spaces(),
            '=' => self.item(Kind::Assign),
            ':' => {
                if self.next() == Some('=') {
                    self.item(Kind::Declare)
                } else {
                    self.fault("expected :=")
                }
            }
            '|' => self.item(Kind::Pipe),
            '"' => self.quoted('"', Kind::String, "unterminated quoted string"),
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '`' => {
                self.take_while(|c| c != '`');
                if self.next().is_none() {
                    return self.fault("unterminated raw quoted string");
                }
                self.item(Kind::RawString)
            }
            '$' => {
                if self.at_terminator() {
                    return self.item(Kind::Variable);
                }
                self.name(Kind::Variable)
            }
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                if self.at_terminator() {
                    return self.item(Kind::Dot);
                }
                self.name(Kind::Field)
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.at -= 1;
                self.number()
            }
            c if is_alphanumeric(c) => self.identifier(),
            '(' => {
                self.paren_depth += 1;
                self.item(Kind::LeftParen)
            }
            ')' => {
                self.paren_depth -= 1;
                if self.paren_depth < 0 {
                    return self.fault("unexpected right paren");
                }
                self.item(Kind::RightParen)
            }
            ' '..='~' => self.item(Kind::Char),
            c => {
                let what = format!("unrecognized character in action: {}", unicode(c));
                self.fault(what)
            }
        }
    }

    /// Reads blanks, of which the first is passed; the last one belongs to a trim marker that follows.
    fn spaces(&mut self) -> Item<'a> {
        self.take_while(is_space);
        let last = self.at - 1;
        let before_end = &self.input[last..];
        if ends_trimmed(before_end) && before_end[TRIM_MARKER..].starts_with(RIGHT) {
            self.line -= usize::from(before_end.starts_with('\n'));
            self.at = last;
            if self.at == self.start {
                return self.right_delim(true);
            }
        }
        self.item(Kind::Space)
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None => true,
            Some(c) => is_space(c) || matches!(c, '.' | ',' | '|' | ':' | ')' | '(') || self.rest().starts_with(RIGHT),
        }
    }

    fn bad_character(&mut self) -> Item<'a> {
        let what = format!("bad character {}", self.peek().map(unicode).unwrap_or_default());
        self.fault(what)
    }

    fn name(&mut self, kind: Kind) -> Item<'a> {
        self.take_while(is_alphanumeric);
        if self.at_terminator() { self.item(kind) } else { self.bad_character() }
    }

    fn identifier(&mut self) -> Item<'a> {
        self.take_while(is_alphanumeric);
        if !self.at_terminator() {
            return self.bad_character();
        }
        let kind = match &self.input[self.start..self.at] {
            "true" | "false" => Kind::Bool,
            "break" if !self.has_break => Kind::Identifier,
            "continue" if !self.has_continue => Kind::Identifier,
            word => Kind::keyword(word).unwrap_or(Kind::Identifier),
        };
        self.item(kind)
    }

    /// Reads a quoted text, of which the first quote is passed.
    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &'static str) -> Item<'a> {
        loop {
            match self.next() {
                Some('\\') => match self.next() {
                    None | Some('\n') => return self.fault(unterminated),
                    Some(_) => {}
                },
                None | Some('\n') => return self.fault(unterminated),
                Some(c) if c == quote => return self.item(kind),
                Some(_) => {}
            }
        }
    }

    fn number(&mut self) -> Item<'a> {
        if !self.scan_number() {
            return self.bad_number();
        }
        if !matches!(self.peek(), Some('+' | '-')) {
            return self.item(Kind::Number);
        }
        if !self.scan_number() || !self.input[..self.at].ends_with('i') {
            return self.bad_number();
        }
        self.item(Kind::Complex)
    }

    fn bad_number(&mut self) -> Item<'a> {
        let what = format!("bad number syntax: {}", quote(&self.input[self.start..self.at]));
        self.fault(what)
    }

    fn scan_number(&mut self) -> bool {
        self.next_if(|c| matches!(c, '+' | '-'));
        let mut digits = "0123456789_";
        if self.next_if(|c| c == '0') {
            if self.next_if(|c| matches!(c, 'x' | 'X')) {
                digits = "0123456789abcdefABCDEF_";
            } else if self.next_if(|c| matches!(c, 'o' | 'O')) {
                digits = "01234567_";
            } else if self.next_if(|c| matches!(c, 'b' | 'B')) {
                digits = "01_";
            }
        }
        self.take_while(|c| digits.contains(c));
        if self.next_if(|c| c == '.') {
            self.take_while(|c| digits.contains(c));
        }
        let exponent = match digits.len() {
            11 => "eE",
            23 => "pP",
            _ => "",
        };
        if self.next_if(|c| exponent.contains(c)) {
            self.next_if(|c| matches!(c, '+' | '-'));
            self.take_while(|c| c.is_ascii_digit() || c == '_');
        }
        self.next_if(|c| c == 'i');
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}

/// Whether an action ends here, and whether its end trims.
fn right_delim(text: &str) -> (bool, bool) {
    if ends_trimmed(text) && text[TRIM_MARKER..].starts_with(RIGHT) {
        (true, true)
    } else {
        (text.starts_with(RIGHT), false)
    }
}
