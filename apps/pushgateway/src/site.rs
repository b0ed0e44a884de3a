//! The site over a gateway: every request finds its handler here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use bytes::Bytes;
use firesteel_base::vfs::OsVfs;
use firesteel_base::{Clock, SystemClock};
use firesteel_cli::{Version, version};
use firesteel_client::Registry;
use firesteel_expfmt::Exposition;
use firesteel_frame::{MetricsPage, MetricsPageOptions};
use firesteel_gateway::{Gateway, GatewayOptions, PathRules, Saver, load};
use firesteel_go_compat::Instant;
use http::header::{self, HeaderName};
use http::{HeaderMap, Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::api_json;
use crate::decode_body::{BODY_MAX, decoded};
use crate::instruments::Instruments;
use crate::options::RELEASE;
use crate::push::{Answer, PushRequest, delete, header_text, push};
use crate::router::{Found, Places, Route};
use crate::status_page::{About, page};

/// Bodies up to this size are read where they arrive; larger ones on a thread that may be busy for long.
const SMALL_BODY: usize = 64 << 10;

/// How a site behaves. Prefixes are empty, or begin and do not end with a slash.
#[derive(Clone, Debug)]
pub struct SiteOptions {
    pub route_prefix: String,
    pub external_prefix: String,
    pub telemetry_path: String,
    pub lifecycle: bool,
    pub admin: bool,
    /// Lets pages of any other site read and delete, as upstream does.
    pub cors: bool,
    pub unchecked: bool,
    pub utf8: bool,
    pub watch_quiet: bool,
    /// Where groups are kept, and how often they are written at most.
    pub persistence: Option<(PathBuf, Duration)>,
    /// Flags as the status shows them.
    pub flags: BTreeMap<String, String>,
}

impl Default for SiteOptions {
    fn default() -> Self {
        Self {
            route_prefix: String::new(),
            external_prefix: String::new(),
            telemetry_path: "/metrics".to_owned(),
            lifecycle: false,
            admin: false,
            cors: true,
            unchecked: false,
            utf8: false,
            watch_quiet: false,
            persistence: None,
            flags: BTreeMap::new(),
        }
    }
}

/// A gateway with its site. Shared by all requests.
#[derive(Clone, Debug)]
pub struct Site {
    gateway: Arc<Gateway>,
    rules: PathRules,
    own: Registry,
    instruments: Instruments,
    scrapes: Arc<MetricsPage>,
    places: Places,
    about: About,
    lifecycle: bool,
    cors: bool,
    quit: CancellationToken,
}

/// Opens the file, if there is one, and makes the site; the saver, which must be finished at the end, writes the file.
///
/// A file that cannot be read is set aside and reported in the log. Errors when the system gives no thread.
pub fn open(options: &SiteOptions) -> std::io::Result<(Arc<Site>, Option<Saver>)> {
    let own = Registry::new();
    let instruments = Instruments::new(&own);
    let vfs = Arc::new(OsVfs);
    let groups = options.persistence.as_ref().and_then(|(path, _)| {
        let loaded = load(&*vfs, path);
        loaded.unwrap_or_else(|err| {
            error!(%err, "could not load persisted metrics");
            None
        })
    });
    let gateway_options = GatewayOptions {
        own: Instruments::shapes(&own),
        unchecked: options.unchecked,
        utf8: options.utf8,
        watch_quiet: options.watch_quiet,
    };
    let clock = Arc::new(SystemClock);
    let started = Instant::from_unix_ns(clock.now_ns().0);
    let gateway = Arc::new(Gateway::new(gateway_options, clock, groups.unwrap_or_default()));
    let saver = match &options.persistence {
        Some((path, interval)) => Some(Saver::start(gateway.clone(), path.clone(), *interval, vfs)?),
        None => None,
    };
    let v = Version { compatible: RELEASE, ..version() };
    let build = [
        ("branch", v.branch),
        ("buildDate", v.build_date),
        ("buildUser", v.build_user),
        ("goVersion", v.compiler),
        ("revision", v.revision),
        ("version", v.compatible),
    ];
    let page_options = MetricsPageOptions { max_requests: 0, own_metrics: false, formats: &[Exposition::Protobuf] };
    let site = Site {
        gateway,
        rules: PathRules { utf8: options.utf8 },
        own,
        instruments,
        // upstream does not count its scrapes.
        scrapes: MetricsPage::new(Registry::new(), page_options),
        places: Places {
            prefix: options.route_prefix.clone(),
            telemetry_path: format!("/{}", options.telemetry_path.trim_matches('/')),
            admin: options.admin,
        },
        about: About {
            external_prefix: options.external_prefix.clone(),
            build: build.into_iter().map(|(name, value)| (name, value.to_owned())).collect(),
            flags: options.flags.clone(),
            started,
        },
        lifecycle: options.lifecycle,
        cors: options.cors,
        quit: CancellationToken::new(),
    };
    Ok((Arc::new(site), saver))
}

impl Site {
    /// Returns the same gateway as a site without a prefix.
    pub fn at_root(&self) -> Arc<Self> {
        let mut site = self.clone();
        site.places.prefix.clear();
        site.about.external_prefix.clear();
        Arc::new(site)
    }

    /// Returns a router that answers everything.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new().fallback(routing::any(serve)).with_state(self.clone())
    }

    /// Returns a router that answers below the route prefix, to stand beside others.
    pub fn router_below_prefix(self: &Arc<Self>) -> Router {
        let prefix = &self.places.prefix;
        Router::new()
            .route(prefix, routing::any(serve))
            .route(&format!("{prefix}/"), routing::any(serve))
            .route(&format!("{prefix}/{{*rest}}"), routing::any(serve))
            .with_state(self.clone())
    }

    /// Returns what is cancelled when a request ends the program.
    pub fn quit(&self) -> CancellationToken {
        self.quit.clone()
    }

    async fn answer(self: Arc<Self>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let decoded_path = percent_decode_str(parts.uri.path()).decode_utf8();
        let Ok(path) = decoded_path else { return error_text(StatusCode::BAD_REQUEST, "400 Bad Request") };
        let route = match self.places.find(&parts.method, &path) {
            Found::Route(route) => route,
            Found::Redirect(to) => return redirect(&parts.method, &parts.uri, &to),
            Found::NotAllowed(allowed) if parts.method == Method::OPTIONS => {
                return ([(header::ALLOW, allowed)], StatusCode::OK).into_response();
            }
            Found::NotAllowed(allowed) => {
                let answer = error_text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
                return ([(header::ALLOW, allowed)], answer).into_response();
            }
            Found::Nothing => return error_text(StatusCode::NOT_FOUND, "404 page not found"),
        };
        let head = Head { method: parts.method, uri: parts.uri, headers: parts.headers };
        match route {
            Route::Metrics => {
                let site = self.clone();
                self.scrapes.answer(&head.headers, move || site.gateway.gather(site.own.gather())).await
            }
            Route::Push { job, is_base64, labels } => self.take_push(&head, body, job, is_base64, labels).await,
            Route::Delete { job, is_base64, labels } => {
                let answer = delete(&self.gateway, self.rules, &job, is_base64, &labels);
                self.counted("delete", &head.method, told(answer))
            }
            Route::Healthy => self.counted("healthy", &head.method, plain("OK")),
            Route::Ready => self.counted("ready", &head.method, plain("OK")),
            Route::Status => {
                let groups = self.gateway.groups();
                let html = page(&self.about, groups.iter().map(|group| &**group));
                self.counted("status", &head.method, axum::response::Html(html).into_response())
            }
            // The page brings all it needs.
            Route::Static => {
                self.counted("static", &head.method, error_text(StatusCode::NOT_FOUND, "404 page not found"))
            }
            Route::Quit if self.lifecycle => {
                self.quit.cancel();
                plain("Requesting termination... Goodbye!")
            }
            Route::Quit => (StatusCode::FORBIDDEN, "Lifecycle API is not enabled.").into_response(),
            Route::QuitByGet => (StatusCode::METHOD_NOT_ALLOWED, "Only POST or PUT requests allowed.").into_response(),
            Route::ApiOptions => self.counted("api/v1/options", &head.method, self.api(String::new())),
            Route::ApiStatus => {
                let json = api_json::status(&self.about.build, &self.about.flags, self.about.started);
                self.counted("api/v1/status", &head.method, self.api(json))
            }
            Route::ApiMetrics => {
                let groups = self.gateway.groups();
                let json = api_json::metrics(groups.iter().map(|group| &**group));
                self.counted("api/v1/metrics", &head.method, self.api(json))
            }
            Route::Wipe => {
                self.gateway.wipe();
                self.counted("wipe", &head.method, StatusCode::ACCEPTED.into_response())
            }
        }
    }

    async fn take_push(&self, head: &Head, body: Body, job: String, is_base64: bool, labels: String) -> Response {
        let began = std::time::Instant::now();
        let (size, body) = match read_body(&head.headers, body).await {
            Ok(read) => read,
            Err(answer) => return told(answer),
        };
        let request = PushRequest {
            job,
            is_base64,
            labels,
            query: head.uri.query().unwrap_or_default().to_owned(),
            replace: head.method == Method::PUT,
            content_type: header_text(&head.headers, header::CONTENT_TYPE).to_owned(),
            body,
        };
        let (gateway, rules) = (self.gateway.clone(), self.rules);
        let answer = if request.body.len() <= SMALL_BODY {
            push(&gateway, rules, &request)
        } else {
            let done = tokio::task::spawn_blocking(move || push(&gateway, rules, &request)).await;
            done.unwrap_or_else(|panic| (StatusCode::INTERNAL_SERVER_ERROR, panic.to_string()))
        };
        let method = head.method.as_str().to_ascii_lowercase();
        self.instruments.measure(&method, head.size() + size as u64, began.elapsed());
        self.counted("push", &head.method, told(answer))
    }

    fn counted(&self, handler: &str, method: &Method, response: Response) -> Response {
        self.instruments.count(response.status().as_str(), handler, &method.as_str().to_ascii_lowercase());
        response
    }

    fn api(&self, json: String) -> Response {
        let has_content = !json.is_empty();
        let mut response = json.into_response();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        let mut set = |name: HeaderName, value| {
            headers.insert(name, http::HeaderValue::from_static(value));
        };
        if self.cors {
            set(header::ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Authorization, Content-Type, Origin");
            set(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE, OPTIONS");
            set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
            set(header::ACCESS_CONTROL_EXPOSE_HEADERS, "Date");
        }
        set(header::CACHE_CONTROL, "no-cache, no-store, must-revalidate");
        if has_content {
            set(header::CONTENT_TYPE, "application/json");
        }
        response
    }
}

async fn serve(State(site): State<Arc<Site>>, request: Request) -> Response {
    site.answer(request).await
}

/// A request without its body.
struct Head {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Head {
    /// Its length, about: upstream reckons the same way (`promhttp`, `computeApproximateRequestSize`).
    fn size(&self) -> u64 {
        let target = self.uri.path_and_query().map_or(0, |target| target.as_str().len());
        let headers: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        (target + self.method.as_str().len() + "HTTP/1.1".len() + headers) as u64
    }
}

/// Returns how many bytes came, and the body as it was before it was packed.
async fn read_body(headers: &HeaderMap, body: Body) -> Result<(usize, Bytes), Answer> {
    let read = Limited::new(body, BODY_MAX).collect().await;
    let body = match read {
        Ok(read) => read.to_bytes(),
        Err(e) if e.is::<LengthLimitError>() => {
            return Err((StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {BODY_MAX} bytes")));
        }
        Err(e) => return Err((StatusCode::BAD_REQUEST, e.to_string())),
    };
    let size = body.len();
    match decoded(header_text(headers, header::CONTENT_ENCODING), &body) {
        Ok(None) => Ok((size, body)),
        Ok(Some(unpacked)) => Ok((size, unpacked.into())),
        Err(e) => Err((StatusCode::BAD_REQUEST, e.0)),
    }
}

/// As Go's `http.Error`.
fn error_text(status: StatusCode, text: &str) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, format!("{text}\n")).into_response()
}

fn told((status, text): Answer) -> Response {
    if status.is_success() { status.into_response() } else { error_text(status, &text) }
}

fn plain(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn redirect(method: &Method, uri: &Uri, to: &str) -> Response {
    let status = if method == Method::GET { StatusCode::MOVED_PERMANENTLY } else { StatusCode::TEMPORARY_REDIRECT };
    let encode =
        |part: &str| percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string();
    let mut location = to.split('/').map(encode).collect::<Vec<_>>().join("/");
    if let Some(query) = uri.query() {
        location = format!("{location}?{query}");
    }
    (status, [(header::LOCATION, location)]).into_response()
}
