//! Character references of attributes, as far as scripts and styles in attributes use them.

/// Takes references away: numbers, and the names that pages use.
pub(super) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference(rest) {
            Some((c, length)) => {
                out.push(c);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

/// The character at the beginning of a text, and how long its reference is.
fn reference(text: &str) -> Option<(char, usize)> {
    let body = &text[1..];
    if let Some(number) = body.strip_prefix('#') {
        let (digits, radix, before) = match number.strip_prefix(['x', 'X']) {
            Some(hex) => (hex, 16, 3),
            None => (number, 10, 2),
        };
        let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
        let code = u32::from_str_radix(&digits[..length], radix).ok()?;
        let c = char::from_u32(code).filter(|c| *c != '\0').unwrap_or('\u{fffd}');
        let end = before + length;
        return Some((c, end + usize::from(text[end..].starts_with(';'))));
    }
    const NAMES: [(&str, char); 18] = [
        ("quot;", '"'),
        ("apos;", '\''),
        ("amp;", '&'),
        ("lt;", '<'),
        ("gt;", '>'),
        ("nbsp;", '\u{a0}'),
        ("sol;", '/'),
        ("lpar;", '('),
        ("rpar;", ')'),
        ("lbrace;", '{'),
        ("rbrace;", '}'),
        ("colon;", ':'),
        ("semi;", ';'),
        ("equals;", '='),
        ("quot", '"'),
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
    ];
    NAMES.iter().find(|(name, _)| body.starts_with(name)).map(|(name, c)| (*c, name.len() + 1))
}
