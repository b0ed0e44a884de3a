//! What whoever looks at the page should know about the server at once: it starts, it stops, its configuration was refused
//! (upstream: `util/notifications`). `/notifications` lists it, `/notifications/live` tells it as it happens.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use firesteel_client::{Counter, Gauge, Registry};
use firesteel_go_compat::Instant;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http_body::Frame;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::respond::success;
use crate::{Api, Json};

/// Updates that a subscriber may be behind; more are dropped, because nobody waits for a page.
const BEHIND_MAX: usize = 10;

/// What there is to know, in upstream's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notice {
    ConfigurationUnsuccessful,
    StartingUp,
    ShuttingDown,
}

impl Notice {
    const fn text(self) -> &'static str {
        match self {
            Self::ConfigurationUnsuccessful => "Configuration reload has failed.",
            Self::StartingUp => "Prometheus is starting and replaying the write-ahead log (WAL).",
            Self::ShuttingDown => "Prometheus is shutting down and gracefully stopping all operations.",
        }
    }
}

/// A notice, since when, and whether it still holds.
#[derive(Clone, Debug)]
struct Notification {
    notice: Notice,
    date: String,
    active: bool,
}

impl Notification {
    fn push(&self, json: &mut Json) {
        json.raw(r#"{"text":"#).string(self.notice.text()).raw(r#","date":"#).string(&self.date);
        json.raw(r#","active":"#).bool(self.active).raw("}");
    }

    /// Returns it as an event of a stream.
    fn event(&self) -> Bytes {
        let mut json = Json::default();
        json.raw("data: ");
        self.push(&mut json);
        json.raw("\n\n");
        json.0.into()
    }
}

/// What holds now, and who wants to hear of changes. Cheap to clone.
#[derive(Clone)]
pub struct Notifications(Arc<Shared>);

struct Shared {
    state: Mutex<Book>,
    subscribers_max: usize,
    subscribers: Gauge,
    sent: Counter,
    dropped: Counter,
}

#[derive(Default)]
struct Book {
    /// In the order in which they came.
    held: Vec<Notification>,
    subscribers: BTreeMap<u64, mpsc::Sender<Bytes>>,
    next: u64,
    closed: bool,
}

impl fmt::Debug for Notifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifications").field("held", &self.0.state.lock().held).finish_non_exhaustive()
    }
}

impl Notifications {
    /// Makes an empty list; at most `subscribers_max` connections follow it.
    pub fn new(subscribers_max: usize, r: &Registry) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            subscribers_max,
            subscribers: r.gauge(
                "prometheus_api_notification_active_subscribers",
                "The current number of active notification subscribers.",
            ),
            sent: r.counter(
                "prometheus_api_notification_updates_sent_total",
                "Total number of notification updates sent.",
            ),
            dropped: r.counter(
                "prometheus_api_notification_updates_dropped_total",
                "Total number of notification updates dropped.",
            ),
        }))
    }

    /// Notes that something holds from now on; one that holds already gets a new date.
    pub fn add(&self, notice: Notice) {
        let date = now();
        let mut book = self.0.state.lock();
        let told = Notification { notice, date, active: true };
        match book.held.iter_mut().find(|held| held.notice == notice) {
            Some(held) => held.clone_from(&told),
            None => book.held.push(told.clone()),
        }
        self.tell(&book, &told);
    }

    /// Notes that something holds no longer.
    pub fn remove(&self, notice: Notice) {
        let mut book = self.0.state.lock();
        if let Some(i) = book.held.iter().position(|held| held.notice == notice) {
            let ended = Notification { active: false, ..book.held.remove(i) };
            self.tell(&book, &ended);
        }
    }

    /// Ends all subscriptions after what they were told; there are no new ones.
    pub fn close(&self) {
        let mut book = self.0.state.lock();
        book.closed = true;
        book.subscribers.clear();
        self.0.subscribers.set(0.0);
    }

    fn tell(&self, book: &Book, notification: &Notification) {
        let event = notification.event();
        for subscriber in book.subscribers.values() {
            self.0.sent.inc();
            if subscriber.try_send(event.clone()).is_err() {
                self.0.dropped.inc();
            }
        }
    }

    /// Begins to follow: first what holds now, then each change. `None` when too many follow already.
    fn subscribe(&self) -> Option<Subscription> {
        let mut book = self.0.state.lock();
        if book.closed || book.subscribers.len() >= self.0.subscribers_max {
            return None;
        }
        let (sender, events) = mpsc::channel(BEHIND_MAX);
        for held in &book.held {
            // There are fewer notices than places.
            let _room = sender.try_send(held.event());
        }
        let id = book.next;
        book.next += 1;
        book.subscribers.insert(id, sender);
        self.0.subscribers.set(book.subscribers.len() as f64);
        Some(Subscription { id, events, of: self.clone() })
    }
}

