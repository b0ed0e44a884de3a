//! `load_with_nhcb`: classic histograms are stored as native ones with custom bounds too (`util/convertnhcb`, 3.14).

use std::collections::BTreeMap;

use firesteel_go_compat::parse_float;
use firesteel_model::{BUCKET_LABEL, FloatHistogram, Labels, LabelsBuilder, METRIC_NAME, Span};

use super::{LoadedSeries, Point};

/// What is known of one classic histogram at one time.
#[derive(Debug, Default)]
struct Classic {
    /// Upper bound and cumulative count, bounds ascending.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// Returns the native histograms of all classic ones, by labels in order of appearance; positions as in `series`.
pub(super) fn convert(series: &[LoadedSeries]) -> Vec<(Labels, Vec<(usize, FloatHistogram)>)> {
    let mut all: Vec<(Labels, BTreeMap<usize, Classic>)> = Vec::new();
    for one in series {
        let Some((base, kind)) = base_of(&one.labels) else { continue };
        let at = all.iter().position(|(labels, _)| *labels == base).unwrap_or_else(|| {
            all.push((base, BTreeMap::new()));
            all.len() - 1
        });
        for (i, point) in one.points.iter().enumerate() {
            let Point::Float(v) = point else { continue };
            let classic = all[at].1.entry(i).or_default();
            match kind {
                Kind::Bucket(le) => classic.buckets.push((le, *v)),
                Kind::Count => classic.count = Some(*v),
                Kind::Sum => classic.sum = *v,
            }
        }
    }
    let natives = all
        .into_iter()
        .map(|(labels, at)| (labels, at.into_iter().filter_map(|(i, classic)| Some((i, classic.native()?))).collect()));
    natives.collect()
}

enum Kind {
    Bucket(f64),
    Count,
    Sum,
}

fn base_of(labels: &Labels) -> Option<(Labels, Kind)> {
    let name = labels.metric_name();
    let (base, kind) = if let Some(base) = name.strip_suffix("_bucket") {
        let le = parse_float(labels.value(BUCKET_LABEL)).ok().filter(|le| !le.is_nan())?;
        (base, Kind::Bucket(le))
    } else if let Some(base) = name.strip_suffix("_sum") {
        (base, Kind::Sum)
    } else {
        (name.strip_suffix("_count")?, Kind::Count)
    };
    let mut builder = LabelsBuilder::from_labels(labels);
    builder.set(METRIC_NAME, base).del(BUCKET_LABEL);
    Some((builder.build(), kind))
}

impl Classic {
    /// Returns the native histogram, `None` when counts contradict each other.
    fn native(mut self) -> Option<FloatHistogram> {
        self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.buckets.dedup_by(|next, kept| next.0 == kept.0);
        let count = self.count.or(self.buckets.last().map(|last| last.1)).unwrap_or(0.0);
        if self.buckets.last().is_none_or(|last| last.0 != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let cumulative = self.buckets.is_sorted_by(|a, b| a.1 <= b.1);
        if !cumulative || self.buckets.last().is_none_or(|last| last.1 != count) {
            return None;
        }
        let mut before = 0.0;
        let counts = self.buckets.iter().map(|(_, cumulative)| {
            let own = cumulative - before;
            before = *cumulative;
            own
        });
        let mut h = FloatHistogram {
            schema: firesteel_model::histogram::CUSTOM_BUCKETS_SCHEMA,
            count,
            sum: self.sum,
            positive_buckets: counts.collect(),
            positive_spans: vec![Span { offset: 0, length: self.buckets.len() as u32 }],
            custom_values: self.buckets.iter().map(|(le, _)| *le).filter(|le| *le != f64::INFINITY).collect(),
            ..FloatHistogram::default()
        };
        h.compact(0);
        Some(h)
    }
}
