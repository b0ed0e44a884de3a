//! Signature Version 4 of a request, in its headers.
//!
//! Source: "Signature Version 4 signing process", AWS General Reference. Signed are the host, the length of a body, and
//! what the caller asked for; what is added on the way (`User-Agent`, `http_headers`) is not, as in upstream's
//! (prometheus/sigv4 v0.4.1, which signs before the next round tripper adds its own).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign as hmac};
use firesteel_go_compat::CivilDate;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use http::{Method, header};
use percent_encoding::percent_decode_str;
use url::Url;

use super::account::Keys;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Headers that intermediaries change, or that are not the caller's.
const UNSIGNED: [&str; 7] = [
    "authorization",
    "user-agent",
    "x-amzn-trace-id",
    "expect",
    "transfer-encoding",
    "uber-trace-id",
    "content-length",
];

/// What a signature is good for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) unix_secs: i64,
}

/// Signs a request: adds `X-Amz-Date`, `X-Amz-Security-Token` and `Authorization`, and brings path and query of the URL
/// into the form that is signed. Returns `None` when something cannot stand in a header.
pub(crate) fn sign(
    method: &Method,
    url: &mut Url,
    headers: &mut HeaderMap,
    body: &[u8],
    keys: &Keys,
    scope: Scope<'_>,
) -> Option<()> {
    let (date, time) = stamps(scope.unix_secs);
    headers.remove(AUTHORIZATION);
    headers.insert(HeaderName::from_static("x-amz-date"), HeaderValue::from_str(&time).ok()?);
    if !keys.session_token.is_empty() {
        let mut token = HeaderValue::from_str(&keys.session_token).ok()?;
        token.set_sensitive(true);
        headers.insert(HeaderName::from_static("x-amz-security-token"), token);
    }
    let path = clean_path(url.path());
    url.set_path(&path);
    let query = canonical_query(url.query().unwrap_or_default());
    url.set_query((!query.is_empty()).then_some(&query));

    let (lines, names) = canonical_headers(url, headers, body);
    let request = format!(
        "{method}\n{}\n{query}\n{lines}\n{names}\n{}",
        escape(url.path().as_bytes(), b"/"),
        hex(digest(&SHA256, body).as_ref()),
    );
    let Scope { region, service, .. } = scope;
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(digest(&SHA256, request.as_bytes()).as_ref()));
    let signature = hex(mac(&derived_key(&keys.secret_key, &date, region, service), &text).as_ref());
    let id = &keys.access_key;
    let value = format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Some(())
}

fn mac(key: &[u8], text: &str) -> aws_lc_rs::hmac::Tag {
    hmac(&Key::new(HMAC_SHA256, key), text.as_bytes())
}

/// The key of a day, a region and a service.
fn derived_key(secret: &str, date: &str, region: &str, service: &str) -> Vec<u8> {
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [date, region, service, "aws4_request"] {
        key = mac(&key, part).as_ref().to_vec();
    }
    key
}

/// Returns `20150830` and `20150830T123600Z`.
fn stamps(unix_secs: i64) -> (String, String) {
    let CivilDate { year, month, day } = CivilDate::from_unix_days(unix_secs.div_euclid(86_400));
    let date = format!("{year:04}{month:02}{day:02}");
    let secs = unix_secs.rem_euclid(86_400);
    let time = format!("{date}T{:02}{:02}{:02}Z", secs / 3600, secs / 60 % 60, secs % 60);
    (date, time)
}

/// Go: `path.Clean`, which upstream applies to what it signs and sends.
fn clean_path(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("/{}", parts.join("/"))
}

/// Pairs decoded, encoded as AWS wants them, and sorted.
fn canonical_query(query: &str) -> String {
    let decode = |text: &str| -> Vec<u8> { percent_decode_str(&text.replace('+', " ")).collect() };
    let mut pairs: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            format!("{}={}", escape(&decode(name), b""), escape(&decode(value), b""))
        })
        .collect();
    pairs.sort_unstable_by(|a, b| a.split_once('=').cmp(&b.split_once('=')));
    pairs.join("&")
}

/// Returns the lines of all signed headers, and their names.
fn canonical_headers(url: &Url, headers: &HeaderMap, body: &[u8]) -> (String, String) {
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut all = vec![("host", host)];
    if !body.is_empty() {
        all.push(("content-length", body.len().to_string()));
    }
    for name in headers.keys().filter(|name| !UNSIGNED.contains(&name.as_str()) && *name != header::HOST) {
        let values: Vec<String> = headers.get_all(name).iter().map(|value| one_spaced(value.as_bytes())).collect();
        all.push((name.as_str(), values.join(",")));
    }
    all.sort_unstable();
    let lines = all.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    (lines, names.join(";"))
}

/// Runs of blanks count as one.
fn one_spaced(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn escape(bytes: &[u8], keep: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &b in bytes {
        if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) || keep.contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
