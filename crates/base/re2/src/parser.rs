//! Go's syntax to an `Hir` (facts: Go's `regexp/syntax/parse.go`, as grafana/regexp of Prometheus 3.14 has it).

use regex_syntax::hir::{Capture, Class, ClassUnicode, Hir, Look, Repetition};

use crate::class::{parse_class, parse_named, range_class};
use crate::error::{ErrorCode, RegexError};
use crate::escape::parse_escape;
use crate::flags::Flags;

/// A compiled expression has at most so many instructions of Go's machine: 128 MiB of them.
const MAX_SIZE: u64 = (128 << 20) / 40;
const MAX_HEIGHT: u32 = 1000;
const MAX_REPEAT: u32 = 1000;

/// What a pattern means.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) hir: Hir,
    /// By number less one; empty when a group has no name. Names may repeat.
    pub(crate) group_names: Vec<String>,
}

/// Reads a pattern.
pub(crate) fn parse(pattern: &str, flags: Flags) -> Result<Parsed, RegexError> {
    let parser = Parser { whole: pattern, rest: pattern, flags, open: vec![Group::default()], group_names: Vec::new() };
    parser.run()
}

/// A piece with what Go's limits look at.
#[derive(Debug)]
struct Piece {
    hir: Hir,
    /// Instructions, about.
    size: u64,
    height: u32,
    /// The largest product of counted repetitions inside of each other.
    repeats: u32,
}

/// A parenthesis that is not closed yet; the first one is the whole pattern.
#[derive(Debug, Default)]
struct Group {
    /// Its number, if it captures.
    capture: Option<u32>,
    /// The flags outside.
    outer: Flags,
    alternatives: Vec<Piece>,
    current: Vec<Piece>,
}

struct Parser<'a> {
    whole: &'a str,
    rest: &'a str,
    flags: Flags,
    open: Vec<Group>,
    group_names: Vec<String>,
}

