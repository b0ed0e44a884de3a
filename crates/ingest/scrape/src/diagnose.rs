//! Why a target is down, in words: asked for by a person, never in the way of a scrape.
//!
//! Only a target that is configured is asked, and only its own host and port: whoever may read the API must not be able
//! to point this server elsewhere. Where a job follows redirects, the probe does as the scrape does.

mod neighbours;

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use firesteel_config::ScrapeConfig;
use firesteel_net::client::{ClientOptions, HttpClient, RequestFault};
use http::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use url::Url;

use crate::fetch::headers;
use crate::target::Target;

/// What is read of an answer to tell what it is.
const LOOKED_AT_BYTES: usize = 64 << 10;
/// Where metrics usually are.
const USUAL_PATHS: [&str; 6] =
    ["/metrics", "/actuator/prometheus", "/api/v1/metrics", "/prometheus", "/_prometheus/metrics", "/probe"];
/// A further probe is a courtesy; it does not take long.
const PROBE: Duration = Duration::from_secs(3);

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnosis {
    /// FS0501 to FS0514.
    pub code: &'static str,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What else was seen.
    pub notes: Vec<String>,
    /// What to change, if it is plain.
    pub remedy: String,
}

impl Diagnosis {
    fn new(code: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, message: message.into(), notes: Vec::new(), remedy: remedy.into() }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// The beginning of an answer.
struct Seen {
    status: StatusCode,
    content_type: String,
    location: String,
    text: String,
}

/// One probe: the job's client, or one like it.
struct Probe<'a> {
    config: &'a ScrapeConfig,
    timeout: Duration,
}

/// Why there was no answer.
enum Silence {
    Fault(RequestFault),
    Deadline,
    Body(String),
}

impl Probe<'_> {
    /// Sends one GET and reads the beginning of the answer.
    async fn get(&self, url: &Url, follow: bool, trust_anybody: bool, limit: Duration) -> Result<Seen, Silence> {
        let mut http = self.config.http.clone();
        http.follow_redirects = follow;
        if trust_anybody {
            http.tls_config.insecure_skip_verify = true;
        }
        let options = ClientOptions { user_agent: concat!("Prometheus/", "3.14.0").to_owned(), ..Default::default() };
        let asked = async {
            let client =
                HttpClient::new(&http, options).map_err(|error| Silence::Fault(RequestFault::Client(error)))?;
            let mut wanted: HeaderMap = headers(self.config, self.timeout);
            // The text is looked at as it comes.
            wanted.insert(http::header::ACCEPT_ENCODING, http::HeaderValue::from_static("identity"));
            let response = client.send(Method::GET, url, &wanted, Bytes::new()).await;
            let (head, mut body) = response.map_err(|error| Silence::Fault(error.fault))?.into_parts();
            let mut bytes = Vec::new();
            while bytes.len() < LOOKED_AT_BYTES
                && let Some(frame) = body.frame().await
            {
                let frame = frame.map_err(|error| Silence::Body(error.to_string()))?;
                bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            }
            bytes.truncate(LOOKED_AT_BYTES);
            let header = |name| {
                let value: Option<&http::HeaderValue> = head.headers.get(name);
                value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
            };
            Ok(Seen {
                status: head.status,
                content_type: header(CONTENT_TYPE),
                location: header(LOCATION),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            })
        };
        tokio::time::timeout(limit, asked).await.unwrap_or(Err(Silence::Deadline))
    }

    /// Returns the usual path, other than that of the URL, that answers with metrics.
    async fn other_path(&self, url: &Url) -> Option<&'static str> {
        for path in USUAL_PATHS.into_iter().filter(|path| *path != url.path()) {
            let mut other = url.clone();
            other.set_path(path);
            other.set_query(None);
            if let Ok(seen) = self.get(&other, false, false, PROBE).await
                && seen.status.is_success()
                && looks_like_metrics(&seen.text)
            {
                return Some(path);
            }
        }
        None
    }
}

/// Asks a target and says what is wrong with it.
pub async fn diagnose(config: &ScrapeConfig, target: &Target) -> Diagnosis {
    let Ok(url) = Url::parse(&target.url) else {
        return Diagnosis::new("FS0511", format!("{} is not a URL", target.url), "correct the target's labels");
    };
    let probe = Probe { config, timeout: target.timeout };
    match probe.get(&url, config.http.follow_redirects, false, target.timeout).await {
        Ok(seen) => of_answer(&probe, &url, seen, target).await,
        Err(Silence::Deadline) => Diagnosis::new(
            "FS0508",
            format!("no answer within {} s", target.timeout.as_secs_f64()),
            "raise scrape_timeout (and the interval), or let the firewall through",
        ),
        Err(Silence::Body(why)) => {
            Diagnosis::new("FS0511", format!("the answer broke off: {why}"), "look into the log of that server")
        }
        Err(Silence::Fault(fault)) => of_fault(&probe, &url, &fault).await,
    }
}

