//! Following one list of the cluster: read whole, then watched from there on, and read again when the server has forgotten
//! where we were.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, warn};
use url::Url;

use crate::error::DiscoveryError;
use crate::kubernetes::access::Access;
use crate::kubernetes::kind::{Object, ObjectKind};
use crate::kubernetes::objects::Status;
use crate::metrics::KubernetesMetrics;

/// Pause after a failure; each next one is twice as long, to the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(800), Duration::from_secs(30));
/// Objects in one part of a list.
const PAGE: usize = 500;
/// How long the server is asked to keep a watch. Lists spread themselves over twice that.
const WATCH: Duration = Duration::from_secs(300);
/// A line of a watch is one object; etcd holds none above a few megabytes.
const LINE_BYTES_MAX: usize = 64 << 20;

/// What happened to a list.
pub(crate) enum Event {
    /// All there is, after the first reading and after each further one.
    Whole {
        kind: ObjectKind,
        namespace: String,
        objects: Vec<Object>,
    },
    Put {
        kind: ObjectKind,
        object: Box<Object>,
    },
    Gone {
        kind: ObjectKind,
        key: String,
    },
}

/// One list.
pub(crate) struct Followed {
    pub(crate) access: Arc<Access>,
    pub(crate) kind: ObjectKind,
    /// Empty: all.
    pub(crate) namespace: String,
    pub(crate) label_selector: String,
    pub(crate) field_selector: String,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) metrics: KubernetesMetrics,
}

/// Why a watch ended.
enum Ended {
    /// As watches do: go on from the same version.
    Closed,
    /// The version is forgotten: read the whole list.
    Expired,
    /// Nobody listens any more.
    Unheard,
    Failed(DiscoveryError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListPart<'a> {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    next: String,
}

#[derive(Deserialize)]
struct WatchLine<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// The version of an object.
#[derive(Deserialize)]
struct Versioned {
    #[serde(default)]
    metadata: ListMeta,
}

impl Followed {
    /// Follows until nobody listens.
    pub(crate) async fn run(self) {
        let mut pause = PAUSE.0;
        // A first reading may come from the server's cache; one after a lost version must be newer than that.
        let mut version = "0".to_owned();
        loop {
            match self.list(&version).await {
                Ok((objects, at)) => {
                    let whole = Event::Whole { kind: self.kind, namespace: self.namespace.clone(), objects };
                    if self.events.send(whole).await.is_err() {
                        return;
                    }
                    pause = PAUSE.0;
                    version = at;
                }
                Err(err) => {
                    self.failed(&err, "list");
                    if version != "0" {
                        version.clear();
                    }
                    self.wait(&mut pause).await;
                    continue;
                }
            }
            loop {
                let began = Instant::now();
                match self.watch(&mut version).await {
                    Ended::Unheard => return,
                    // A server that closes at once is not asked again at once.
                    Ended::Closed if began.elapsed() < PAUSE.0 => self.wait(&mut pause).await,
                    Ended::Closed => pause = PAUSE.0,
                    Ended::Expired => {
                        version.clear();
                        break;
                    }
                    Ended::Failed(err) => {
                        self.failed(&err, "watch");
                        self.wait(&mut pause).await;
                    }
                }
            }
        }
    }

    fn failed(&self, err: &DiscoveryError, what: &str) {
        self.metrics.failures.inc();
        warn!(discovery = "kubernetes", path = self.kind.path(&self.namespace), %err, "Failed to {what}");
    }

    async fn wait(&self, pause: &mut Duration) {
        tokio::time::sleep(*pause).await;
        *pause = (*pause * 2).min(PAUSE.1);
    }

