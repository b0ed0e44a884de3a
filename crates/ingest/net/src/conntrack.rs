//! Connections, counted by who makes or takes them. Names and texts are go-conntrack's, which upstream shows.

use std::future::Future;
use std::io::ErrorKind;
use std::sync::Arc;

use firesteel_client::{Counter, Family, Registry};

use crate::client::RequestFault;

/// The counters of all clients. Clones share them.
#[derive(Clone, Debug)]
pub struct Dialers {
    attempted: Family<Counter>,
    established: Family<Counter>,
    closed: Family<Counter>,
    failed: Family<Counter>,
}

impl Dialers {
    /// Makes the counters, or finds those made before.
    pub fn new(r: &Registry) -> Self {
        let name = |what: &str| format!("net_conntrack_dialer_conn_{what}_total");
        let label = &["dialer_name"];
        Self {
            attempted: r.counter_vec(
                &name("attempted"),
                "Total number of connections attempted by the given dialer a given name.",
                label,
            ),
            established: r.counter_vec(
                &name("established"),
                "Total number of connections successfully established by the given dialer a given name.",
                label,
            ),
            closed: r.counter_vec(
                &name("closed"),
                "Total number of connections closed which originated from the dialer of a given name.",
                label,
            ),
            failed: r.counter_vec(
                &name("failed"),
                "Total number of connections failed to dial by the dialer a given name.",
                &["dialer_name", "reason"],
            ),
        }
    }

    /// Returns the counters of one client, which show from now on.
    pub fn named(&self, name: &str) -> Dialer {
        let failed = |reason| self.failed.with(&[name, reason]);
        Dialer(Arc::new(Counters {
            attempted: self.attempted.with(&[name]),
            established: self.established.with(&[name]),
            closed: self.closed.with(&[name]),
            refused: failed("refused"),
            resolution: failed("resolution"),
            timeout: failed("timeout"),
            unknown: failed("unknown"),
        }))
    }
}

/// Counts the connections of one client.
#[derive(Clone, Debug)]
pub struct Dialer(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    attempted: Counter,
    established: Counter,
    closed: Counter,
    refused: Counter,
    resolution: Counter,
    timeout: Counter,
    unknown: Counter,
}

/// Counts the end of a connection.
#[derive(Debug)]
pub(crate) struct Open(Counter);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.inc();
    }
}

/// An attempt that is given up counts as one that took too long.
struct Attempt<'a>(Option<&'a Counter>);

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(timeout) = self.0 {
            timeout.inc();
        }
    }
}

impl Dialer {
    /// Makes a connection and counts what becomes of it.
    pub(crate) async fn dial<T>(
        &self,
        dialling: impl Future<Output = Result<T, RequestFault>>,
    ) -> Result<(T, Open), RequestFault> {
        let counters = &*self.0;
        counters.attempted.inc();
        let mut attempt = Attempt(Some(&counters.timeout));
        let outcome = dialling.await;
        attempt.0 = None;
        match outcome {
            Ok(stream) => {
                counters.established.inc();
                Ok((stream, Open(counters.closed.clone())))
            }
            Err(fault) => {
                counters.failed(&fault);
                Err(fault)
            }
        }
    }
}

impl Counters {
    fn failed(&self, fault: &RequestFault) {
        match fault {
            RequestFault::Lookup { .. } => self.resolution.inc(),
            RequestFault::Dial { source, .. } if source.kind() == ErrorKind::ConnectionRefused => {
                self.refused.inc();
                // upstream: what was refused is unknown as well (go-conntrack, dialer_reporter.go).
                self.unknown.inc();
            }
            RequestFault::Dial { source, .. } if source.kind() == ErrorKind::TimedOut => {
                self.timeout.inc();
                self.unknown.inc();
            }
            _ => self.unknown.inc(),
        }
    }
}

/// Counts the connections that a server takes.
#[derive(Clone, Debug)]
pub struct Accepted {
    accepted: Counter,
    closed: Counter,
}

impl Accepted {
    /// Makes the counters of upstream's one listener, `http`.
    pub fn new(r: &Registry) -> Self {
        let counter = |name: &str, help: &str| {
            r.counter_vec(&format!("net_conntrack_listener_conn_{name}_total"), help, &["listener_name"])
                .with(&["http"])
        };
        Self {
            accepted: counter("accepted", "Total number of connections opened to the listener of a given name."),
            closed: counter(
                "closed",
                "Total number of connections closed that were made to the listener of a given name.",
            ),
        }
    }

    /// Counts a connection, and its end when the returned value goes.
    pub(crate) fn take(&self) -> Open {
        self.accepted.inc();
        Open(self.closed.clone())
    }
}
