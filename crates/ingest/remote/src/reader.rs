//! Answering reads from the store.

use std::sync::Arc;

use firesteel_client::{Gauge, Registry};
use firesteel_model::Labels;
use firesteel_proto::frames::push_frame;
use firesteel_proto::read::{Query, put_chunk, put_chunked_response, put_labels, put_query_result};
use firesteel_proto::{snappy, write_v1};
use firesteel_storage::chunkenc::ChunkError;
use firesteel_storage::{ChunkView, Encoding, Queryable, Selected, Selection};
use tokio::sync::Semaphore;

use crate::chunk_run::{Value, groups, samples, sendable};
use crate::{histograms, read_request};

/// Settings that flags make.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// `--storage.remote.read-sample-limit`: of one query answered with samples; 0 = no limit.
    pub sample_limit: i64,
    /// `--storage.remote.read-concurrent-limit`; 0 = no limit.
    pub concurrent_limit: i64,
    /// `--storage.remote.read-max-bytes-in-frame`.
    pub frame_bytes: i64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { sample_limit: 50_000_000, concurrent_limit: 10, frame_bytes: 1 << 20 }
    }
}

/// Gives the external labels in force.
pub type ExternalLabels = Arc<dyn Fn() -> Labels + Send + Sync>;

/// The remote-read endpoint.
pub struct ReadHandler {
    store: Arc<dyn Queryable>,
    options: ReadOptions,
    external: ExternalLabels,
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) queries: Gauge,
}

impl std::fmt::Debug for ReadHandler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadHandler").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A read that gets no answer: status and text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct ReadError {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl ReadError {
    fn internal(text: impl ToString) -> Self {
        Self { status: 500, text: text.to_string() }
    }
}

impl From<ChunkError> for ReadError {
    fn from(error: ChunkError) -> Self {
        Self::internal(error)
    }
}

impl ReadHandler {
    /// Makes the endpoint and registers its metric.
    pub fn new(store: Arc<dyn Queryable>, options: ReadOptions, external: ExternalLabels, registry: &Registry) -> Self {
        let places =
            usize::try_from(options.concurrent_limit).ok().filter(|n| *n > 0).unwrap_or(Semaphore::MAX_PERMITS);
        let queries = registry.gauge(
            "prometheus_remote_read_handler_queries",
            "The current number of remote read queries that are either in execution or queued on the handler.",
        );
        let gate = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self { store, options, external, gate, queries }
    }

    /// Returns what a query selects: nothing when it has no matchers, as upstream.
    fn select(&self, query: &Query, external: &Labels, sorted: bool) -> Result<Option<Box<dyn Selected>>, ReadError> {
        let matchers = read_request::matchers(query, external).map_err(ReadError::internal)?;
        if matchers.is_empty() {
            return Ok(None);
        }
        let querier = self.store.querier(read_request::range(query)).map_err(ReadError::internal)?;
        let hints = read_request::hints(query);
        let what = Selection { matchers: &matchers, hints, sorted, ..Selection::default() };
        let selected = querier.select(&what).map_err(ReadError::internal)?;
        for warning in selected.warnings() {
            tracing::warn!(component = "web", err = warning, "Warnings on remote read query");
        }
        Ok(Some(selected))
    }

    /// Returns a packed `ReadResponse`.
    pub(crate) fn samples(&self, queries: &[Query]) -> Result<Vec<u8>, ReadError> {
        let external = (self.external)();
        let mut message = Vec::new();
        for query in queries {
            let selected = self.select(query, &external, false)?;
            let mut outcome = Ok(());
            put_query_result(&mut message, |out| {
                if let Some(selected) = &selected {
                    outcome = self.query_result(query, selected.as_ref(), &external, out);
                }
            });
            outcome?;
        }
        let mut packed = Vec::new();
        snappy::encode(&message, &mut packed).map_err(ReadError::internal)?;
        Ok(packed)
    }