    fn url(&self, pairs: &[(&str, &str)]) -> Url {
        let mut url = self.access.url(&self.kind.path(&self.namespace));
        let mut query = url.query_pairs_mut();
        for (name, value) in [("fieldSelector", &self.field_selector), ("labelSelector", &self.label_selector)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
        drop(query);
        url
    }

    /// Reads the whole list, part by part; returns it with its version.
    async fn list(&self, version: &str) -> Result<(Vec<Object>, String), DiscoveryError> {
        let (mut objects, mut next) = (Vec::new(), String::new());
        let page = PAGE.to_string();
        loop {
            // A further part belongs to the version of the first.
            let from = if next.is_empty() { version } else { "" };
            let url = self.url(&[("limit", &page), ("continue", &next), ("resourceVersion", from)]);
            let fetched = self.access.get(&url).await?;
            if !fetched.status.is_success() {
                return Err(refusal(fetched.status, &fetched.body));
            }
            let part: ListPart<'_> = serde_json::from_slice(&fetched.body).map_err(unreadable)?;
            for item in part.items.unwrap_or_default() {
                objects.push(self.kind.read(item).map_err(unreadable)?);
            }
            if part.metadata.next.is_empty() {
                return Ok((objects, part.metadata.resource_version));
            }
            next = part.metadata.next;
        }
    }

    /// Watches from a version on, which moves with what is heard.
    async fn watch(&self, version: &mut String) -> Ended {
        let spread = WATCH + WATCH.mul_f64(f64::from(self.kind as u8 % 9) / 9.0);
        let seconds = spread.as_secs().to_string();
        let url = self.url(&[
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", version),
            ("timeoutSeconds", &seconds),
            ("watch", "true"),
        ]);
        // A connection that died without a word must not be waited for.
        let watched = self.read_watch(&url, version);
        match tokio::time::timeout(spread + Duration::from_secs(30), watched).await {
            Ok(ended) => ended,
            Err(_) => Ended::Closed,
        }
    }

    async fn read_watch(&self, url: &Url, version: &mut String) -> Ended {
        let response = match self.access.open(url).await {
            Ok(response) => response,
            Err(err) => return Ended::Failed(err),
        };
        let status = response.status();
        let mut body = response.into_body();
        if status == http::StatusCode::GONE {
            return Ended::Expired;
        }
        if !status.is_success() {
            let text = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            return Ended::Failed(refusal(status, &text));
        }
        let mut rest: Vec<u8> = Vec::new();
        loop {
            let frame = match body.frame().await {
                None => return Ended::Closed,
                Some(Ok(frame)) => frame,
                Some(Err(err)) => {
                    debug!(discovery = "kubernetes", %err, "Watch broke off");
                    return Ended::Closed;
                }
            };
            let Some(data) = frame.data_ref() else { continue };
            rest.extend_from_slice(data);
            let mut done = 0;
            while let Some(end) = rest.get(done..).and_then(|tail| memchr::memchr(b'\n', tail)) {
                let line = rest.get(done..done + end).unwrap_or_default();
                done += end + 1;
                if !line.is_empty()
                    && let Some(ended) = self.heard(line, version).await
                {
                    return ended;
                }
            }
            rest.drain(..done);
            if rest.len() > LINE_BYTES_MAX {
                return Ended::Failed(DiscoveryError::TooLong { url: url.to_string(), limit: LINE_BYTES_MAX });
            }
        }
    }

    /// Passes one line on; returns how the watch ends if it does.
    async fn heard(&self, line: &[u8], version: &mut String) -> Option<Ended> {
        let failed = |error: serde_json::Error| Some(Ended::Failed(unreadable(error)));
        let line: WatchLine<'_> = match serde_json::from_slice(line) {
            Ok(line) => line,
            Err(error) => return failed(error),
        };
        if line.kind == "ERROR" {
            let status: Status = serde_json::from_str(line.object.get()).unwrap_or_default();
            if status.code == 410 || matches!(status.reason.as_str(), "Expired" | "Gone") {
                return Some(Ended::Expired);
            }
            return Some(Ended::Failed(DiscoveryError::Answer(status.message)));
        }
        match serde_json::from_str::<Versioned>(line.object.get()) {
            Ok(object) if !object.metadata.resource_version.is_empty() => *version = object.metadata.resource_version,
            Ok(_) => {}
            Err(error) => return failed(error),
        }
        let event = match line.kind {
            "ADDED" | "MODIFIED" => {
                self.kind.read(line.object).map(|object| Event::Put { kind: self.kind, object: Box::new(object) })
            }
            "DELETED" => {
                self.kind.read(line.object).map(|object| Event::Gone { kind: self.kind, key: object.meta().key() })
            }
            _ => return None,
        };
        match event {
            Ok(event) => self.events.send(event).await.is_err().then_some(Ended::Unheard),
            Err(error) => failed(error),
        }
    }
}

/// What a server says when it refuses, in its own words where it has any.
fn refusal(status: http::StatusCode, body: &[u8]) -> DiscoveryError {
    let said: Status = serde_json::from_slice(body).unwrap_or_default();
    let reason = status.canonical_reason().unwrap_or_default();
    DiscoveryError::Status(if said.message.is_empty() {
        format!("server returned HTTP status {} {reason}", status.as_u16())
    } else {
        said.message
    })
}

fn unreadable(error: serde_json::Error) -> DiscoveryError {
    DiscoveryError::Answer(format!("the answer of the API server cannot be read: {error}"))
}
