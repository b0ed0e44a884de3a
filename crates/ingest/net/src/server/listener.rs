//! Listening sockets, named as Go names them: `0.0.0.0:9090`, `:9090`, `[::1]:0`, `localhost:9090`.

use std::env;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::RawFd;

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use socket2::{Domain, Protocol, Socket, Type};

/// As Linux' `somaxconn` default, which Go reads and uses.
const BACKLOG: i32 = 4096;

/// The first descriptor that systemd hands over (sd_listen_fds(3)).
const FIRST_HANDED: RawFd = 3;

/// A bound socket that nobody serves yet.
#[derive(Debug)]
pub struct Listener {
    socket: std::net::TcpListener,
    address: SocketAddr,
}

/// An address that cannot be listened on; the text is Go's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    #[error("listen tcp: address {address}: missing port in address")]
    NoPort { address: String },
    #[error("listen tcp: lookup {address}: no such host")]
    NoHost { address: String },
    #[error("listen tcp {address}: bind: {}", os_text(source))]
    Bind { address: String, source: io::Error },
}

impl BindError {
    /// Returns whether somebody else listens there.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }
}

impl Listener {
    /// Binds a socket; port 0 takes a free one.
    pub fn bind(address: &str) -> Result<Self, BindError> {
        let fault = |source| BindError::Bind { address: address.to_owned(), source };
        let (host, port) = address.rsplit_once(':').ok_or_else(|| BindError::NoPort { address: address.to_owned() })?;
        let candidates: Vec<SocketAddr> = if host.is_empty() {
            // No host: every address of the machine, by one socket for both families where there is IPv6.
            let port = port.parse().map_err(|_| BindError::NoPort { address: address.to_owned() })?;
            vec![(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port).into(), (IpAddr::V4(Ipv4Addr::UNSPECIFIED), port).into()]
        } else {
            let found = address.to_socket_addrs().map_err(|_| BindError::NoHost { address: address.to_owned() })?;
            let mut found: Vec<_> = found.collect();
            // Go prefers IPv4 for names that have both.
            found.sort_by_key(SocketAddr::is_ipv6);
            found
        };
        let mut last = None;
        for candidate in candidates {
            match bind(candidate) {
                Ok(socket) => {
                    let address = socket.local_addr().map_err(fault)?;
                    return Ok(Self { socket, address });
                }
                Err(e) if e.kind() == io::ErrorKind::AddrInUse => return Err(fault(e)),
                Err(e) => last = Some(e),
            }
        }
        Err(fault(last.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))))
    }

    /// Returns the sockets that systemd bound and handed over; none when it did not start this process.
    pub fn from_systemd() -> io::Result<Vec<Self>> {
        let number = |name| env::var(name).ok().and_then(|text| text.parse::<RawFd>().ok());
        let ours = number("LISTEN_PID") == Some(getpid().as_raw_nonzero().get());
        let count = number("LISTEN_FDS").filter(|_| ours).unwrap_or(0);
        (FIRST_HANDED..FIRST_HANDED.saturating_add(count)).map(Self::inherited).collect()
    }

    /// Takes a socket that this process was started with. A copy of the descriptor is asked of the kernel: to claim the
    /// number itself would be unsafe.
    fn inherited(fd: RawFd) -> io::Result<Self> {
        let this = pidfd_open(getpid(), PidfdFlags::empty())?;
        let socket = std::net::TcpListener::from(pidfd_getfd(this, fd, PidfdGetfdFlags::empty())?);
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Returns the address that was bound, its port never 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn into_tokio(self) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.socket)
    }
}

fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Go writes the system's message in lower case and without its number.
pub(super) fn os_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_ports_are_known_and_taken_ones_named() {
        let first = Listener::bind("127.0.0.1:0").expect("a free port");
        assert_ne!(first.address().port(), 0);
        let address = first.address().to_string();
        let error = Listener::bind(&address).expect_err("the port is taken");
        assert!(error.is_taken());
        assert_eq!(error.to_string(), format!("listen tcp {address}: bind: address already in use"));
    }

    #[test]
    fn inherited_sockets_accept() {
        use std::os::fd::AsRawFd as _;
        let handed = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let taken = Listener::inherited(handed.as_raw_fd()).expect("the kernel knows pidfd_getfd");
        assert_eq!(taken.address(), handed.local_addr().expect("bound"));
        assert!(Listener::inherited(RawFd::MAX).is_err());
        assert!(Listener::from_systemd().expect("nothing to take").is_empty());
    }

    #[test]
    fn addresses_without_port_are_refused() {
        let error = Listener::bind("localhost").expect_err("no port").to_string();
        assert_eq!(error, "listen tcp: address localhost: missing port in address");
        assert!(Listener::bind(":0").is_ok());
    }
}
