//! Taking a request into the store, and what to answer.

use std::sync::Arc;

use firesteel_base::TimestampMs;
use firesteel_client::{Counter, Registry};
use firesteel_go_compat::{FloatForm, push_float};
use firesteel_proto::WireError;
use firesteel_proto::snappy::{self, SnappyError};
use firesteel_storage::{AppendError, Appendable, Appender, StorageError};
use parking_lot::Mutex;

use crate::batch::{Batch, Fault, Part, Why};
use crate::label_set::{BadLabels, LabelSet};
use crate::message::MessageKind;
use crate::series_cache::{Learned, SeriesCache};
use crate::walk_v1;
use crate::walk_v2::{How, Request};
use crate::write_http::WriteGate;

/// Largest body, packed and unpacked (`client_golang/exp/api/remote`, `maxDecodedSize`).
pub(crate) const MAX_BODY_BYTES: usize = 32 << 20;
/// Samples may be this far ahead of the clock (`storage/remote/write_handler.go`, `maxAheadTime`).
const MAX_AHEAD_MS: i64 = 10 * 60 * 1000;
/// Work memory that is kept between requests: so many pieces, each of at most so many bytes.
const KEPT_SCRATCHES: usize = 8;
const KEPT_SCRATCH_BYTES: usize = 2 << 20;
/// Of so many refused samples a request is logged; all are counted and answered.
const LOGGED_FAULTS: usize = 10;

/// Settings that flags make.
#[derive(Clone, Debug)]
pub struct ReceiverOptions {
    /// `--web.enable-remote-write-receiver`.
    pub enabled: bool,
    /// `--web.remote-write-receiver.accepted-protobuf-messages`.
    pub accepted: Vec<MessageKind>,
    /// Feature `type-and-unit-labels`: 2.0 only.
    pub type_and_unit_labels: bool,
    /// Feature `metadata-wal-records`: 2.0 only.
    pub metadata: bool,
    /// Keep the start timestamps that 2.0 brings (features `st-storage` and `created-timestamp-zero-ingestion`).
    pub starts: bool,
}

impl Default for ReceiverOptions {
    fn default() -> Self {
        Self {
            enabled: false,
            accepted: MessageKind::ALL.to_vec(),
            type_and_unit_labels: false,
            metadata: false,
            starts: false,
        }
    }
}

/// How many samples, histograms and exemplars of a request were stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Written {
    pub samples: usize,
    pub histograms: usize,
    pub exemplars: usize,
}

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WriteAnswer {
    /// An HTTP status: 204, 400, 500, 503.
    pub status: u16,
    /// Empty when all went well.
    pub text: String,
    /// For 2.0 only: upstream tells nothing to senders of 1.0.
    pub written: Option<Written>,
}

/// Gives the store once there is one.
pub type StoreSource = Arc<dyn Fn() -> Option<Arc<dyn Appendable>> + Send + Sync>;

/// The receiving end of remote write.
pub struct WriteReceiver {
    store: StoreSource,
    options: ReceiverOptions,
    cache: SeriesCache,
    scratches: Mutex<Vec<Scratch>>,
    gate: WriteGate,
    invalid_labels: Counter,
    _without_metadata: Counter,
}

impl std::fmt::Debug for WriteReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteReceiver").field("options", &self.options).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Scratch {
    unpacked: Vec<u8>,
    batch: Batch,
    v2: Request,
}

impl WriteReceiver {
    /// Makes a receiver; its metrics exist only when it is enabled, as upstream's.
    pub fn new(store: StoreSource, options: ReceiverOptions, registry: &Registry) -> Self {
        let unused = Registry::new();
        let registry = if options.enabled { registry } else { &unused };
        Self {
            store,
            cache: SeriesCache::default(),
            scratches: Mutex::default(),
            gate: WriteGate::default(),
            invalid_labels: registry.counter(
                "prometheus_api_remote_write_invalid_labels_samples_total",
                "The total number of received remote write samples and histogram samples which were rejected due to \
                 invalid labels.",
            ),
            // Metadata never fails here, so it stays at zero; dashboards ask for it.
            _without_metadata: registry.counter(
                "prometheus_api_remote_write_without_metadata_appended_samples_total",
                "The total number of received remote write samples (and histogram samples) which were ingested without \
                 corresponding metadata.",
            ),
            options,
        }
    }

    /// Returns the settings.
    pub fn options(&self) -> &ReceiverOptions {
        &self.options
    }

    pub(crate) fn gate(&self) -> &WriteGate {
        &self.gate
    }

