//! Whether the server may answer: not before replay is done, and not while it stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, StatusCode};

use crate::Api;
use crate::respond::plain;

/// The three states of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Ready {
    NotYet = 0,
    Yes = 1,
    Stopping = 2,
}

/// Shared by the server, which sets it, and the handlers, which look.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicU8>);

impl Readiness {
    /// Changes the state.
    pub fn set(&self, ready: Ready) {
        self.0.store(ready as u8, Ordering::Release);
    }

    /// Returns the state.
    pub fn get(&self) -> Ready {
        match self.0.load(Ordering::Acquire) {
            0 => Ready::NotYet,
            1 => Ready::Yes,
            _ => Ready::Stopping,
        }
    }
}

/// Answers 503 for the routes behind it unless the server is ready.
pub(crate) async fn when_ready(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let stopping = match api.readiness.get() {
        Ready::Yes => return next.run(request).await,
        Ready::NotYet => "false",
        Ready::Stopping => "true",
    };
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    response.headers_mut().insert("x-prometheus-stopping", HeaderValue::from_static(stopping));
    response
}
