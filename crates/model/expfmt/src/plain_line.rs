//! Lines of the text format as nearly all of them are, read in one pass without tokens.
//!
//! A sample: a name, perhaps labels without blanks and escapes, one blank, a short decimal, perhaps a time. HELP and TYPE:
//! one blank between words. What looks different is left to the tokens, which decide, and have the words for errors.

use crate::escape;
use crate::event::Event;
use crate::lexer::{State, is_label_char, is_label_start, is_metric_char, is_metric_start};
use crate::parser::{Parser, Span};

/// May begin a metric's name.
const METRIC_START: u8 = 1;
const METRIC: u8 = 2;
/// May begin a label's name.
const LABEL_START: u8 = 4;
const LABEL: u8 = 8;
/// Stands for itself in a label's value, and is ASCII.
const VALUE: u8 = 16;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let c = byte as u8;
        let mut class = 0;
        if is_metric_start(c) {
            class |= METRIC_START;
        }
        if is_metric_char(c) {
            class |= METRIC;
        }
        if is_label_start(c) {
            class |= LABEL_START;
        }
        if is_label_char(c) {
            class |= LABEL;
        }
        if c != 0 && c < 0x80 && !matches!(c, b'"' | b'\\' | b'\n') {
            class |= VALUE;
        }
        classes[byte] = class;
        byte += 1;
    }
    classes
};

#[inline(always)]
fn is(byte: Option<&u8>, class: u8) -> bool {
    byte.is_some_and(|c| CLASSES[usize::from(*c)] & class != 0)
}

/// Returns where a run of bytes of a class ends.
#[inline(always)]
fn end_of_run(body: &[u8], from: usize, class: u8) -> usize {
    let rest = body.get(from..).unwrap_or_default();
    from + rest.iter().position(|c| CLASSES[usize::from(*c)] & class == 0).unwrap_or(rest.len())
}

