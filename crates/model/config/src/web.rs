//! `web.config.file`: TLS, users and headers of our own listener.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use firesteel_go_compat::{format_go_duration, parse_go_duration};
use firesteel_yaml::{Diagnostic, Node, Out, Reader, Source, parse};

use crate::decode::{Decode, words};
use crate::http::TlsVersion;
use crate::rules_of_choice::not_a_choice;
use crate::section::section;
use crate::web_check::check;
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
