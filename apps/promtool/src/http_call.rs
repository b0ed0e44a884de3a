//! One plain HTTP/1.1 request and its answer.
//!
//! promtool asks one thing and ends, so a blocking socket is all it needs. `https://` is refused plainly.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use url::Url;

/// Where a server is.
#[derive(Debug)]
pub(crate) struct Server {
    url: Url,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'static str,
    pub(crate) path: &'a str,
    /// Form fields of a POST.
    pub(crate) form: &'a [(String, String)],
    pub(crate) headers: Vec<(String, String)>,
}

impl<'a> Call<'a> {
    pub(crate) const fn get(path: &'a str) -> Self {
        Self { method: "Get", path, form: &[], headers: Vec::new() }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// An answer never comes, in Go's words where it has some.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("{method} \"{url}\": dial tcp {address}: connect: {reason}")]
    Connect { method: &'static str, url: String, address: String, reason: String },
    #[error("{method} \"{url}\": {reason}")]
    Exchange { method: &'static str, url: String, reason: String },
}

/// Bodies above this are not answers to one query.
const BODY_BYTES_MAX: u64 = 1 << 30;

impl Server {
    /// Reads a server's address; the scheme may be missing.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&with_scheme).map_err(|error| format!("invalid URL: parse \"{text}\": {error}"))?;
        match (url.scheme(), url.has_host()) {
            ("http", true) => Ok(Self { url }),
            ("https", _) => Err(format!("invalid URL: \"{text}\": https is not built yet")),
            (scheme, _) => Err(format!("invalid URL: parse \"{text}\": unsupported protocol scheme \"{scheme}\"")),
        }
    }

    /// Makes a request; `timeout` bounds each wait for the other side.
    pub(crate) fn call(&self, call: &Call<'_>, timeout: Duration) -> Result<Answer, CallError> {
        let prefix = self.url.path().trim_end_matches('/');
        let target = format!("{prefix}{}", call.path);
        let origin = self.url.as_str();
        let origin = origin.find("://").and_then(|at| origin[at + 3..].find('/').map(|end| &origin[..at + 3 + end]));
        let url = format!("{}{target}", origin.unwrap_or(""));
        let host = self.url.host_str().unwrap_or("");
        let port = self.url.port_or_known_default().unwrap_or(80);
        let stream = self.connect(host, port, timeout).map_err(|error| CallError::Connect {
            method: call.method,
            url: url.clone(),
            address: format!("{host}:{port}"),
            reason: reason(&error),
        })?;
        let authority = self.url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        exchange(stream, call, &authority, &target, timeout).map_err(|error| CallError::Exchange {
            method: call.method,
            url,
            reason: reason(&error),
        })
    }

    fn connect(&self, host: &str, port: u16, timeout: Duration) -> io::Result<TcpStream> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no such host");
        for address in (bare, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Go names the cause without the number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "context deadline exceeded".to_owned(),
        _ => error.to_string(),
    }
}

fn exchange(stream: TcpStream, call: &Call<'_>, host: &str, target: &str, timeout: Duration) -> io::Result<Answer> {
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(call.form).finish();
    let mut request = format!(
        "{} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: promtool\r\nConnection: close\r\n",
        call.method.to_ascii_uppercase()
    );
    for (name, value) in &call.headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if call.method == "Post" {
        request.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(&body);
    (&stream).write_all(request.as_bytes())?;
    read_answer(BufReader::new(stream))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed HTTP {what}"))
}

pub(crate) fn read_answer(reader: impl BufRead) -> io::Result<Answer> {
    let mut reader = reader.take(BODY_BYTES_MAX);
    let head = read_line(&mut reader)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| malformed("response"))?;
    let (mut length, mut chunked) = (None, false);
    loop {
        let line = read_line(&mut reader)?;
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { return Err(malformed("header")) };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse::<u64>().ok(),
            "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let line = read_line(&mut reader)?;
            let size = line.split(';').next().and_then(|size| u64::from_str_radix(size.trim(), 16).ok());
            let size = size.ok_or_else(|| malformed("chunk size"))?;
            if size == 0 {
                break;
            }
            let before = body.len() as u64;
            reader.by_ref().take(size).read_to_end(&mut body)?;
            if body.len() as u64 - before != size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            read_line(&mut reader)?;
        }
    } else if let Some(length) = length {
        reader.by_ref().take(length).read_to_end(&mut body)?;
        if body.len() as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    } else {
        reader.read_to_end(&mut body)?;
    }
    Ok(Answer { status, body })
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reader.take(1 << 16).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
}
