//! What a web configuration must keep to beyond the types of its values.

use firesteel_go_compat::{atoi, quote};
use firesteel_yaml::{Node, Reader};

use crate::rules_of_choice::{key_span, not_a_choice, value_span, wrong};
use crate::web::{ClientAuth, WebConfig};

/// Headers that may be set, with the values allowed (any when empty).
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

pub(crate) fn check(web: &mut WebConfig, node: &Node, reader: &mut Reader<'_>) {
    let tls = &web.tls_server_config;
    let block = node.get("tls_server_config").unwrap_or(node);
    if tls.is_enabled() {
        if tls.cert.is_empty() && tls.cert_file.is_empty() {
            let upstream = "missing one of cert or cert_file";
            wrong(block, reader, "cert_file", "FS0170", "TLS needs a certificate: add `cert_file`", upstream);
        }
        if tls.key.is_empty() && tls.key_file.is_empty() {
            let upstream = "missing one of key or key_file";
            wrong(block, reader, "key_file", "FS0170", "TLS needs a key: add `key_file`", upstream);
        }
    }
    let lax = matches!(tls.client_auth_type, ClientAuth::Unset | ClientAuth::NoClientCert);
    if lax && !(tls.client_ca.is_empty() && tls.client_ca_file.is_empty()) {
        let key = if tls.client_ca.is_empty() { "client_ca_file" } else { "client_ca" };
        let upstream = "client CA's have been configured without a Client Auth Policy";
        wrong(block, reader, key, "FS0171", "a client CA is given, but no client is asked for a certificate", upstream)
            .label("add client_auth_type: RequireAndVerifyClientCert");
    }
    check_names(block, reader, "cipher_suites", "a cipher suite of TLS 1.2 and up", &CIPHERS, "unknown cipher");
    check_names(block, reader, "curve_preferences", "a curve", &CURVES, "unknown curve");
    let users = node.get("basic_auth_users").unwrap_or(node);
    for (name, hash) in &web.basic_auth_users {
        if let Some(upstream) = bcrypt_fault(hash.reveal()) {
            let found = reader
                .error(value_span(users, name), "FS0172", format!("the password of `{name}` is not a bcrypt hash"))
                .label("make one with: htpasswd -nBC 10 \"\"")
                .upstream(format!("crypto/bcrypt: {upstream}"));
            // It may be the password itself, which must not get into a log.
            let before: String = found.text.chars().take(found.column.saturating_sub(1)).collect();
            found.text = format!("{before}<secret>");
            found.len = "<secret>".len();
        }
    }
    let headers = node.closest(&["http_server_config", "headers"]);
    for (name, value) in &web.http_server_config.headers {
        let Some((_, allowed)) = HEADERS.iter().find(|(header, _)| header == name) else {
            let legal: Vec<&str> = HEADERS.iter().map(|(header, _)| *header).collect();
            let upstream = format!("HTTP header {} can not be configured", quote(name.as_bytes()));
            not_a_choice(reader, key_span(headers, name), "a header that can be set", name, &legal, upstream);
            continue;
        };
        if !allowed.is_empty() && !allowed.contains(&value.as_str()) {
            let quoted: Vec<String> = allowed.iter().map(|v| format!("\"{v}\"")).collect();
            let got = quote(value.as_bytes());
            let upstream = format!("invalid value for {name}. Expected one of: [{}], but got: {got}", quoted.join(" "));
            not_a_choice(reader, value_span(headers, name), &format!("a value of {name}"), value, allowed, upstream);
        }
    }
}

/// Go's `tls.CipherSuites()`: the suites it holds secure.
const CIPHERS: [&str; 9] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];
const CURVES: [&str; 4] = ["CurveP256", "CurveP384", "CurveP521", "X25519"];

fn check_names(block: &Node, reader: &mut Reader<'_>, key: &str, what: &str, legal: &[&str], upstream: &str) {
    for item in block.get(key).map(Node::items).unwrap_or_default() {
        let Some(word) = item.text() else { continue };
        if !legal.contains(&word) {
            not_a_choice(reader, item.span, what, word, legal, format!("{upstream}: {word}"));
        }
    }
}

/// Returns what Go's `bcrypt.Cost` says against a hash.
fn bcrypt_fault(hash: &str) -> Option<String> {
    let bytes = hash.as_bytes();
    if bytes.len() < 59 {
        return Some("hashedSecret too short to be a bcrypted password".to_owned());
    }
    let [first, major, minor, ..] = *bytes else { return None };
    if first != b'$' {
        let found = char::from(first);
        return Some(format!("bcrypt hashes must start with '$', but hashedSecret started with '{found}'"));
    }
    if major > b'2' {
        let found = char::from(major);
        return Some(format!("bcrypt algorithm version '{found}' requested is newer than current version '2'"));
    }
    let from = if minor == b'$' { 3 } else { 4 };
    let cost = hash.get(from..from + 2).and_then(|digits| atoi(digits).ok()).unwrap_or(-1);
    (!(4..=31).contains(&cost)).then(|| format!("cost {cost} is outside allowed inclusive range 4..31"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::load_web_config;

    const HASH: &str = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

    #[test]
    fn faults_are_named_with_their_place_and_upstreams_words() {
        let cases = [
            ("basic_auth_users: {a: HASH}", ""),
            ("tls_server_config: {cert_file: c, key_file: k, cipher_suites: [TLS_AES_128_GCM_SHA256]}", ""),
            ("basic_auth_users: {a: secret}", "1:23 crypto/bcrypt: hashedSecret too short to be a bcrypted password"),
            (
                "basic_auth_users: {a: xHASH}",
                "1:23 crypto/bcrypt: bcrypt hashes must start with '$', but hashedSecret started with 'x'",
            ),
            ("tls_server_config: {cert_file: c, key_file: k, cipher_suites: [RC4]}", "1:64 unknown cipher: RC4"),
            ("tls_server_config: {cert_file: c, key_file: k, curve_preferences: [P256]}", "1:68 unknown curve: P256"),
            ("tls_server_config: {cert_file: c}", "1:21 missing one of key or key_file"),
            (
                "tls_server_config: {cert_file: c, key_file: k, client_ca_file: x}",
                "1:64 client CA's have been configured without a Client Auth Policy",
            ),
            ("http_server_config: {headers: {X-Own: a}}", "1:32 HTTP header \"X-Own\" can not be configured"),
        ];
        for (text, want) in cases {
            let (_, found) = load_web_config(Path::new("web.yml"), &text.replace("HASH", HASH));
            let got: Vec<String> = found
                .iter()
                .map(|d| format!("{}:{} {}", d.line, d.column, d.upstream.as_deref().unwrap_or("")))
                .collect();
            assert_eq!(got.join("; "), want, "{text}");
            assert!(!found.iter().any(|d| d.render().contains("secret}")), "passwords are not shown");
        }
    }
}
