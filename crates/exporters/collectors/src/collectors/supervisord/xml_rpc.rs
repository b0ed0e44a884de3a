//! A call by XML-RPC: one POST, and an answer that is a list of structures of plain values.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// As the reference's client.
const PATIENCE: Duration = Duration::from_secs(10);
/// Ten thousand processes have a few MB.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// A structure: members by name, each the text of its value.
type Structure = HashMap<String, String>;

/// Where calls go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Endpoint {
    Unix(PathBuf),
    Tcp {
        /// Host and port.
        authority: String,
        path: String,
        /// The value of the header `Authorization`, if the URL names a user.
        authorization: Option<String>,
    },
}

impl Endpoint {
    /// Takes `http://user:password@host:port/path` or `unix:///path`. Errors: what is wrong with it, in words.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("unix://") {
            return Ok(Self::Unix(path.into()));
        }
        let Some(rest) = url.strip_prefix("http://") else {
            return Err(format!("{url:?} is no URL that begins with http:// or unix://"));
        };
        let (place, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, host) = place.rsplit_once('@').map_or((None, place), |(user, host)| (Some(user), host));
        if host.is_empty() || place.bytes().chain(path.bytes()).any(|b| b.is_ascii_control() || b == b' ') {
            return Err(format!("{url:?} names no host"));
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        Ok(Self::Tcp {
            authority: if has_port { host.to_owned() } else { format!("{host}:80") },
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            authorization: user.map(|user| format!("Basic {}", STANDARD.encode(percent_decoded(user)))),
        })
    }

    /// Calls a method that has no parameters.
    pub(super) fn call(&self, method: &str) -> io::Result<Vec<Structure>> {
        let body = format!(
            "<?xml version=\"1.0\"?><methodCall><methodName>{method}</methodName><params></params></methodCall>"
        );
        let answer = match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                exchange(stream, "unix", "/RPC2", None, &body)
            }
            Self::Tcp { authority, path, authorization } => {
                let stream = connect(authority)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                exchange(stream, authority, path, authorization.as_deref(), &body)
            }
        };
        structures(&answer?).map_err(io::Error::other)
    }
}

fn connect(authority: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("no address of {authority}"));
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Sends a POST and returns the body of the answer. HTTP/1.0: it comes in no chunks, and ends where its length says or with
/// the connection.
fn exchange(
    mut stream: impl Read + Write,
    host: &str,
    path: &str,
    authorization: Option<&str>,
    body: &str,
) -> io::Result<Vec<u8>> {
    let authorization = authorization.map_or(String::new(), |value| format!("Authorization: {value}\r\n"));
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: {host}\r\n{authorization}Content-Type: text/xml\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes())?;
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    let mut head = None;
    while head.is_none_or(|(from, length)| answer.len() - from < length) {
        let read = stream.read(&mut part)?;
        if read == 0 {
            break;
        }
        answer.extend_from_slice(part.get(..read).unwrap_or_default());
        if answer.len() > ANSWER_BYTES_MAX {
            return Err(invalid("the answer is too long"));
        }
        if head.is_none() {
            head = head_of(&answer)?;
        }
    }
    let (from, length) = head.ok_or_else(|| invalid("no answer in HTTP"))?;
    let mut body = answer.split_off(from);
    body.truncate(length);
    Ok(body)
}

/// Returns where the body begins and how long it is at most, once the head is there; errors on a status but 200.
fn head_of(answer: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default());
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("the server answers {status}")));
    }
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    });
    Ok(Some((end + 4, length.unwrap_or(usize::MAX))))
}

