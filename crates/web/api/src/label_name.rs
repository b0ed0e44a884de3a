//! Label names in URLs: the `U__` escape of names that are not plain identifiers.

/// Undoes the escape of values (`U__`, then `_HEX_` a character and `__` an underscore); names without it, and names
/// that are escaped wrongly, stay as they are. As upstream's `model.UnescapeName`.
pub(crate) fn unescape(name: &str) -> String {
    name.strip_prefix("U__").and_then(decode).unwrap_or_else(|| name.to_owned())
}

fn decode(escaped: &str) -> Option<String> {
    let mut out = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((plain, after)) = rest.split_once('_') {
        out.push_str(plain);
        if let Some(after) = after.strip_prefix('_') {
            out.push('_');
            rest = after;
            continue;
        }
        let (hex, after) = after.split_once('_')?;
        if hex.is_empty() || hex.len() > 6 {
            return None;
        }
        out.push(u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn names() {
        let cases = [
            ("job", "job"),
            ("U__http_2e_status", "http.status"),
            ("U__a__b", "a_b"),
            ("U__gr_f6__df_e", "größe"),
            ("U__a_zz_", "U__a_zz_"),
            ("U__a_2e", "U__a_2e"),
        ];
        for (escaped, want) in cases {
            assert_eq!(unescape(escaped), want);
        }
    }
}
