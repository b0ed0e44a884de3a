//! An API server that keeps state and speaks list and watch as documented: versions, bookmarks, 410 Gone, namespaces.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What the server knows, and how it misbehaves.
#[derive(Default)]
struct State {
    version: u64,
    /// Watches from before this version are answered by 410 Gone.
    oldest: u64,
    /// By plural, then by `namespace/name`.
    objects: BTreeMap<String, BTreeMap<String, Value>>,
    /// Version, plural, type, object.
    log: Vec<(u64, String, &'static str, Value)>,
    /// Watches of an earlier generation end at once.
    generation: u64,
    /// How many requests are still refused by 500.
    refusals: usize,
    /// Parts of lists hold no more than this.
    page: usize,
    /// How long an answer takes.
    delay: Duration,
    /// What was asked, in order.
    asked: Vec<String>,
    /// Whoever shows another token is refused by 401.
    token: Option<String>,
    stopped: bool,
}

/// The server; it ends with this.
pub(crate) struct ApiServer {
    address: String,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl ApiServer {
    pub(crate) fn start() -> Self {
        Self::start_as(None)
    }

    /// Serves over TLS.
    pub(crate) fn start_tls(config: Arc<rustls::ServerConfig>) -> Self {
        Self::start_as(Some(config))
    }

    fn start_as(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = State { version: 1000, page: usize::MAX, ..State::default() };
        let shared = Arc::new((Mutex::new(state), Condvar::new()));
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, tls) = (Arc::clone(&served), tls.clone());
                if shared.0.lock().expect("no panic").stopped {
                    return;
                }
                thread::spawn(move || match (stream, tls) {
                    (Ok(stream), None) => serve(stream, &shared),
                    (Ok(stream), Some(tls)) => {
                        let session = rustls::ServerConnection::new(tls).expect("a good configuration");
                        serve(rustls::StreamOwned::new(session, stream), &shared);
                    }
                    (Err(_), _) => {}
                });
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Refuses whoever does not show this token from now on.
    pub(crate) fn want_token(&self, token: &str) {
        self.change(|state| state.token = Some(token.to_owned()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().expect("no panic")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.shared.1.notify_all();
    }

    /// Creates or replaces an object.
    pub(crate) fn put(&self, plural: &str, mut object: Value) {
        self.change(|state| {
            state.version += 1;
            object["metadata"]["resourceVersion"] = json!(state.version.to_string());
            let objects = state.objects.entry(plural.to_owned()).or_default();
            let kind = if objects.insert(key(&object), object.clone()).is_some() { "MODIFIED" } else { "ADDED" };
            state.log.push((state.version, plural.to_owned(), kind, object));
        });
    }

    /// Deletes an object.
    pub(crate) fn delete(&self, plural: &str, key: &str) {
        self.change(|state| {
            state.version += 1;
            let mut object = state.objects.get_mut(plural).and_then(|o| o.remove(key)).expect("it is there");
            object["metadata"]["resourceVersion"] = json!(state.version.to_string());
            state.log.push((state.version, plural.to_owned(), "DELETED", object));
        });
    }

    /// Tells watches the version, with nothing having changed for them.
    pub(crate) fn bookmark(&self, plural: &str) {
        self.change(|state| {
            state.version += 1;
            let object = json!({"kind": "Pod", "metadata": {"resourceVersion": state.version.to_string()}});
            state.log.push((state.version, plural.to_owned(), "BOOKMARK", object));
        });
    }

    /// Forgets all that was, and ends all watches.
    pub(crate) fn forget_history(&self) {
        self.change(|state| {
            state.oldest = state.version;
            state.log.clear();
            state.generation += 1;
        });
    }

    /// Ends all watches in the middle of their answer.
    pub(crate) fn drop_watches(&self) {
        self.change(|state| state.generation += 1);
    }

    /// Refuses the next requests.
    pub(crate) fn refuse(&self, count: usize) {
        self.change(|state| state.refusals = count);
    }

    /// Answers in parts, and slowly.
    pub(crate) fn be_slow(&self, page: usize, delay: Duration) {
        self.change(|state| (state.page, state.delay) = (page, delay));
    }

    /// Returns what was asked so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.change(|state| state.stopped = true);
        // Wakes the one who accepts.
        drop(TcpStream::connect(&self.address));
    }
}

fn key(object: &Value) -> String {
    let meta = &object["metadata"];
    let name = meta["name"].as_str().expect("a name");
    meta["namespace"].as_str().map_or(name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

fn serve(stream: impl Read + Write, shared: &(Mutex<State>, Condvar)) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut first, mut token) = (String::new(), String::new());
        if !matches!(stream.read_line(&mut first), Ok(1..)) {
            return;
        }
        loop {
            let mut line = String::new();
            match stream.read_line(&mut line) {
                Ok(1..) if line.trim().is_empty() => break,
                Ok(1..) => {
                    if let Some((name, value)) = line.split_once(':')
                        && name.eq_ignore_ascii_case("authorization")
                    {
                        value.trim().trim_start_matches("Bearer ").clone_into(&mut token);
                    }
                }
                _ => return,
            }
        }
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        if answer(stream.get_mut(), &path, &token, shared).is_err() {
            return;
        }
    }
}

/// Answers one request. Errors end the connection.
fn answer(stream: &mut impl Write, path: &str, token: &str, shared: &(Mutex<State>, Condvar)) -> std::io::Result<()> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut parts = path.rsplit('/');
    let plural = parts.next().unwrap_or_default().to_owned();
    let namespace = parts.next().filter(|_| parts.next() == Some("namespaces")).unwrap_or_default().to_owned();
    let delay = {
        let mut state = shared.0.lock().expect("no panic");
        let told: Vec<String> =
            query.iter().filter(|(k, _)| k.as_str() != "timeoutSeconds").map(|(k, v)| format!("{k}={v}")).collect();
        state.asked.push(format!("{path}?{}", told.join("&")));
        if state.refusals > 0 {
            state.refusals -= 1;
            drop(state);
            let body = json!({"kind": "Status", "message": "etcdserver: leader changed", "code": 500}).to_string();
            write!(stream, "HTTP/1.1 500 No\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
            return stream.flush();
        }
        if state.token.as_ref().is_some_and(|wanted| wanted != token) {
            drop(state);
            let body = json!({"kind": "Status", "message": "Unauthorized", "code": 401}).to_string();
            write!(stream, "HTTP/1.1 401 No\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
            return stream.flush();
        }
        state.delay
    };
    thread::sleep(delay);
    if query.get("watch").map(String::as_str) == Some("true") {
        return watch(stream, &plural, &namespace, &query, shared);
    }
    let state = shared.0.lock().expect("no panic");
    let empty = BTreeMap::new();
    let all = state.objects.get(&plural).unwrap_or(&empty).iter();
    let within: Vec<(&String, &Value)> =
        all.filter(|(_, o)| namespace.is_empty() || o["metadata"]["namespace"] == namespace.as_str()).collect();
    let from: usize = query.get("continue").and_then(|next| next.parse().ok()).unwrap_or(0);
    let limit = state.page.min(query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX));
    let items: Vec<&Value> = within.iter().skip(from).take(limit).map(|(_, object)| *object).collect();
    let next = if from + items.len() < within.len() { (from + items.len()).to_string() } else { String::new() };
    let body = json!({
        "kind": "List", "metadata": {"resourceVersion": state.version.to_string(), "continue": next}, "items": items,
    })
    .to_string();
    drop(state);
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()
}

fn watch(
    stream: &mut impl Write,
    plural: &str,
    namespace: &str,
    query: &BTreeMap<String, String>,
    shared: &(Mutex<State>, Condvar),
) -> std::io::Result<()> {
    let mut after: u64 = query.get("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0);
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    stream.flush()?;
    let mut state = shared.0.lock().expect("no panic");
    let generation = state.generation;
    if after < state.oldest {
        let gone = json!({"type": "ERROR", "object": {
            "kind": "Status", "status": "Failure", "reason": "Expired", "message": "too old resource version", "code": 410,
        }});
        let line = format!("{gone}\n");
        drop(state);
        write!(stream, "{:x}\r\n{line}\r\n0\r\n\r\n", line.len())?;
        return stream.flush();
    }
    loop {
        if state.generation != generation {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        let known = state.log.partition_point(|(version, ..)| *version <= after);
        let news: Vec<String> = state.log[known..]
            .iter()
            .filter(|(_, of, kind, object)| {
                let within =
                    *kind == "BOOKMARK" || namespace.is_empty() || object["metadata"]["namespace"] == namespace;
                of == plural && within
            })
            .map(|(_, _, kind, object)| format!("{}\n", json!({"type": kind, "object": object})))
            .collect();
        after = after.max(state.version);
        drop(state);
        for line in news {
            // A line may come in two pieces.
            let (a, b) = line.split_at(line.len() / 2);
            write!(stream, "{:x}\r\n{a}\r\n{:x}\r\n{b}\r\n", a.len(), b.len())?;
            stream.flush()?;
        }
        state = shared.0.lock().expect("no panic");
        if state.stopped {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        if state.version == after && state.generation == generation {
            state = shared.1.wait(state).expect("no panic");
        }
    }
}