impl<'a> Parser<'a> {
    fn run(mut self) -> Result<Parsed, RegexError> {
        // The repetition operator that was read just before, and all that followed it.
        let mut last_repeat: Option<&'a str> = None;
        while let Some(c) = self.rest.chars().next() {
            let before = self.rest;
            let mut repeat = None;
            match c {
                '(' if before.starts_with("(?") => self.parse_group_flags()?,
                '(' => {
                    self.skip(1);
                    self.open_capture("");
                }
                '|' => {
                    self.skip(1);
                    self.end_alternative()?;
                }
                ')' => {
                    self.skip(1);
                    self.close_group()?;
                }
                '^' => self.push_look(1, if self.flags.multi_line { Look::StartLF } else { Look::Start })?,
                '$' => self.push_look(1, if self.flags.multi_line { Look::EndLF } else { Look::End })?,
                '.' => {
                    self.skip(1);
                    let mut class = range_class(0, char::MAX as u32, false);
                    if !self.flags.dot_newline {
                        class.difference(&range_class(10, 10, false));
                    }
                    self.push_class(class)?;
                }
                '[' => {
                    let (class, rest) = parse_class(before, self.flags.fold_case)?;
                    self.rest = rest;
                    self.push_class(class)?;
                }
                '*' | '+' | '?' => {
                    self.skip(1);
                    let (min, max) = match c {
                        '*' => (0, None),
                        '+' => (1, None),
                        _ => (0, Some(1)),
                    };
                    self.repeat(before, min, max, false, last_repeat)?;
                    repeat = Some(before);
                }
                '{' => match parse_counts(before) {
                    Some((min, max, rest)) => {
                        self.rest = rest;
                        let too_big = min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || min > max);
                        if too_big {
                            return Err(RegexError::new(ErrorCode::InvalidRepeatSize, self.read_since(before)));
                        }
                        self.repeat(before, min, max, true, last_repeat)?;
                        repeat = Some(before);
                    }
                    None => self.push_char('{')?,
                },
                '\\' => self.parse_backslash()?,
                _ => self.push_char(c)?,
            }
            last_repeat = repeat;
        }
        if self.open.len() > 1 {
            return Err(RegexError::new(ErrorCode::MissingParen, self.whole));
        }
        let group = self.open.pop().unwrap_or_default();
        let piece = self.alternation(group)?;
        Ok(Parsed { hir: piece.hir, group_names: self.group_names })
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    /// What was read since `before` was the rest.
    fn read_since(&self, before: &'a str) -> &'a str {
        &before[..before.len() - self.rest.len()]
    }

    fn parse_backslash(&mut self) -> Result<(), RegexError> {
        let before = self.rest;
        match before.as_bytes().get(1) {
            Some(b'A') => return self.push_look(2, Look::Start),
            Some(b'z') => return self.push_look(2, Look::End),
            Some(b'b') => return self.push_look(2, Look::WordAscii),
            Some(b'B') => return self.push_look(2, Look::WordAsciiNegate),
            Some(b'C') => return Err(RegexError::new(ErrorCode::InvalidEscape, &before[..2])),
            Some(b'Q') => {
                let (quoted, rest) = before[2..].split_once("\\E").unwrap_or((&before[2..], ""));
                for c in quoted.chars() {
                    self.push(literal(c as u32, self.flags.fold_case))?;
                }
                self.rest = rest;
                return Ok(());
            }
            _ => {}
        }
        if let Some((class, rest)) = parse_named(before, self.flags.fold_case)? {
            self.rest = rest;
            return self.push_class(class);
        }
        let (code, rest) = parse_escape(before)?;
        self.rest = rest;
        self.push(literal(code, self.flags.fold_case))
    }

    /// Reads what begins with `(?`: a named group, flags, or a group that does not capture.
    fn parse_group_flags(&mut self) -> Result<(), RegexError> {
        let before = self.rest;
        let name_at = if before.len() > 4 && before.starts_with("(?P<") {
            Some(4)
        } else {
            (before.len() > 3 && before.starts_with("(?<")).then_some(3)
        };
        if let Some(name_at) = name_at {
            let Some(end) = before.find('>') else {
                return Err(RegexError::new(ErrorCode::InvalidNamedCapture, before));
            };
            let name = &before[name_at..end];
            if name.is_empty() || !name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
                return Err(RegexError::new(ErrorCode::InvalidNamedCapture, &before[..=end]));
            }
            self.skip(end + 1);
            self.open_capture(name);
            return Ok(());
        }
        self.skip(2);
        let mut flags = self.flags;
        let mut on = true;
        let mut seen = false;
        while let Some(c) = self.rest.chars().next() {
            self.skip(c.len_utf8());
            match c {
                '-' if on => {
                    on = false;
                    seen = false;
                }
                ':' | ')' if on || seen => {
                    if c == ':' {
                        self.open.push(Group { outer: self.flags, ..Group::default() });
                    }
                    self.flags = flags;
                    return Ok(());
                }
                _ if flags.set(c, on) => seen = true,
                _ => break,
            }
        }
        Err(RegexError::new(ErrorCode::InvalidPerlOp, self.read_since(before)))
    }

    fn open_capture(&mut self, name: &str) {
        self.group_names.push(name.to_owned());
        let capture = Some(self.group_names.len() as u32);
        self.open.push(Group { capture, outer: self.flags, ..Group::default() });
    }

    fn end_alternative(&mut self) -> Result<(), RegexError> {
        let group = self.innermost();
        let pieces = std::mem::take(&mut group.current);
        let piece = self.concat(pieces)?;
        self.innermost().alternatives.push(piece);
        Ok(())
    }

    fn close_group(&mut self) -> Result<(), RegexError> {
        if self.open.len() < 2 {
            return Err(RegexError::new(ErrorCode::UnexpectedParen, self.whole));
        }
        let group = self.open.pop().unwrap_or_default();
        self.flags = group.outer;
        let capture = group.capture;
        let mut piece = self.alternation(group)?;
        if let Some(index) = capture {
            piece.hir = Hir::capture(Capture { index, name: None, sub: Box::new(piece.hir) });
            piece.size += 2;
            piece.height += 1;
        }
        self.push(piece)
    }

    fn innermost(&mut self) -> &mut Group {
        if self.open.is_empty() {
            self.open.push(Group::default());
        }
        let last = self.open.len() - 1;
        &mut self.open[last]
    }

    fn alternation(&self, group: Group) -> Result<Piece, RegexError> {
        let Group { mut alternatives, current, .. } = group;
        alternatives.push(self.concat(current)?);
        let more = alternatives.len() as u64 - 1;
        self.join(alternatives, more, Hir::alternation)
    }

    fn concat(&self, pieces: Vec<Piece>) -> Result<Piece, RegexError> {
        self.join(pieces, 0, Hir::concat)
    }

