//! Clients that others wrote: Python's prometheus_client pushes in every way it has, a Django application is scraped.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use firesteel_testkit::in_ci;

use crate::pushgateway::Gateway;
use crate::{server, text};

/// The interpreter with the packages that `cargo xtask test` installs; `None` (and says so) without them.
#[expect(clippy::print_stderr, reason = "a skipped case says so")]
fn python() -> Option<PathBuf> {
    let home = std::env::var_os("FIRESTEEL_PYTHON")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/python")), PathBuf::from);
    let program = home.join("bin/python");
    if program.is_file() {
        return Some(program);
    }
    assert!(!in_ci(), "CI=true, but there is no {}", program.display());
    eprintln!("skipped: no {}", program.display());
    None
}

const PUSHES: &str = r#"
import sys
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Enum, Summary
from prometheus_client import push_to_gateway, pushadd_to_gateway, delete_from_gateway, instance_ip_grouping_key
from prometheus_client.exposition import default_handler

gateway = sys.argv[1]
registry = CollectorRegistry()
Counter("work_done", "Work done.", ["kind"], registry=registry).labels("a").inc(3)
Gauge("temperature", "Degrees.", registry=registry).set(-1.5)
h = Histogram("took_seconds", "How long.", registry=registry, buckets=[1, 2])
h.observe(0.5), h.observe(5)
Summary("size_bytes", "How big.", registry=registry).observe(10)
Info("build", "What.", registry=registry).info({"version": "1"})
Enum("mood", "How.", states=["good", "bad"], registry=registry).state("bad")
push_to_gateway(gateway, job="put", registry=registry)
push_to_gateway("http://" + gateway, job="slash/and empty", registry=registry, grouping_key={"e": "", "p": "/var/tmp", "n": 7})
other = CollectorRegistry()
Gauge("added", "Later.", registry=other).set(1)
pushadd_to_gateway(gateway, job="put", registry=other)
pushadd_to_gateway(gateway, job="mine", registry=other, grouping_key=instance_ip_grouping_key(), timeout=30, handler=default_handler)
try:
    wrong = CollectorRegistry()
    Counter("temperature", "Degrees.", registry=wrong)
    Gauge("work_done_total", "No counter.", registry=wrong).set(1)
    push_to_gateway(gateway, job="wrong", registry=wrong)
    sys.exit("a counter and a gauge of one name were taken")
except OSError as e:
    assert "400" in str(e), e
pushadd_to_gateway(gateway, job="gone", registry=other)
delete_from_gateway(gateway, job="gone")
try:
    from prometheus_client import push_to_gateway as p
    p(gateway, job="zipped", registry=other, compression="gzip")
except TypeError:
    # Releases before 0.22 do not pack.
    push_to_gateway(gateway, job="zipped", registry=other)
"#;

#[test]
fn prometheus_client_pushes_in_every_way() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::ours(&[], dir.path());
    let out = Command::new(python).args(["-c", PUSHES, &gateway.address]).output().unwrap();
    assert!(out.status.success(), "{}{}", text(&out.stdout), text(&out.stderr));
    let config = format!(
        "scrape_configs:\n- job_name: pushes\n  honor_labels: true\n  scrape_interval: 100ms\n  scrape_timeout: 100ms\n  \
         static_configs:\n  - targets: ['{}']\n",
        gateway.address
    );
    let server = server(&dir.path().join("server"), &[], &config);
    let found = |expr: &str, count: usize| {
        server.wait_for(expr, Duration::from_secs(60), |server| {
            server.query(expr).is_ok_and(|result| result.as_array().is_some_and(|series| series.len() == count))
        });
    };
    found("work_done_total{job=\"put\",instance=\"\",kind=\"a\"} == 3", 1);
    found("temperature{job=\"slash/and empty\",p=\"/var/tmp\",n=\"7\"} == -1.5", 1);
    found("took_seconds_bucket{job=\"put\"}", 3);
    found("histogram_quantile(0.5, took_seconds_bucket{job=\"put\"})", 1);
    found("build_info{job=\"put\",version=\"1\"}", 1);
    found("mood{job=\"put\",mood=\"bad\"} == 1", 1);
    found("added{job=\"mine\",instance!=\"\"}", 1);
    found("added{job=\"zipped\"}", 1);
    found("push_failure_time_seconds{job=\"wrong\"} > 0", 1);
    found("{job=\"gone\"}", 0);
}

const DJANGO: &str = r#"
import sys
from django.conf import settings
settings.configure(
    DEBUG=False, SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django_prometheus"],
    MIDDLEWARE=["django_prometheus.middleware.PrometheusBeforeMiddleware",
                "django_prometheus.middleware.PrometheusAfterMiddleware"],
    DATABASES={}, USE_TZ=True,
)
import django
django.setup()
from django.http import HttpResponse
from django.urls import include, path
urlpatterns = [path("hello", lambda request: HttpResponse("hello")), path("", include("django_prometheus.urls"))]
from django.core.wsgi import get_wsgi_application
from wsgiref.simple_server import make_server
server = make_server("127.0.0.1", 0, get_wsgi_application())
print(server.server_port, flush=True)
server.serve_forever()
"#;

#[test]
fn a_django_application_is_scraped_and_graphed() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("app.py");
    std::fs::write(&script, DJANGO).unwrap();
    let mut child = Command::new(python).arg(&script).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    let address = format!("127.0.0.1:{}", line.trim());
    let config = format!(
        "scrape_configs:\n- job_name: django\n  scrape_interval: 200ms\n  scrape_timeout: 200ms\n  static_configs:\n  - \
         targets: ['{address}']\n"
    );
    let server = server(&dir.path().join("server"), &[], &config);
    // What the page draws: a rate over a range.
    let range = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        let (start, end) = (format!("{}", now - 60.0), format!("{now}"));
        let expr = "sum by (method) (rate(django_http_requests_total_by_method_total{method=\"GET\"}[1m]))";
        server.json("/api/v1/query_range", &[("query", expr), ("start", &start), ("end", &end), ("step", "1")])
    };
    server.wait_for("a graph of requests", Duration::from_secs(60), |_| {
        let hello = ureq::get(format!("http://{address}/hello")).call();
        assert_eq!(hello.unwrap().status(), 200);
        let drawn = range().ok().and_then(|answer| {
            let values = answer["data"]["result"][0]["values"].as_array()?.clone();
            let rate: f64 = values.last()?[1].as_str()?.parse().ok()?;
            Some(rate > 0.0)
        });
        drawn == Some(true)
    });
    let latency =
        "histogram_quantile(0.9, sum by (le) (rate(django_http_requests_latency_seconds_by_view_method_bucket[1m])))";
    server.wait_for("latencies", Duration::from_secs(60), |server| {
        server.query(latency).is_ok_and(|result| result.as_array().is_some_and(|series| series.len() == 1))
    });
    // A failure means that the process has ended already.
    let _gone = child.kill();
    let _reaped = child.wait();
}
