//! What the exporter answers: `/metrics`, with a choice of collectors, and a page that leads there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use firesteel_client::{Collect, Counter, Family, Gauge, ProcessCollector, Registry};
use firesteel_collectors::{NodeCollector, SelectError};
use firesteel_expfmt::{write_openmetrics, write_text};
use http::{HeaderMap, StatusCode, header};

/// What the routes are told.
#[derive(Clone, Debug)]
pub struct ExporterOptions {
    pub telemetry_path: String,
    /// Scrapes at a time; more get 503. 0 = no limit.
    pub max_requests: usize,
    /// Whether metrics of the exporter's own process are shown too.
    pub own_metrics: bool,
}

struct Exporter {
    node: NodeCollector,
    own: Option<Registry>,
    requests: Family<Counter>,
    in_flight: Gauge,
    running: AtomicUsize,
    max_requests: usize,
}

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores";

/// Returns the routes over `node`.
pub fn routes(node: NodeCollector, options: &ExporterOptions) -> Router {
    let registry = Registry::new();
    registry.register(Arc::new(ProcessCollector::default()));
    let requests = registry.counter_vec(
        "promhttp_metric_handler_requests_total",
        "Total number of scrapes by HTTP status code.",
        &["code"],
    );
    for code in ["200", "500", "503"] {
        requests.with(&[code]);
    }
    let in_flight =
        registry.gauge("promhttp_metric_handler_requests_in_flight", "Current number of scrapes being served.");
    let exporter = Arc::new(Exporter {
        node,
        own: options.own_metrics.then_some(registry),
        requests,
        in_flight,
        running: AtomicUsize::new(0),
        max_requests: options.max_requests,
    });
    let mut router = Router::new().route(&options.telemetry_path, get(metrics)).with_state(exporter);
    if options.telemetry_path != "/" {
        let page = landing_page(&options.telemetry_path);
        router = router.route("/", get(|| async move { Html(page) }));
    }
    router
}

fn landing_page(telemetry_path: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Node Exporter</title></head>\n\
         <body><h1>Node Exporter</h1><p>Prometheus Node Exporter</p>\
         <ul><li><a href=\"{telemetry_path}\">Metrics</a></li></ul></body></html>\n"
    )
}

/// Gives its place back however the request ends.
struct Place(Arc<Exporter>);

impl Place {
    fn take(exporter: &Arc<Exporter>) -> Option<Self> {
        let before = exporter.running.fetch_add(1, Ordering::AcqRel);
        let place = Self(Arc::clone(exporter));
        exporter.in_flight.set((before + 1) as f64);
        (exporter.max_requests == 0 || before < exporter.max_requests).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let before = self.0.running.fetch_sub(1, Ordering::AcqRel);
        self.0.in_flight.set(before.saturating_sub(1) as f64);
    }
}

async fn metrics(State(exporter): State<Arc<Exporter>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let Some(place) = Place::take(&exporter) else {
        exporter.requests.with(&["503"]).inc();
        let text = format!("Limit of concurrent requests reached ({}), try again later.\n", exporter.max_requests);
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let node = match choose(&exporter.node, query.as_deref().unwrap_or_default()) {
        Ok(node) => node,
        Err(text) => return (StatusCode::BAD_REQUEST, text).into_response(),
    };
    let openmetrics = headers
        .get(header::ACCEPT)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|accept| accept.contains("application/openmetrics-text"));
    exporter.requests.with(&["200"]).inc();
    // Reading /proc blocks, a hanging mount for seconds.
    let body = tokio::task::spawn_blocking(move || {
        let mut families = Vec::new();
        node.collect(&mut families);
        if let Some(own) = &place.0.own {
            families.extend(own.gather());
        }
        let mut body = Vec::with_capacity(64 << 10);
        if openmetrics {
            write_openmetrics(&families, &mut body);
        } else {
            write_text(&families, &mut body);
        }
        body
    });
    match body.await {
        Ok(body) => ([(header::CONTENT_TYPE, if openmetrics { OPENMETRICS } else { TEXT })], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("collectors: {error}\n")).into_response(),
    }
}

/// Applies `collect[]` and `exclude[]`; the texts are node_exporter's.
fn choose(node: &NodeCollector, query: &str) -> Result<NodeCollector, String> {
    let named = |key: &str| -> Vec<String> {
        form_urlencoded::parse(query.as_bytes()).filter(|(k, _)| k == key).map(|(_, v)| v.into_owned()).collect()
    };
    let (collect, exclude) = (named("collect[]"), named("exclude[]"));
    let refuse = |e: SelectError| format!("Couldn't create filtered metrics handler: {e}");
    match (collect.is_empty(), exclude.is_empty()) {
        (false, false) => Err("Combined collect and exclude queries are not allowed.".to_owned()),
        (false, true) => node.only(&collect).map_err(refuse),
        (true, false) => node.without(&exclude).map_err(refuse),
        (true, true) => Ok(node.clone()),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use firesteel_collectors::NodeOptions;
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn ask(max_requests: usize, path: &str, accept: &str) -> (StatusCode, HeaderMap, String) {
        let node = NodeCollector::new(&NodeOptions::default()).unwrap();
        let options = ExporterOptions { telemetry_path: "/metrics".into(), max_requests, own_metrics: true };
        let request = Request::builder().uri(path).header(header::ACCEPT, accept).body(Body::empty()).unwrap();
        let (parts, body) = routes(node, &options).oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        (parts.status, parts.headers, String::from_utf8(body).unwrap())
    }

    #[tokio::test]
    async fn a_choice_of_collectors_is_answered_or_refused() {
        let (status, _, body) = ask(40, "/metrics?collect[]=loadavg&collect%5B%5D=uname", "").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("\nnode_load1 ") && body.contains("node_uname_info{"), "{body}");
        assert!(!body.contains("node_cpu_seconds_total"));
        let refused = [
            ("collect[]=nope", "Couldn't create filtered metrics handler: missing collector: nope"),
            ("collect[]=cpu&exclude[]=cpu", "Combined collect and exclude queries are not allowed."),
        ];
        for (query, want) in refused {
            let (status, _, body) = ask(40, &format!("/metrics?{query}"), "").await;
            assert_eq!((status, body.as_str()), (StatusCode::BAD_REQUEST, want));
        }
    }

    #[tokio::test]
    async fn openmetrics_is_given_when_asked_for() {
        let (_, headers, body) =
            ask(0, "/metrics", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5").await;
        assert_eq!(headers[header::CONTENT_TYPE], OPENMETRICS);
        assert!(body.ends_with("# EOF\n"));
        let (_, headers, body) = ask(0, "/metrics", "text/plain").await;
        assert_eq!(headers[header::CONTENT_TYPE], TEXT);
        assert!(
            body.contains("\nprocess_open_fds ")
                && body.contains("promhttp_metric_handler_requests_total{code=\"200\"} 1\n")
        );
    }

    #[tokio::test]
    async fn the_page_leads_to_the_metrics() {
        let (status, _, body) = ask(40, "/", "").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("href=\"/metrics\""));
    }
}
