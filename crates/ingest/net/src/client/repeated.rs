//! A GET that is sent again and again, as a scraper does.

use std::sync::Arc;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::error::{GetError, RequestError, RequestFault};
use super::plain::PlainGet;
use super::request::{HttpClient, is_redirect};

/// What came back. Used again by the next request, whose answer then needs no new memory.
#[derive(Debug, Default)]
pub struct Answer {
    pub(super) bytes: Vec<u8>,
    pub(super) body_from: usize,
    pub(super) has_head: bool,
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) is_gzip: bool,
}

impl Answer {
    /// Returns the body as it came over the wire.
    pub fn body(&self) -> &[u8] {
        self.bytes.get(self.body_from..).unwrap_or_default()
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or_default()
    }

    /// Returns the first `Content-Type`, or nothing.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// Returns whether the body is packed with gzip.
    pub fn is_gzip(&self) -> bool {
        self.is_gzip
    }

    /// Returns the bytes of memory that it holds.
    pub fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.content_type.clear();
        (self.body_from, self.has_head, self.status, self.is_gzip) = (0, false, 0, false);
    }
}

/// One URL, its headers, and the connection that is kept for it.
///
/// Plain HTTP goes over a connection of its own, everything else (TLS, proxies, Unix sockets, redirects) over the pool of
/// the client.
#[derive(Debug)]
pub struct RepeatedGet {
    client: Arc<HttpClient>,
    url: Result<Url, String>,
    shown: String,
    headers: HeaderMap,
    plain: Option<PlainGet>,
    /// The bytes of the request, unless its credentials are read anew each time.
    request: Option<Box<[u8]>>,
}

impl RepeatedGet {
    /// Prepares the request; nothing is sent. A URL that is none is an error of every [`Self::send`].
    pub fn new(client: Arc<HttpClient>, url: &str, headers: HeaderMap) -> Self {
        let parsed = Url::parse(url).map_err(|e| format!("parse URL: {e}"));
        let mut get = Self { client, url: parsed, shown: url.to_owned(), headers, plain: None, request: None };
        if let Ok(url) = &get.url
            && let Some((host, port)) = get.client.plain_destination(url)
        {
            get.plain = Some(PlainGet::new(host, port, get.client.dialer()));
            if get.client.is_unchanging() {
                get.request = get.client.plain_request(url, &get.headers, None).ok().map(Into::into);
            }
        }
        get
    }

    /// Sends the request and reads the answer, whose body must stay below `limit`. The body of another status than 200
    /// may be missing. Cancelling it closes the connection.
    pub async fn send(&mut self, deadline: Instant, limit: u64, answer: &mut Answer) -> Result<(), GetError> {
        answer.clear();
        match timeout_at(deadline, self.exchange(limit, answer)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) if answer.has_head => Err(GetError::BodyDeadline),
            Err(_elapsed) => Err(self.failed(RequestFault::Deadline)),
        }
    }

    async fn exchange(&mut self, limit: u64, answer: &mut Answer) -> Result<(), GetError> {
        let url = match &self.url {
            Ok(url) => url,
            Err(why) => return Err(self.failed(RequestFault::Other(why.clone()))),
        };
        let Some(plain) = &mut self.plain else { return self.over_pool(limit, answer).await };
        let made;
        let request = match &self.request {
            Some(request) => request,
            None => {
                let token = match self.client.token().await {
                    Ok(token) => token,
                    Err(fault) => return Err(self.failed(fault)),
                };
                match self.client.plain_request(url, &self.headers, token) {
                    Ok(request) => {
                        made = request;
                        made.as_slice()
                    }
                    Err(fault) => return Err(self.failed(fault)),
                }
            }
        };
        if let Err(broken) = plain.exchange(request, limit, answer).await {
            return Err(broken.into_error(|fault| self.failed(fault)));
        }
        if is_redirect(answer.status()) && self.client.follows_redirects() {
            // The next one will be redirected as well.
            self.plain = None;
            answer.clear();
            return self.over_pool(limit, answer).await;
        }
        Ok(())
    }

    async fn over_pool(&self, limit: u64, answer: &mut Answer) -> Result<(), GetError> {
        let Ok(url) = &self.url else { return Ok(()) };
        let response = self.client.get(url, &self.headers).await?;
        answer.has_head = true;
        answer.status = response.status().as_u16();
        if let Some(text) = response.headers().get(CONTENT_TYPE) {
            answer.content_type.push_str(&String::from_utf8_lossy(text.as_bytes()));
        }
        answer.is_gzip = response.headers().get(CONTENT_ENCODING).map(HeaderValue::as_bytes) == Some(b"gzip");
        if response.status() != StatusCode::OK {
            return Ok(());
        }
        let mut incoming = response.into_body();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|e| GetError::Body(read_fault(&e)))?;
            let Some(data) = frame.data_ref() else { continue };
            if (answer.bytes.len() + data.len()) as u64 >= limit {
                return Err(GetError::BodyLimit);
            }
            answer.bytes.extend_from_slice(data);
        }
        Ok(())
    }

    #[cold]
    fn failed(&self, fault: RequestFault) -> GetError {
        GetError::Request(RequestError { method: "Get", url: self.shown.clone(), fault })
    }
}

/// Returns why a body broke off, in Go's words where it has some.
fn read_fault(error: &hyper::Error) -> String {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = next {
        match e.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(std::io::ErrorKind::UnexpectedEof) => return "unexpected EOF".into(),
            Some(std::io::ErrorKind::ConnectionReset) => return "read: connection reset by peer".into(),
            _ => next = e.source(),
        }
    }
    if error.is_incomplete_message() { "unexpected EOF".into() } else { format!("read body: {error}") }
}
