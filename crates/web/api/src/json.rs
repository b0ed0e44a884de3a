//! Writing JSON by hand, in the spelling of upstream's encoder (jsoniter in its standard-library mode).

use firesteel_base::TimestampMs;
use firesteel_go_compat::{FloatForm, push_float, push_i64, push_timestamp_ms};
use firesteel_model::Labels;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A growing JSON text. Commas, colons and brackets are the caller's, by [`Json::raw`].
#[derive(Clone, Debug, Default)]
pub struct Json(pub Vec<u8>);

impl Json {
    /// Appends text that is JSON already.
    #[inline]
    pub fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Appends a string as Go's `encoding/json` writes it: `<`, `>`, `&` and the two Unicode line ends are escaped too.
    pub fn string(&mut self, text: &str) -> &mut Self {
        push_string(&mut self.0, text, true);
        self
    }

    /// Appends a string without escaping HTML: names and values of label sets (`web/api/v1/json_codec.go`,
    /// `marshalLabelsJSON`).
    pub fn label(&mut self, text: &str) -> &mut Self {
        push_string(&mut self.0, text, false);
        self
    }

    /// Appends a whole number.
    pub fn int(&mut self, v: i64) -> &mut Self {
        push_i64(&mut self.0, v);
        self
    }

    /// Appends a number that is not a sample: no quotes; what JSON cannot say becomes 0.
    pub fn number(&mut self, v: f64) -> &mut Self {
        push_float(&mut self.0, if v.is_finite() { v } else { 0.0 }, FloatForm::Json);
        self
    }

    /// Appends `true` or `false`.
    pub fn bool(&mut self, v: bool) -> &mut Self {
        self.raw(if v { "true" } else { "false" })
    }

    /// Appends a label set as an object.
    pub fn labels(&mut self, labels: &Labels) -> &mut Self {
        self.pairs(labels)
    }

    /// Appends pairs as an object, in their order.
    pub fn pairs<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> &mut Self {
        self.raw("{");
        for (i, (name, value)) in pairs.into_iter().enumerate() {
            if i > 0 {
                self.raw(",");
            }
            self.label(name).raw(":").label(value);
        }
        self.raw("}")
    }

    /// Appends a list, each item by `item`.
    pub fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut item: impl FnMut(&mut Self, T)) -> &mut Self {
        self.raw("[");
        for (i, one) in items.into_iter().enumerate() {
            if i > 0 {
                self.raw(",");
            }
            item(self, one);
        }
        self.raw("]")
    }

    /// Appends `[1435781451.781,"1.5"]`.
    #[inline]
    pub fn point(&mut self, t: TimestampMs, v: f64) -> &mut Self {
        self.0.push(b'[');
        push_timestamp_ms(&mut self.0, t.0);
        self.0.extend_from_slice(b",\"");
        push_float(&mut self.0, v, FloatForm::Json);
        self.0.extend_from_slice(b"\"]");
        self
    }

    /// Appends a point's time.
    pub fn time(&mut self, t: TimestampMs) -> &mut Self {
        push_timestamp_ms(&mut self.0, t.0);
        self
    }

    /// Appends a point's value: a float as a string.
    pub fn value(&mut self, v: f64) -> &mut Self {
        self.0.push(b'"');
        push_float(&mut self.0, v, FloatForm::Json);
        self.0.push(b'"');
        self
    }
}

fn push_string(out: &mut Vec<u8>, text: &str, html: bool) {
    out.push(b'"');
    let mut rest = text;
    // Copies runs of plain text; nearly every string is one run.
    while let Some(at) = rest.find(|c: char| is_special(c, html)) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let c = rest[at..].chars().next().unwrap_or_default();
        push_escaped(out, c);
        rest = &rest[at + c.len_utf8()..];
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

#[inline]
fn is_special(c: char, html: bool) -> bool {
    (c as u32) < 0x20 || c == '"' || c == '\\' || html && matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

fn push_escaped(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        c => {
            let code = c as u32;
            out.extend_from_slice(b"\\u");
            out.extend([12, 8, 4, 0].map(|shift| HEX[(code >> shift) as usize & 15]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(f: impl FnOnce(&mut Json) -> &mut Json) -> String {
        let mut json = Json::default();
        f(&mut json);
        String::from_utf8(json.0).expect("JSON is UTF-8")
    }

    #[test]
    fn strings() {
        let cases = [
            ("plain", r#""plain""#, r#""plain""#),
            ("a\"b\\c\n\r\t\u{1}", r#""a\"b\\c\n\r\t\u0001""#, r#""a\"b\\c\n\r\t\u0001""#),
            ("<a&b>\u{2028}", r#""\u003ca\u0026b\u003e\u2028""#, "\"<a&b>\u{2028}\""),
            ("größe", "\"größe\"", "\"größe\""),
        ];
        for (text, html, plain) in cases {
            assert_eq!(written(|j| j.string(text)), html);
            assert_eq!(written(|j| j.label(text)), plain);
        }
    }

    #[test]
    fn points() {
        let cases = [
            (1_435_781_451_781, 1.5, r#"[1435781451.781,"1.5"]"#),
            (1_795_226_055_040, f64::INFINITY, r#"[1795226055.040,"+Inf"]"#),
            (-1_005, f64::NAN, r#"[-1.005,"NaN"]"#),
            (7_000, 1e21, r#"[7,"1e+21"]"#),
            (0, 1e-7, r#"[0,"1e-07"]"#),
            (0, -0.0, r#"[0,"-0"]"#),
        ];
        for (t, v, want) in cases {
            assert_eq!(written(|j| j.point(TimestampMs(t), v)), want);
        }
    }
}
