//! Number constants, which are of every type that holds them.

use firesteel_go_compat::{parse_float, quote, unquote};

/// A number or character constant.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Number {
    /// As it was written.
    pub(crate) text: String,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
}

impl Number {
    /// A character constant.
    pub(crate) fn of_char(text: &str) -> Result<Self, String> {
        let bytes = unquote(text.as_bytes()).map_err(|error| {
            if one_character(text) { format!("malformed character constant: {text}") } else { error.to_string() }
        })?;
        // One escaped byte stands for the character of that number.
        let code = match std::str::from_utf8(&bytes) {
            Ok(text) => text.chars().next().map_or(0, |c| c as i64),
            Err(_) => bytes.first().copied().map_or(0, i64::from),
        };
        if bytes.is_empty() {
            return Err("invalid syntax".to_owned());
        }
        Ok(Self { text: text.to_owned(), int: Some(code), uint: Some(code as u64), float: Some(code as f64) })
    }

    /// A number as Go writes them.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut number = Self { text: text.to_owned(), int: parse_int(text), uint: parse_uint(text), float: None };
        if let Some(imaginary) = text.strip_suffix('i') {
            // A complex number is of use only where it is none.
            return match parse_float(imaginary) {
                Ok(0.0) => Ok(Self { int: Some(0), uint: Some(0), float: Some(0.0), ..number }),
                Ok(_) => Err(format!("complex numbers are not supported: {}", quote(text))),
                Err(_) => Err(format!("illegal number syntax: {}", quote(text))),
            };
        }
        if number.int == Some(0) {
            number.uint = Some(0);
        }
        number.float = match (number.int, number.uint) {
            (Some(int), _) => Some(int as f64),
            (None, Some(uint)) => Some(uint as f64),
            (None, None) => parse_float(text).ok(),
        };
        if let (None, None, Some(float)) = (number.int, number.uint, number.float) {
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {}", quote(text)));
            }
            number.int = ((float as i64) as f64 == float && float.abs() < 9.3e18).then_some(float as i64);
            number.uint = ((float as u64) as f64 == float && (0.0..1.85e19).contains(&float)).then_some(float as u64);
        }
        if number.float.is_none() {
            return Err(format!("illegal number syntax: {}", quote(text)));
        }
        Ok(number)
    }

    /// Whether Go takes it for a float where any type would do.
    pub(crate) fn reads_as_float(&self) -> bool {
        let lower = self.text.to_ascii_lowercase();
        let hex_int = lower.len() > 2 && lower.starts_with("0x") && !lower.contains('p');
        !hex_int && !self.text.starts_with('\'') && lower.contains(['.', 'e', 'p'])
    }
}

/// Whether the fault of a character constant is that it holds several.
fn one_character(text: &str) -> bool {
    let inner = text.trim_matches('\'');
    if let Some(escaped) = inner.strip_prefix('\\') {
        return escaped.starts_with(|c: char| "abfnrtv\\'0123456789xuU".contains(c)) && escaped.len() > 1;
    }
    inner.chars().count() > 1
}

/// `strconv.ParseUint(text, 0, 64)`.
fn parse_uint(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    // Underscores stand between digits, or behind the base.
    let prefixed = digits.len() < lower.len();
    let misplaced = digits.ends_with('_') || digits.contains("__") || (!prefixed && digits.starts_with('_'));
    if digits.is_empty() || digits.starts_with('+') || misplaced {
        return None;
    }
    u64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

/// `strconv.ParseInt(text, 0, 64)`.
fn parse_int(text: &str) -> Option<i64> {
    if let Some(magnitude) = text.strip_prefix('-') {
        return 0i64.checked_sub_unsigned(parse_uint(magnitude)?);
    }
    i64::try_from(parse_uint(text.strip_prefix('+').unwrap_or(text))?).ok()
}