fn host_and_port(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

async fn of_fault(probe: &Probe<'_>, url: &Url, fault: &RequestFault) -> Diagnosis {
    let said = fault.to_string();
    match fault {
        RequestFault::Dial { source, .. } => {
            let found = of_dial(url, source);
            let is_own = source.kind() == io::ErrorKind::ConnectionRefused
                && is_loopback(url.host_str().unwrap_or_default())
                && in_container();
            if is_own { with_neighbours(found, url, true).await.note(said) } else { found.note(said) }
        }
        RequestFault::Lookup { host } => {
            let found = Diagnosis::new(
                "FS0502",
                format!("the name {host} is not known here"),
                "correct the name; between containers use the service's name on a common network",
            );
            with_neighbours(found, url, false).await.note(said)
        }
        RequestFault::NotTls => plain_instead(probe, url).await.note(said),
        _ if url.scheme() == "https" && speaks_plain(probe, url).await => plain_instead(probe, url).await.note(said),
        RequestFault::Tls(why) => Diagnosis::new(
            "FS0510",
            format!("the certificate of {} is not trusted: {why}", host_and_port(url)),
            "set tls_config.ca_file, or tls_config.server_name",
        ),
        _ if url.scheme() == "http" && speaks_tls(probe, url).await => tls_instead(url).note(said),
        RequestFault::Client(_) => {
            Diagnosis::new("FS0505", "the job's own client cannot be made", "correct the files that it names")
                .note(said)
        }
        _ => Diagnosis::new("FS0511", format!("{} gave no answer: {said}", host_and_port(url)), "look into its log"),
    }
}

/// Names other hosts that are known here and may be meant: one that listens on the port becomes the remedy.
async fn with_neighbours(mut found: Diagnosis, url: &Url, is_loopback: bool) -> Diagnosis {
    let port = url.port_or_known_default().unwrap_or_default();
    let candidates = neighbours::candidates(url.host_str().unwrap_or_default(), port, is_loopback);
    let known = neighbours::in_reach(&candidates, port, PROBE).await;
    if let Some(answering) = known.iter().find(|neighbour| neighbour.listens) {
        found.remedy = format!("write {}:{port}, which answers", answering.name);
    }
    let names: Vec<&str> = known.iter().map(|neighbour| neighbour.name.as_str()).collect();
    if names.is_empty() { found } else { found.note(format!("services in reach: {}", names.join(", "))) }
}

fn of_dial(url: &Url, source: &io::Error) -> Diagnosis {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    match source.kind() {
        io::ErrorKind::ConnectionRefused => {
            let found = Diagnosis::new(
                "FS0501",
                format!("nothing listens on port {port} of {host}"),
                "start the exporter, or correct the port",
            );
            if !is_loopback(host) {
                found
            } else if in_container() {
                found.note(format!(
                    "this server runs in a container, where {host} is the container itself; name the other container, or \
                     the machine (host.docker.internal with Docker)"
                ))
            } else {
                found.note(format!("{host} is the machine that this server runs on"))
            }
        }
        io::ErrorKind::TimedOut => Diagnosis::new(
            "FS0508",
            format!("{host} does not answer on port {port}"),
            "let the firewall through, or correct the address",
        ),
        _ => Diagnosis::new(
            "FS0513",
            format!("{host} cannot be reached from here"),
            "check address, network and routes from where this server runs",
        ),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn in_container() -> bool {
    Path::new("/.dockerenv").exists() || Path::new("/run/.containerenv").exists()
}

fn with_scheme(url: &Url, scheme: &str) -> Url {
    // `set_scheme` would drop a port that is the old scheme's own.
    let text = url.as_str().split_once("://").map_or("", |(_, rest)| rest);
    let port = if url.port().is_none() { url.port_or_known_default() } else { None };
    let mut other = Url::parse(&format!("{scheme}://{text}")).unwrap_or_else(|_| url.clone());
    if port.is_some() {
        // Cannot fail for a URL with a host.
        let _no_host = other.set_port(port);
    }
    other
}

async fn speaks_tls(probe: &Probe<'_>, url: &Url) -> bool {
    probe.get(&with_scheme(url, "https"), false, true, PROBE).await.is_ok()
}

async fn speaks_plain(probe: &Probe<'_>, url: &Url) -> bool {
    probe.get(&with_scheme(url, "http"), false, false, PROBE).await.is_ok_and(|seen| !wants_tls(&seen))
}

async fn plain_instead(probe: &Probe<'_>, url: &Url) -> Diagnosis {
    let found = Diagnosis::new(
        "FS0503",
        format!("{} speaks plain HTTP, and HTTPS is asked for", host_and_port(url)),
        "remove scheme: https",
    );
    match probe.get(&with_scheme(url, "http"), false, false, PROBE).await {
        Ok(seen) => found.note(format!("http answers {}", seen.status)),
        Err(_) => found,
    }
}

fn tls_instead(url: &Url) -> Diagnosis {
    Diagnosis::new(
        "FS0504",
        format!("{} speaks HTTPS, and plain HTTP is asked for", host_and_port(url)),
        "add scheme: https, and tls_config if its certificate is not publicly signed",
    )
}

/// Go's servers and nginx say so in words.
fn wants_tls(seen: &Seen) -> bool {
    seen.status == StatusCode::BAD_REQUEST
        && (seen.text.contains("HTTP request to an HTTPS server")
            || seen.text.contains("HTTP request was sent to HTTPS port"))
}

async fn of_answer(probe: &Probe<'_>, url: &Url, seen: Seen, target: &Target) -> Diagnosis {
    let first = seen.text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let first: String = first.chars().take(120).collect();
    if wants_tls(&seen) {
        return tls_instead(url).note(first);
    }
    match seen.status.as_u16() {
        401 | 403 => Diagnosis::new(
            "FS0505",
            format!("{} refuses us: {}", host_and_port(url), seen.status),
            "give basic_auth or authorization, or correct it",
        ),
        404 => of_path(probe, url, "FS0506", format!("{} does not exist there", url.path())).await,
        300..=399 => {
            let found = Diagnosis::new(
                "FS0509",
                format!("the server sends us on to {}", seen.location),
                "scrape that address, or set follow_redirects: true",
            );
            let elsewhere = url.join(&seen.location).is_ok_and(|next| next.host_str() != url.host_str());
            if elsewhere { found.note("credentials are not sent to another host") } else { found }
        }
        200..=299 if looks_like_html(&seen) => {
            let message = format!("{} is a web page, not metrics: its first line is {first}", url.path());
            of_path(probe, url, "FS0507", message).await
        }
        200..=299 if looks_like_metrics(&seen.text) || seen.text.trim().is_empty() => {
            let last = target.last_scrape().error;
            let found = Diagnosis::new("FS0514", "the target answers with metrics now", "");
            if last.is_empty() { found } else { found.note(format!("its last scrape said: {last}")) }
        }
        200..=299 => Diagnosis::new(
            "FS0511",
            format!("the answer is no exposition: its first line is {first}"),
            "set metrics_path, or mend the exporter; promtool check metrics tells more",
        )
        .note(format!("content type {:?}", seen.content_type)),
        _ => Diagnosis::new("FS0512", format!("the server answers {}", seen.status), "look into its log").note(first),
    }
}

async fn of_path(probe: &Probe<'_>, url: &Url, code: &'static str, message: String) -> Diagnosis {
    match probe.other_path(url).await {
        Some(path) => Diagnosis::new(code, message, format!("set metrics_path: {path}"))
            .note(format!("{path} answers with metrics")),
        None => Diagnosis::new(code, message, "set metrics_path to where the metrics are")
            .note(format!("tried {}", USUAL_PATHS.join(", "))),
    }
}

fn looks_like_html(seen: &Seen) -> bool {
    let head: String = seen.text.trim_start().chars().take(200).collect::<String>().to_lowercase();
    head.starts_with("<!doctype html") || head.starts_with("<html") || seen.content_type.starts_with("text/html")
}

/// A comment of the format, or a name with a number behind it.
fn looks_like_metrics(text: &str) -> bool {
    text.lines().map(str::trim).find(|line| !line.is_empty()).is_some_and(|line| {
        let is_sample = || {
            let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap_or(line.len()));
            let named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':'))
                || line.starts_with("{\"");
            let mut words = rest.rsplit('}').next().unwrap_or(rest).split_whitespace();
            named && words.next().is_some_and(|value| value.parse::<f64>().is_ok() || value.ends_with("Inf"))
        };
        line.starts_with("# HELP ") || line.starts_with("# TYPE ") || line == "# EOF" || is_sample()
    })
}