impl<'a> Parser<'a> {
    /// Reads the next line if it is plain; else returns `None`, with nothing taken.
    #[inline]
    pub(crate) fn plain_line(&mut self) -> Option<Event<'a>> {
        debug_assert!(self.lexer.state == State::Init);
        let first = self.lexer.body.get(self.lexer.i);
        if is(first, METRIC_START) {
            return self.plain_sample();
        }
        if first == Some(&b'#') { self.plain_metadata() } else { None }
    }

    fn plain_sample(&mut self) -> Option<Event<'a>> {
        let (body, from) = (self.lexer.body, self.lexer.i);
        let name_end = end_of_run(body, from, METRIC);
        let taken = match body.get(name_end) {
            Some(b'{') => self.plain_labels_end(name_end + 1),
            _ => Some(name_end),
        };
        let number = taken.and_then(|end| Some((end, self.known_sample(end - from)?)));
        let Some((end, (value, timestamp))) = number else {
            self.labels.clear();
            return None;
        };
        self.name = Some(Span { from, to: name_end });
        self.is_plain = true;
        Some(Self::sample(body.get(from..end).unwrap_or_default(), value, timestamp))
    }

    /// Reads labels from behind the opening brace on; returns where the closing one ends.
    #[inline]
    fn plain_labels_end(&mut self, mut at: usize) -> Option<usize> {
        let body = self.lexer.body;
        loop {
            let first = body.get(at);
            if first == Some(&b'}') {
                return Some(at + 1);
            }
            if !is(first, LABEL_START) {
                return None;
            }
            let label = Span { from: at, to: end_of_run(body, at, LABEL) };
            let from = label.to + 2;
            if body.get(label.to..from) != Some(b"=\"") {
                return None;
            }
            let value = Span { from, to: end_of_run(body, from, VALUE) };
            let [b'"', after] = *body.get(value.to..value.to + 2)? else { return None };
            self.labels.push((label, value));
            at = value.to + 2;
            match after {
                b',' => {}
                b'}' => return Some(at),
                _ => return None,
            }
        }
    }

    fn plain_metadata(&mut self) -> Option<Event<'a>> {
        let rest = self.rest();
        let keyword = rest.first_chunk::<7>()?;
        let from = keyword.len();
        if !is(rest.get(from), METRIC_START) {
            return None;
        }
        let name_end = end_of_run(rest, from, METRIC);
        let [b' ', text @ ..] = rest.get(name_end..)? else { return None };
        let text = text.get(..memchr::memchr(b'\n', text)?)?;
        if matches!(text.first(), None | Some(b' ' | b'\t')) {
            return None;
        }
        let name = rest.get(from..name_end)?;
        let event = match keyword {
            b"# HELP " => Event::Help { name, text: escape::help(std::str::from_utf8(text).ok()?) },
            b"# TYPE " => {
                self.metric_type = self.type_word(text).ok()?;
                Event::Type { name, metric_type: self.metric_type }
            }
            _ => return None,
        };
        self.family_len = name.len();
        self.lexer.i += name_end + 1 + text.len() + 1;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Event, Format, Parser, ParserOptions, SampleLabels};

    /// What a body says, each sample with its labels, and where the parser stood.
    fn read(body: &[u8], by_tokens: bool) -> Vec<String> {
        let mut parser = Parser::new(Format::Text, body, ParserOptions::default());
        let (mut out, mut labels) = (Vec::new(), SampleLabels::default());
        loop {
            let event = if by_tokens { parser.next_by_tokens() } else { parser.next() };
            let said = match &event {
                Ok(Some(Event::Sample(_))) => {
                    let read = parser.labels(&mut labels).map(|()| format!("{:?}", labels.iter().collect::<Vec<_>>()));
                    format!("{event:?} {read:?}")
                }
                _ => format!("{event:?}"),
            };
            out.push(format!("{said} {} {:?}", parser.position(), parser.metric_type()));
            if !matches!(event, Ok(Some(_))) {
                return out;
            }
        }
    }

    fn check(body: &[u8]) {
        assert_eq!(read(body, false), read(body, true), "{}", String::from_utf8_lossy(body));
    }

    #[test]
    fn plain_lines_are_read_as_by_tokens() {
        let lines = [
            "m 1",
            "m 1 12",
            "m{} 1",
            "m{a=\"1\"} -1.5e3 -7",
            "m{a=\"1\",} 2",
            "m{a=\"1\",b=\"x y{}=,#\"} 3 99",
            "m:n{_a=\"\"} .5",
            "m{a=\"1\",a=\"2\"} 1",
            "m{__name__=\"n\"} 1",
            "m{a=\"\\n\"} 1",
            "m{a=\"gr\u{fc}n\"} 1",
            "m{a=\"1\"b=\"2\"} 1",
            "m{a=\"1\" ,b=\"2\"} 1",
            "m {a=\"1\"} 1",
            "m{a=\"1\"}  1",
            "m{a=\"1\"}\t1",
            "m{a=\"1\"}1",
            "m NaN",
            "m +Inf",
            "m 0x1",
            "m 123456789012345678901",
            "m 1 1234567890123456789",
            "m 1 12345678901234567890",
            "m 1 ",
            "m 1 2 ",
            "m 1 2 3",
            "m",
            "m ",
            "m{",
            "m{a",
            "m{a=",
            "m{a=\"",
            "m{a=\"1",
            "m{a=\"1\"",
            "m{,} 1",
            "m{a=\"1\",,} 1",
            "1m 1",
            " m 1",
            "m{a:b=\"1\"} 1",
            "m{1=\"1\"} 1",
            "{\"m\",a=\"1\"} 1",
            "m{\"a\"=\"1\"} 1",
            "m 1\r",
            "m{a=\"1\"} 1\r",
            "\u{fc} 1",
            "# HELP m Some text.",
            "# HELP m a\\nb\\\\c",
            "# HELP m",
            "# HELP m ",
            "# HELP m  two blanks",
            "# HELP m\ttab",
            "# HELP m-n x",
            "# HELP \"m\" x",
            "# HELP  m x",
            "#  HELP m x",
            "#HELP m x",
            "# HELP 1 x",
            "# HELP m x\0y",
            "# TYPE m counter",
            "# TYPE m histogram",
            "# TYPE m counter ",
            "# TYPE m odd",
            "# TYPE m",
            "# TYPE m:n summary",
            "# Other words",
            "#",
            "# ",
            "",
            "# HELPm x",
            "m{a=\"x\0y\"} 1",
            "m\0 1",
            "m 1\0",
        ];
        for line in lines {
            check(line.as_bytes());
            check(format!("{line}\n").as_bytes());
            check(format!("# TYPE h histogram\n{line}\nh_bucket{{le=\"1\"}} 2\n").as_bytes());
        }
        check(b"# HELP m \xff\nm 1\n");
        check(b"m{a=\"\xff\"} 1\n");
    }

    /// Pages of bytes that mean something, put together without sense.
    #[test]
    fn senseless_lines_are_read_as_by_tokens() {
        let parts: [&[u8]; 30] = [
            b"m",
            b"na:me_1",
            b"{",
            b"}",
            b"a=\"1\"",
            b"b_2=\"x y\"",
            b",",
            b" ",
            b" ",
            b"1",
            b"-2.5",
            b"1e9",
            b"17",
            b"\n",
            b"\n",
            b"\n",
            b"# ",
            b"# HELP ",
            b"# TYPE ",
            b"counter",
            b"summary",
            b"\"",
            b"\\",
            b"\0",
            b"\t",
            b"\xc3\xbc",
            b"\xff",
            b"=",
            b"NaN",
            b"le=\"1\"",
        ];
        let mut seed = 3u64;
        for _ in 0..20_000 {
            let mut body = Vec::new();
            for _ in 0..12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                body.extend_from_slice(parts[(seed >> 33) as usize % parts.len()]);
            }
            check(&body);
        }
    }
}
