//! Request lines that Go's server takes and the `http` crate's URI does not: bytes such as `"`, `<` or `^`, and raw UTF-8,
//! in the target. People type them (`curl -g 'http://…/api/v1/query?query=up{job="x"}'`), so they are percent-encoded on
//! their way to the parser. Nothing else of a request is touched.
//!
//! To know where a request line begins, the stream is followed through heads and bodies of stated length. What is framed
//! otherwise (chunked bodies, upgrades, HTTP/2) is passed on as it is until the connection ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much of a header line is looked at: enough for the names and numbers that frame a body.
const LINE_BYTES: usize = 64;
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// A connection whose request targets come out percent-encoded where they must be.
#[derive(Debug)]
pub(crate) struct LegalTargets<S> {
    inner: S,
    scanner: Scanner,
    /// Bytes behind the first that had to be encoded, not yet handed on.
    ready: Vec<u8>,
    given: usize,
}

impl<S> LegalTargets<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, scanner: Scanner::default(), ready: Vec::new(), given: 0 }
    }

    fn give(&mut self, buf: &mut ReadBuf<'_>) {
        let rest = self.ready.get(self.given..).unwrap_or_default();
        let n = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..n]);
        self.given += n;
        if self.given == self.ready.len() {
            self.ready.clear();
            self.given = 0;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LegalTargets<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.ready.is_empty() {
            let before = buf.filled().len();
            ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
            let fresh = buf.filled().get(before..).unwrap_or_default();
            let Some(at) = this.scanner.next_illegal(fresh) else { return Poll::Ready(Ok(())) };
            // Rare: from here on the bytes grow, and take a detour.
            this.scanner.encode_rest(&fresh[at..], &mut this.ready);
            buf.set_filled(before + at);
        }
        this.give(buf);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LegalTargets<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }
    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

/// Where in the stream of requests the next byte stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum At {
    #[default]
    Method,
    Target,
    /// The rest of the request line, and header lines.
    Header,
    Body,
    /// Framing is not followed any further.
    Through,
}

#[derive(Debug, Default)]
struct Scanner {
    at: At,
    /// The method, or the beginning of the header line under way.
    line: Vec<u8>,
    /// What is left of the body; before it begins, what the head has said so far.
    body: Option<u64>,
    /// The head says that what follows cannot be counted.
    unframed: bool,
}

impl Scanner {
    /// Passes over `bytes` up to the first that must be encoded, and returns its place; it is passed over too.
    fn next_illegal(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut i = 0;
        while let Some(&b) = bytes.get(i) {
            match self.at {
                At::Through => return None,
                At::Body => {
                    let left = self.body.unwrap_or(0);
                    let n = left.min((bytes.len() - i) as u64);
                    i += n as usize;
                    self.body = Some(left - n);
                    if left == n {
                        self.begin();
                    }
                    continue;
                }
                At::Method => match b {
                    // The preface of HTTP/2.
                    b' ' if self.line == b"PRI" => self.at = At::Through,
                    b' ' => {
                        self.at = At::Target;
                        self.line.clear();
                    }
                    b'\r' | b'\n' => self.line.clear(),
                    _ => self.note(&[b]),
                },
                At::Target => match b {
                    b' ' | b'\r' => self.at = At::Header,
                    b'\n' => self.end_line(),
                    _ if must_be_encoded(b) => return Some(i),
                    _ => {}
                },
                At::Header => {
                    let rest = &bytes[i..];
                    let end = rest.iter().position(|b| *b == b'\n');
                    self.note(&rest[..end.unwrap_or(rest.len())]);
                    match end {
                        Some(n) => {
                            i += n;
                            self.end_line();
                        }
                        None => return None,
                    }
                }
            }
            i += 1;
        }
        None
    }

    /// Appends `bytes`, of which the first must be encoded and has been passed over.
    fn encode_rest(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while let [first, rest @ ..] = bytes {
            out.extend([b'%', HEX[(first >> 4) as usize], HEX[(first & 15) as usize]]);
            let Some(at) = self.next_illegal(rest) else {
                out.extend_from_slice(rest);
                return;
            };
            // `next_illegal` has passed over the byte at `at`, which the next turn writes.
            out.extend_from_slice(&rest[..at]);
            bytes = &rest[at..];
        }
    }

    fn note(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES.saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn begin(&mut self) {
        *self = Self { line: std::mem::take(&mut self.line), ..Self::default() };
        self.line.clear();
    }

    /// A line of the head has ended.
    fn end_line(&mut self) {
        self.at = At::Header;
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        if line.is_empty() {
            match self.body {
                _ if self.unframed => self.at = At::Through,
                Some(1..) => self.at = At::Body,
                _ => self.begin(),
            }
            return;
        }
        let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"transfer-encoding") || name.eq_ignore_ascii_case(b"upgrade") {
            self.unframed = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let value = std::str::from_utf8(value).ok().map(|text| text.trim_start_matches(':').trim());
            let length = value.filter(|_| self.line.len() < LINE_BYTES).and_then(|text| text.parse().ok());
            // Two that differ, or one that is no number, is a request that the parser refuses.
            self.unframed |= length.is_none() || self.body.is_some_and(|known| Some(known) != length);
            self.body = length;
        }
        self.line.clear();
    }
}

