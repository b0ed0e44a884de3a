//! Making connections: TCP or a Unix socket, perhaps through a proxy, perhaps TLS.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine as _;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tower::Service;
use url::Url;

use crate::conntrack::{Dialer, Open};

use super::error::RequestFault;
use super::proxy::Proxies;
use super::tls::Tls;

/// What connections of one client have in common.
#[derive(Clone, Debug)]
pub(crate) struct Connector(pub(crate) Arc<Route>);

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) tls: Tls,
    pub(crate) proxies: Proxies,
    /// All connections go to this socket, whatever the URL says.
    pub(crate) unix_socket: Option<PathBuf>,
    pub(crate) dialer: Option<Dialer>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An open connection.
pub(crate) struct Conn {
    io: TokioIo<Box<dyn Stream>>,
    http2: bool,
    /// Requests name the whole URL.
    through_proxy: bool,
    _open: Option<Open>,
}

impl Service<Uri> for Connector {
    type Response = Conn;
    type Error = RequestFault;
    type Future = Pin<Box<dyn Future<Output = Result<Conn, RequestFault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RequestFault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let route = Arc::clone(&self.0);
        Box::pin(async move { route.connect(&uri).await })
    }
}

impl Route {
    async fn connect(&self, uri: &Uri) -> Result<Conn, RequestFault> {
        let is_tls = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        if let Some(path) = &self.unix_socket {
            let address = path.display().to_string();
            let dialling = async {
                let fault = |source| RequestFault::Dial { network: "unix", address, source };
                UnixStream::connect(path).await.map_err(fault)
            };
            let (stream, open) = counted(self.dialer.as_ref(), dialling).await?;
            return self.finish(Box::new(stream), open, host, is_tls, false).await;
        }
        match self.proxies.for_uri(uri) {
            None => {
                let (stream, open) = dial(host, port, self.dialer.as_ref()).await?;
                self.finish(Box::new(stream), open, host, is_tls, false).await
            }
            Some(proxy) => {
                let proxy_port = proxy.port_or_known_default().unwrap_or(80);
                let proxy_host = proxy.host_str().unwrap_or_default();
                let (mut stream, open) = dial(proxy_host, proxy_port, self.dialer.as_ref()).await?;
                if is_tls {
                    self.tunnel(&mut stream, proxy, host, port).await?;
                }
                self.finish(Box::new(stream), open, host, is_tls, !is_tls).await
            }
        }
    }

    async fn finish(
        &self,
        stream: Box<dyn Stream>,
        open: Option<Open>,
        host: &str,
        is_tls: bool,
        through_proxy: bool,
    ) -> Result<Conn, RequestFault> {
        if !is_tls {
            return Ok(Conn { io: TokioIo::new(stream), http2: false, through_proxy, _open: open });
        }
        let config = self.tls.client_config()?;
        let name = self.tls.server_name(host)?;
        let stream = TlsConnector::from(config).connect(name, stream).await.map_err(|e| tls_fault(&e))?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Conn { io: TokioIo::new(Box::new(stream)), http2, through_proxy, _open: open })
    }

    /// Asks the proxy for a connection to the destination.
    async fn tunnel(&self, stream: &mut TcpStream, proxy: &Url, host: &str, port: u16) -> Result<(), RequestFault> {
        let broken = |e: io::Error| RequestFault::Proxy(format!("proxyconnect tcp: {}", super::error::go_io(&e)));
        let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        if let Some(credentials) = url_credentials(proxy) {
            request.push_str(&format!("Proxy-Authorization: {credentials}\r\n"));
        }
        for (name, value) in &self.proxies.connect_headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await.map_err(broken)?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            // One byte at a time: what follows belongs to TLS. An answer is short.
            let byte = stream.read_u8().await.map_err(broken)?;
            answer.push(byte);
            if answer.len() > 16 << 10 {
                return Err(RequestFault::Proxy("proxyconnect tcp: answer too long".into()));
            }
        }
        let status = String::from_utf8_lossy(&answer);
        let status = status.lines().next().unwrap_or_default();
        let mut words = status.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (_, Some("200"), _) => Ok(()),
            (_, _, Some(text)) => Err(RequestFault::Proxy(text.to_owned())),
            _ => Err(RequestFault::Proxy("unknown status code".into())),
        }
    }
}

/// Returns the value of an `Authorization` or `Proxy-Authorization` header for the user in a URL.
pub(crate) fn url_credentials(url: &Url) -> Option<String> {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = decode(url.username());
    let password = decode(url.password().unwrap_or_default());
    (!user.is_empty())
        .then(|| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))))
}

/// Connects to the first address that answers, and counts it.
pub(super) async fn dial(
    host: &str,
    port: u16,
    dialer: Option<&Dialer>,
) -> Result<(TcpStream, Option<Open>), RequestFault> {
    counted(dialer, dial_uncounted(host, port)).await
}

async fn counted<T>(
    dialer: Option<&Dialer>,
    dialling: impl Future<Output = Result<T, RequestFault>>,
) -> Result<(T, Option<Open>), RequestFault> {
    match dialer {
        Some(dialer) => dialer.dial(dialling).await.map(|(stream, open)| (stream, Some(open))),
        None => dialling.await.map(|stream| (stream, None)),
    }
}

/// The error is that of the first address, as Go reports it.
async fn dial_uncounted(host: &str, port: u16) -> Result<TcpStream, RequestFault> {
    let name = host.trim_matches(['[', ']']);
    let found = tokio::net::lookup_host((name, port)).await;
    let addresses: Vec<_> = found.map_err(|_| RequestFault::Lookup { host: name.to_owned() })?.collect();
    let mut first = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Requests are one small packet; waiting for more only delays them.
                stream.set_nodelay(true).map_err(|e| RequestFault::Other(e.to_string()))?;
                return Ok(stream);
            }
            Err(source) => {
                let fault = RequestFault::Dial { network: "tcp", address: address.to_string(), source };
                first.get_or_insert(fault);
            }
        }
    }
    Err(first.unwrap_or(RequestFault::Lookup { host: name.to_owned() }))
}

/// Puts rustls' faults into Go's words where Go has some.
fn tls_fault(error: &io::Error) -> RequestFault {
    use rustls::{CertificateError as C, Error as E, InvalidMessage};
    let verify = |why: String| RequestFault::Tls(format!("failed to verify certificate: x509: {why}"));
    match error.get_ref().and_then(|e| e.downcast_ref::<E>()) {
        Some(E::InvalidCertificate(C::UnknownIssuer)) => verify("certificate signed by unknown authority".into()),
        Some(E::InvalidCertificate(C::Expired | C::ExpiredContext { .. })) => {
            verify("certificate has expired or is not yet valid".into())
        }
        Some(E::InvalidCertificate(C::NotValidForName)) => verify("certificate is not valid for this name".into()),
        Some(E::InvalidCertificate(C::NotValidForNameContext { expected, presented })) => {
            let names = presented.join(", ");
            verify(format!("certificate is valid for {names}, not {}", expected.to_str()))
        }
        Some(E::InvalidCertificate(other)) => verify(other.to_string()),
        Some(E::InvalidMessage(InvalidMessage::InvalidContentType)) => RequestFault::NotTls,
        Some(other) => RequestFault::Tls(other.to_string()),
        None if error.kind() == io::ErrorKind::UnexpectedEof => RequestFault::Eof,
        None => RequestFault::Other(super::error::go_io(error)),
    }
}

impl Connection for Conn {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.through_proxy);
        if self.http2 { connected.negotiated_h2() } else { connected }
    }
}

impl Read for Conn {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Conn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
