//! `/queries`: which queries run or wait, and ending one of them. Ours; upstream has no such endpoint.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use firesteel_promql::{CancelFlag, QueryOptions, QueryOrigin};
use http::StatusCode;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::respond::{plain, success};
use crate::{Api, ApiError};

/// The queries of the API that have not ended yet, by number.
#[derive(Debug, Default)]
pub struct RunningQueries {
    all: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    last: u64,
    by_number: BTreeMap<u64, Arc<Entry>>,
}

#[derive(Debug)]
struct Entry {
    query: Arc<str>,
    client: String,
    path: String,
    began: Instant,
    cancel: CancelFlag,
    /// Wakes the query while it waits for its turn.
    wake: Notify,
    evaluating: AtomicBool,
}

/// One query's place in the list; it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Listed {
    of: Arc<RunningQueries>,
    number: u64,
    entry: Arc<Entry>,
}

impl RunningQueries {
    /// Lists a query that is about to wait for its turn.
    pub(crate) fn list(self: &Arc<Self>, options: &QueryOptions, began: Instant) -> Listed {
        let (client, path) = match &options.origin {
            QueryOrigin::Http { client_ip, path, .. } => (client_ip.clone(), path.clone()),
            _ => (String::new(), String::new()),
        };
        let entry = Arc::new(Entry {
            query: options.text.clone(),
            client,
            path,
            began,
            cancel: options.cancel.clone(),
            wake: Notify::new(),
            evaluating: AtomicBool::new(false),
        });
        let mut all = self.all.lock();
        all.last += 1;
        let number = all.last;
        all.by_number.insert(number, entry.clone());
        Listed { of: self.clone(), number, entry }
    }

    /// Raises a query's flag; returns false when there is none of that number.
    fn cancel(&self, number: u64) -> bool {
        let found = self.all.lock().by_number.get(&number).cloned();
        let Some(entry) = found else { return false };
        entry.cancel.cancel();
        entry.wake.notify_one();
        true
    }
}

impl Listed {
    /// Waits until somebody cancels the query.
    pub(crate) async fn cancelled(&self) {
        self.entry.wake.notified().await;
    }

    /// Notes that the query's turn has come.
    pub(crate) fn evaluating(&self) {
        self.entry.evaluating.store(true, Ordering::Relaxed);
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.of.all.lock().by_number.remove(&self.number);
    }
}

/// `GET /queries`: oldest first.
pub(crate) async fn all(State(api): State<Arc<Api>>) -> Response {
    let entries: Vec<_> = api.running.all.lock().by_number.iter().map(|(n, entry)| (*n, entry.clone())).collect();
    success(&[], |json| {
        json.list(&entries, |json, (number, entry)| {
            let state = if entry.evaluating.load(Ordering::Relaxed) { "evaluating" } else { "queued" };
            json.raw(r#"{"id":"#).string(&number.to_string()).raw(r#","query":"#).string(&entry.query);
            json.raw(r#","path":"#).string(&entry.path).raw(r#","client":"#).string(&entry.client);
            json.raw(r#","state":"#).string(state);
            json.raw(r#","seconds":"#).number(entry.began.elapsed().as_secs_f64()).raw("}");
        });
    })
}

/// `DELETE /queries/{id}`: ends the query with `query was canceled`; 204, or 404 when it has ended before.
pub(crate) async fn cancel(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Response {
    match id.parse() {
        Ok(number) if api.running.cancel(number) => plain(StatusCode::NO_CONTENT, ""),
        Ok(_) => ApiError::NotFound(format!("no running query {id}")).into_response(),
        Err(_) => ApiError::BadData(format!("invalid query id {id:?}: a number is expected")).into_response(),
    }
}
