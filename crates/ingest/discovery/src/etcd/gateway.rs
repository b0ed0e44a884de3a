//! etcd's JSON gateway (version 3.4 and later): `/v3/kv/range`, `/v3/watch`, `/v3/auth/authenticate`.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use firesteel_config::sd::EtcdSd;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use url::Url;

use crate::discoverer::BuildContext;
use crate::error::DiscoveryError;
use crate::fetch::Fetcher;

/// Keys of one answer; more are asked for page by page.
const PAGE_KEYS: usize = 1000;
/// How long etcd may take for an answer, and for the first word of a watch.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// A line of a watch is one batch of events.
const LINE_BYTES_MAX: usize = 64 << 20;

pub(super) struct Gateway {
    fetcher: Fetcher,
    endpoints: Vec<Url>,
    current: usize,
    user: Option<(String, firesteel_config::Secret)>,
    token: Option<HeaderValue>,
}

/// All keys of a prefix.
pub(super) struct Listed {
    pub(super) revision: i64,
    pub(super) values: BTreeMap<String, Vec<u8>>,
}

/// A change of a key; without a value it is gone.
pub(super) struct Event {
    pub(super) key: String,
    pub(super) value: Option<Vec<u8>>,
}

pub(super) enum Watched {
    Events { events: Vec<Event>, revision: i64 },
    Compacted,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Header {
    revision: Number,
}

/// The gateway writes 64-bit numbers as text.
#[derive(Deserialize, Clone, Copy, Default)]
#[serde(try_from = "serde_json::Value")]
struct Number(i64);

impl TryFrom<serde_json::Value> for Number {
    type Error = String;
    fn try_from(value: serde_json::Value) -> Result<Self, String> {
        let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        number.map(Self).ok_or_else(|| format!("not a number: {value}"))
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct KeyValue {
    key: String,
    value: String,
}

impl Gateway {
    pub(super) fn new(config: &EtcdSd, context: &BuildContext) -> Result<Self, DiscoveryError> {
        let parse =
            |text: &String| Url::parse(text).map_err(|e| DiscoveryError::Other(format!("etcd endpoint {text}: {e}")));
        let options = context.client_options("etcd_sd");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Self {
            fetcher: Fetcher::new(&config.http, options, ANSWER_MAX)?.with_headers(headers),
            endpoints: config.endpoints.iter().map(parse).collect::<Result<_, _>>()?,
            current: 0,
            user: (!config.username.is_empty()).then(|| (config.username.clone(), config.password.clone())),
            token: None,
        })
    }

    /// Turns to the next member of the cluster, and logs in anew there.
    pub(super) fn next_endpoint(&mut self) {
        self.current = (self.current + 1) % self.endpoints.len().max(1);
        self.token = None;
    }

    /// Returns all keys below a prefix, as of one revision.
    pub(super) async fn list(&mut self, prefix: &str) -> Result<Listed, DiscoveryError> {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Page {
            header: Header,
            kvs: Vec<KeyValue>,
            more: bool,
        }
        let end = range_end(prefix.as_bytes());
        let mut from = first_key(prefix);
        let mut listed = Listed { revision: 0, values: BTreeMap::new() };
        loop {
            let mut question =
                json!({"key": BASE64.encode(&from), "range_end": BASE64.encode(&end), "limit": PAGE_KEYS});
            if listed.revision > 0 {
                question["revision"] = json!(listed.revision.to_string());
            }
            let page: Page = self.ask("v3/kv/range", &question).await?;
            if listed.revision == 0 {
                listed.revision = page.header.revision.0;
            }
            let Some(last) = page.kvs.last() else { break };
            from = decode(&last.key)?;
            from.push(0);
            let more = page.more;
            for kv in page.kvs {
                listed.values.insert(key_text(&kv.key)?, decode(&kv.value)?);
            }
            if !more {
                break;
            }
        }
        Ok(listed)
    }

    /// Watches the keys below a prefix from a revision on; returns when etcd has agreed.
    pub(super) async fn watch(&mut self, prefix: &str, revision: i64) -> Result<WatchStream, DiscoveryError> {
        let range_end = BASE64.encode(range_end(prefix.as_bytes()));
        let question = json!({"create_request": {
            "key": BASE64.encode(first_key(prefix)), "range_end": range_end,
            "start_revision": revision.to_string(), "progress_notify": true,
        }});
        let body = Bytes::from(question.to_string());
        let url = self.url("v3/watch")?;
        let headers = self.headers();
        let opening = async {
            let response = self.fetcher.client().send(Method::POST, &url, &headers, body).await?;
            if response.status() != StatusCode::OK {
                let status = response.status();
                return Err(DiscoveryError::Status(format!("{url}: server returned HTTP status {status}")));
            }
            let mut stream = WatchStream { body: response.into_body(), line: Vec::new(), ready: 0 };
            match stream.next().await? {
                Watched::Events { events, .. } if events.is_empty() => Ok(stream),
                _ => Err(DiscoveryError::Answer("etcd did not agree to the watch".to_owned())),
            }
        };
        tokio::time::timeout(ANSWER_MAX, opening).await.unwrap_or(Err(DiscoveryError::Deadline))
    }

    async fn ask<T: DeserializeOwned>(
        &mut self,
        path: &str,
        question: &serde_json::Value,
    ) -> Result<T, DiscoveryError> {
        self.log_in().await?;
        self.post(path, question).await
    }

    /// Gets a token if there is a user and none yet.
    async fn log_in(&mut self) -> Result<(), DiscoveryError> {
        #[derive(Deserialize)]
        struct Granted {
            token: String,
        }
        let Some((name, password)) = self.user.as_ref().filter(|_| self.token.is_none()) else { return Ok(()) };
        let question = json!({"name": name, "password": password.reveal()});
        let granted: Granted = self.post("v3/auth/authenticate", &question).await?;
        let mut value = HeaderValue::from_str(&granted.token)
            .map_err(|_| DiscoveryError::Answer("etcd's token is no header".to_owned()))?;
        value.set_sensitive(true);
        self.token = Some(value);
        Ok(())
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, question: &serde_json::Value) -> Result<T, DiscoveryError> {
        let url = self.url(path)?;
        let headers = self.headers();
        let answer = self.fetcher.send_with(Method::POST, &url, &headers, Bytes::from(question.to_string())).await?;
        if answer.status != StatusCode::OK {
            #[derive(Deserialize)]
            struct Fault {
                message: String,
            }
            let said = serde_json::from_slice::<Fault>(&answer.body).map(|fault| format!(": {}", fault.message));
            let text = format!("{url}: server returned HTTP status {}", answer.status_text());
            return Err(DiscoveryError::Status(text + &said.unwrap_or_default()));
        }
        serde_json::from_slice(&answer.body).map_err(|e| DiscoveryError::Answer(format!("answer of {url}: {e}")))
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = self.fetcher.headers().clone();
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        headers
    }

    fn url(&self, path: &str) -> Result<Url, DiscoveryError> {
        let base = self.endpoints.get(self.current);
        let mut url = base.ok_or_else(|| DiscoveryError::Other("no endpoint of etcd".to_owned()))?.clone();
        let path = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(url)
    }
}

/// What comes out of a watch: a line of JSON for each batch.
pub(super) struct WatchStream {
    body: Incoming,
    /// Bytes that came; those before `ready` were handed out.
    line: Vec<u8>,
    ready: usize,
}

impl WatchStream {
    /// Returns the next batch. Errors when the connection ends, as it does when etcd stops. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Result<Watched, DiscoveryError> {
        loop {
            self.line.drain(..std::mem::take(&mut self.ready));
            if let Some(end) = self.line.iter().position(|b| *b == b'\n') {
                self.ready = end + 1;
                return read_line(self.line.get(..end).unwrap_or_default());
            }
            if self.line.len() > LINE_BYTES_MAX {
                return Err(DiscoveryError::Answer(format!(
                    "a line of the watch is longer than {LINE_BYTES_MAX} bytes"
                )));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.line.extend(frame.data_ref().into_iter().flatten()),
                Some(Err(e)) => return Err(DiscoveryError::Answer(format!("the watch broke off: {e}"))),
                None => return Err(DiscoveryError::Answer("the watch ended".to_owned())),
            }
        }
    }
}

fn read_line(line: &[u8]) -> Result<Watched, DiscoveryError> {
    #[derive(Deserialize)]
    struct Line {
        result: Option<Batch>,
        error: Option<serde_json::Value>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Batch {
        header: Header,
        canceled: bool,
        compact_revision: Number,
        cancel_reason: String,
        events: Vec<Change>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Change {
        /// Left out for PUT, which is the zero of the enumeration.
        #[serde(rename = "type")]
        kind: String,
        kv: KeyValue,
    }
    let wrong = |e: String| DiscoveryError::Answer(format!("line of the watch: {e}"));
    let line: Line = serde_json::from_slice(line).map_err(|e| wrong(e.to_string()))?;
    let Some(batch) = line.result else {
        return Err(wrong(line.error.unwrap_or_default().to_string()));
    };
    if batch.compact_revision.0 > 0 {
        return Ok(Watched::Compacted);
    }
    if batch.canceled {
        return Err(wrong(format!("etcd ended it: {}", batch.cancel_reason)));
    }
    let event = |change: Change| {
        let key = key_text(&change.kv.key)?;
        let value = if change.kind == "DELETE" { None } else { Some(decode(&change.kv.value)?) };
        Ok::<_, DiscoveryError>(Event { key, value })
    };
    let events = batch.events.into_iter().map(event).collect::<Result<_, _>>()?;
    Ok(Watched::Events { events, revision: batch.header.revision.0 })
}

fn decode(text: &str) -> Result<Vec<u8>, DiscoveryError> {
    BASE64.decode(text).map_err(|e| DiscoveryError::Answer(format!("not base64: {e}")))
}

fn key_text(text: &str) -> Result<String, DiscoveryError> {
    Ok(String::from_utf8_lossy(&decode(text)?).into_owned())
}

/// etcd takes a zero byte for the first of all keys.
fn first_key(prefix: &str) -> Vec<u8> {
    if prefix.is_empty() { vec![0] } else { prefix.as_bytes().to_vec() }
}

/// Returns the first key after all that begin with the prefix; a zero byte stands for the end of all keys.
fn range_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_end_after_the_prefix() {
        for (prefix, want) in [(&b"/a/"[..], &b"/a0"[..]), (b"", &[0]), (&[0xff, 0xff], &[0]), (&[b'a', 0xff], b"b")] {
            assert_eq!(range_end(prefix), want);
        }
    }
}
