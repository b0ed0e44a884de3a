//! A database with the endpoints in front of it, without a socket.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use firesteel_base::TimeRange;
use firesteel_base::TimestampMs;
use firesteel_client::Registry;
use firesteel_model::Labels;
use firesteel_proto::snappy;
use firesteel_remote::{ReadHandler, ReadOptions, ReceiverOptions, WriteReceiver, routes};
use firesteel_storage::chunkenc::XorDecoder;
use firesteel_storage::{Appendable, Queryable, Selection};
use firesteel_tsdb::{Db, DbOptions};
use tower::ServiceExt as _;

pub(crate) struct Endpoint {
    pub(crate) db: Arc<Db>,
    routes: axum::Router,
    runtime: tokio::runtime::Runtime,
    pub(crate) registry: Registry,
    _dir: tempfile::TempDir,
}

/// What came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// Samples, histograms, exemplars, as the headers say.
    pub(crate) written: Option<[usize; 3]>,
}

pub(crate) const V1: &str = "application/x-protobuf";
pub(crate) const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

pub(crate) fn packed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    snappy::encode(message, &mut out).expect("small");
    out
}

impl Endpoint {
    pub(crate) fn new(options: ReceiverOptions) -> Self {
        Self::with_db(options, |o| o)
    }

    pub(crate) fn with_db(options: ReceiverOptions, change: impl FnOnce(DbOptions) -> DbOptions) -> Self {
        Self::with_reads(options, ReadOptions::default(), change)
    }

    pub(crate) fn with_reads(
        options: ReceiverOptions,
        reads: ReadOptions,
        change: impl FnOnce(DbOptions) -> DbOptions,
    ) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let db = Db::open(change(DbOptions::new(dir.path()))).expect("opens");
        let registry = Registry::new();
        let source = db.clone();
        let receiver = WriteReceiver::new(
            Arc::new(move || Some(source.clone() as Arc<dyn Appendable>)),
            ReceiverOptions { enabled: true, ..options },
            &registry,
        );
        let external = Arc::new(|| Labels::from_pairs([("job", "outside"), ("replica", "r1")]));
        let reads = ReadHandler::new(db.clone(), reads, external, &registry);
        let routes = routes(Arc::new(receiver), Arc::new(reads));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { db, routes, runtime, registry, _dir: dir }
    }

    pub(crate) fn send(&self, request: Request) -> (http::HeaderMap, u16, Vec<u8>) {
        self.runtime.block_on(async {
            let response = self.routes.clone().oneshot(request).await.expect("infallible");
            let (head, body) = response.into_parts();
            (head.headers, head.status.as_u16(), to_bytes(body, usize::MAX).await.expect("a body").to_vec())
        })
    }

    pub(crate) fn write(&self, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = Request::post("/write");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (headers, status, body) = self.send(request.body(Body::from(body)).expect("a request"));
        let header = |name: &str| headers.get(name).map(|v| v.to_str().expect("text").to_owned());
        Answer { status, text: String::from_utf8(body).expect("text"), written: written(header) }
    }

    /// Pushes a message, packed.
    pub(crate) fn push(&self, content_type: &str, message: &[u8]) -> Answer {
        self.write(&[("content-type", content_type), ("content-encoding", "snappy")], packed(message))
    }

    /// Returns all float samples by series.
    pub(crate) fn samples(&self) -> BTreeMap<String, Vec<(i64, f64)>> {
        let querier = self.db.querier(TimeRange::ALL).expect("is open");
        let selected = querier.select(&Selection::default()).expect("selects");
        let mut all = BTreeMap::new();
        for (i, entry) in selected.series().iter().enumerate() {
            let (mut chunks, mut samples) = (Vec::new(), Vec::new());
            selected.chunks(i, &mut chunks).expect("chunks");
            for chunk in chunks {
                let mut decoder = XorDecoder::with_samples(chunk.bytes.as_slice(), chunk.samples);
                let (mut t, mut v) = ([TimestampMs(0); 128], [0.0; 128]);
                loop {
                    let n = decoder.decode_batch(&mut t, &mut v).expect("decodes");
                    if n == 0 {
                        break;
                    }
                    samples.extend((0..n).map(|k| (t[k].0, v[k])));
                }
            }
            if !samples.is_empty() {
                all.insert(entry.labels.to_string(), samples);
            }
        }
        all
    }
}

/// Reads the three headers; `None` when none is there.
pub(crate) fn written(header: impl Fn(&str) -> Option<String>) -> Option<[usize; 3]> {
    let number = |what: &str| {
        let value = header(&format!("x-prometheus-remote-write-{what}-written"))?;
        Some(value.parse::<usize>().expect("a number"))
    };
    let all = [number("samples"), number("histograms"), number("exemplars")];
    all.iter().any(Option::is_some).then(|| all.map(Option::unwrap_or_default))
}
