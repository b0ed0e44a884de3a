//! Whether a sample belongs to the family whose metadata came last (upstream: `isSeriesPartOfFamily`).

use firesteel_model::MetricType;

/// Returns whether a sample of this name belongs to the family. Counters and infos may have their suffix in either name.
pub(crate) fn is_part_of_family(sample: &str, family: &str, metric_type: MetricType) -> bool {
    if !sample.starts_with(family) {
        return false;
    }
    let (suffixes, shared): (&[&str], &str) = match metric_type {
        MetricType::Counter => (&["_total"], "_total"),
        MetricType::Info => (&["_info"], "_info"),
        MetricType::Histogram => (&["_bucket", "_sum", "_count"], ""),
        MetricType::GaugeHistogram => (&["_bucket", "_gsum", "_gcount"], ""),
        MetricType::Summary => (&["_sum", "_count"], ""),
        MetricType::Unknown | MetricType::Gauge | MetricType::StateSet => (&[], ""),
    };
    let family = family.strip_suffix(shared).unwrap_or(family);
    suffixes.iter().find_map(|suffix| sample.strip_suffix(suffix)).unwrap_or(sample) == family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_by_type() {
        let cases = [
            ("a_total", "a", MetricType::Counter, true),
            ("a_total", "a_total", MetricType::Counter, true),
            ("a", "a", MetricType::Counter, true),
            ("ab", "a", MetricType::Gauge, false),
            ("a_bucket", "a", MetricType::Histogram, true),
            ("a_bucket", "a", MetricType::Summary, false),
            ("a_gsum", "a", MetricType::GaugeHistogram, true),
            ("a_info", "a", MetricType::Info, true),
            ("b", "a", MetricType::Gauge, false),
        ];
        for (sample, family, metric_type, want) in cases {
            assert_eq!(is_part_of_family(sample, family, metric_type), want, "{sample} {family}");
        }
    }
}