    fn query_result(
        &self,
        query: &Query,
        selected: &dyn Selected,
        external: &Labels,
        out: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        let range = read_request::range(query);
        if query.hints.as_ref().is_some_and(|hints| hints.series_only) {
            for entry in selected.series() {
                write_v1::put_series(out, |out| put_labels(out, with_external(&entry.labels, external)));
            }
            return Ok(());
        }
        let limit = usize::try_from(self.options.sample_limit).unwrap_or(0);
        let (mut chunks, mut floats, mut others) = (Vec::new(), Vec::new(), Vec::new());
        let mut count = 0;
        for (i, entry) in selected.series().iter().enumerate() {
            chunks.clear();
            floats.clear();
            others.clear();
            selected.chunks(i, &mut chunks).map_err(ReadError::internal)?;
            groups(&chunks, |group| {
                samples(group, range, |t, value| -> Result<(), ReadError> {
                    count += 1;
                    if limit > 0 && count > limit {
                        return Err(ReadError { status: 400, text: format!("exceeded sample limit ({limit})") });
                    }
                    match value {
                        Value::Float(v) => write_v1::put_sample(&mut floats, t.0, v),
                        Value::Histogram(h) => write_v1::put_histogram(&mut others, &histograms::to_wire(t.0, &h)),
                    }
                    Ok(())
                })
            })?;
            if floats.is_empty() && others.is_empty() {
                continue;
            }
            write_v1::put_series(out, |out| {
                put_labels(out, with_external(&entry.labels, external));
                out.extend_from_slice(&floats);
                out.extend_from_slice(&others);
            });
        }
        Ok(())
    }

    /// Makes the frames of a streamed answer and hands them on in pieces; `send` returns false when nobody listens any more.
    pub(crate) fn stream(&self, queries: &[Query], mut send: impl FnMut(Vec<u8>) -> bool) -> Result<(), ReadError> {
        let external = (self.external)();
        let mut piece = Vec::new();
        let (mut labels, mut stored, mut chunks) = (Vec::new(), Vec::new(), Vec::new());
        let (mut fields, mut message) = (Vec::new(), Vec::new());
        for (number, query) in queries.iter().enumerate() {
            let Some(selected) = self.select(query, &external, true)? else { continue };
            for (i, entry) in selected.series().iter().enumerate() {
                stored.clear();
                chunks.clear();
                selected.chunks(i, &mut stored).map_err(ReadError::internal)?;
                sendable(&stored, read_request::range(query), &mut chunks).map_err(ReadError::internal)?;
                labels.clear();
                put_labels(&mut labels, with_external(&entry.labels, &external));
                let room = usize::try_from(self.options.frame_bytes).unwrap_or(0).saturating_sub(labels.len());
                let mut rest = chunks.as_slice();
                while !rest.is_empty() {
                    fields.clear();
                    // One chunk at least; a frame may be too long by the last one, as upstream's.
                    while let Some((chunk, behind)) = rest.split_first() {
                        put(&mut fields, chunk);
                        rest = behind;
                        if fields.len() >= room {
                            break;
                        }
                    }
                    message.clear();
                    put_chunked_response(&mut message, number as i64, &labels, &fields);
                    push_frame(&mut piece, &message);
                    if piece.len() >= PIECE_BYTES && !send(std::mem::take(&mut piece)) {
                        return Ok(());
                    }
                }
            }
        }
        if !piece.is_empty() {
            send(piece);
        }
        Ok(())
    }
}

/// Frames are handed on in pieces of about this size.
const PIECE_BYTES: usize = 64 << 10;

fn put(out: &mut Vec<u8>, chunk: &ChunkView) {
    let bytes = chunk.bytes.as_slice();
    let (min, max, encoding) = (chunk.min.0, chunk.max.0, chunk.encoding as u8);
    if chunk.encoding != Encoding::Xor {
        put_chunk(out, min, max, encoding, bytes);
        return;
    }
    // The head lends open chunks whose header is not written yet.
    let mut data = bytes.to_vec();
    if let Some(header) = data.first_chunk_mut::<2>() {
        *header = u16::try_from(chunk.samples).unwrap_or(u16::MAX).to_be_bytes();
    }
    put_chunk(out, min, max, encoding, &data);
}

/// Returns the labels of a series and the external ones it does not have itself, in order of name.
fn with_external<'a>(labels: &'a Labels, external: &'a Labels) -> impl Iterator<Item = (&'a str, &'a str)> {
    let (mut own, mut more) = (labels.iter().peekable(), external.iter().peekable());
    std::iter::from_fn(move || match (own.peek(), more.peek()) {
        (Some((a, _)), Some((b, _))) if a == b => {
            more.next();
            own.next()
        }
        (Some((a, _)), Some((b, _))) if b < a => more.next(),
        (None, Some(_)) => more.next(),
        _ => own.next(),
    })
}
