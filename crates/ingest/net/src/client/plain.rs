//! One kept connection over which one GET is sent again and again: HTTP/1.1 without TLS and proxies.
//!
//! A scraper sends the same bytes to the same place for days, and each time finds its caches full of other things: what
//! counts is how little code and memory a request touches. So the request stands ready, the answer is read straight into
//! the buffer where it is parsed, and nothing is allocated. All that is out of the ordinary is the pool's business
//! ([`super::RepeatedGet`]).

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::conntrack::{Dialer, Open};

use super::answer_head::{AnswerHead, Framing, HEAD_BYTES_MAX};
use super::chunked::Chunked;
use super::connector::dial;
use super::error::{GetError, RequestFault, go_io};
use super::repeated::Answer;

/// How long a connection may be idle, as the pool's.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(300);
/// The first read of a connection asks for this much; a buffer grows by this much at most before bytes have come.
const FIRST_READ_BYTES: usize = 16 << 10;
const GROW_BYTES_MAX: usize = 1 << 20;

/// Where to, and the connection of the last request.
#[derive(Debug)]
pub(super) struct PlainGet {
    host: String,
    port: u16,
    dialer: Option<Dialer>,
    kept: Option<Kept>,
    /// Bytes of the last answer.
    expected: usize,
}

#[derive(Debug)]
struct Kept {
    connection: Connection,
    since: Instant,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    _open: Option<Open>,
}

/// Why an exchange broke off.
pub(super) enum Broken {
    /// Before a single byte of an answer: a kept connection that the server has closed meanwhile looks like this.
    Unanswered(RequestFault),
    Request(RequestFault),
    Limit,
    Body(String),
}

impl PlainGet {
    pub(super) fn new(host: String, port: u16, dialer: Option<Dialer>) -> Self {
        Self { host, port, dialer, kept: None, expected: FIRST_READ_BYTES }
    }

    /// Sends `request` and reads the answer. Cancelling it closes the connection.
    pub(super) async fn exchange(&mut self, request: &[u8], limit: u64, answer: &mut Answer) -> Result<(), Broken> {
        let kept = self.kept.take().filter(|kept| kept.since.elapsed() < IDLE_MAX);
        let mut outcome = match kept {
            Some(kept) => self.over(kept.connection, request, limit, answer).await,
            None => Err(Broken::Unanswered(RequestFault::Eof)),
        };
        // Go asks again over a new connection when a kept one turns out to be closed.
        if let Err(Broken::Unanswered(_)) = outcome {
            let dialled = dial(&self.host, self.port, self.dialer.as_ref()).await;
            let (stream, open) = dialled.map_err(Broken::Request)?;
            answer.clear();
            outcome = self.over(Connection { stream, _open: open }, request, limit, answer).await;
        }
        outcome
    }

    async fn over(
        &mut self,
        mut connection: Connection,
        request: &[u8],
        limit: u64,
        answer: &mut Answer,
    ) -> Result<(), Broken> {
        let unanswered = |e: io::Error| Broken::Unanswered(RequestFault::Other(go_io(&e)));
        let stream = &mut connection.stream;
        stream.write_all(request).await.map_err(unanswered)?;
        answer.bytes.reserve(self.expected);
        let head = read_head(stream, answer).await?;
        answer.has_head = true;
        answer.status = head.status;
        answer.is_gzip = head.is_gzip;
        answer.body_from = head.len;
        // The body of anything else is of no interest. If it is there already, the connection is of use.
        let wanted = head.status == 200;
        let whole = match head.framing {
            Framing::Length(n) if n >= limit && wanted => return Err(Broken::Limit),
            Framing::Length(n) if wanted || n <= GROW_BYTES_MAX as u64 => read_length(stream, n, answer).await?,
            Framing::Chunked if wanted => read_chunks(stream, limit, answer).await?,
            Framing::UntilClose if wanted => {
                read_to_end(stream, limit, answer).await?;
                false
            }
            _ => false,
        };
        self.expected = answer.bytes.len() + answer.bytes.len() / 16 + 1024;
        if whole && head.keep_alive {
            self.kept = Some(Kept { connection, since: Instant::now() });
        }
        Ok(())
    }
}

