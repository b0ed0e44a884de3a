//! Writing YAML byte for byte as Go's `yaml.v2` does (emitterc.go, encode.go): two blanks per level, lists not indented
//! below their key, quotes only where needed, long texts folded behind column 80.

use crate::Out;
use crate::plain::{is_base60, resolve};

/// Texts are folded at the first blank behind this column.
const BEST_WIDTH: usize = 80;
/// Longer keys are written as `? key`.
const LONGEST_SIMPLE_KEY: usize = 128;

/// Collects the text and knows the column.
#[derive(Debug, Default)]
pub(crate) struct Emitter {
    text: String,
    column: usize,
}

/// How a text is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

impl Emitter {
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    pub(crate) fn document(&mut self, tree: &Out) {
        match tree {
            Out::Map(pairs) if !pairs.is_empty() => self.mapping(pairs, 0),
            Out::Seq(items) if !items.is_empty() => self.sequence(items, 0),
            other => self.scalar_or_empty(other, 0),
        }
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    fn put(&mut self, c: char) {
        self.text.push(c);
        self.column = if c == '\n' { 0 } else { self.column + 1 };
    }

    fn write(&mut self, text: &str) {
        for c in text.chars() {
            self.put(c);
        }
    }

    /// Goes to a line of its own, unless there already, and indents.
    fn new_line(&mut self, indent: usize) {
        if !self.text.is_empty() && self.column != 0 {
            self.put('\n');
        }
        for _ in 0..indent {
            self.put(' ');
        }
    }

    /// Writes pairs; the first one follows on the line where the emitter stands when that is `indent` wide already.
    fn mapping(&mut self, pairs: &[(String, Out)], indent: usize) {
        for (key, value) in pairs {
            if !(self.column == indent && self.text.ends_with("- ")) {
                self.new_line(indent);
            }
            let simple = key.len() <= LONGEST_SIMPLE_KEY && !key.contains(is_break);
            if simple {
                self.text_scalar(key, indent, true, false);
                self.put(':');
            } else {
                self.write("? ");
                self.text_scalar(key, indent, false, false);
                self.new_line(indent);
                self.put(':');
            }
            match value {
                Out::Map(inner) if !inner.is_empty() => self.mapping(inner, indent + 2),
                Out::Seq(items) if !items.is_empty() => self.sequence(items, indent),
                other => {
                    self.put(' ');
                    self.scalar_or_empty(other, indent);
                }
            }
        }
    }

    fn sequence(&mut self, items: &[Out], indent: usize) {
        for item in items {
            if !(self.column == indent && self.text.ends_with("- ")) {
                self.new_line(indent);
            }
            self.write("- ");
            match item {
                Out::Map(inner) if !inner.is_empty() => self.mapping(inner, indent + 2),
                Out::Seq(inner) if !inner.is_empty() => self.sequence(inner, indent + 2),
                other => self.scalar_or_empty(other, indent),
            }
        }
    }

    fn scalar_or_empty(&mut self, value: &Out, indent: usize) {
        match value {
            Out::Null => self.write("null"),
            Out::Bool(v) => self.write(if *v { "true" } else { "false" }),
            Out::Int(v) => self.write(&v.to_string()),
            Out::Uint(v) => self.write(&v.to_string()),
            Out::Float(v) => self.write(&float(*v)),
            Out::Str(text) => self.text_scalar(text, indent, false, false),
            Out::Map(_) => self.write("{}"),
            Out::Seq(items) | Out::Flow(items) => {
                self.put('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.put(',');
                        if self.column > BEST_WIDTH {
                            self.new_line(indent + 2);
                        } else {
                            self.put(' ');
                        }
                    } else if self.column > BEST_WIDTH {
                        self.new_line(indent + 2);
                    }
                    match item {
                        Out::Str(text) => self.text_scalar(text, indent + 2, false, true),
                        other => self.scalar_or_empty(other, indent + 2),
                    }
                }
                self.put(']');
            }
        }
    }

    fn text_scalar(&mut self, text: &str, indent: usize, is_key: bool, in_flow: bool) {
        match style_of(text, is_key, in_flow) {
            Style::Plain => self.folded(text, indent + 2, !is_key, 0..text.len() + 1),
            Style::Single => {
                self.put('\'');
                let escaped = text.replace('\'', "''");
                let end = escaped.len().saturating_sub(1);
                self.folded(&escaped, indent + 2, !is_key, 1..end);
                self.put('\'');
            }
            Style::Double => self.double_quoted(text, indent + 2, !is_key),
            Style::Literal => self.literal(text, indent + 2),
        }
    }

    /// Writes a text; a lone blank whose offset lies in `foldable` becomes a line break once the line is long.
    fn folded(&mut self, text: &str, indent: usize, may_fold: bool, foldable: std::ops::Range<usize>) {
        let mut after_space = false;
        for (at, c) in text.char_indices() {
            if c == ' ' {
                let next_is_space = text[at + 1..].starts_with(' ');
                if may_fold && !after_space && self.column > BEST_WIDTH && foldable.contains(&at) && !next_is_space {
                    self.new_line(indent);
                } else {
                    self.put(' ');
                }
                after_space = true;
            } else {
                self.put(c);
                after_space = false;
            }
        }
    }

