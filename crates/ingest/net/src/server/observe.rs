//! Counting requests: `prometheus_http_requests_total` and its histograms, by route.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use firesteel_client::{Counter, Family, Histogram, Registry};
use http_body::Body as _;

/// The instruments of a server's HTTP side; names, labels and buckets are upstream's (`web/web.go`).
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: Family<Counter>,
    durations: Family<Histogram>,
    sizes: Family<Histogram>,
    /// The route prefix, which the label leaves out.
    prefix: String,
}

impl HttpMetrics {
    /// Registers the instruments.
    pub fn new(registry: &Registry, prefix: &str) -> Self {
        let bounds = firesteel_client::exponential_buckets(100.0, 10.0, 8);
        Self {
            requests: registry.counter_vec(
                "prometheus_http_requests_total",
                "Counter of HTTP requests.",
                &["handler", "code"],
            ),
            durations: registry.native_histogram_vec(
                "prometheus_http_request_duration_seconds",
                "Histogram of latencies for HTTP requests.",
                &["handler"],
                &[0.1, 0.2, 0.4, 1.0, 3.0, 8.0, 20.0, 60.0, 120.0],
            ),
            sizes: registry.histogram_vec(
                "prometheus_http_response_size_bytes",
                "Histogram of response size for HTTP requests.",
                &["handler"],
                &bounds,
            ),
            prefix: prefix.trim_end_matches('/').to_owned(),
        }
    }

    /// Returns the route in upstream's spelling: `/api/v1/label/:name/values`, `/static/*filepath`.
    fn handler(&self, route: &str) -> String {
        let route = route.strip_prefix(&self.prefix).unwrap_or(route);
        let spelled = route.split('/').map(|part| match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
            Some(name) if name.starts_with('*') => name.to_owned(),
            Some(name) => format!(":{name}"),
            None => part.to_owned(),
        });
        spelled.collect::<Vec<_>>().join("/")
    }
}

/// Counts what passes. Requests that no route takes are not counted, as upstream does not.
pub async fn observe(State(metrics): State<HttpMetrics>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| metrics.handler(path.as_str()));
    let began = Instant::now();
    let response = next.run(request).await;
    if let Some(handler) = route {
        metrics.requests.with(&[&handler, response.status().as_str()]).inc();
        metrics.durations.with(&[&handler]).observe(began.elapsed().as_secs_f64());
        // Of a streamed answer only the least size is known here.
        metrics.sizes.with(&[&handler]).observe(response.body().size_hint().lower() as f64);
    }
    response
}
