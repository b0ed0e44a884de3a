//! Packing answers by `Accept-Encoding`, piece by piece as they are made.

use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue, VARY};
use http_body::{Body as _, Frame, SizeHint};

/// Answers shorter than this are not worth an encoder's set-up.
const LEAST_BYTES: u64 = 512;
/// Packed bytes are handed on in pieces of about this size.
const PIECE_BYTES: usize = 16 << 10;
/// Fast rather than small: answers travel one hop.
const LEVEL: Compression = Compression::new(3);

/// Packs the answer of the routes behind it with gzip or deflate, whichever the client names first.
pub async fn compress(request: Request, next: Next) -> Response {
    let wanted = wanted(request.headers());
    let mut response = next.run(request).await;
    // First, as upstream's layers have it.
    let others: Vec<HeaderValue> = response.headers().get_all(VARY).iter().cloned().collect();
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    for other in others {
        response.headers_mut().append(VARY, other);
    }
    let Some(wanted) = wanted else { return response };
    if response.headers().contains_key(CONTENT_ENCODING)
        || response.body().size_hint().upper().is_some_and(|n| n < LEAST_BYTES)
    {
        return response;
    }
    let (mut parts, inner) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(wanted.name()));
    Response::from_parts(parts, Body::new(Packed { inner, encoder: Some(wanted.encoder()) }))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wanted {
    Gzip,
    Deflate,
}

/// The first encoding of the list that is known wins, weights unseen: upstream's rule (`util/httputil/compression.go`).
fn wanted(headers: &HeaderMap) -> Option<Wanted> {
    let list = headers.get(ACCEPT_ENCODING)?.to_str().ok()?;
    list.split(',').find_map(|name| match name.trim() {
        "gzip" => Some(Wanted::Gzip),
        "deflate" => Some(Wanted::Deflate),
        _ => None,
    })
}

impl Wanted {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    fn encoder(self) -> Encoder {
        match self {
            Self::Gzip => Encoder::Gzip(GzEncoder::new(Vec::new(), LEVEL)),
            Self::Deflate => Encoder::Deflate(ZlibEncoder::new(Vec::new(), LEVEL)),
        }
    }
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
}

impl Encoder {
    /// Packs `data`; returns what is ready when it is worth sending.
    fn push(&mut self, data: &[u8]) -> std::io::Result<Option<Bytes>> {
        let out = match self {
            Self::Gzip(encoder) => {
                encoder.write_all(data)?;
                encoder.get_mut()
            }
            Self::Deflate(encoder) => {
                encoder.write_all(data)?;
                encoder.get_mut()
            }
        };
        Ok((out.len() >= PIECE_BYTES).then(|| std::mem::take(out).into()))
    }

    fn finish(self) -> std::io::Result<Bytes> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Deflate(encoder) => encoder.finish(),
        }
        .map(Bytes::from)
    }
}

/// A body whose data frames pass through an encoder.
struct Packed {
    inner: Body,
    /// `None` once the stream has ended.
    encoder: Option<Encoder>,
}

impl http_body::Body for Packed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        loop {
            if self.encoder.is_none() {
                return Poll::Ready(None);
            }
            // One piece may need many frames of the inner body; poll again until there is one or the inner one waits.
            let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx)).transpose()?;
            let data = frame.map(|frame| frame.into_data().unwrap_or_default());
            let packed = match (data, self.encoder.as_mut()) {
                (Some(data), Some(encoder)) => encoder.push(&data).map_err(axum::Error::new)?,
                _ => self.encoder.take().map(Encoder::finish).transpose().map_err(axum::Error::new)?,
            };
            if let Some(bytes) = packed {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use http_body_util::BodyExt as _;

    use super::*;

    #[test]
    fn the_first_known_name_wins() {
        let cases = [
            ("gzip", Some(Wanted::Gzip)),
            ("br, deflate, gzip", Some(Wanted::Deflate)),
            ("zstd", None),
            ("gzip;q=1", None),
        ];
        for (list, want) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(list));
            assert_eq!(wanted(&headers), want, "{list}");
        }
    }

    #[tokio::test]
    async fn packed_bytes_unpack_to_the_same() {
        let text: String = (0..40_000).map(|i| format!("line {i} {}\n", i * 7919)).collect();
        let body = Packed { inner: Body::from(text.clone()), encoder: Some(Wanted::Gzip.encoder()) };
        let packed = body.collect().await.expect("no fault").to_bytes();
        let mut out = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut out).expect("valid gzip");
        assert!(out == text && packed.len() < text.len() / 3);
    }
}
