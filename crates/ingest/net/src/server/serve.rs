//! Accepting connections and serving each until it ends or the server stops.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::Accepted;

use super::Listener;
use super::request_line::LegalTargets;
use super::web_config::{WebConfigFile, guard};

/// How long to wait after `accept` failed: running out of file descriptors does not pass faster by asking again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Limits of a server.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Connections over all listeners; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Longest time for the head of a request, and for a connection without one.
    pub read_timeout: Duration,
    /// TLS, users and headers; `None` serves all in the clear.
    pub web: Option<Arc<WebConfigFile>>,
    /// Where connections are counted.
    pub accepted: Option<Accepted>,
}

/// Serves `router` on all listeners until `stop`; then takes no more connections, lets the requests under way finish,
/// and returns. Whoever calls it bounds that wait.
///
/// Errors when a listener cannot be handed to the runtime.
pub async fn serve(
    listeners: Vec<Listener>,
    router: Router,
    options: ServeOptions,
    stop: CancellationToken,
) -> io::Result<()> {
    let router = match &options.web {
        Some(web) => router.layer(from_fn_with_state(web.clone(), guard)),
        None => router,
    };
    let places = Arc::new(Semaphore::new(options.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut accepting = JoinSet::new();
    for listener in listeners {
        let listener = listener.into_tokio()?;
        let serving =
            Serving { router: router.clone(), places: places.clone(), stop: stop.clone(), options: options.clone() };
        accepting.spawn(serving.accept(listener));
    }
    while accepting.join_next().await.is_some() {}
    Ok(())
}

struct Serving {
    router: Router,
    places: Arc<Semaphore>,
    stop: CancellationToken,
    options: ServeOptions,
}

impl Serving {
    async fn accept(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            let place = tokio::select! {
                place = self.places.clone().acquire_owned() => place,
                () = self.stop.cancelled() => break,
            };
            let Ok(place) = place else { break };
            let stream = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(e) => {
                        error!(component = "web", err = %e, "http: Accept error");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
                () = self.stop.cancelled() => break,
            };
            // Answers are written in one go: waiting for more would only add latency.
            let _ = stream.set_nodelay(true);
            let (router, stop, options) = (self.router.clone(), self.stop.clone(), self.options.clone());
            let open = self.options.accepted.as_ref().map(Accepted::take);
            connections.spawn(async move {
                let _open = open;
                connection(stream, router, options, stop).await;
                drop(place);
            });
            while let Some(ended) = connections.try_join_next() {
                report(ended);
            }
        }
        drop(listener);
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(e) = ended
        && e.is_panic()
    {
        error!(component = "web", err = %e, "http: panic serving");
    }
}

async fn connection(stream: TcpStream, router: Router, options: ServeOptions, stop: CancellationToken) {
    let timeout = options.read_timeout;
    let client = stream.peer_addr().ok().map(ClientAddress);
    let service = Service { router, client };
    let Some(web) = options.web.filter(|web| web.is_tls()) else {
        return drive(LegalTargets::new(stream), service, Spoken::Both, timeout, stop).await;
    };
    let peer = stream.peer_addr().map_or_else(|_| "?".to_owned(), |peer| peer.to_string());
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(timeout, handshake(stream, &web)) => shaken,
        () = stop.cancelled() => return,
    };
    match shaken {
        Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
            drive(stream, service, Spoken::Http2, timeout, stop).await;
        }
        Ok(Ok(stream)) => drive(LegalTargets::new(stream), service, Spoken::Http1, timeout, stop).await,
        Ok(Err(why)) => error!(component = "web", "http: TLS handshake error from {peer}: {why}"),
        Err(_) => error!(component = "web", "http: TLS handshake error from {peer}: i/o timeout"),
    }
}

async fn handshake(mut stream: TcpStream, web: &WebConfigFile) -> Result<TlsStream<TcpStream>, String> {
    let mut first = [0];
    let seen = stream.peek(&mut first).await.map_err(|e| e.to_string())?;
    if seen == 0 {
        return Err("EOF".to_owned());
    }
    // A TLS record begins with its type; letters are somebody who speaks plain HTTP.
    if first[0].is_ascii_uppercase() {
        let said = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
        // The client may be gone; it has been told as well as can be.
        let _ = stream.write_all(said).await;
        let _ = stream.shutdown().await;
        return Err("client sent an HTTP request to an HTTPS server".to_owned());
    }
    let config = web.tls().map_err(|e| e.to_string())?;
    TlsAcceptor::from(config).accept(stream).await.map_err(|e| e.to_string())
}

/// Versions of HTTP on one connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Spoken {
    Http1,
    Http2,
    Both,
}

/// Who a request comes from; an extension of each request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientAddress(pub SocketAddr);

/// The routes as one connection sees them.
struct Service {
    router: Router,
    client: Option<ClientAddress>,
}

impl Service {
    fn into_hyper(
        self,
    ) -> impl hyper::service::Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> {
        let client = self.client;
        let named = tower::util::MapRequest::new(self.router.into_service(), move |mut request: Request<Incoming>| {
            if let Some(client) = client {
                request.extensions_mut().insert(client);
            }
            request
        });
        TowerToHyperService::new(named)
    }
}

async fn drive<S>(stream: S, service: Service, spoken: Spoken, timeout: Duration, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(timeout);
    builder.http2().timer(TokioTimer::new());
    let builder = match spoken {
        Spoken::Http1 => builder.http1_only(),
        Spoken::Http2 => builder.http2_only(),
        Spoken::Both => builder,
    };
    let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service.into_hyper()));
    // A client that goes away or talks nonsense ends only its own connection; upstream is silent about it too.
    tokio::select! {
        _ = serving.as_mut() => return,
        () = stop.cancelled() => {}
    }
    serving.as_mut().graceful_shutdown();
    let _ = serving.await;
}