/// Reads until the head is whole, and leaves what came behind it in the buffer.
async fn read_head(stream: &mut TcpStream, answer: &mut Answer) -> Result<AnswerHead, Broken> {
    let broken = |why| Broken::Request(RequestFault::Other(why));
    loop {
        let n = stream.read_buf(&mut answer.bytes).await;
        match n {
            Ok(1..) => {}
            Ok(0) if answer.bytes.is_empty() => return Err(Broken::Unanswered(RequestFault::Eof)),
            Ok(0) => return Err(Broken::Request(RequestFault::Eof)),
            Err(e) if answer.bytes.is_empty() => return Err(Broken::Unanswered(RequestFault::Other(go_io(&e)))),
            Err(e) => return Err(broken(go_io(&e))),
        }
        while let Some(head) = AnswerHead::parse(&answer.bytes, &mut answer.content_type).map_err(broken)? {
            match head.status {
                // An interim answer: the real one follows.
                100 | 102..=199 => drop(answer.bytes.drain(..head.len)),
                _ => return Ok(head),
            }
        }
        if answer.bytes.len() > HEAD_BYTES_MAX {
            return Err(broken(format!("net/http: server response headers exceeded {HEAD_BYTES_MAX} bytes; aborted")));
        }
    }
}

/// Reads a body of `n` bytes; returns whether nothing stood behind it.
async fn read_length(stream: &mut TcpStream, n: u64, answer: &mut Answer) -> Result<bool, Broken> {
    let end = usize::try_from(n).ok().and_then(|n| n.checked_add(answer.body_from)).ok_or(Broken::Limit)?;
    while answer.bytes.len() < end {
        let missing = end - answer.bytes.len();
        answer.bytes.reserve(missing.min(GROW_BYTES_MAX.max(answer.bytes.len())));
        read_some(stream, answer).await?;
    }
    let alone = answer.bytes.len() == end;
    answer.bytes.truncate(end);
    Ok(alone)
}

async fn read_chunks(stream: &mut TcpStream, limit: u64, answer: &mut Answer) -> Result<bool, Broken> {
    let mut chunked = Chunked::new();
    let mut from = answer.body_from;
    loop {
        let behind = chunked.unwrap(&mut answer.bytes, from).map_err(|why| Broken::Body(why.to_owned()))?;
        check_limit(limit, answer)?;
        if chunked.is_done() {
            return Ok(behind == 0);
        }
        from = answer.bytes.len();
        answer.bytes.reserve(FIRST_READ_BYTES);
        read_some(stream, answer).await?;
    }
}

async fn read_to_end(stream: &mut TcpStream, limit: u64, answer: &mut Answer) -> Result<(), Broken> {
    loop {
        check_limit(limit, answer)?;
        answer.bytes.reserve(FIRST_READ_BYTES);
        match stream.read_buf(&mut answer.bytes).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(e) => return Err(read_fault(&e)),
        }
    }
}

async fn read_some(stream: &mut TcpStream, answer: &mut Answer) -> Result<(), Broken> {
    match stream.read_buf(&mut answer.bytes).await {
        Ok(0) => Err(Broken::Body("unexpected EOF".into())),
        Ok(_) => Ok(()),
        Err(e) => Err(read_fault(&e)),
    }
}

fn check_limit(limit: u64, answer: &Answer) -> Result<(), Broken> {
    if answer.body().len() as u64 >= limit { Err(Broken::Limit) } else { Ok(()) }
}

fn read_fault(error: &io::Error) -> Broken {
    Broken::Body(match error.kind() {
        io::ErrorKind::ConnectionReset => "read: connection reset by peer".into(),
        _ => format!("read: {}", go_io(error)),
    })
}

impl Broken {
    /// Returns the error of the request that `failed` makes of a fault.
    pub(super) fn into_error(self, failed: impl FnOnce(RequestFault) -> GetError) -> GetError {
        match self {
            Self::Unanswered(fault) | Self::Request(fault) => failed(fault),
            Self::Limit => GetError::BodyLimit,
            Self::Body(why) => GetError::Body(why),
        }
    }
}
