//! The cursor that both lexers share: positions, the states between tokens, and the scans that several tokens need.
//!
//! Upstream generates its lexers from regular expressions (`promlex.l`, `openmetricslex.l`). A token that cannot be
//! finished stops at the byte that does not fit, and that position shows in the error text, so the scans here stop at
//! the same byte.

use std::borrow::Cow;

/// What may come next; names as upstream's start conditions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Init,
    Comment,
    Meta1,
    Meta2,
    Labels,
    LabelValue,
    Value,
    Timestamp,
    Exemplar,
    ExemplarValue,
    ExemplarTimestamp,
}

/// A position in the body, and the start of the present token.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    pub(crate) body: &'a [u8],
    /// The text format ends every body with one more newline, so that the last line need not have its own.
    pub(crate) virtual_newline: bool,
    pub(crate) state: State,
    /// Start of the present token.
    pub(crate) start: usize,
    /// One past the present token; where the next begins.
    pub(crate) i: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(body: &'a [u8], virtual_newline: bool) -> Self {
        Self { body, virtual_newline, state: State::Init, start: 0, i: 0 }
    }

    /// Returns the length of the body, the virtual newline included.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.body.len() + usize::from(self.virtual_newline)
    }

    /// Returns the byte at `i`; 0 at the end, as upstream's lexers see it.
    #[inline]
    pub(crate) fn at(&self, i: usize) -> u8 {
        match self.body.get(i) {
            Some(&c) => c,
            None if self.virtual_newline && i == self.body.len() => b'\n',
            None => 0,
        }
    }

    /// Moves one byte on. Null bytes are stepped over where upstream lets them pass.
    #[inline]
    pub(crate) fn advance(&mut self) -> u8 {
        self.i += 1;
        if matches!(self.state, State::LabelValue | State::Meta2 | State::Comment) {
            while self.i < self.len() && self.at(self.i) == 0 {
                self.i += 1;
            }
        }
        self.at(self.i)
    }

    /// Returns the bytes of a range; a range that reaches over the virtual newline is copied.
    pub(crate) fn bytes(&self, from: usize, to: usize) -> Cow<'a, [u8]> {
        let to = to.min(self.len());
        match self.body.get(from..to) {
            Some(bytes) => Cow::Borrowed(bytes),
            None => {
                let mut bytes = self.body.get(from..).unwrap_or_default().to_vec();
                bytes.push(b'\n');
                Cow::Owned(bytes)
            }
        }
    }

    /// Returns the present token's bytes. No token that carries text reaches over the virtual newline.
    #[inline]
    pub(crate) fn token(&self) -> &'a [u8] {
        self.range(self.start, self.i)
    }

    /// Returns the bytes of a range that lies within the body; empty if it does not.
    #[inline]
    pub(crate) fn range(&self, from: usize, to: usize) -> &'a [u8] {
        self.body.get(from..to.min(self.body.len())).unwrap_or_default()
    }

    /// Skips a run of the bytes for which `belongs` holds. Neither the line break nor null, which stand behind the body,
    /// may be among them.
    #[inline]
    pub(crate) fn skip_while(&mut self, belongs: impl Fn(u8) -> bool) {
        let rest = self.body.get(self.i..).unwrap_or_default();
        self.i += rest.iter().position(|&b| !belongs(b)).unwrap_or(rest.len());
        debug_assert!(!belongs(b'\n') && !belongs(0));
    }

    /// Takes the letters of `word` one by one; stops at the first that differs.
    pub(crate) fn take_word(&mut self, word: &[u8]) -> bool {
        for &want in word {
            if self.at(self.i) != want {
                return false;
            }
            self.advance();
        }
        true
    }

    /// Takes a quoted string; `i` stands at the opening quote. Returns false, with `i` at the byte that does not fit,
    /// when it is not closed. `multiline`: line breaks may stand inside, as in everything but OpenMetrics' values.
    pub(crate) fn take_quoted(&mut self, multiline: bool) -> bool {
        let null_passes = self.state == State::LabelValue;
        let mut c = self.advance();
        loop {
            match c {
                b'"' => {
                    self.i += 1;
                    return true;
                }
                b'\\' => {
                    let escaped = self.advance();
                    if escaped == b'\n' || escaped == 0 {
                        return false;
                    }
                    c = self.advance();
                }
                b'\n' if !multiline => return false,
                0 => return false,
                // A quick way through the bulk; the escape and the ends are left to the match.
                _ => {
                    let rest = self.body.get(self.i..).unwrap_or_default();
                    let run = rest.iter().position(|&b| matches!(b, b'"' | b'\\' | b'\n' | 0)).unwrap_or(rest.len());
                    self.i += run;
                    c = self.at(self.i);
                    if c == 0 && null_passes && self.i < self.len() {
                        self.i -= 1;
                        c = self.advance();
                    } else if c == b'\n' && multiline {
                        c = self.advance();
                    }
                }
            }
        }
    }
}

#[inline]
pub(crate) const fn is_label_start(c: u8) -> bool {
    c.is_ascii_alphabetic() || c == b'_'
}

#[inline]
pub(crate) const fn is_label_char(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_'
}

#[inline]
pub(crate) const fn is_metric_start(c: u8) -> bool {
    is_label_start(c) || c == b':'
}

#[inline]
pub(crate) const fn is_metric_char(c: u8) -> bool {
    is_label_char(c) || c == b':'
}
