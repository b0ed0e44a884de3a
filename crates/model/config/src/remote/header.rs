//! Headers of remote storage and tracing that may not be set by hand.

use std::collections::BTreeMap;

use firesteel_yaml::{Node, Reader};

use crate::rules_of_choice::key_span;

/// As `reservedHeaders` of config/config.go; `authorization` has words of its own.
const RESERVED: [&str; 16] = [
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
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// Notes headers that the program sets itself. `authorization` is upstream's text for that one.
pub(crate) fn check_headers(
    headers: &BTreeMap<String, String>,
    node: &Node,
    reader: &mut Reader<'_>,
    authorization: &str,
) {
    let Some(block) = node.get("headers") else { return };
    for name in headers.keys() {
        let lower = name.to_lowercase();
        let span = key_span(block, name);
        if lower == "authorization" {
            reader
                .error(span, "FS0144", "the `authorization` header is not set here")
                .label("use `basic_auth` or `authorization` of this block")
                .upstream(authorization);
        } else if RESERVED.contains(&lower.as_str()) {
            reader
                .error(span, "FS0144", format!("the header `{name}` is set by the program itself"))
                .label("remove it")
                .upstream(format!("{name} is a reserved header. It must not be changed"));
        }
    }
}
