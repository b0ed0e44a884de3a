//! `web.config.file`: TLS, users and headers of our own listener.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use firesteel_go_compat::{format_go_duration, parse_go_duration, quote};
use firesteel_yaml::{Diagnostic, Node, Out, Reader, Source, parse};

use crate::decode::{Decode, words};
use crate::http::TlsVersion;
use crate::rules_of_choice::{key_span, not_a_choice, value_span, wrong};
use crate::section::section;
use crate::{FilePath, Secret};

section! {
    /// The file (exporter-toolkit v0.17.1, `web.Config`).
    pub struct WebConfig("the web configuration", "web.Config", "web.Config") check check {
        tls_server_config: WebTlsConfig,
        http_server_config: WebHttpConfig = WebHttpConfig::default(),
        rate_limit: WebRateLimit,
        /// bcrypt hashes by user name.
        basic_auth_users: BTreeMap<String, Secret>,
    }
}

section! {
    /// TLS of the listener. No TLS when neither certificate, key, client CA nor client auth is given.
    pub struct WebTlsConfig("`tls_server_config`", "web.TLSConfig", "web.TLSConfig") {
        cert: String,
        key: Secret,
        client_ca: String,
        cert_file: FilePath,
        key_file: FilePath,
        client_auth_type: ClientAuth,
        client_ca_file: FilePath,
        /// Go's names, such as `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.
        cipher_suites: Vec<String>,
        /// Go's names: `CurveP256`, `CurveP384`, `CurveP521`, `X25519`, `X25519MLKEM768`.
        curve_preferences: Vec<String>,
        min_version: TlsVersion = TlsVersion::Tls12,
        max_version: TlsVersion = TlsVersion::Tls13,
        prefer_server_cipher_suites: bool = true,
        /// When not empty, a client certificate must carry one of these names.
        client_allowed_sans: Vec<String>,
    }
}

impl WebTlsConfig {
    /// Returns whether TLS is asked for at all.
    pub fn is_enabled(&self) -> bool {
        !(self.cert.is_empty()
            && self.cert_file.is_empty()
            && self.key.is_empty()
            && self.key_file.is_empty()
            && self.client_ca.is_empty()
            && self.client_ca_file.is_empty()
            && self.client_auth_type == ClientAuth::Unset)
    }
}

section! {
    /// How HTTP is spoken.
    pub struct WebHttpConfig("`http_server_config`", "web.HTTPConfig", "web.HTTPConfig") {
        http2: bool = true,
        /// Headers added to every answer; only a few are allowed.
        headers: BTreeMap<String, String>,
    }
}

section! {
    /// A limit on requests: `burst` at once, one more each `interval`. No limit when either is zero.
    pub struct WebRateLimit("`rate_limit`", "web.RateLimiterConfig", "web.RateLimiterConfig") {
        burst: i64,
        interval: GoDuration,
    }
}

/// A duration as Go's `time.ParseDuration` reads it, in nanoseconds; may be negative.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GoDuration(pub i64);

impl GoDuration {
    /// Returns it as a time span; negative gives zero.
    pub fn to_std(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
}

words!(GoDuration, "time.Duration", Self(0), read_go_duration, |v| v.0 == 0, |v| Out::Str(format_go_duration(v.0)));

fn read_go_duration(node: &Node, reader: &mut Reader<'_>) -> Option<GoDuration> {
    if let Some(ns) = node.text().and_then(|text| parse_go_duration(text).ok()) {
        return Some(GoDuration(ns));
    }
    reader.int(node, "time.Duration").map(GoDuration)
}

/// What is asked of a client's certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClientAuth {
    #[default]
    Unset,
    NoClientCert,
    RequestClientCert,
    /// Also written `RequireClientCert`.
    RequireAnyClientCert,
    VerifyClientCertIfGiven,
    RequireAndVerifyClientCert,
}

words!(ClientAuth, "string", Self::Unset, read_client_auth, |v| *v == Self::Unset, |v| Out::Str(format!("{v:?}")));

fn read_client_auth(node: &Node, reader: &mut Reader<'_>) -> Option<ClientAuth> {
    let word = reader.string(node)?;
    Some(match word.as_str() {
        "" => ClientAuth::Unset,
        "NoClientCert" => ClientAuth::NoClientCert,
        "RequestClientCert" => ClientAuth::RequestClientCert,
        "RequireAnyClientCert" | "RequireClientCert" => ClientAuth::RequireAnyClientCert,
        "VerifyClientCertIfGiven" => ClientAuth::VerifyClientCertIfGiven,
        "RequireAndVerifyClientCert" => ClientAuth::RequireAndVerifyClientCert,
        _ => {
            let legal = [
                "NoClientCert",
                "RequestClientCert",
                "RequireAnyClientCert",
                "VerifyClientCertIfGiven",
                "RequireAndVerifyClientCert",
            ];
            let upstream = format!("invalid ClientAuth: {word}");
            not_a_choice(reader, node.span, "a client_auth_type", &word, &legal, upstream);
            return None;
        }
    })
}

/// Reads a web configuration; relative paths start at the file's directory.
pub fn load_web_config(path: &Path, text: &str) -> (Option<WebConfig>, Vec<Diagnostic>) {
    let source = Source::new(path.to_string_lossy(), text);
    let mut reader = Reader::new(&source);
    let mut config = WebConfig::default();
    match parse(&source) {
        Err(fault) => return (None, vec![*fault]),
        Ok(None) => {}
        Ok(Some(node)) => config.decode(&node, &mut reader),
    }
    config.set_directory(path.parent().unwrap_or(Path::new("")));
    let refused = reader.error_count() > 0;
    ((!refused).then_some(config), reader.into_diagnostics())
}

/// Headers that may be set, with the values allowed (any when empty).
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

fn check(web: &mut WebConfig, node: &Node, reader: &mut Reader<'_>) {
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
