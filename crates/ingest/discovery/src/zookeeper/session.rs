//! A session with one server: reads with watches, and what the watches say.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::zookeeper::wire::{Malformed, Reader, Writer};

/// Nodes hold at most a megabyte by default; lists of children may be longer.
const FRAME_BYTES_MAX: u32 = 64 << 20;
const GET_DATA: i32 = 4;
const GET_CHILDREN: i32 = 8;
const PING: i32 = 11;
const CLOSE: i32 = -11;
const XID_EVENT: i32 = -1;
const XID_PING: i32 = -2;
const NO_NODE: i32 = -101;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("{server}: {source}")]
    Io { server: String, source: std::io::Error },
    #[error("{0}: no answer in time")]
    Silent(String),
    #[error("{0}: an answer that cannot be read")]
    Malformed(String),
    #[error("{server}: zk: error {code}")]
    Refused { server: String, code: i32 },
    #[error("{0}: zk: session has been expired by the server")]
    Expired(String),
}

/// An answer: its number, its error and the rest.
type Reply<'f> = (i32, i32, &'f [u8]);

/// An open session.
#[derive(Debug)]
pub(crate) struct Session {
    server: String,
    stream: TcpStream,
    /// How long the server waits for us, and we for it.
    timeout: Duration,
    xid: i32,
    /// Paths whose watches spoke while something else was read.
    changed: VecDeque<String>,
    pinged: Instant,
}

