//! What `up` serves beside the server: pushes at `/pushgateway/`, and the ports that tutorials name, where they are free.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use firesteel_collectors::{NodeCollector, NodeOptions};
use firesteel_gateway::Saver;
use firesteel_net::server::{Listener, ServeOptions, compress, serve};
use firesteel_node_exporter::{ExporterOptions, routes};
use firesteel_pushgateway::{Site, SiteOptions, open};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::neighbour::{NodeExporter, node_exporter_at};
use crate::port_holder::holder_of;

/// Where pushes go on the server's own port.
pub(crate) const GATEWAY: &str = "/pushgateway";

/// What the listener for host metrics is called.
const HOST: &str = "host metrics";

/// Pushes are written so often at most; less than upstream's five minutes, for the file is small.
const PERSISTENCE_INTERVAL: Duration = Duration::from_secs(15);
/// How long requests under way may go on at the end.
const PATIENCE: Duration = Duration::from_secs(3);

/// The gateway, and the listeners that were free.
pub(crate) struct Beside {
    site: Arc<Site>,
    saver: Saver,
    listeners: Vec<(Listener, Router)>,
    hosts: Arc<[String]>,
    /// A node_exporter that holds the port of ours.
    pub(crate) neighbour: Option<NodeExporter>,
    /// What to tell whoever started it.
    pub(crate) said: Vec<String>,
}

impl Beside {
    /// Opens the gateway's file below `data` and binds `gateway` and `node`, each where it is free; an empty address is
    /// none. Who holds the port of `node` is asked whether it is a node_exporter.
    pub(crate) async fn open(data: &Path, gateway: &str, node: &str, hosts: Arc<[String]>) -> Result<Self, String> {
        let dir = data.join("firesteel");
        std::fs::create_dir_all(&dir).map_err(|e| format!("create {}: {e}", dir.display()))?;
        let options = SiteOptions {
            route_prefix: GATEWAY.to_owned(),
            external_prefix: GATEWAY.to_owned(),
            cors: false,
            watch_quiet: true,
            persistence: Some((dir.join("pushgateway"), PERSISTENCE_INTERVAL)),
            ..SiteOptions::default()
        };
        let (site, saver) = open(&options).map_err(|e| e.to_string())?;
        let saver = saver.ok_or("the gateway has no file")?;
        let (listeners, said) = (Vec::new(), Vec::new());
        let mut beside = Self { site, saver, listeners, hosts, neighbour: None, said };
        let pushes = beside.site.at_root().router();
        if beside.listen("pushes", gateway, pushes) == Port::Taken {
            beside.say_not("pushes", gateway, &format!("the port is held by {}", holder(gateway)));
        }
        let collectors = NodeCollector::new(&NodeOptions::default()).map_err(|e| e.to_string())?;
        let exporter = ExporterOptions { telemetry_path: "/metrics".to_owned(), max_requests: 40, own_metrics: true };
        if beside.listen(HOST, node, routes(collectors, &exporter)) == Port::Taken {
            beside.neighbour = node_exporter_at(node).await;
            match &beside.neighbour {
                Some(found) => {
                    beside
                        .said
                        .push(format!("! {HOST:<19} a node_exporter already runs at {}: using it", found.address));
                }
                None => {
                    let why = format!("the port is held by {}, which is no node_exporter", holder(node));
                    beside.say_not(HOST, node, &why);
                }
            }
        }
        Ok(beside)
    }

    fn listen(&mut self, what: &str, address: &str, router: Router) -> Port {
        if address.is_empty() {
            return Port::Settled;
        }
        match Listener::bind(address) {
            Ok(listener) => {
                self.said.push(format!("✓ {what:<19} also at http://{}/", listener.address()));
                self.listeners.push((listener, router));
            }
            Err(e) if e.is_taken() => return Port::Taken,
            Err(e) => self.say_not(what, address, &e.to_string()),
        }
        Port::Settled
    }

    fn say_not(&mut self, what: &str, address: &str, why: &str) {
        self.said.push(format!("! {what:<19} not at {address}: {why}"));
    }

    /// Returns the routes for the server's own port.
    pub(crate) fn routes(&self) -> Router {
        self.site.router_below_prefix().layer(from_fn_with_state(self.hosts.clone(), own_pages_only))
    }

    /// Serves the listeners while `main` runs, and writes the gateway's file at the end.
    pub(crate) async fn serve_while<T>(self, main: impl Future<Output = T>) -> Result<T, String> {
        let stop = CancellationToken::new();
        let mut serving = JoinSet::new();
        for (listener, router) in self.listeners {
            let guard = from_fn_with_state(self.hosts.clone(), own_pages_only);
            let router = router.layer(axum::middleware::from_fn(compress)).layer(guard);
            let limits =
                ServeOptions { max_connections: 64, read_timeout: Duration::from_secs(300), web: None, accepted: None };
            serving.spawn(serve(vec![listener], router, limits, stop.clone()));
        }
        let done = main.await;
        stop.cancel();
        // Who outlasts the patience is cut off.
        let _ = tokio::time::timeout(PATIENCE, async { while serving.join_next().await.is_some() {} }).await;
        let saved = tokio::task::spawn_blocking(|| self.saver.finish()).await;
        saved.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        Ok(done)
    }
}

/// What became of an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Port {
    /// Bound, not wanted, or told why not.
    Settled,
    Taken,
}

/// Names the program that listens there.
fn holder(address: &str) -> String {
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    port.and_then(holder_of).unwrap_or_else(|| "another process".to_owned())
}

/// Refuses what a page elsewhere sends.
async fn own_pages_only(State(hosts): State<Arc<[String]>>, request: Request, next: Next) -> Response {
    if is_own(&hosts, &request) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "only pages of this machine may send this\n").into_response()
}

/// A page elsewhere names another host, or says that it comes from one.
fn is_own(hosts: &[String], request: &Request) -> bool {
    let text = |name| request.headers().get(name).and_then(|v| v.to_str().ok());
    let is_ours = |authority: &str| {
        let port = |(_, port): &(&str, &str)| port.parse::<u16>().is_ok();
        let bare = authority.rsplit_once(':').filter(port).map_or(authority, |(host, _)| host);
        hosts.iter().any(|host| host.eq_ignore_ascii_case(bare))
    };
    let host = text(header::HOST)
        .or_else(|| request.uri().authority().map(axum::http::uri::Authority::as_str))
        .unwrap_or_default();
    let origin_is_ours = |origin: &str| origin.split_once("://").is_some_and(|(_, authority)| is_ours(authority));
    is_ours(host) && text(header::ORIGIN).is_none_or(origin_is_ours)
}
