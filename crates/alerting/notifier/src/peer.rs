//! One Alertmanager: its queue, and the task that empties it (upstream: `notifier/sendloop.go`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use firesteel_model::Alert;
use firesteel_net::client::{HttpClient, RequestError};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};
use url::Url;

use crate::metrics::PeerMetrics;
use crate::payload;
use crate::queue::{Overflow, Queue};

/// An answer is read so far, that its connection can be used again.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// How a peer is sent to.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    pub(crate) client: Arc<HttpClient>,
    pub(crate) timeout: Duration,
    pub(crate) queue_capacity: usize,
    pub(crate) batch_max: usize,
    /// Whether what waits is sent when the peer goes.
    pub(crate) drain: bool,
}

/// Why a batch did not arrive.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("encoding alerts for Alertmanager API v2 failed: {0}")]
    Encode(#[from] serde_json::Error),
    #[error("parse {url:?}: {why}")]
    Url { url: String, why: String },
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("Post {:?}: context deadline exceeded", .0)]
    Deadline(String),
    #[error("bad response status {} {}", .0.as_u16(), .0.canonical_reason().unwrap_or_default())]
    Status(StatusCode),
}

/// An Alertmanager in use. Its task ends, perhaps after sending what waits, when this is dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    shared: Arc<Shared>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    url: String,
    sending: Sending,
    queue: Mutex<Queue>,
    work: Notify,
    metrics: Arc<PeerMetrics>,
}

impl Peer {
    /// Starts the task. Must be called within a tokio runtime.
    pub(crate) fn start(url: String, sending: Sending, metrics: Arc<PeerMetrics>, tasks: &TaskTracker) -> Self {
        let queue = Mutex::new(Queue::new(sending.queue_capacity));
        let shared = Arc::new(Shared { url, sending, queue, work: Notify::new(), metrics });
        let stop = CancellationToken::new();
        tasks.spawn(run(Arc::clone(&shared), stop.clone()));
        Self { shared, stop }
    }

    /// Puts alerts into the queue; never waits.
    pub(crate) fn add(&self, alerts: &[Alert]) {
        let peer = &self.shared;
        let (Overflow { of_batch, of_queue }, waiting) = {
            let mut queue = peer.queue.lock();
            (queue.add(alerts), queue.len())
        };
        if of_batch > 0 {
            let count = of_batch;
            warn!(
                component = "notifier",
                alertmanager = peer.url,
                count,
                "Alert batch larger than queue capacity, dropping alerts"
            );
        }
        if of_queue > 0 {
            let count = of_queue;
            warn!(
                component = "notifier",
                alertmanager = peer.url,
                count,
                "Alert notification queue full, dropping alerts"
            );
        }
        peer.metrics.dropped.inc_by((of_batch + of_queue) as u64);
        peer.metrics.queue_length.set(waiting as f64);
        peer.work.notify_one();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn run(peer: Arc<Shared>, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = peer.work.notified() => {}
        }
        while !stop.is_cancelled() && peer.send_batch().await.is_some() {}
    }
    if peer.sending.drain {
        // Whoever gave no answer once would cost its timeout for each batch that is left.
        while let Some(answered) = peer.send_batch().await {
            if !answered {
                break;
            }
        }
    }
    let count = peer.queue.lock().len();
    if count > 0 {
        let url = &peer.url;
        warn!(
            component = "notifier",
            alertmanager = url,
            count,
            "Alert notification queue not drained on shutdown, dropping alerts"
        );
        peer.metrics.dropped.inc_by(count as u64);
    }
}

impl Shared {
    /// Sends the next batch; returns whether the peer answered, `None` when nothing waits.
    async fn send_batch(&self) -> Option<bool> {
        let (batch, waiting) = {
            let mut queue = self.queue.lock();
            (queue.next_batch(self.sending.batch_max), queue.len())
        };
        self.metrics.queue_length.set(waiting as f64);
        if batch.is_empty() {
            return None;
        }
        let (began, count) = (Instant::now(), batch.len());
        match self.post(&batch).await {
            Ok(()) => {
                self.metrics.took(began.elapsed().as_secs_f64());
                self.metrics.sent.inc_by(count as u64);
                Some(true)
            }
            Err(err) => {
                error!(component = "notifier", alertmanager = self.url, count, %err, "Error sending alerts");
                self.metrics.errors.inc_by(count as u64);
                self.metrics.dropped.inc_by(count as u64);
                Some(matches!(err, SendError::Status(_)))
            }
        }
    }

    async fn post(&self, batch: &[Alert]) -> Result<(), SendError> {
        let body = payload::body(batch)?;
        let url = Url::parse(&self.url).map_err(|e| SendError::Url { url: self.url.clone(), why: e.to_string() })?;
        match tokio::time::timeout(self.sending.timeout, self.exchange(&url, body)).await {
            Ok(done) => done,
            Err(_) => Err(SendError::Deadline(self.url.clone())),
        }
    }

    async fn exchange(&self, url: &Url, body: Bytes) -> Result<(), SendError> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let response = self.sending.client.send(Method::POST, url, &headers, body).await?;
        let status = response.status();
        // What it says beyond its status changes nothing.
        let _rest = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        if status.is_success() { Ok(()) } else { Err(SendError::Status(status)) }
    }
}