    fn join(&self, mut pieces: Vec<Piece>, more: u64, join: fn(Vec<Hir>) -> Hir) -> Result<Piece, RegexError> {
        if pieces.len() == 1 {
            return Ok(pieces.remove(0));
        }
        let size = pieces.iter().map(|p| p.size).sum::<u64>() + more;
        let height = pieces.iter().map(|p| p.height).max().unwrap_or(0) + 1;
        let repeats = pieces.iter().map(|p| p.repeats).max().unwrap_or(1);
        let hir = join(pieces.into_iter().map(|p| p.hir).collect());
        self.within_limits(Piece { hir, size: size.max(1), height, repeats })
    }

    fn within_limits(&self, piece: Piece) -> Result<Piece, RegexError> {
        if piece.size > MAX_SIZE {
            return Err(RegexError::new(ErrorCode::Large, self.whole));
        }
        if piece.height > MAX_HEIGHT {
            return Err(RegexError::new(ErrorCode::NestingDepth, self.whole));
        }
        Ok(piece)
    }

    fn push(&mut self, piece: Piece) -> Result<(), RegexError> {
        let piece = self.within_limits(piece)?;
        self.innermost().current.push(piece);
        Ok(())
    }

    fn push_char(&mut self, c: char) -> Result<(), RegexError> {
        self.skip(c.len_utf8());
        self.push(literal(c as u32, self.flags.fold_case))
    }

    fn push_class(&mut self, class: ClassUnicode) -> Result<(), RegexError> {
        self.push(Piece { hir: Hir::class(Class::Unicode(class)), size: 1, height: 1, repeats: 1 })
    }

    fn push_look(&mut self, bytes: usize, look: Look) -> Result<(), RegexError> {
        self.skip(bytes);
        self.push(Piece { hir: Hir::look(look), size: 1, height: 1, repeats: 1 })
    }

    /// Repeats the last piece. `before` is the rest of the pattern from the operator on.
    fn repeat(
        &mut self,
        before: &'a str,
        min: u32,
        max: Option<u32>,
        counted: bool,
        last_repeat: Option<&'a str>,
    ) -> Result<(), RegexError> {
        let mut greedy = !self.flags.swap_greed;
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
            greedy = !greedy;
        }
        if let Some(last) = last_repeat {
            return Err(RegexError::new(ErrorCode::InvalidRepeatOp, self.read_since(last)));
        }
        let operator = self.read_since(before);
        let Some(piece) = self.innermost().current.pop() else {
            return Err(RegexError::new(ErrorCode::MissingRepeatArgument, operator));
        };
        let repeats = match (counted, max) {
            (false, _) => piece.repeats,
            (true, Some(0)) => 1,
            (true, max) => piece.repeats.saturating_mul(max.unwrap_or(min).max(1)),
        };
        if repeats > MAX_REPEAT && counted && (min >= 2 || max.is_some_and(|max| max >= 2)) {
            return Err(RegexError::new(ErrorCode::InvalidRepeatSize, operator));
        }
        let size = match (min, max) {
            (0, None) => 2 + piece.size,
            (_, None) => 1 + u64::from(min) * piece.size,
            (_, Some(max)) => u64::from(max) * piece.size + u64::from(max - min),
        };
        let sub = Box::new(piece.hir);
        let hir = Hir::repetition(Repetition { min, max, greedy, sub });
        self.push(Piece { hir, size: size.max(1), height: piece.height + 1, repeats })
    }
}

/// One code point; nothing matches a surrogate.
fn literal(code: u32, fold_case: bool) -> Piece {
    let class = range_class(code, code, fold_case);
    // A class of one character becomes a literal by itself.
    Piece { hir: Hir::class(Class::Unicode(class)), size: 1, height: 1, repeats: 1 }
}

/// Reads `{n}`, `{n,}` or `{n,m}`; anything else is no repetition. Numbers that are far too big come back as such.
fn parse_counts(text: &str) -> Option<(u32, Option<u32>, &str)> {
    let (min, rest) = parse_count(&text[1..])?;
    let (max, rest) = match rest.strip_prefix(',') {
        None => (Some(min), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => {
            let (max, rest) = parse_count(rest)?;
            (Some(max), rest)
        }
    };
    Some((min, max, rest.strip_prefix('}')?))
}

/// A decimal without needless zeros.
fn parse_count(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() || digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}