/// The body of an answer that goes on until either side ends it.
struct Subscription {
    id: u64,
    events: mpsc::Receiver<Bytes>,
    of: Notifications,
}

impl http_body::Body for Subscription {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.events.poll_recv(cx).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut book = self.of.0.state.lock();
        book.subscribers.remove(&self.id);
        self.of.0.subscribers.set(book.subscribers.len() as f64);
    }
}

fn now() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Instant::from_unix_ns(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)).to_rfc3339_nano()
}

pub(crate) async fn list(State(api): State<Arc<Api>>) -> Response {
    let held = api.notifications.0.state.lock().held.clone();
    success(&[], |json| {
        json.list(&held, |json, notification| notification.push(json));
    })
}

pub(crate) async fn live(State(api): State<Arc<Api>>) -> Response {
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
    match api.notifications.subscribe() {
        Some(subscription) => (headers, Body::new(subscription)).into_response(),
        None => (http::StatusCode::NO_CONTENT, headers).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    /// Returns the next event without its date.
    async fn next(subscription: &mut Subscription) -> Option<(String, bool)> {
        let frame = subscription.frame().await?.expect("no errors");
        let bytes = frame.into_data().expect("data");
        let text = std::str::from_utf8(&bytes).expect("text");
        let json = text.strip_prefix("data: ").and_then(|t| t.strip_suffix("\n\n")).expect("one event");
        let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
        assert!(Instant::parse_rfc3339(value["date"].as_str().expect("a date")).is_some(), "{json}");
        Some((value["text"].as_str().expect("a text").to_owned(), value["active"].as_bool().expect("a bool")))
    }

    #[tokio::test]
    async fn what_holds_comes_first_and_then_each_change() {
        let notifications = Notifications::new(2, &Registry::new());
        let (starting, failed) = (Notice::StartingUp, Notice::ConfigurationUnsuccessful);
        notifications.add(starting);
        let mut early = notifications.subscribe().expect("a place");
        notifications.add(failed);
        notifications.remove(starting);
        notifications.remove(starting);
        let mut late = notifications.subscribe().expect("a place");
        assert!(notifications.subscribe().is_none(), "two places");
        let told = |notice: Notice, active| Some((notice.text().to_owned(), active));
        assert_eq!(next(&mut early).await, told(starting, true));
        assert_eq!(next(&mut early).await, told(failed, true));
        assert_eq!(next(&mut early).await, told(starting, false));
        assert_eq!(next(&mut late).await, told(failed, true));
        drop(early);
        assert!(notifications.subscribe().is_some(), "a place is free again");
        notifications.add(Notice::ShuttingDown);
        notifications.close();
        assert_eq!(next(&mut late).await, told(Notice::ShuttingDown, true));
        assert_eq!(next(&mut late).await, None);
        assert!(notifications.subscribe().is_none(), "closed");
    }

    #[tokio::test]
    async fn who_does_not_read_misses_updates_and_holds_nobody() {
        let registry = Registry::new();
        let notifications = Notifications::new(1, &registry);
        let slow = notifications.subscribe().expect("a place");
        for _ in 0..BEHIND_MAX + 3 {
            notifications.add(Notice::ConfigurationUnsuccessful);
        }
        assert_eq!((notifications.0.sent.value(), notifications.0.dropped.value()), (13.0, 3.0));
        assert_eq!(slow.events.len(), BEHIND_MAX);
        assert_eq!(notifications.0.state.lock().held.len(), 1, "one text is held once");
    }
}
