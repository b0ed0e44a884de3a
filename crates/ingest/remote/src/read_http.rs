//! `POST /api/v1/read`.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;

use crate::http_answer::error;
use crate::read_request::{MAX_REQUEST_BYTES, decode, streamed};
use crate::reader::{ReadError, ReadHandler};

/// Pieces of a streamed answer that may wait for a slow client.
const PIECES_WAITING: usize = 4;

/// Counts a query while it lives.
struct Counted(Arc<ReadHandler>);

impl Counted {
    fn new(handler: &Arc<ReadHandler>) -> Self {
        handler.queries.inc();
        Self(handler.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.queries.dec();
    }
}

/// Handles one request.
pub(crate) async fn read(handler: Arc<ReadHandler>, request: Request) -> Response {
    let Ok(place) = handler.gate.clone().acquire_owned().await else {
        return error(StatusCode::INTERNAL_SERVER_ERROR, "the server is shutting down");
    };
    let counted = Counted::new(&handler);
    let body = match read_body(request.into_body()).await {
        Ok(body) => body,
        Err(text) => return error(StatusCode::BAD_REQUEST, &text),
    };
    let asked = decode(&body).and_then(|request| Ok((streamed(&request.accepted)?, request.queries)));
    let (streamed, queries) = match asked {
        Ok(asked) => asked,
        Err(text) => return error(StatusCode::BAD_REQUEST, &text),
    };
    if !streamed {
        let answer = tokio::task::spawn_blocking(move || handler.samples(&queries)).await;
        drop((place, counted));
        return match answer {
            Ok(Ok(packed)) => with_type("application/x-protobuf", true, Body::from(packed)),
            Ok(Err(e)) => failed(&e),
            Err(e) => error(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string()),
        };
    }
    let (pieces, mut waiting) = mpsc::channel(PIECES_WAITING);
    tokio::task::spawn_blocking(move || {
        let sent = handler.stream(&queries, |piece| pieces.blocking_send(Ok(Bytes::from(piece))).is_ok());
        if let Err(e) = sent {
            // When the client is gone, nobody needs to know.
            let _ = pieces.blocking_send(Err(e));
        }
        drop((place, counted));
    });
    // What goes wrong before the first piece has a status of its own.
    let first = match waiting.recv().await {
        Some(Err(e)) => return failed(&e),
        Some(Ok(first)) => Some(first),
        None => None,
    };
    let body = Body::new(Pieces { first, waiting });
    with_type("application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse", false, body)
}

async fn read_body(body: Body) -> Result<Vec<u8>, String> {
    let mut body = pin!(body);
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|e| e.to_string())?.into_data() {
            // Like upstream's: what is too long is cut, and does not unpack.
            let room = MAX_REQUEST_BYTES - all.len();
            all.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                break;
            }
        }
    }
    Ok(all)
}

fn failed(e: &ReadError) -> Response {
    error(StatusCode::from_u16(e.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &e.text)
}

fn with_type(content_type: &'static str, packed: bool, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if packed {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
    }
    response
}

/// Pieces as they come from the thread that makes them.
struct Pieces {
    first: Option<Bytes>,
    waiting: mpsc::Receiver<Result<Bytes, ReadError>>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = ReadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, ReadError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(http_body::Frame::data(first))));
        }
        self.waiting.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(http_body::Frame::data)))
    }
}