    /// Unpacks a snappy block and stores what is in it. Blocks while the log is written.
    pub fn store(&self, kind: MessageKind, body: &[u8], now: TimestampMs) -> WriteAnswer {
        let mut scratch = self.scratches.lock().pop().unwrap_or_default();
        let Scratch { unpacked, batch, v2 } = &mut scratch;
        let answer = match snappy::decode(body, MAX_BODY_BYTES, unpacked) {
            Ok(request) => self.store_unpacked(kind, request, now, batch, v2),
            Err(e) => {
                let what = match e {
                    SnappyError::AboveLimit { .. } => "Snappy decoded size exceeds the limit",
                    _ => "Error snappy decoding remote write request",
                };
                tracing::error!(component = "web", err = %e, "{what}");
                // Upstream unpacks pushes with another library than everything else, and it words its faults.
                let text = e.to_string().replacen("snappy:", "s2:", 1);
                WriteAnswer { status: 400, text, written: None }
            }
        };
        scratch.batch.clear();
        if scratch.unpacked.capacity() <= KEPT_SCRATCH_BYTES && scratch.batch.worth_keeping() {
            let mut kept = self.scratches.lock();
            if kept.len() < KEPT_SCRATCHES {
                kept.push(scratch);
            }
        }
        answer
    }

    fn store_unpacked(
        &self,
        kind: MessageKind,
        request: &[u8],
        now: TimestampMs,
        batch: &mut Batch,
        v2: &mut Request,
    ) -> WriteAnswer {
        let none = (kind == MessageKind::V2).then(Written::default);
        let Some(store) = (self.store)() else {
            return WriteAnswer { status: 503, text: StorageError::Closed.to_string(), written: none };
        };
        let mut appender = store.appender();
        let max_t = now.0.saturating_add(MAX_AHEAD_MS);
        let how = How {
            max_t,
            type_and_unit_labels: self.options.type_and_unit_labels,
            metadata: self.options.metadata,
            starts: self.options.starts,
        };
        let walked = {
            let mut follower = self.cache.follow(now);
            match kind {
                MessageKind::V1 => walk_v1::read(request, batch, &self.cache, &mut follower, appender.as_mut(), max_t),
                MessageKind::V2 => v2.read(request, batch, &self.cache, &mut follower, appender.as_mut(), how),
            }
        };
        if let Err(e) = walked {
            return malformed(kind, &e, none);
        }
        let places = std::mem::take(&mut batch.series);
        let slice = |series: u32| {
            let (from, len) = places.get(series as usize).copied().unwrap_or_default();
            request.get(from as usize..from as usize + len as usize).unwrap_or_default()
        };
        let v2 = &*v2;
        let spell = |series: u32, labels: &mut LabelSet| match kind {
            MessageKind::V1 => walk_v1::spell_again(slice(series), labels, &self.cache),
            MessageKind::V2 => {
                v2.spell_again(request, slice(series), labels, how);
                let fingerprint = v2.fingerprint_again(slice(series), &self.cache, how)?;
                Some(Learned { fingerprint, len: 0, series: firesteel_model::SeriesRef(0) })
            }
        };
        batch.append(appender.as_mut(), spell);
        self.cache.learn(&batch.learned, now);
        let shown = |series: u32| {
            let mut labels = LabelSet::default();
            spell(series, &mut labels);
            labels.shown()
        };
        if batch.faults.is_empty() {
            let answer = commit(appender, batch, none.is_some());
            batch.series = places;
            return answer;
        }
        batch.sort_faults();
        let answer = match kind {
            MessageKind::V1 => self.answer_v1(batch, appender, &shown),
            MessageKind::V2 => self.answer_v2(batch, appender, &shown),
        };
        batch.series = places;
        answer
    }

    /// All or nothing: the first sample that is refused refuses the request; series with bad labels are left out.
    fn answer_v1(&self, batch: &Batch, appender: Box<dyn Appender + '_>, shown: &dyn Fn(u32) -> String) -> WriteAnswer {
        let answer = |status, text| WriteAnswer { status, text, written: None };
        for fault in &batch.faults {
            match &fault.why {
                Why::Labels(BadLabels::Invalid(got)) => {
                    tracing::warn!(component = "web", got, "Invalid metric names or labels");
                }
                Why::Labels(BadLabels::Duplicate { shown, name }) => {
                    tracing::warn!(
                        component = "web",
                        labels = shown,
                        duplicated_label = name,
                        "Invalid labels for series."
                    );
                }
                _ => {}
            }
        }
        let refused = batch.faults.iter().find(|f| f.part != Part::Exemplar && walk_v1::refuses_all(&f.why));
        if let Some(fault) = refused {
            let text = text_of(fault, None);
            if status_of(&fault.why) == 400 {
                log_refused(fault, &shown(fault.series));
                return answer(400, text);
            }
            tracing::error!(component = "web", err = text, "Error while storing the remote write request");
            return answer(500, text);
        }
        if batch.bad_series > 0 {
            self.invalid_labels.inc_by(batch.bad_series as u64);
        }
        let bound = batch.faults.iter().find(|f| matches!(f.why, Why::Bound(_)));
        let bound = bound.map(|fault| text_of(fault, Some(&shown(fault.series))));
        let done = commit(appender, batch, false);
        match bound {
            Some(text) if done.status == 204 => answer(400, text),
            _ => done,
        }
    }