    fn double_quoted(&mut self, text: &str, indent: usize, may_fold: bool) {
        self.put('"');
        let mut after_space = false;
        for (at, c) in text.char_indices() {
            if c == ' ' {
                let inside = at > 0 && at + 1 < text.len();
                if may_fold && !after_space && self.column > BEST_WIDTH && inside {
                    self.new_line(indent);
                    if text[at + 1..].starts_with(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                after_space = true;
                continue;
            }
            after_space = false;
            if is_printable(c) && !is_break(c) && !matches!(c, '"' | '\\' | '\u{feff}') {
                self.put(c);
                continue;
            }
            let escape = match c {
                '\0' => "\\0".to_owned(),
                '\u{7}' => "\\a".to_owned(),
                '\u{8}' => "\\b".to_owned(),
                '\t' => "\\t".to_owned(),
                '\n' => "\\n".to_owned(),
                '\u{b}' => "\\v".to_owned(),
                '\u{c}' => "\\f".to_owned(),
                '\r' => "\\r".to_owned(),
                '\u{1b}' => "\\e".to_owned(),
                '"' => "\\\"".to_owned(),
                '\\' => "\\\\".to_owned(),
                '\u{85}' => "\\N".to_owned(),
                '\u{a0}' => "\\_".to_owned(),
                '\u{2028}' => "\\L".to_owned(),
                '\u{2029}' => "\\P".to_owned(),
                c if u32::from(c) <= 0xff => format!("\\x{:02X}", u32::from(c)),
                c if u32::from(c) <= 0xffff => format!("\\u{:04X}", u32::from(c)),
                c => format!("\\U{:08X}", u32::from(c)),
            };
            self.write(&escape);
        }
        self.put('"');
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.put('|');
        if text.starts_with([' ', '\n']) {
            self.put('2');
        }
        let mut last = text.chars().rev();
        match (last.next().is_some_and(is_break), last.next()) {
            (false, _) => self.put('-'),
            (true, None) => self.put('+'),
            (true, Some(c)) if is_break(c) => self.put('+'),
            _ => {}
        }
        self.put('\n');
        let mut fresh = true;
        for c in text.chars() {
            if c == '\n' {
                self.put('\n');
                fresh = true;
                continue;
            }
            if fresh {
                self.new_line(indent);
                fresh = false;
            }
            self.put(c);
        }
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

/// Chooses as `stringv`, `analyze_scalar` and `select_scalar_style` do together.
fn style_of(text: &str, is_key: bool, in_flow: bool) -> Style {
    let is_str = resolve(text).go_tag() == "str" && !is_base60(text) && text != "<<";
    let wanted = match () {
        () if text.contains('\n') => Style::Literal,
        () if is_str => Style::Plain,
        () => Style::Double,
    };
    let traits = Traits::of(text);
    let mut style = wanted;
    if is_key && traits.line_breaks {
        style = Style::Double;
    }
    if style == Style::Plain && (if in_flow { !traits.flow_plain } else { !traits.block_plain }) {
        style = Style::Single;
    }
    if style == Style::Single && !traits.single {
        style = Style::Double;
    }
    if style == Style::Literal && (!traits.block || in_flow || is_key) {
        style = Style::Double;
    }
    style
}

/// In which styles a text may be written.
struct Traits {
    flow_plain: bool,
    block_plain: bool,
    single: bool,
    block: bool,
    line_breaks: bool,
}

impl Traits {
    fn of(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let blank = |at: usize| chars.get(at).is_none_or(|c| matches!(c, ' ' | '\t'));
        let marks = text.starts_with("---") || text.starts_with("...");
        let (mut flow_indicators, mut block_indicators) = (marks, marks);
        let (mut breaks, mut special, mut break_space, mut space_break) = (false, false, false, false);
        let mut before: Option<char> = None;
        for (at, &c) in chars.iter().enumerate() {
            let followed = blank(at + 1);
            let (flow, block) = match c {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
                    if at == 0 =>
                {
                    (true, true)
                }
                '?' | ':' if at == 0 => (true, followed),
                '-' if at == 0 => (followed, followed),
                ',' | '?' | '[' | ']' | '{' | '}' => (true, false),
                ':' => (true, followed),
                '#' if before.is_some_and(|b| matches!(b, ' ' | '\t') || is_break(b)) => (true, true),
                _ => (false, false),
            };
            flow_indicators |= flow;
            block_indicators |= block;
            special |= !is_printable(c);
            if c == ' ' {
                break_space |= before.is_some_and(is_break);
            } else if is_break(c) {
                breaks = true;
                space_break |= before == Some(' ');
            }
            before = Some(c);
        }
        let edge = |c: Option<&char>| c.is_some_and(|c| *c == ' ' || is_break(*c));
        let ragged = edge(chars.first()) || edge(chars.last());
        let odd = space_break || special;
        Self {
            flow_plain: !(text.is_empty() || ragged || break_space || odd || breaks || flow_indicators),
            block_plain: !(ragged || break_space || odd || breaks || block_indicators),
            single: !(break_space || odd),
            block: !(text.is_empty() || odd || chars.last() == Some(&' ')),
            line_breaks: breaks,
        }
    }
}

/// As Go's `strconv.FormatFloat(v, 'g', -1, 64)`, with YAML's words for what is no number.
fn float(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count() as i32;
    // Shortest digits: the threshold is 21, as %g with precision -1 has it, unless there are more digits.
    if exponent < -4 || exponent >= digits.max(21) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    format!("{value}")
}
