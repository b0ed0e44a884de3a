//! Status line and headers of an answer: what of them decides how the body is read and what it is.

use firesteel_go_compat::quote;

/// More headers than this, or more bytes of them, are no answer.
const HEADERS_MAX: usize = 100;
pub(super) const HEAD_BYTES_MAX: usize = 32 << 10;

/// Where the body ends (RFC 9112, 6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// A head that has arrived whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct AnswerHead {
    pub(super) status: u16,
    /// Bytes of the head, the empty line included.
    pub(super) len: usize,
    pub(super) framing: Framing,
    /// Another request may follow on the connection.
    pub(super) keep_alive: bool,
    pub(super) is_gzip: bool,
}

impl AnswerHead {
    /// Reads the head at the front of `bytes`; the content type goes to `content_type`. `None`: it is not whole yet.
    /// Error: it is none, in Go's words.
    pub(super) fn parse(bytes: &[u8], content_type: &mut String) -> Result<Option<Self>, String> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let len = match response.parse(bytes) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::Version | httparse::Error::Status | httparse::Error::Token) => {
                let line = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                return Err(broken(&format!("malformed HTTP response {}", quote(line))));
            }
            Err(e) => return Err(broken(&format!("malformed MIME header: {e}"))),
        };
        let status = response.code.unwrap_or(0);
        let mut keep_alive = response.version == Some(1);
        let (mut length, mut chunked, mut is_gzip) = (None, false, false);
        content_type.clear();
        for header in response.headers.iter() {
            let (name, value) = (header.name, header.value);
            if name.eq_ignore_ascii_case("content-length") {
                let text = std::str::from_utf8(value).unwrap_or_default().trim();
                let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                let n: Option<u64> = text.parse().ok().filter(|_| digits);
                let Some(n) = n.filter(|n| length.is_none_or(|before| before == *n)) else {
                    return Err(broken(&format!("bad Content-Length {}", quote(text))));
                };
                length = Some(n);
            } else if name.eq_ignore_ascii_case("content-type") {
                if content_type.is_empty() {
                    content_type.push_str(&String::from_utf8_lossy(value));
                }
            } else if name.eq_ignore_ascii_case("content-encoding") {
                is_gzip = value == b"gzip";
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                if !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Err(broken(&format!("unsupported transfer encoding: {}", quote(value))));
                }
                chunked = true;
            } else if name.eq_ignore_ascii_case("connection") {
                for word in value.split(|&b| b == b',') {
                    let word = word.trim_ascii();
                    if word.eq_ignore_ascii_case(b"close") {
                        keep_alive = false;
                    } else if word.eq_ignore_ascii_case(b"keep-alive") && response.version == Some(0) {
                        keep_alive = true;
                    }
                }
            }
        }
        let framing = match (status, chunked, length) {
            (100..=199 | 204 | 304, ..) => Framing::Length(0),
            // Chunks count more than a length, but who sends both is not trusted with another request.
            (_, true, with) => {
                keep_alive &= with.is_none();
                Framing::Chunked
            }
            (_, false, Some(n)) => Framing::Length(n),
            (_, false, None) => Framing::UntilClose,
        };
        keep_alive &= framing != Framing::UntilClose;
        Ok(Some(Self { status, len, framing, keep_alive, is_gzip }))
    }
}

fn broken(why: &str) -> String {
    format!("net/http: HTTP/1.x transport connection broken: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_say_how_bodies_end() {
        let cases: &[(&str, u16, Framing, bool)] = &[
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, Framing::Length(5), true),
            ("HTTP/1.1 200\r\ncontent-length: 5\r\nContent-Length: 5\r\n\r\n", 200, Framing::Length(5), true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", 200, Framing::Chunked, true),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
                200,
                Framing::Chunked,
                false,
            ),
            ("HTTP/1.1 200 OK\r\n\r\n", 200, Framing::UntilClose, false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 200, Framing::Length(5), false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\n", 200, Framing::Length(5), true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x, close\r\n\r\n", 200, Framing::Length(5), false),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, Framing::Length(0), true),
            ("HTTP/1.1 100 Continue\r\n\r\n", 100, Framing::Length(0), true),
        ];
        let mut content_type = String::new();
        for &(text, status, framing, keep_alive) in cases {
            let head = AnswerHead::parse(text.as_bytes(), &mut content_type).expect(text).expect(text);
            assert_eq!((head.status, head.framing, head.keep_alive), (status, framing, keep_alive), "{text}");
            assert_eq!(head.len, text.len());
            for cut in 0..text.len() {
                let partial = AnswerHead::parse(&text.as_bytes()[..cut], &mut content_type);
                assert_eq!(partial, Ok(None), "{text} cut at {cut}");
            }
        }
    }

    #[test]
    fn heads_say_what_bodies_are() {
        let mut content_type = "before".to_owned();
        let text = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Encoding: gzip\r\n\r\n";
        let head = AnswerHead::parse(text, &mut content_type).expect("a head").expect("whole");
        assert_eq!((content_type.as_str(), head.is_gzip), ("text/plain; version=0.0.4", true));
        AnswerHead::parse(b"HTTP/1.1 200 OK\r\n\r\n", &mut content_type).expect("a head").expect("whole");
        assert_eq!(content_type, "");
    }

    #[test]
    fn what_is_no_answer_is_said_in_gos_words() {
        let cases = [
            ("SSH-2.0-OpenSSH_9\r\n", "malformed HTTP response \"SSH-2.0-OpenSSH_9\""),
            ("HTTP/1.1 abc\r\n\r\n", "malformed HTTP response \"HTTP/1.1 abc\""),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "bad Content-Length \"-1\""),
            ("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", "bad Content-Length \"+1\""),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "bad Content-Length \"2\""),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "unsupported transfer encoding: \"gzip\""),
        ];
        for (text, want) in cases {
            let error = AnswerHead::parse(text.as_bytes(), &mut String::new()).expect_err(text);
            assert_eq!(error, format!("net/http: HTTP/1.x transport connection broken: {want}"));
        }
    }
}
