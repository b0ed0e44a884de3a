//! The series that the benches of the database scrape.

use firesteel_model::Labels;

/// Returns the labels of a target's `i`-th series: ten pairs, 40 % buckets, 35 % counters, 25 % gauges.
pub(crate) fn labels(target: usize, i: usize) -> Labels {
    let name = match i % 20 {
        0..8 => format!("http_request_duration_seconds_bucket_{}", i / 200),
        8..15 => format!("http_requests_total_{}", i / 100),
        _ => format!("process_gauge_{}", i / 50),
    };
    let (le, path) = (format!("{}", i % 8), format!("/api/v1/resource/{}", i / 8));
    Labels::from_pairs([
        ("__name__", name.as_str()),
        ("cluster", "eu-west-1-production"),
        ("env", "production"),
        ("instance", &format!("10.0.{}.{}:9100", target / 250, target % 250)),
        ("job", "node"),
        ("le", &le),
        ("method", ["GET", "POST", "PUT", "DELETE"][i % 4]),
        ("path", &path),
        ("pod", &format!("frontend-7d9f8b6c5-{target:05}")),
        ("status", ["200", "404", "500"][i % 3]),
    ])
}

/// Moves a series' value on to the next round.
pub(crate) fn step(value: &mut f64, i: usize, round: i64) {
    match i % 20 {
        // Buckets and counters: whole numbers that grow, a third of them rarely.
        0..8 if (i as i64 + round) % 3 == 0 => *value += ((i as i64 * 31 + round * 17) % 23) as f64,
        8..15 => *value += ((i as i64 * 13 + round * 7) % 101) as f64,
        15..20 => *value = ((i as i64 * 7919 + round * 104_729) % 10_007) as f64 / 16.0,
        _ => {}
    }
}
