//! Answering scrapes: so many at a time, counted, in the format the scraper asks for. Names and texts are those of
//! upstream's `promhttp`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::response::{IntoResponse, Response};
use firesteel_client::{Counter, Family, Gauge, ProcessCollector, Registry};
use firesteel_expfmt::{Exposition, negotiate};
use firesteel_model::MetricFamily;
use http::{HeaderMap, StatusCode, header};

/// Families by name, or why there are none: the text of a 500.
pub type Gathered = Result<Vec<MetricFamily>, String>;

/// How scrapes are answered.
#[derive(Clone, Copy, Debug)]
pub struct MetricsPageOptions {
    /// Scrapes at a time; more get 503. 0 = no limit.
    pub max_requests: usize,
    /// Whether metrics of the exporter's own process are shown too.
    pub own_metrics: bool,
    /// The formats beside text that a scraper may have.
    pub formats: &'static [Exposition],
}

/// The page of metrics of an exporter. Shared by all its requests.
#[derive(Debug)]
pub struct MetricsPage {
    own: Registry,
    options: MetricsPageOptions,
    requests: Family<Counter>,
    in_flight: Gauge,
    running: AtomicUsize,
    /// What the last page had, and a little more: pages hardly differ from scrape to scrape.
    expected_bytes: AtomicUsize,
}

impl MetricsPage {
    /// Registers `process_*` and `promhttp_*` on `own`, whose metrics are shown behind what each scrape gathers.
    pub fn new(own: Registry, options: MetricsPageOptions) -> Arc<Self> {
        own.register(Arc::new(ProcessCollector::default()));
        let requests = own.counter_vec(
            "promhttp_metric_handler_requests_total",
            "Total number of scrapes by HTTP status code.",
            &["code"],
        );
        for code in ["200", "500", "503"] {
            requests.with(&[code]);
        }
        let in_flight =
            own.gauge("promhttp_metric_handler_requests_in_flight", "Current number of scrapes being served.");
        Arc::new(Self {
            own,
            options,
            requests,
            in_flight,
            running: AtomicUsize::new(0),
            expected_bytes: AtomicUsize::new(0),
        })
    }

    /// Answers a scrape with what `gather` returns, which runs on a thread that may block.
    pub async fn answer(
        self: &Arc<Self>,
        headers: &HeaderMap,
        gather: impl FnOnce() -> Gathered + Send + 'static,
    ) -> Response {
        let Some(place) = Place::take(self) else {
            self.requests.with(&["503"]).inc();
            let max = self.options.max_requests;
            let text = format!("Limit of concurrent requests reached ({max}), try again later.\n");
            return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
        };
        let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let (format, escaping) = negotiate(accept, self.options.formats);
        // Reading /proc blocks, a hanging mount for seconds.
        let body = tokio::task::spawn_blocking(move || {
            let mut families = gather()?;
            let page = &place.0;
            page.requests.with(&["200"]).inc();
            if page.options.own_metrics {
                families.extend(page.own.gather());
            }
            let mut body = Vec::with_capacity(page.expected_bytes.load(Ordering::Relaxed));
            format.write(&families, escaping, &mut body);
            page.expected_bytes.store(body.len() + body.len() / 16, Ordering::Relaxed);
            Ok::<_, String>(body)
        });
        let why = match body.await {
            Ok(Ok(body)) => {
                return ([(header::CONTENT_TYPE, format.content_type(escaping))], body).into_response();
            }
            Ok(Err(why)) => why,
            Err(panic) => panic.to_string(),
        };
        self.requests.with(&["500"]).inc();
        let text = format!("An error has occurred while serving metrics:\n\n{why}\n");
        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    }
}

/// Gives its place back however the request ends.
struct Place(Arc<MetricsPage>);

impl Place {
    fn take(page: &Arc<MetricsPage>) -> Option<Self> {
        let before = page.running.fetch_add(1, Ordering::AcqRel);
        let place = Self(Arc::clone(page));
        page.in_flight.set((before + 1) as f64);
        let max = page.options.max_requests;
        (max == 0 || before < max).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let before = self.0.running.fetch_sub(1, Ordering::AcqRel);
        self.0.in_flight.set(before.saturating_sub(1) as f64);
    }
}

#[cfg(test)]
mod tests {
    use firesteel_model::{Labels, Metric, MetricType, MetricValue};
    use http_body_util::BodyExt as _;

    use super::*;

    async fn read(response: Response) -> (StatusCode, HeaderMap, String) {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("no fault").to_bytes().to_vec();
        (parts.status, parts.headers, String::from_utf8(body).expect("text"))
    }

    fn up() -> Gathered {
        let metrics = vec![Metric::new(Labels::empty(), MetricValue::Gauge(1.0))];
        let (name, help) = ("up".to_owned(), String::new());
        Ok(vec![MetricFamily { name, help, metric_type: MetricType::Gauge, metrics, ..MetricFamily::default() }])
    }

    fn page(max_requests: usize, own_metrics: bool) -> Arc<MetricsPage> {
        MetricsPage::new(
            Registry::new(),
            MetricsPageOptions { max_requests, own_metrics, formats: &[Exposition::OpenMetrics] },
        )
    }

    fn content_type(headers: &HeaderMap) -> &str {
        headers[header::CONTENT_TYPE].to_str().expect("text")
    }

    #[tokio::test]
    async fn formats_and_own_metrics() {
        let mut headers = HeaderMap::new();
        let (status, got, body) = read(page(0, true).answer(&headers, up).await).await;
        assert_eq!(
            (status, content_type(&got)),
            (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
        );
        let own = "promhttp_metric_handler_requests_total{code=\"200\"} 1\n";
        assert!(body.starts_with("# TYPE up gauge\nup 1\n") && body.contains(own), "{body}");
        headers.insert(header::ACCEPT, "application/openmetrics-text;version=1.0.0".parse().expect("a header"));
        let (_, got, body) = read(page(0, false).answer(&headers, up).await).await;
        assert_eq!(
            content_type(&got),
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
        );
        assert_eq!(body, "# TYPE up gauge\nup 1.0\n# EOF\n");
    }

    #[tokio::test]
    async fn too_many_scrapes_and_failing_ones_are_told_so() {
        let page = page(1, true);
        let held = Place::take(&page);
        let (status, _, body) = read(page.answer(&HeaderMap::new(), up).await).await;
        let text = "Limit of concurrent requests reached (1), try again later.\n";
        assert_eq!((status, body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, text));
        drop(held);
        let (status, _, body) = read(page.answer(&HeaderMap::new(), || Err("no".to_owned())).await).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body, "An error has occurred while serving metrics:\n\nno\n");
    }
}