impl Session {
    /// Connects and opens a session.
    pub(crate) async fn open(server: &str, wanted: Duration) -> Result<Self, SessionError> {
        let address = if server.contains(':') { server.to_owned() } else { format!("{server}:2181") };
        let connecting = timeout(wanted, TcpStream::connect(&address)).await;
        let failed = |source| SessionError::Io { server: address.clone(), source };
        let stream = connecting.map_err(|_| SessionError::Silent(address.clone()))?.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let mut session = Self {
            server: address.clone(),
            stream,
            timeout: wanted,
            xid: 0,
            changed: VecDeque::new(),
            pinged: Instant::now(),
        };
        let millis = i32::try_from(wanted.as_millis()).unwrap_or(i32::MAX);
        session.write(Writer::frame().int(0).long(0).int(millis).long(0).bytes(&[0; 16]).done()).await?;
        let answer = session.frame(Instant::now() + wanted).await?.ok_or_else(|| session.silent())?;
        let mut reader = Reader(&answer);
        let read = |reader: &mut Reader<'_>| -> Result<(i32, i64), Malformed> {
            reader.int()?;
            Ok((reader.int()?, reader.long()?))
        };
        let (granted, id) = read(&mut reader).map_err(|Malformed| session.malformed())?;
        if id == 0 || granted <= 0 {
            return Err(SessionError::Expired(session.server));
        }
        session.timeout = Duration::from_millis(u64::from(granted.unsigned_abs()));
        Ok(session)
    }

    fn silent(&self) -> SessionError {
        SessionError::Silent(self.server.clone())
    }

    fn malformed(&self) -> SessionError {
        SessionError::Malformed(self.server.clone())
    }

    async fn write(&mut self, frame: Vec<u8>) -> Result<(), SessionError> {
        let written = timeout(self.timeout, self.stream.write_all(&frame)).await.map_err(|_| self.silent())?;
        written.map_err(|source| SessionError::Io { server: self.server.clone(), source })
    }

    /// Reads one frame; `None` when its first byte does not come before the deadline.
    async fn frame(&mut self, deadline: Instant) -> Result<Option<Vec<u8>>, SessionError> {
        let failed = |server: &str, source| SessionError::Io { server: server.to_owned(), source };
        // Peeking loses nothing when the deadline comes first.
        match timeout_at(deadline, self.stream.peek(&mut [0; 1])).await {
            Err(_) => return Ok(None),
            Ok(Err(source)) => return Err(failed(&self.server, source)),
            Ok(Ok(_)) => {}
        }
        let rest = async {
            let length = self.stream.read_u32().await?;
            if length > FRAME_BYTES_MAX {
                return Err(std::io::Error::other(format!("a frame of {length} bytes")));
            }
            let mut frame = Vec::new();
            let read = (&mut self.stream).take(u64::from(length)).read_to_end(&mut frame).await?;
            if read < length as usize { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(frame) }
        };
        let read = timeout(self.timeout, rest).await.map_err(|_| SessionError::Silent(self.server.clone()))?;
        read.map(Some).map_err(|source| failed(&self.server, source))
    }

    /// Takes an event of a watch in; returns any other message's number, error and rest.
    fn sort<'f>(&mut self, frame: &'f [u8]) -> Result<Option<Reply<'f>>, SessionError> {
        let mut reader = Reader(frame);
        let mut head = || -> Result<(i32, i32), Malformed> {
            let xid = reader.int()?;
            reader.long()?;
            Ok((xid, reader.int()?))
        };
        let (xid, error) = head().map_err(|Malformed| self.malformed())?;
        if xid != XID_EVENT {
            return Ok((xid != XID_PING).then_some((xid, error, reader.0)));
        }
        let mut event = || -> Result<String, Malformed> {
            reader.int()?;
            reader.int()?;
            reader.text()
        };
        let path = event().map_err(|Malformed| self.malformed())?;
        if !path.is_empty() {
            self.changed.push_back(path);
        }
        Ok(None)
    }

    /// Asks about a path and sets a watch; `None` when there is no such node.
    async fn ask(&mut self, what: i32, path: &str) -> Result<Option<Vec<u8>>, SessionError> {
        self.xid = self.xid.wrapping_add(1).max(1);
        self.write(Writer::frame().int(self.xid).int(what).bytes(path.as_bytes()).boolean(true).done()).await?;
        let deadline = Instant::now() + self.timeout;
        loop {
            let frame = self.frame(deadline).await?.ok_or_else(|| self.silent())?;
            match self.sort(&frame)? {
                Some((xid, 0, rest)) if xid == self.xid => return Ok(Some(rest.to_vec())),
                Some((xid, NO_NODE, _)) if xid == self.xid => return Ok(None),
                Some((xid, code, _)) if xid == self.xid => {
                    return Err(SessionError::Refused { server: self.server.clone(), code });
                }
                _ => {}
            }
        }
    }

    /// Reads what a node holds.
    pub(crate) async fn data(&mut self, path: &str) -> Result<Option<Vec<u8>>, SessionError> {
        let Some(answer) = self.ask(GET_DATA, path).await? else { return Ok(None) };
        Reader(&answer).bytes().map(|data| Some(data.to_vec())).map_err(|Malformed| self.malformed())
    }

    /// Reads the names below a node.
    pub(crate) async fn children(&mut self, path: &str) -> Result<Option<Vec<String>>, SessionError> {
        let Some(answer) = self.ask(GET_CHILDREN, path).await? else { return Ok(None) };
        Reader(&answer).texts().map(Some).map_err(|Malformed| self.malformed())
    }

    /// Waits for the next path whose watch speaks, and keeps the session alive.
    pub(crate) async fn changed(&mut self) -> Result<String, SessionError> {
        let mut heard = Instant::now();
        loop {
            if let Some(path) = self.changed.pop_front() {
                return Ok(path);
            }
            let next = self.pinged + self.timeout / 3;
            match self.frame(next).await? {
                Some(frame) => {
                    heard = Instant::now();
                    self.sort(&frame)?;
                }
                None if heard.elapsed() > self.timeout => return Err(self.silent()),
                None => {
                    self.pinged = Instant::now();
                    self.write(Writer::frame().int(XID_PING).int(PING).done()).await?;
                }
            }
        }
    }

    /// Ends the session, so that the server need not wait for its end.
    pub(crate) async fn close(mut self) {
        // A server that is gone knows already.
        let _gone = self.write(Writer::frame().int(self.xid.wrapping_add(1).max(1)).int(CLOSE).done()).await;
    }
}
