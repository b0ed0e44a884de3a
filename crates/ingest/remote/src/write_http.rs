//! `POST /api/v1/write`: bodies in, answers out.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use firesteel_base::{Clock, SystemClock};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{HeaderName, StatusCode};
use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;

use crate::http_answer::error;
use crate::message::{MessageKind, names};
use crate::receiver::{MAX_BODY_BYTES, WriteAnswer, WriteReceiver};

/// Bodies on their way in, all together; beyond it senders are told to come again.
const BODIES_BYTES_MAX: usize = 512 << 20;
/// When a sender that was refused for the server's sake may come again.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");

const SAMPLES_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");
const HISTOGRAMS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-histograms-written");
const EXEMPLARS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

/// What requests wait for.
#[derive(Debug)]
pub(crate) struct WriteGate {
    /// Requests that are stored at the same time.
    places: Semaphore,
    /// Bytes of bodies that are being read or wait.
    bodies_bytes: AtomicUsize,
}

impl Default for WriteGate {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { places: Semaphore::new(cores * 2), bodies_bytes: AtomicUsize::new(0) }
    }
}

/// Bytes of a body, counted among all others while this lives.
struct Counted<'a> {
    bytes: usize,
    gate: &'a WriteGate,
}

impl Counted<'_> {
    /// Counts some more; `false` when there are too many already.
    fn add(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.gate.bodies_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= BODIES_BYTES_MAX
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.gate.bodies_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Handles one request.
pub(crate) async fn write(receiver: Arc<WriteReceiver>, request: Request) -> Response {
    if !receiver.options().enabled {
        return error(
            StatusCode::NOT_FOUND,
            "remote write receiver needs to be enabled with --web.enable-remote-write-receiver",
        );
    }
    let (head, body) = request.into_parts();
    if let Err(text) = check_encoding(&head.headers) {
        tracing::error!(component = "web", err = text, "Error decoding remote write request");
        return error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &text);
    }
    let gate = receiver.gate();
    let mut counted = Counted { bytes: 0, gate };
    let body = match read_body(&mut counted, &head.headers, body).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let kind = match message_kind(&head.headers, &receiver.options().accepted) {
        Ok(kind) => kind,
        Err(text) => {
            tracing::error!(component = "web", err = text, "Error decoding remote write request");
            return error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &text);
        }
    };
    // The gate is never closed.
    let _place = gate.places.acquire().await;
    let storing = receiver.clone();
    let stored = tokio::task::spawn_blocking(move || storing.store(kind, &body, SystemClock.now()));
    match stored.await {
        Ok(answer) => respond(answer),
        Err(e) => error(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string()),
    }
}

fn check_encoding(headers: &HeaderMap) -> Result<(), String> {
    match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"" | b"snappy") => Ok(()),
        Some(other) => Err(format!(
            "{} encoding (compression) is not accepted by this server; only snappy is acceptable",
            String::from_utf8_lossy(other)
        )),
    }
}

fn message_kind(headers: &HeaderMap, accepted: &[MessageKind]) -> Result<MessageKind, String> {
    let content_type = headers.get(CONTENT_TYPE).map(|v| String::from_utf8_lossy(v.as_bytes()));
    let kind = MessageKind::of_content_type(&content_type.unwrap_or_default())?;
    if accepted.contains(&kind) {
        return Ok(kind);
    }
    let (name, only) = (kind.name(), names(accepted));
    Err(format!("{name} protobuf message is not accepted by this server; only accepts {only}"))
}

async fn read_body(counted: &mut Counted<'_>, headers: &HeaderMap, body: Body) -> Result<Bytes, Response> {
    let promised = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    let mut body = pin!(body);
    let (mut first, mut all) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| {
            tracing::error!(component = "web", err = %e, "Error reading request body");
            error(StatusCode::BAD_REQUEST, &e.to_string())
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + all.len() + data.len() > MAX_BODY_BYTES {
            tracing::error!(component = "web", limit_bytes = MAX_BODY_BYTES, "Request body exceeds the limit");
            let text = format!("request body exceeds the {MAX_BODY_BYTES} bytes limit");
            return Err(error(StatusCode::PAYLOAD_TOO_LARGE, &text));
        }
        if !counted.add(data.len()) {
            let mut answer = error(StatusCode::SERVICE_UNAVAILABLE, "too many requests are being received");
            answer.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
            return Err(answer);
        }
        // A body that comes in one piece is not copied.
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve_exact(promised.unwrap_or(0).clamp(first.len() + data.len(), MAX_BODY_BYTES));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

fn respond(answer: WriteAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = if answer.text.is_empty() {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response
    } else {
        error(status, &answer.text)
    };
    let headers = response.headers_mut();
    if let Some(written) = answer.written {
        headers.insert(SAMPLES_WRITTEN, written.samples.into());
        headers.insert(HISTOGRAMS_WRITTEN, written.histograms.into());
        headers.insert(EXEMPLARS_WRITTEN, written.exemplars.into());
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, RETRY_SECONDS);
    }
    response
}
