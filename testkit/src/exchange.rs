//! One HTTP/1.1 exchange, byte for byte: what clients that tidy up would hide.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer as it came.
#[derive(Clone, Debug, Default)]
pub struct RawAnswer {
    pub status: u16,
    /// Names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// Without the framing of chunks.
    pub body: Vec<u8>,
}

impl RawAnswer {
    /// Returns the value of a header, or the empty string.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }
}

/// Sends one request on a connection of its own and reads the answer. `method` and `target` go out as they are.
pub fn exchange(
    address: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> io::Result<RawAnswer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(&[head.as_bytes(), body.unwrap_or_default()].concat())?;
    read(BufReader::new(stream), method == "HEAD")
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed {what}"))
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    line.strip_suffix("\r\n").map(str::to_owned).ok_or_else(|| malformed("line"))
}

fn read(mut reader: impl BufRead, head_only: bool) -> io::Result<RawAnswer> {
    let first = line(&mut reader)?;
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| malformed("status"))?;
    let mut answer = RawAnswer { status, ..RawAnswer::default() };
    loop {
        let header = line(&mut reader)?;
        let Some((name, value)) = header.split_once(':') else { break };
        answer.headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    if head_only {
        return Ok(answer);
    }
    if answer.header("transfer-encoding") != "chunked" {
        reader.read_to_end(&mut answer.body)?;
        return Ok(answer);
    }
    loop {
        let size = u64::from_str_radix(&line(&mut reader)?, 16).map_err(|_| malformed("chunk"))?;
        reader.by_ref().take(size).read_to_end(&mut answer.body)?;
        line(&mut reader)?;
        if size == 0 {
            return Ok(answer);
        }
    }
}
