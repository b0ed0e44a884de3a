//! `prometheus_notifications_*` (upstream: `notifier/metric.go`).

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use firesteel_client::{Counter, Family, Gauge, Histogram, Registry, Summary};
use firesteel_net::{Dialer, Dialers};
use parking_lot::Mutex;

const LABEL: &[&str] = &["alertmanager"];

/// The families, and whose series are in them.
#[derive(Clone, Debug)]
pub(crate) struct Metrics(Arc<Families>);

#[derive(Debug)]
struct Families {
    dialers: Dialers,
    latency_summary: Family<Summary>,
    latency_histogram: Family<Histogram>,
    errors: Family<Counter>,
    sent: Family<Counter>,
    dropped: Family<Counter>,
    queue_length: Family<Gauge>,
    /// By URL. Two sets may name the same Alertmanager: its series go with the last of them.
    peers: Mutex<BTreeMap<String, Weak<PeerMetrics>>>,
}

/// One Alertmanager's instruments, which show from the start. Its series end with it.
#[derive(Debug)]
pub(crate) struct PeerMetrics {
    url: String,
    families: Arc<Families>,
    pub(crate) errors: Counter,
    pub(crate) sent: Counter,
    pub(crate) dropped: Counter,
    pub(crate) queue_length: Gauge,
}

impl Metrics {
    /// Makes the instruments.
    pub(crate) fn new(r: &Registry, capacity: usize) -> Self {
        r.gauge("prometheus_notifications_queue_capacity", "The capacity of the alert notifications queue.")
            .set(capacity as f64);
        let name = |what: &str| format!("prometheus_notifications_{what}");
        Self(Arc::new(Families {
            dialers: Dialers::new(r),
            latency_summary: r.summary_vec(
                &name("latency_seconds"),
                "Latency quantiles for sending alert notifications.",
                LABEL,
                &[0.5, 0.9, 0.99],
            ),
            latency_histogram: r.native_histogram_vec(
                &name("latency_histogram_seconds"),
                "Latency histogram for sending alert notifications.",
                LABEL,
                &[0.01, 0.1, 1.0, 10.0],
            ),
            errors: r.counter_vec(&name("errors_total"), "Total number of sent alerts affected by errors.", LABEL),
            sent: r.counter_vec(&name("sent_total"), "Total number of alerts sent.", LABEL),
            dropped: r.counter_vec(
                &name("dropped_total"),
                "Total number of alerts dropped due to errors when sending to Alertmanager.",
                LABEL,
            ),
            queue_length: r.gauge_vec(&name("queue_length"), "The number of alert notifications in the queue.", LABEL),
            peers: Mutex::default(),
        }))
    }

    /// Returns the counters of connections of all sets.
    pub(crate) fn dialer(&self) -> Dialer {
        self.0.dialers.named("alertmanager")
    }

    /// Returns the instruments of the Alertmanager at `url`.
    pub(crate) fn peer(&self, url: &str) -> Arc<PeerMetrics> {
        let f = &self.0;
        let mut peers = f.peers.lock();
        if let Some(same) = peers.get(url).and_then(Weak::upgrade) {
            return same;
        }
        let peer = Arc::new(PeerMetrics {
            url: url.to_owned(),
            families: Arc::clone(f),
            errors: f.errors.with(&[url]),
            sent: f.sent.with(&[url]),
            dropped: f.dropped.with(&[url]),
            queue_length: f.queue_length.with(&[url]),
        });
        peers.insert(url.to_owned(), Arc::downgrade(&peer));
        peer
    }
}

impl PeerMetrics {
    /// Notes how long a batch took that arrived.
    pub(crate) fn took(&self, seconds: f64) {
        self.families.latency_summary.with(&[&self.url]).observe(seconds);
        self.families.latency_histogram.with(&[&self.url]).observe(seconds);
    }
}

impl Drop for PeerMetrics {
    fn drop(&mut self) {
        let (f, url) = (&self.families, [self.url.as_str()]);
        let mut peers = f.peers.lock();
        // Another may have come since the last one left.
        if peers.get(&self.url).is_some_and(|peer| peer.strong_count() > 0) {
            return;
        }
        peers.remove(&self.url);
        f.latency_summary.remove(&url);
        f.latency_histogram.remove(&url);
        f.errors.remove(&url);
        f.sent.remove(&url);
        f.dropped.remove(&url);
        f.queue_length.remove(&url);
    }
}
