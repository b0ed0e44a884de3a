//! Headers added to each request.

use std::collections::BTreeMap;
use std::path::Path;

use firesteel_yaml::{Node, Out, Reader};

use crate::decode::Decode;
use crate::section::section;
use crate::{FilePath, Secret};

section! {
    /// The values of one header, in this order: given, secret, read from files (blanks around them trimmed).
    pub struct Header("a header", "config.Header", "config.Header") {
        values: Vec<String>,
        secrets: Vec<Secret>,
        files: Vec<FilePath>,
    }
}

/// Headers by name.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Headers(pub BTreeMap<String, Header>);

impl Decode for Headers {
    fn go_type() -> String {
        "config.Headers".to_owned()
    }
    fn zero() -> Self {
        Self::default()
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        self.0.decode(node, reader);
    }
    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
    fn encode(&self) -> Out {
        self.0.encode()
    }
    fn set_directory(&mut self, dir: &Path) {
        self.0.set_directory(dir);
    }
}

/// Headers that the program sets itself (prometheus/common, config/headers.go).
pub(crate) const RESERVED: [&str; 18] = [
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-prometheus-scrape-timeout-seconds",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// Returns a header's name as Go writes it: `content-type` becomes `Content-Type`; a name with characters that no header
/// has stays as it is.
pub(crate) fn canonical(name: &str) -> String {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !name.bytes().all(token) {
        return name.to_owned();
    }
    let mut upper = true;
    name.chars()
        .map(|c| {
            let out = if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
            upper = c == '-';
            out
        })
        .collect()
}
