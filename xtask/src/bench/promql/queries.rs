//! The thirty queries: what dashboards ask of services, machines and containers.

use std::fmt;

/// One query with the times it is asked for.
pub(super) struct Query {
    pub(super) name: &'static str,
    pub(super) expr: &'static str,
    pub(super) times: Times,
}

/// When a query is evaluated; all end where the data ends.
#[derive(Clone, Copy)]
pub(super) enum Times {
    Instant,
    Range { hours: i64, step_s: i64 },
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant => f.write_str("instant"),
            Self::Range { hours, step_s } => write!(f, "{hours}h/{step_s}s"),
        }
    }
}

impl Query {
    /// Returns the request's path.
    pub(super) fn path(&self, end_ms: i64) -> String {
        let expr: String = self.expr.bytes().map(|b| format!("%{b:02X}")).collect();
        let end = end_ms / 1000;
        match self.times {
            Times::Instant => format!("/api/v1/query?query={expr}&time={end}"),
            Times::Range { hours, step_s } => {
                format!("/api/v1/query_range?query={expr}&start={}&end={end}&step={step_s}", end - hours * 3600)
            }
        }
    }

    /// Returns how many samples the query's selectors hold, where that is the figure of interest.
    pub(super) fn samples(&self) -> Option<f64> {
        (self.name == SCAN).then_some(28_800_000.0)
    }
}

/// The query that reads everything.
pub(super) const SCAN: &str = "sum_everything_24h";
/// The queries whose answers are large.
pub(super) const LARGE: [&str; 2] = ["raw_matrix_1h", "raw_gauges_6h"];

const fn instant(name: &'static str, expr: &'static str) -> Query {
    Query { name, expr, times: Times::Instant }
}

const fn range(name: &'static str, hours: i64, step_s: i64, expr: &'static str) -> Query {
    Query { name, expr, times: Times::Range { hours, step_s } }
}

pub(super) const QUERIES: &[Query] = &[
    instant("instant_single", r#"up{instance="10.3.0.7:8080"}"#),
    range("range_single_6h", 6, 60, r#"node_load1{instance="10.2.0.3:9100"}"#),
    range(
        "range_rate_single_24h",
        24,
        300,
        r#"rate(http_requests_total{instance="10.1.0.4:8080",handler="/api/v1/resource/3",code="200",method="GET"}[5m])"#,
    ),
    range("sum_rate_by_status_6h", 6, 60, r#"sum by (code) (rate(http_requests_total{method="GET"}[5m]))"#),
    range("sum_rate_by_status_24h", 24, 300, r#"sum by (code) (rate(http_requests_total{method="GET"}[5m]))"#),
    range(
        "histogram_quantile_6h",
        6,
        60,
        "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
    ),
    range(
        "histogram_quantile_by_handler_24h",
        24,
        300,
        "histogram_quantile(0.99, sum by (handler, le) (rate(http_request_duration_seconds_bucket[10m])))",
    ),
    range("rate_buckets_24h", 24, 300, "sum(rate(http_request_duration_seconds_bucket[5m]))"),
    instant("topk_instant", "topk(10, rate(http_requests_total[5m]))"),
    range("topk_3h", 3, 60, "topk(5, rate(container_cpu_usage_seconds_total[5m]))"),
    range("regex_6h", 6, 60, r#"sum by (instance) (rate(node_cpu_seconds_total{mode=~"user|system|i.*"}[5m]))"#),
    range("cpu_busy_24h", 24, 300, r#"100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])))"#),
    range(
        "group_left_3h",
        3,
        60,
        "sum by (node) (container_memory_working_set_bytes * on (namespace, pod) group_left (node) kube_pod_info)",
    ),
    instant("count_by_name", r#"count by (__name__) ({__name__=~".+"})"#),
    range(SCAN, 24, 600, r#"sum by (job) ({__name__=~".+"})"#),
    range("avg_over_time_24h", 24, 300, "avg by (namespace) (avg_over_time(container_memory_working_set_bytes[10m]))"),
    range("max_over_time_6h", 6, 60, "max by (namespace) (max_over_time(container_memory_working_set_bytes[30m]))"),
    range("increase_24h", 24, 300, r#"sum by (handler) (increase(http_requests_total{method="GET"}[1h]))"#),
    range("quantile_over_time_6h", 6, 60, "quantile_over_time(0.9, node_load1[10m])"),
    range(
        "quantile_over_time_containers_3h",
        3,
        60,
        "max by (namespace) (quantile_over_time(0.9, container_memory_working_set_bytes[10m]))",
    ),
    range(
        "subquery_6h",
        6,
        300,
        r#"max_over_time(sum by (code) (rate(http_requests_total{method="GET"}[5m]))[59m30s:1m])"#,
    ),
    range(LARGE[0], 1, 30, "http_requests_total"),
    range(LARGE[1], 6, 60, r#"{__name__=~"node_pressure_.*"}"#),
    range(
        "error_ratio_6h",
        6,
        60,
        r#"sum by (handler) (rate(http_requests_total{code=~"5.."}[5m])) / sum by (handler) (rate(http_requests_total[5m]))"#,
    ),
    range("memory_used_ratio_24h", 24, 300, "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"),
    range(
        "mean_latency_6h",
        6,
        60,
        "sum by (instance) (rate(http_request_duration_seconds_sum[5m])) / sum by (instance) (rate(http_request_duration_seconds_count[5m]))",
    ),
    range(
        "compare_a_day_ago",
        12,
        300,
        "sum(rate(http_requests_total[10m])) / sum(rate(http_requests_total[10m] offset 11h))",
    ),
    range(
        "network_top_6h",
        6,
        60,
        r#"topk(3, sum by (instance) (irate(node_network_receive_bytes_total{device!="lo"}[2m])))"#,
    ),
    range(
        "stddev_alert_3h",
        3,
        60,
        "container_memory_working_set_bytes > 1.01 * avg_over_time(container_memory_working_set_bytes[1h])",
    ),
    instant("predict_instant", "sort_desc(predict_linear(node_memory_MemAvailable_bytes[4h], 4 * 3600))"),
];
