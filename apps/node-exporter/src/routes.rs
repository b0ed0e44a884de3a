//! What the exporter answers: `/metrics`, with a choice of collectors, and a page that leads there.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use firesteel_cli::{Version, version};
use firesteel_client::{BuildInfo, Collect, Registry};
use firesteel_collectors::{NodeCollector, SelectError};
use firesteel_expfmt::Exposition;
use firesteel_frame::{LandingLink, LandingPage, MetricsPage, MetricsPageOptions};
use http::{HeaderMap, StatusCode};

use crate::options::RELEASE;

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
    /// What is shown with every choice of collectors.
    build: Registry,
    page: Arc<MetricsPage>,
}

/// Returns the routes over `node`.
pub fn routes(node: NodeCollector, options: &ExporterOptions) -> Router {
    let page_options = MetricsPageOptions {
        max_requests: options.max_requests,
        own_metrics: options.own_metrics,
        formats: &[Exposition::OpenMetrics],
    };
    let build = Registry::new();
    let stamp = version();
    BuildInfo {
        version: RELEASE,
        revision: stamp.revision,
        branch: stamp.branch,
        goversion: stamp.compiler,
        tags: concat!("firesteel ", env!("CARGO_PKG_VERSION")),
    }
    .register(&build, "node_exporter");
    let exporter = Arc::new(Exporter { node, build, page: MetricsPage::new(Registry::new(), page_options) });
    let mut router = Router::new().route(&options.telemetry_path, get(metrics)).with_state(exporter);
    if options.telemetry_path != "/" {
        let links = [LandingLink { address: &options.telemetry_path, text: "Metrics" }];
        let version = Version { compatible: RELEASE, ..version() }.info();
        let landing = LandingPage {
            name: "Node Exporter",
            description: "Prometheus Node Exporter",
            version: &version,
            links: &links,
        };
        let html = landing.html();
        router = router.route("/", get(|| async move { html }));
    }
    router
}

async fn metrics(State(exporter): State<Arc<Exporter>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let node = match choose(&exporter.node, query.as_deref().unwrap_or_default()) {
        Ok(node) => node,
        Err(text) => return (StatusCode::BAD_REQUEST, text).into_response(),
    };
    let build = exporter.build.clone();
    let gather = move || {
        let mut families = build.gather();
        node.collect(&mut families);
        families.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(families)
    };
    exporter.page.answer(&headers, gather).await
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
    use http::{Request, header};
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
        assert_eq!(
            headers[header::CONTENT_TYPE].to_str().unwrap().split(';').next(),
            Some("application/openmetrics-text")
        );
        assert!(body.ends_with("# EOF\n"));
        let (_, headers, body) = ask(0, "/metrics", "text/plain").await;
        assert_eq!(headers[header::CONTENT_TYPE].to_str().unwrap().split(';').next(), Some("text/plain"));
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
