//! An Alertmanager that notes what it gets and answers as it is told.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use firesteel_testkit::{FakeTarget, TargetRequest, write_answer};
use parking_lot::Mutex;
use serde_json::Value;

#[derive(Debug, Default)]
struct Books {
    status: AtomicU16,
    is_held: AtomicBool,
    arrived: Mutex<Vec<TargetRequest>>,
}

#[derive(Debug)]
pub(crate) struct Alertmanager {
    server: FakeTarget,
    books: Arc<Books>,
}

impl Alertmanager {
    pub(crate) fn start() -> Self {
        let books = Arc::new(Books { status: AtomicU16::new(200), ..Books::default() });
        let own = Arc::clone(&books);
        let server = FakeTarget::start(move |request, out| {
            own.arrived.lock().push(request.clone());
            while own.is_held.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(5));
            }
            match own.status.load(Ordering::Acquire) {
                200 => write_answer(out, "200 OK", &[], b""),
                500 => write_answer(out, "500 Internal Server Error", &[], b"no"),
                _ => Err(io::Error::other("hangs up")),
            }
        });
        Self { server: server.expect("a free port"), books }
    }

    pub(crate) fn address(&self) -> String {
        self.server.address()
    }

    /// Answers with this status from now on; 0 hangs up.
    pub(crate) fn answer(&self, status: u16) {
        self.books.status.store(status, Ordering::Release);
    }

    /// Takes requests, but answers none until told otherwise.
    pub(crate) fn hold(&self, held: bool) {
        self.books.is_held.store(held, Ordering::Release);
    }

    pub(crate) fn requests(&self) -> Vec<TargetRequest> {
        self.books.arrived.lock().clone()
    }

    /// Returns the names of the alerts that arrived, a list for each request.
    pub(crate) fn batches(&self) -> Vec<Vec<String>> {
        let name = |alert: &Value| alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned();
        let of = |request: &TargetRequest| {
            let alerts: Vec<Value> = serde_json::from_slice(&request.body).expect("a list of alerts");
            alerts.iter().map(name).collect()
        };
        self.requests().iter().map(of).collect()
    }

    /// Returns the names of all alerts that arrived.
    pub(crate) fn names(&self) -> Vec<String> {
        self.batches().concat()
    }
}
