//! Integers as Go's `strconv` reads them in base ten.

use crate::number_error::{NumberError, NumberFault};

/// Reads a decimal with an optional sign: `strconv.ParseInt(s, 10, 64)`.
pub fn parse_int(text: &str) -> Result<i64, NumberError> {
    parse_int_as("ParseInt", text)
}

/// As [`parse_int`], with the words of `strconv.Atoi` in the error.
pub fn atoi(text: &str) -> Result<i64, NumberError> {
    parse_int_as("Atoi", text)
}

/// Reads a decimal without a sign: `strconv.ParseUint(s, 10, 64)`.
pub fn parse_uint(text: &str) -> Result<u64, NumberError> {
    digits(text.as_bytes()).map_err(|fault| error("ParseUint", text, fault))
}

fn parse_int_as(function: &'static str, text: &str) -> Result<i64, NumberError> {
    let bytes = text.as_bytes();
    let unsigned = bytes.strip_prefix(b"-").or_else(|| bytes.strip_prefix(b"+")).unwrap_or(bytes);
    let magnitude = digits(unsigned).map_err(|fault| error(function, text, fault))?;
    let v = if bytes.starts_with(b"-") { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
    v.ok_or_else(|| error(function, text, NumberFault::Range))
}

fn digits(text: &[u8]) -> Result<u64, NumberFault> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(NumberFault::Syntax);
    }
    text.iter().try_fold(0u64, |v, b| v.checked_mul(10)?.checked_add(u64::from(b - b'0'))).ok_or(NumberFault::Range)
}

fn error(function: &'static str, text: &str, fault: NumberFault) -> NumberError {
    NumberError { function, input: text.as_bytes().to_vec(), fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        let cases: &[(&str, Result<i64, &str>)] = &[
            ("0", Ok(0)),
            ("+7", Ok(7)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("9223372036854775808", Err(r#"strconv.ParseInt: parsing "9223372036854775808": value out of range"#)),
            ("99999999999999999999", Err(r#"strconv.ParseInt: parsing "99999999999999999999": value out of range"#)),
            ("", Err(r#"strconv.ParseInt: parsing "": invalid syntax"#)),
            ("-", Err(r#"strconv.ParseInt: parsing "-": invalid syntax"#)),
            ("1_0", Err(r#"strconv.ParseInt: parsing "1_0": invalid syntax"#)),
            ("a\n", Err(r#"strconv.ParseInt: parsing "a\n": invalid syntax"#)),
        ];
        for (text, want) in cases {
            assert_eq!(parse_int(text).map_err(|e| e.to_string()), want.map_err(str::to_owned), "{text}");
        }
        assert_eq!(atoi("x").unwrap_err().to_string(), r#"strconv.Atoi: parsing "x": invalid syntax"#);
        assert_eq!(parse_uint("+1").unwrap_err().to_string(), r#"strconv.ParseUint: parsing "+1": invalid syntax"#);
        assert_eq!(parse_uint("18446744073709551615").unwrap(), u64::MAX);
    }
}
