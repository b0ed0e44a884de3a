//! Asking servers: whom, in which order, and what counts as an answer.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use firesteel_go_compat::quote;
use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tracing::warn;

use super::resolv_conf::ResolvConf;

/// How long one server may take for one question.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// The largest answer we take over UDP.
const UDP_BYTES: u16 = 4096;

/// Returns the records of a name, perhaps none. Tries the name with the search list until one is known to somebody; if
/// all servers say that none exists, there are no records. When somebody did not answer properly and nobody knew the name,
/// nothing is certain: an error.
pub(super) async fn lookup(path: &Path, name: &str, record_type: RecordType) -> Result<Vec<RData>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("could not load resolv.conf: {e}"))?;
    let conf = ResolvConf::parse(&text);
    let mut is_certain = true;
    for full_name in conf.names(name) {
        match ask_any(&conf.servers, &full_name, record_type).await {
            Some(message) if message.metadata.response_code == ResponseCode::NoError => {
                return Ok(message.answers.into_iter().map(|record| record.data).collect());
            }
            Some(_no_such_name) => {}
            None => is_certain = false,
        }
    }
    if is_certain {
        return Ok(Vec::new());
    }
    let name = quote(name);
    Err(format!("could not resolve {name}: all servers responded with errors to at least one search domain"))
}

/// Returns the first answer that says something about the name: its records, or that it does not exist.
async fn ask_any(servers: &[SocketAddr], name: &str, record_type: RecordType) -> Option<Message> {
    for server in servers {
        match ask(*server, name, record_type).await {
            Ok(message) if matches!(message.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain) => {
                return Some(message);
            }
            Ok(_refused) => {}
            Err(err) => warn!(discovery = "dns", %server, name, %err, "DNS resolution failed"),
        }
    }
    None
}

async fn ask(server: SocketAddr, name: &str, record_type: RecordType) -> io::Result<Message> {
    let answer = over_udp(server, &question(name, record_type, true)?).await?;
    if !answer.metadata.truncation {
        return Ok(answer);
    }
    let answer = over_tcp(server, &question(name, record_type, false)?).await?;
    if answer.metadata.truncation {
        return Err(io::Error::other("got truncated message on TCP (64kiB limit exceeded?)"));
    }
    Ok(answer)
}

fn question(name: &str, record_type: RecordType, edns: bool) -> io::Result<Message> {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).map_err(io::Error::other)?, record_type));
    if edns {
        let mut options = Edns::new();
        options.set_max_payload(UDP_BYTES);
        message.set_edns(options);
    }
    Ok(message)
}

async fn over_udp(server: SocketAddr, question: &Message) -> io::Result<Message> {
    let bytes = question.to_vec().map_err(io::Error::other)?;
    let any = if server.is_ipv4() {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
    } else {
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
    };
    let exchange = async {
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server).await?;
        socket.send(&bytes).await?;
        let mut buffer = vec![0; usize::from(UDP_BYTES)];
        loop {
            let len = socket.recv(&mut buffer).await?;
            // What does not answer this question may be somebody's guess: go on waiting.
            if let Some(message) = buffer.get(..len).and_then(|bytes| Message::from_vec(bytes).ok())
                && answers(&message, question)
            {
                return Ok(message);
            }
        }
    };
    timeout(ANSWER_MAX, exchange).await.map_err(|_elapsed| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn over_tcp(server: SocketAddr, question: &Message) -> io::Result<Message> {
    let bytes = question.to_vec().map_err(io::Error::other)?;
    let len = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        stream.write_all(&[&len.to_be_bytes()[..], &bytes].concat()).await?;
        let mut buffer = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut buffer).await?;
        let message = Message::from_vec(&buffer).map_err(io::Error::other)?;
        if answers(&message, question) { Ok(message) } else { Err(io::Error::other("id mismatch")) }
    };
    timeout(ANSWER_MAX, exchange).await.map_err(|_elapsed| io::Error::from(io::ErrorKind::TimedOut))?
}

fn answers(message: &Message, question: &Message) -> bool {
    // A server that refuses may leave the question out.
    let is_same = message.queries.is_empty() || message.queries == question.queries;
    message.metadata.id == question.metadata.id && is_same
}
