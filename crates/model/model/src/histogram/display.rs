//! Histograms as text: upstream's `String()` and the notation of its test scripts.

use std::fmt;

use firesteel_go_compat::{FloatForm, FormattedFloat, format_float_as};

use super::{Bucket, CounterReset, FloatHistogram, Histogram};

/// `%g` of Go.
pub(super) fn general(v: f64) -> FormattedFloat {
    format_float_as(v, FloatForm::General)
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", self.count, general(self.sum))?;
        let negative: Vec<Bucket<u64>> = self.negative().filter(|b| b.count != 0).collect();
        for bucket in negative.iter().rev() {
            write!(f, ", {bucket}")?;
        }
        if self.zero_count != 0 {
            write!(f, ", {}", self.zero_bucket())?;
        }
        for bucket in self.positive().filter(|b| b.count != 0) {
            write!(f, ", {bucket}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Display for FloatHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", general(self.count), general(self.sum))?;
        let shown = |b: Bucket| Bucket {
            count: general(b.count),
            lower: b.lower,
            upper: b.upper,
            lower_inclusive: b.lower_inclusive,
            upper_inclusive: b.upper_inclusive,
            index: b.index,
        };
        for bucket in self.negative_reverse().filter(|b| b.count != 0.0) {
            write!(f, ", {}", shown(bucket))?;
        }
        if self.zero_count != 0.0 {
            write!(f, ", {}", shown(self.zero_bucket()))?;
        }
        for bucket in self.positive().filter(|b| b.count != 0.0) {
            write!(f, ", {}", shown(bucket))?;
        }
        f.write_str("}")
    }
}

impl FloatHistogram {
    /// Returns the histogram in the notation of test scripts and rule tests: `{{schema:1 count:3 buckets:[1 2]}}`.
    pub fn test_expression(&self) -> String {
        let mut h = self.clone();
        h.compact(usize::MAX);
        let mut parts: Vec<String> = Vec::new();
        if h.schema != 0 {
            parts.push(format!("schema:{}", h.schema));
        }
        let mut number = |name: &str, v: f64| {
            if v != 0.0 {
                parts.push(format!("{name}:{}", general(v)));
            }
        };
        number("count", h.count);
        number("sum", h.sum);
        number("z_bucket", h.zero_count);
        number("z_bucket_w", h.zero_threshold);
        if h.uses_custom_buckets() {
            parts.push(format!("custom_values:[{}]", list(&h.custom_values)));
        }
        match h.counter_reset {
            CounterReset::Unknown => {}
            CounterReset::Reset => parts.push("counter_reset_hint:reset".to_owned()),
            CounterReset::NotReset => parts.push("counter_reset_hint:not_reset".to_owned()),
            CounterReset::Gauge => parts.push("counter_reset_hint:gauge".to_owned()),
        }
        let sides = [
            ("offset", "buckets", &h.positive_spans, &h.positive_buckets),
            ("n_offset", "n_buckets", &h.negative_spans, &h.negative_buckets),
        ];
        for (offset, name, spans, buckets) in sides {
            if let Some(span) = spans.first().filter(|span| span.offset != 0) {
                parts.push(format!("{offset}:{}", span.offset));
            }
            if !buckets.is_empty() {
                parts.push(format!("{name}:[{}]", list(buckets)));
            }
        }
        format!("{{{{{}}}}}", parts.join(" "))
    }
}

fn list(values: &[f64]) -> String {
    values.iter().map(|&v| general(v).to_string()).collect::<Vec<_>>().join(" ")
}
