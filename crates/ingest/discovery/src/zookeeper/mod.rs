//! `serverset_sd_configs` and `nerve_sd_configs`: members below paths of ZooKeeper, followed by its watches (upstream:
//! `discovery/zookeeper`, `util/treecache`).

mod member;
mod session;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use firesteel_config::sd::{NerveSd, ServersetSd};
use tracing::{error, info};

use crate::discoverer::{BoxedDiscoverer, BuildContext, Discoverer, Kind, Sink, boxed};
use crate::error::DiscoveryError;
use crate::group::{LabelMap, TargetGroup};
use crate::metrics::TreeCacheMetrics;

use self::member::{of_nerve, of_serverset};
use self::session::{Session, SessionError};

/// Pause after a failure, as upstream's.
const PAUSE: Duration = Duration::from_secs(10);
/// No tree of members is deeper.
const DEPTH_MAX: usize = 64;

impl Kind for ServersetSd {
    const NAME: &'static str = "serverset";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        Ok(boxed(Trees::new(&self.servers, &self.paths, self.timeout, of_serverset, context)))
    }
}

impl Kind for NerveSd {
    const NAME: &'static str = "nerve";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        Ok(boxed(Trees::new(&self.servers, &self.paths, self.timeout, of_nerve, context)))
    }
}

type ReadMember = fn(&[u8], &str) -> Option<LabelMap>;

/// Follows all paths of a configuration.
struct Trees {
    servers: Vec<String>,
    paths: Vec<String>,
    timeout: Duration,
    read_member: ReadMember,
    metrics: TreeCacheMetrics,
    /// What each known node holds.
    nodes: BTreeMap<String, Vec<u8>>,
}

impl Trees {
    fn new(
        servers: &[String],
        paths: &[String],
        timeout: Duration,
        read_member: ReadMember,
        context: &BuildContext,
    ) -> Self {
        Self {
            servers: servers.to_vec(),
            paths: paths.to_vec(),
            timeout,
            read_member,
            metrics: context.metrics.tree_cache.clone(),
            nodes: BTreeMap::new(),
        }
    }

    fn group(&self, path: &str, data: &[u8]) -> TargetGroup {
        let targets = (self.read_member)(data, path).into_iter().collect();
        TargetGroup { source: path.to_owned(), targets, ..TargetGroup::default() }
    }

    /// Reads a node and all below it; `groups` takes what is new about them.
    async fn read(
        &mut self,
        session: &mut Session,
        path: &str,
        groups: &mut Vec<TargetGroup>,
    ) -> Result<(), SessionError> {
        let mut open = vec![path.to_owned()];
        while let Some(path) = open.pop() {
            let data = session.data(&path).await?;
            let children = if data.is_some() { session.children(&path).await? } else { None };
            let (Some(data), Some(children)) = (data, children) else {
                self.forget(&path, None, groups);
                continue;
            };
            if self.nodes.get(&path) != Some(&data) {
                groups.push(self.group(&path, &data));
                self.nodes.insert(path.clone(), data);
            }
            let children: BTreeSet<String> = children.into_iter().map(|name| below(&path, &name)).collect();
            self.forget(&path, Some(&children), groups);
            let new = children.into_iter().filter(|child| !self.nodes.contains_key(child));
            open.extend(new.filter(|child| child.matches('/').count() < DEPTH_MAX));
        }
        self.metrics.watchers.set(self.nodes.len() as f64);
        Ok(())
    }

    /// Takes away what is below a path but not below any of its children; without children the path itself, too.
    fn forget(&mut self, path: &str, children: Option<&BTreeSet<String>>, groups: &mut Vec<TargetGroup>) {
        let prefix = below(path, "");
        let is_gone = |node: &str| match children {
            None => node == path || node.starts_with(&prefix),
            Some(children) => {
                let rest = node.strip_prefix(&prefix);
                rest.is_some_and(|rest| {
                    let name = rest.split('/').next().unwrap_or_default();
                    !name.is_empty() && !children.contains(&below(path, name))
                })
            }
        };
        let gone: Vec<String> = self.nodes.keys().filter(|node| is_gone(node)).cloned().collect();
        for node in gone {
            self.nodes.remove(&node);
            groups.push(TargetGroup::gone(node));
        }
    }

    /// Reads everything and follows the watches until something fails.
    async fn follow(&mut self, session: &mut Session, sink: &Sink) -> Result<(), SessionError> {
        let known = std::mem::take(&mut self.nodes);
        let mut groups = Vec::new();
        let mut missing = Vec::new();
        for path in self.paths.clone() {
            if let Err(error) = self.read(session, &path, &mut groups).await {
                self.nodes = known;
                return Err(error);
            }
            if !self.nodes.contains_key(&path) {
                missing.push(path);
            }
        }
        groups.extend(known.keys().filter(|path| !self.nodes.contains_key(*path)).map(TargetGroup::gone));
        sink.send(groups);
        loop {
            if let Some(path) = missing.first() {
                self.metrics.failures.inc();
                error!(path, "Error during processing of Zookeeper event: path does not exist");
                return Ok(());
            }
            let path = session.changed().await?;
            let mut groups = Vec::new();
            self.read(session, &path, &mut groups).await?;
            missing = self.paths.iter().filter(|path| !self.nodes.contains_key(*path)).cloned().collect();
            sink.send(groups);
        }
    }
}

fn below(path: &str, name: &str) -> String {
    format!("{}/{name}", path.trim_end_matches('/'))
}

impl Discoverer for Trees {
    async fn run(mut self, sink: Sink) {
        for at in 0.. {
            let server = self.servers.get(at % self.servers.len().max(1)).cloned().unwrap_or_default();
            match Session::open(&server, self.timeout).await {
                Ok(mut session) => {
                    info!(server, "Connected to Zookeeper");
                    match self.follow(&mut session, &sink).await {
                        Ok(()) => session.close().await,
                        Err(err) => {
                            self.metrics.failures.inc();
                            error!(%err, "Lost connection to Zookeeper");
                        }
                    }
                }
                Err(err) => {
                    self.metrics.failures.inc();
                    error!(%err, "Error during initial read of Zookeeper");
                }
            }
            // All servers are tried before any is tried again.
            if (at + 1) % self.servers.len().max(1) == 0 {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
