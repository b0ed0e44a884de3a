//! URLs, as Go's `url.Parse` takes them.

use firesteel_yaml::{Node, Out, Reader};

use crate::Decode;

/// A URL; empty when not given. Its password prints as `xxxxx`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Url(String);

impl Url {
    /// Wraps a URL's text without a check.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, password included, for the one who connects.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether none is given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the text with the password replaced.
    pub fn redacted(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("//") else { return self.0.clone() };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        match authority.rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?.0, host))) {
            Some((user, host)) => format!("{scheme}//{user}:xxxxx@{host}{tail}"),
            None => self.0.clone(),
        }
    }
}

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.redacted())
    }
}

impl Decode for Url {
    fn go_type() -> String {
        "config.URL".to_owned()
    }
    fn zero() -> Self {
        Self::default()
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        let Some(text) = reader.string(node) else { return };
        match fault(&text) {
            None => self.0 = text,
            Some(upstream) => {
                let key = reader.key().to_owned();
                reader
                    .error(node.span, "FS0132", format!("`{key}` is not a URL"))
                    .label("write it as http://host:port/path")
                    .upstream(upstream);
            }
        }
    }
    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
    fn encode(&self) -> Out {
        Out::Str(self.redacted())
    }
}

/// Returns Go's error for a text that `url.Parse` refuses.
pub(crate) fn fault(text: &str) -> Option<String> {
    let quoted = firesteel_go_compat::quote(text.as_bytes());
    let error = |why: &str| Some(format!("parse {quoted}: {why}"));
    if text.bytes().any(|b| b < b' ' || b == 0x7f) {
        return error("net/url: invalid control character in URL");
    }
    let before_fragment = text.split_once('#').map_or(text, |(url, _)| url);
    let colon = before_fragment.find(':');
    let scheme = match (colon, before_fragment.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)))) {
        (Some(0), _) => return error("missing protocol scheme"),
        (Some(colon), Some(other))
            if other == colon && before_fragment.starts_with(|c: char| c.is_ascii_alphabetic()) =>
        {
            Some(&before_fragment[..colon])
        }
        _ => None,
    };
    let rest = scheme.map_or(before_fragment, |scheme| &before_fragment[scheme.len() + 1..]);
    let rest = rest.split_once('?').map_or(rest, |(path, _)| path);
    if !rest.starts_with('/') {
        if scheme.is_some() {
            return None;
        }
        let segment = rest.split('/').next().unwrap_or("");
        if segment.contains(':') {
            return error("first path segment in URL cannot contain colon");
        }
    }
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) if scheme.is_some() || !rest.starts_with('/') => {
            let end = rest.find('/').unwrap_or(rest.len());
            rest.split_at(end)
        }
        _ => ("", rest),
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(bad) = bad_escape(path) {
        return error(&format!("invalid URL escape {}", firesteel_go_compat::quote(bad.as_bytes())));
    }
    if let Some(bad) = host.chars().find(|c| " \"<>\\^`{|}".contains(*c)) {
        let quoted = firesteel_go_compat::quote(bad.to_string().as_bytes()).to_string();
        return error(&format!("invalid character {quoted} in host name"));
    }
    let port = match host.strip_prefix('[') {
        Some(v6) => match v6.rsplit_once(']') {
            Some((_, port)) => port,
            None => return error("missing ']' in host"),
        },
        None => host.rfind(':').map_or("", |at| &host[at..]),
    };
    if !port.is_empty() && !port.strip_prefix(':').is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit())) {
        return error(&format!("invalid port {} after host", firesteel_go_compat::quote(port.as_bytes())));
    }
    None
}

fn bad_escape(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|b| *b == b'%')) {
        let start = at + found;
        let digits = bytes.get(start + 1..start + 3).unwrap_or(&[]);
        if digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            let end = (start + 3).min(bytes.len());
            return Some(String::from_utf8_lossy(&bytes[start..end]).into_owned());
        }
        at = start + 3;
    }
    None
}

/// Returns the host and port of what follows a URL's `scheme:`.
pub(crate) fn host_of(rest: &str) -> &str {
    let Some(rest) = rest.strip_prefix("//") else { return "" };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}