/// Printable and raw bytes that `http::Uri` refuses, or takes as the end of the target. Controls stay as they are: Go
/// refuses them too.
fn must_be_encoded(b: u8) -> bool {
    matches!(b, b'"' | b'<' | b'>' | b'#' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80..)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Sends `input` in pieces of `piece` bytes and returns what a parser would read, `room` bytes at a time.
    async fn passed(input: &[u8], piece: usize, room: usize) -> Vec<u8> {
        let (mut near, far) = tokio::io::duplex(piece);
        let input = input.to_vec();
        let sending = tokio::spawn(async move {
            near.write_all(&input).await.expect("the reader goes on");
        });
        let mut reader = LegalTargets::new(far);
        let (mut out, mut buffer) = (Vec::new(), vec![0; room]);
        loop {
            match reader.read(&mut buffer).await.expect("no fault") {
                0 => break,
                n => out.extend_from_slice(&buffer[..n]),
            }
        }
        sending.await.expect("no panic");
        out
    }

    #[tokio::test]
    async fn targets_are_encoded_and_nothing_else() {
        let cases: [(&[u8], &[u8]); 9] = [
            (
                b"GET /api/v1/query?query=up{job=\"x\"} HTTP/1.1\r\nX: \"{}\"\r\n\r\n",
                b"GET /api/v1/query?query=up%7Bjob=%22x%22%7D HTTP/1.1\r\nX: \"{}\"\r\n\r\n",
            ),
            ("GET /ü<>|\\^`# HTTP/1.1\r\n\r\n".as_bytes(), b"GET /%C3%BC%3C%3E%7C%5C%5E%60%23 HTTP/1.1\r\n\r\n"),
            // Several requests on a connection; the bodies look like request lines.
            (
                b"POST /a HTTP/1.1\r\ncontent-length: 11\r\n\r\nGET /\" x\r\n\r\nGET /\" HTTP/1.1\r\n\r\n",
                b"POST /a HTTP/1.1\r\ncontent-length: 11\r\n\r\nGET /\" x\r\n\r\nGET /%22 HTTP/1.1\r\n\r\n",
            ),
            (b"\r\n\r\nGET /{ HTTP/1.1\n\nGET /} HTTP/1.0\n\n", b"\r\n\r\nGET /%7B HTTP/1.1\n\nGET /%7D HTTP/1.0\n\n"),
            // Chunked, upgraded, HTTP/2, two lengths: not followed.
            (
                b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /\" HTTP/1.1\r\n\r\n",
                b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /\" HTTP/1.1\r\n\r\n",
            ),
            (b"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\nA \"", b"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\nA \""),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nx \"\xff", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nx \"\xff"),
            (
                b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx \"",
                b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx \"",
            ),
            // What no server takes is left to the parser.
            (b"GET /a\x01\x7f b\"\r\n\r\n", b"GET /a\x01\x7f b\"\r\n\r\n"),
        ];
        for (input, want) in cases {
            for (piece, room) in [(4096, 4096), (1, 4096), (4096, 1), (7, 3)] {
                let got = passed(input, piece, room).await;
                assert_eq!(
                    String::from_utf8_lossy(&got),
                    String::from_utf8_lossy(want),
                    "pieces of {piece}, room for {room}"
                );
            }
        }
    }

    /// Random streams: how they are cut into pieces changes nothing, and undoing the encoding gives the input back.
    #[tokio::test]
    async fn cuts_change_nothing() {
        let words: [&[u8]; 14] = [
            b"GET ",
            b"POST ",
            b"/p?q=",
            b"\"",
            b"{",
            b"\xc3\xbc",
            b" HTTP/1.1",
            b"\r\n",
            b"\n",
            b"\r\n\r\n",
            b"Content-Length: 9",
            b"Transfer-Encoding: chunked",
            b"PRI ",
            b"x",
        ];
        let mut state = 1_u64;
        for _ in 0..300 {
            let mut input = Vec::new();
            for _ in 0..40 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                input.extend_from_slice(words[(state >> 33) as usize % words.len()]);
            }
            let whole = passed(&input, 1 << 16, 1 << 16).await;
            let in_pieces = passed(&input, 1 + (state >> 40) as usize % 9, 1 + (state >> 50) as usize % 5).await;
            assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&in_pieces));
            assert_eq!(percent_encoding::percent_decode(&whole).collect::<Vec<u8>>(), input);
        }
    }
}