/// Reads the structures of an answer. Errors: what is wrong with it, or the fault that it tells of.
pub(super) fn structures(answer: &[u8]) -> Result<Vec<Structure>, String> {
    let text = std::str::from_utf8(answer).map_err(|error| error.to_string())?;
    let mut reader = Reader::from_str(text);
    let mut all = Vec::new();
    let mut current: Option<Structure> = None;
    // The name of the member, and the text of the innermost element since it began.
    let (mut name, mut inner) = (String::new(), String::new());
    let (mut is_fault, mut is_answer) = (false, false);
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Eof => break,
            Event::Start(start) => {
                match start.local_name().into_inner() {
                    "methodResponse" => is_answer = true,
                    "fault" => is_fault = true,
                    "struct" if current.is_some() => return Err("a structure within a structure".to_owned()),
                    "struct" => current = Some(Structure::new()),
                    _ => {}
                }
                inner.clear();
            }
            Event::End(end) => match end.local_name().into_inner() {
                "name" => name = std::mem::take(&mut inner),
                // A value with its type stands in an element of that type, a bare one is a string.
                "value" => {
                    if let Some(structure) = &mut current {
                        structure.insert(std::mem::take(&mut name), std::mem::take(&mut inner));
                    }
                }
                "struct" => all.extend(current.take()),
                _ => {}
            },
            Event::Text(part) => inner.push_str(&part.into_inner()),
            Event::CData(part) => inner.push_str(&part.into_inner()),
            Event::GeneralRef(entity) => inner.push_str(&resolved(&entity)?),
            _ => {}
        }
    }
    if !is_answer {
        return Err("no answer in XML-RPC".to_owned());
    }
    if is_fault {
        let of = |key: &str| all.first().and_then(|fault| fault.get(key)).map_or("", String::as_str);
        return Err(format!("fault {}: {}", of("faultCode"), of("faultString")));
    }
    Ok(all)
}

fn resolved(entity: &BytesRef<'_>) -> Result<String, String> {
    if let Some(c) = entity.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(c.to_string());
    }
    let name = entity.borrow().into_inner();
    let known = [("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'")];
    let found = known.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| text.to_owned()).ok_or_else(|| format!("unknown entity &{name};"))
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let hex = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lead_to_sockets() {
        let tcp = |authority: &str, path: &str, user: Option<&str>| Endpoint::Tcp {
            authority: authority.into(),
            path: path.into(),
            authorization: user.map(str::to_owned),
        };
        let cases = [
            ("http://localhost:9001/RPC2", Ok(tcp("localhost:9001", "/RPC2", None))),
            ("http://[::1]", Ok(tcp("[::1]:80", "/", None))),
            ("http://a%40b:c@h/x", Ok(tcp("h:80", "/x", Some("Basic YUBiOmM=")))),
            ("unix:///run/supervisor.sock", Ok(Endpoint::Unix("/run/supervisor.sock".into()))),
            ("https://h/x", Err("\"https://h/x\" is no URL that begins with http:// or unix://".to_owned())),
            ("http:///x", Err("\"http:///x\" names no host".to_owned())),
        ];
        for (url, want) in cases {
            assert_eq!(Endpoint::parse(url), want, "{url}");
        }
    }

    #[test]
    fn heads_tell_where_the_body_is() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nServer: x\r\nCONTENT-LENGTH: 7\r\n\r\nabc", Some((49, 7))),
            ("HTTP/1.0 200\r\nContent-Length: x\r\n\r\n", Some((35, usize::MAX))),
            ("HTTP/1.0 200 OK\r\n", None),
        ];
        for (answer, want) in cases {
            assert_eq!(head_of(answer.as_bytes()).unwrap(), want, "{answer}");
        }
        let refused = head_of(b"HTTP/1.0 401 Unauthorized\r\n\r\n").unwrap_err();
        assert_eq!(refused.to_string(), "the server answers HTTP/1.0 401 Unauthorized");
    }

    #[test]
    fn answers_are_read_or_refused() {
        let answer = b"<?xml version='1.0'?>\n<methodResponse><params><param>\n<value><array><data>\n\
            <value><struct>\n<member>\n<name>name</name>\n<value><string>a &amp; &#98;</string></value>\n</member>\
            <member><name>bare</name><value>x</value></member><member><name>none</name><value><string></string></value></member>\
            <member><name>start</name><value><int>17</int></value></member></struct></value>\n\
            <value><struct></struct></value></data></array></value></param></params></methodResponse>";
        let all = structures(answer).unwrap();
        let of = |key: &str| all[0].get(key).map(String::as_str);
        assert_eq!(all.len(), 2);
        assert_eq!((of("name"), of("bare"), of("none"), of("start")), (Some("a & b"), Some("x"), Some(""), Some("17")));
        let fault = b"<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>6</int></value></member>\
            <member><name>faultString</name><value><string>SHUTDOWN_STATE</string></value></member></struct></value></fault></methodResponse>";
        assert_eq!(structures(fault).unwrap_err(), "fault 6: SHUTDOWN_STATE");
        for broken in [&b""[..], b"<html/>", b"<methodResponse>&x;", b"\xff", b"<struct><struct>"] {
            assert!(structures(broken).is_err());
        }
        for end in 0..answer.len() {
            // Whatever is cut off, nothing panics.
            let _some = structures(&answer[..end]);
        }
    }
}