    /// What can be taken is taken; the sender is told of each fault.
    fn answer_v2(&self, batch: &Batch, appender: Box<dyn Appender + '_>, shown: &dyn Fn(u32) -> String) -> WriteAnswer {
        let internal = batch.faults.iter().find(|f| f.part != Part::Exemplar && status_of(&f.why) == 500);
        if let Some(fault) = internal {
            let text = text_of(fault, None);
            tracing::error!(component = "web", err = text, "Error while storing the remote write request");
            return WriteAnswer { status: 500, text, written: Some(Written::default()) };
        }
        if batch.bad_samples > 0 {
            self.invalid_labels.inc_by(batch.bad_samples as u64);
        }
        let mut texts = Vec::new();
        for (n, fault) in batch.faults.iter().enumerate() {
            let labels = shown(fault.series);
            if n < LOGGED_FAULTS {
                log_refused(fault, &labels);
            }
            // Of exemplars only the order is the sender's business.
            let told = match &fault.why {
                Why::Refused(why) if fault.part == Part::Exemplar => *why == AppendError::OutOfOrderExemplar,
                Why::Internal(_) => false,
                _ => true,
            };
            if told {
                texts.push(text_of(fault, Some(&labels)));
            }
        }
        let done = commit(appender, batch, true);
        if done.status != 204 || texts.is_empty() {
            return done;
        }
        WriteAnswer { status: 400, text: texts.join("\n"), written: done.written }
    }
}

fn malformed(kind: MessageKind, error: &WireError, written: Option<Written>) -> WriteAnswer {
    let version = if kind == MessageKind::V1 { "v1" } else { "v2" };
    tracing::error!(
        component = "web",
        protobuf_message = kind.name(),
        err = %error,
        "Error decoding {version} remote write request"
    );
    WriteAnswer { status: 400, text: error.to_string(), written }
}

fn commit(appender: Box<dyn Appender + '_>, batch: &Batch, tell: bool) -> WriteAnswer {
    match appender.commit() {
        Ok(_) => {
            let (samples, histograms, exemplars) = batch.taken();
            WriteAnswer {
                status: 204,
                text: String::new(),
                written: tell.then_some(Written { samples, histograms, exemplars }),
            }
        }
        Err(e) => {
            let status = match e {
                // It passes, and the sender has the samples: it shall come again.
                StorageError::NotDurable { .. } | StorageError::Closed => 503,
                _ => 500,
            };
            tracing::debug!(component = "web", err = %e, "Error while storing the remote write request");
            WriteAnswer { status, text: e.to_string(), written: tell.then(Written::default) }
        }
    }
}

fn status_of(why: &Why) -> u16 {
    if matches!(why, Why::Internal(_)) { 500 } else { 400 }
}

/// Returns upstream's text of a fault; 2.0 adds the series.
fn text_of(fault: &Fault, series: Option<&str>) -> String {
    let text = match &fault.why {
        Why::Refused(why) | Why::Unreadable(why) | Why::Bound(why) | Why::Internal(why) => why.to_string(),
        Why::Duplicate { existing, new } => {
            let existing = existing.map_or("is a histogram".to_owned(), general);
            let (text, t, new) = (AppendError::Duplicate, fault.t.0, general(*new));
            format!("{text} {t}; overrides not allowed: existing {existing}, new value {new}")
        }
        Why::TooFarAhead => format!("{}: timestamp is too far in the future", AppendError::OutOfBounds),
        Why::Labels(BadLabels::Invalid(shown)) => return format!("invalid metric name or labels, got {shown}"),
        Why::Labels(BadLabels::Duplicate { shown, name }) => {
            return format!("invalid labels for series, labels {shown}, duplicated label {name}");
        }
        Why::Message(text) => return text.clone(),
    };
    match series {
        Some(series) => format!("{text} for series {series}"),
        None => text,
    }
}

/// Writes a float as Go's `%g`.
fn general(v: f64) -> String {
    let mut out = Vec::new();
    push_float(&mut out, v, FloatForm::General);
    String::from_utf8(out).unwrap_or_default()
}

fn log_refused(fault: &Fault, series: &str) {
    let err = text_of(fault, None);
    match (fault.part, &fault.why) {
        (Part::Sample, _) => {
            tracing::error!(
                component = "web",
                err,
                series,
                timestamp = fault.t.0,
                "Out of order sample from remote write"
            );
        }
        (Part::Histogram, Why::Unreadable(_) | Why::Refused(AppendError::InvalidHistogram(_))) => {
            tracing::error!(component = "web", err, series, timestamp = fault.t.0, "Invalid histogram received");
        }
        (Part::Histogram, _) => {
            let timestamp = fault.t.0;
            tracing::error!(component = "web", err, series, timestamp, "Out of order histogram from remote write");
        }
        (Part::Exemplar, _) => tracing::error!(component = "web", err, series, "Out of order exemplar"),
        (Part::Series, _) => {}
    }
}
