//! From the flags to listeners, and to the end by a signal.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use firesteel_cli::Matches;
use firesteel_net::server::{BindError, Listener, ServeOptions, WebConfigError, WebConfigFile, compress, serve};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tracing::info;

const MAX_CONNECTIONS: usize = 512;
const READ_TIMEOUT: Duration = Duration::from_secs(300);

/// An exporter cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    WebConfig(#[from] WebConfigError),
    #[error("no socket activation file descriptors found")]
    NoSockets,
    #[error("serve: {0}")]
    Io(#[from] io::Error),
    #[error("serve: {0}")]
    Panic(#[from] JoinError),
}

/// Bound listeners, with TLS and users if the flags say so.
#[derive(Debug)]
pub struct Serving {
    listeners: Vec<Listener>,
    web: Option<Arc<WebConfigFile>>,
    /// How long requests under way may go on after the end was called for.
    pub patience: Duration,
}

impl Serving {
    /// Reads `--web.config.file` and binds what `--web.listen-address` or `--web.systemd-socket` name.
    pub fn bind(flags: &Matches) -> Result<Self, ServeError> {
        let web = match flags.text("web.config.file") {
            "" => None,
            path => Some(Arc::new(WebConfigFile::open(Path::new(path))?)),
        };
        let mut listeners = Vec::new();
        if flags.bool("web.systemd-socket") {
            info!("Listening on systemd activated listeners instead of port listeners.");
            listeners = Listener::from_systemd()?;
            if listeners.is_empty() {
                return Err(ServeError::NoSockets);
            }
        } else {
            for address in flags.texts("web.listen-address") {
                listeners.push(Listener::bind(address)?);
            }
        }
        for listener in &listeners {
            let address = listener.address();
            info!(%address, "Listening on");
            match &web {
                Some(web) if web.is_tls() => info!(http2 = web.http2(), %address, "TLS is enabled."),
                _ => info!(http2 = false, %address, "TLS is disabled."),
            }
        }
        Ok(Self { listeners, web, patience: Duration::from_secs(3) })
    }

    /// Returns the addresses that are listened on.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(Listener::address).collect()
    }

    /// Serves `router`, packed as clients like it, until SIGTERM, SIGINT or `quit`. A signal's name goes to `told` before
    /// the requests under way are waited for.
    pub async fn until_told(
        self,
        router: Router,
        quit: CancellationToken,
        told: impl FnOnce(&'static str),
    ) -> Result<(), ServeError> {
        let router = router.layer(axum::middleware::from_fn(compress));
        let stop = CancellationToken::new();
        let limits = ServeOptions {
            max_connections: MAX_CONNECTIONS,
            read_timeout: READ_TIMEOUT,
            web: self.web,
            accepted: None,
        };
        let mut serving = tokio::spawn(serve(self.listeners, router, limits, stop.clone()));
        let mut term = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = term.recv() => told("SIGTERM"),
            _ = interrupt.recv() => told("SIGINT"),
            () = quit.cancelled() => {}
            ended = &mut serving => return Ok(ended??),
        }
        stop.cancel();
        // Requests that outlast the patience are cut off: they wait for something that does not answer.
        if let Ok(ended) = tokio::time::timeout(self.patience, serving).await {
            ended??;
        }
        Ok(())
    }
}
