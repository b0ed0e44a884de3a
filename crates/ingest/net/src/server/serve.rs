//! Accepting connections and serving each until it ends or the server stops.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::Listener;

/// How long to wait after `accept` failed: running out of file descriptors does not pass faster by asking again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Limits of a server.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Connections over all listeners; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Longest time for the head of a request, and for a connection without one.
    pub read_timeout: Duration,
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
            let (router, stop, timeout) = (self.router.clone(), self.stop.clone(), self.options.read_timeout);
            connections.spawn(async move {
                connection(stream, router, timeout, stop).await;
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

async fn connection(stream: TcpStream, router: Router, timeout: Duration, stop: CancellationToken) {
    drive(stream, router, timeout, stop).await;
}

async fn drive<S>(stream: S, router: Router, timeout: Duration, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(timeout);
    builder.http2().timer(TokioTimer::new());
    let service = TowerToHyperService::new(router.into_service());
    let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    // A client that goes away or talks nonsense ends only its own connection; upstream is silent about it too.
    tokio::select! {
        _ = serving.as_mut() => return,
        () = stop.cancelled() => {}
    }
    serving.as_mut().graceful_shutdown();
    let _ = serving.await;
}
