//! Asking programs on the system's message bus: calls with texts for arguments, one after the other.
//!
//! Only what collectors ask for is here: no signals, no services of our own. See the D-Bus specification, "Message Protocol".

mod message;

use std::io::{self, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::Duration;

pub(crate) use self::message::{Reader, Value};
use crate::CollectError;

/// A bus answers in milliseconds. One that does not must not hold the scrape.
const PATIENCE: Duration = Duration::from_secs(5);
/// A list of ten thousand units has a few MB.
const MESSAGE_BYTES_MAX: usize = 32 << 20;
/// Lines of the greeting are short.
const LINE_BYTES_MAX: usize = 4096;

/// A connection to the bus, or to a program without one.
#[derive(Debug)]
pub(crate) struct Bus {
    stream: UnixStream,
    serial: u32,
    /// Private connections know one program only, and it has no name.
    is_private: bool,
}

/// A call: whom, and what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) destination: &'a str,
    pub(crate) path: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) member: &'a str,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Refused(String),
    #[error("a malformed message")]
    Malformed,
}

impl From<BusError> for CollectError {
    fn from(error: BusError) -> Self {
        let source = match error {
            BusError::Io(error) => error,
            other => io::Error::other(other),
        };
        Self::System { what: "D-Bus", source }
    }
}

impl Bus {
    /// Connects to the system's bus: `address` as in `DBUS_SYSTEM_BUS_ADDRESS`.
    pub(crate) fn system(address: &str) -> Result<Self, BusError> {
        let mut bus = Self::connect(address, false)?;
        let hello = Call {
            destination: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
            member: "Hello",
        };
        bus.call(hello, &[], |_| Some(()))?;
        Ok(bus)
    }

    /// Connects to a program that listens itself.
    pub(crate) fn private(path: &str) -> Result<Self, BusError> {
        Self::connect(&format!("unix:path={path}"), true)
    }

    fn connect(address: &str, is_private: bool) -> Result<Self, BusError> {
        let mut stream = open(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        // The socket itself tells who we are; the number has to agree.
        let uid: String = rustix::process::geteuid().as_raw().to_string().bytes().map(|b| format!("{b:02x}")).collect();
        stream.write_all(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes())?;
        let answer = line(&mut stream)?;
        if !answer.starts_with("OK") {
            return Err(BusError::Refused(format!("the bus refuses us: {answer}")));
        }
        stream.write_all(b"BEGIN\r\n")?;
        Ok(Self { stream, serial: 0, is_private })
    }

    /// Calls, and reads the answer.
    pub(crate) fn call<T>(
        &mut self,
        call: Call<'_>,
        arguments: &[&str],
        read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Result<T, BusError> {
        self.serial = self.serial.wrapping_add(1).max(1);
        let destination = if self.is_private { "" } else { call.destination };
        let message = message::call(self.serial, Call { destination, ..call }, arguments);
        self.stream.write_all(&message)?;
        loop {
            let (head, bytes) = self.receive()?;
            if head.reply_serial != self.serial {
                // A signal, such as the name that the bus gave us.
                continue;
            }
            let mut body = Reader::new(bytes.get(head.body..).unwrap_or_default(), head.is_big);
            return match head.kind {
                message::RETURN => read(&mut body).ok_or(BusError::Malformed),
                _ => Err(BusError::Refused(body.text().unwrap_or_else(|| "an error without words".to_owned()))),
            };
        }
    }

    /// Reads a property.
    pub(crate) fn property(
        &mut self,
        destination: &str,
        path: &str,
        interface: &str,
        name: &str,
    ) -> Result<Value, BusError> {
        let call = Call { destination, path, interface: "org.freedesktop.DBus.Properties", member: "Get" };
        let read = |reader: &mut Reader<'_>| reader.variant();
        self.call(call, &[interface, name], read)
    }

    fn receive(&mut self) -> Result<(message::Head, Vec<u8>), BusError> {
        let mut bytes = vec![0; message::FIXED_BYTES];
        self.stream.read_exact(&mut bytes)?;
        let length =
            message::length(&bytes).filter(|length| *length <= MESSAGE_BYTES_MAX).ok_or(BusError::Malformed)?;
        bytes.resize(length, 0);
        let rest = bytes.get_mut(message::FIXED_BYTES..).ok_or(BusError::Malformed)?;
        self.stream.read_exact(rest)?;
        let head = message::head(&bytes).ok_or(BusError::Malformed)?;
        Ok((head, bytes))
    }
}

/// Opens the first address of a list that can be opened; they are separated by semicolons.
fn open(addresses: &str) -> io::Result<UnixStream> {
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, format!("no unix socket in {addresses:?}"));
    for address in addresses.split(';') {
        let Some(keys) = address.strip_prefix("unix:") else { continue };
        let key = |name: &str| keys.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let opened = match (key("path"), key("abstract")) {
            (Some(path), _) => UnixStream::connect(path),
            (None, Some(name)) => {
                SocketAddr::from_abstract_name(name).and_then(|address| UnixStream::connect_addr(&address))
            }
            (None, None) => continue,
        };
        match opened {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Reads a line of the greeting.
fn line(stream: &mut UnixStream) -> Result<String, BusError> {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\r\n") {
        if line.len() > LINE_BYTES_MAX {
            return Err(BusError::Malformed);
        }
        stream.read_exact(&mut byte)?;
        line.extend_from_slice(&byte);
    }
    Ok(String::from_utf8_lossy(line.trim_ascii()).into_owned())
}
