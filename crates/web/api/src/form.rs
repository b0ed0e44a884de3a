//! Pairs of a query string or a form as Go's `url.ParseQuery` reads them: pairs it cannot read are left out, and the first
//! fault is kept for those handlers that care.

use firesteel_go_compat::quote;

/// Appends the pairs of `text`; returns the first fault.
pub(crate) fn parse_query(text: &[u8], pairs: &mut Vec<(String, String)>) -> Option<String> {
    let mut fault = None;
    for part in text.split(|b| *b == b'&').filter(|part| !part.is_empty()) {
        if part.contains(&b';') {
            fault.get_or_insert_with(|| "invalid semicolon separator in query".to_owned());
            continue;
        }
        let equals = part.iter().position(|b| *b == b'=');
        let (name, value) = equals.map_or((part, &[][..]), |at| (&part[..at], &part[at + 1..]));
        match unescape(name).and_then(|name| Ok((name, unescape(value)?))) {
            Ok(pair) => pairs.push(pair),
            Err(why) => {
                fault.get_or_insert(why);
            }
        }
    }
    fault
}

fn unescape(text: &[u8]) -> Result<String, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'+' => out.push(b' '),
            b'%' => {
                let hex = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
                let (Some(high), Some(low)) = (hex(after.first()), hex(after.get(1))) else {
                    let shown = &after[..after.len().min(2)];
                    return Err(format!("invalid URL escape {}", quote(&[b"%", shown].concat())));
                };
                out.push((high << 4 | low) as u8);
                rest = &after[2..];
            }
            b => out.push(*b),
        }
    }
    Ok(String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::parse_query;

    #[test]
    fn pairs_as_go() {
        let cases = [
            ("a=1&b=2&&c", "a=1 b=2 c=", None),
            ("a=x+y%2Bz&%C3%BC==", "a=x y+z ü==", None),
            ("a=1;b=2&c=3", "c=3", Some("invalid semicolon separator in query")),
            ("a=%zz&b=%4&c=%&d=1", "d=1", Some("invalid URL escape \"%zz\"")),
            ("b=%4", "", Some("invalid URL escape \"%4\"")),
        ];
        for (text, want, fault) in cases {
            let mut pairs = Vec::new();
            assert_eq!(parse_query(text.as_bytes(), &mut pairs).as_deref(), fault, "{text}");
            let got: Vec<String> = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect();
            assert_eq!(got.join(" "), want, "{text}");
        }
    }
}
