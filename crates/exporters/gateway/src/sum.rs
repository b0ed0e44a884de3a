//! `mode=sum`: what is pushed is added to what the group has, for jobs that are many and short and count a little each.
//!
//! Counters, histograms and the count and sum of summaries add up. What cannot be added is what was pushed last: gauges,
//! untyped values, quantiles. Metrics that a push does not name stay.

use firesteel_base::FastHashMap;
use firesteel_model::{
    Bucket, ClassicHistogram, FloatCounts, Labels, Metric, MetricFamily, MetricValue, NativeHistogram, RichHistogram,
};

/// Adds the metrics of `old` to those of `new`, which is of the same name and type. Errors when two histograms cannot be
/// added.
pub(crate) fn add(old: &MetricFamily, new: &mut MetricFamily) -> Result<(), String> {
    let mut by_labels: FastHashMap<Labels, usize> =
        new.metrics.iter().enumerate().map(|(at, metric)| (metric.labels.clone(), at)).collect();
    for metric in &old.metrics {
        match by_labels.remove(&metric.labels) {
            None => new.metrics.push(metric.clone()),
            Some(at) => {
                let newer = &mut new.metrics[at];
                add_metric(metric, newer).map_err(|why| format!("metric family {}: {why}", new.name))?;
            }
        }
    }
    Ok(())
}

fn add_metric(old: &Metric, new: &mut Metric) -> Result<(), String> {
    new.created_ms = old.created_ms.or(new.created_ms);
    match (&old.value, &mut new.value) {
        (MetricValue::Counter { value: old, .. }, MetricValue::Counter { value, .. }) => *value += old,
        (MetricValue::Summary(old), MetricValue::Summary(new)) => {
            new.count = new.count.saturating_add(old.count);
            new.sum += old.sum;
        }
        (MetricValue::Histogram(old), MetricValue::Histogram(new)) => add_classic(old, new),
        (
            MetricValue::Histogram(_) | MetricValue::RichHistogram(_),
            MetricValue::Histogram(_) | MetricValue::RichHistogram(_),
        ) => {
            let (old, newer) = (as_rich(&old.value), as_rich(&new.value));
            new.value = MetricValue::RichHistogram(Box::new(add_rich(&old, newer)?));
        }
        _ => {}
    }
    Ok(())
}

/// A bound that one of the two lacks counts there what its next bound below counts.
fn add_classic(old: &ClassicHistogram, new: &mut ClassicHistogram) {
    new.count = new.count.saturating_add(old.count);
    new.sum += old.sum;
    if old.buckets.iter().map(|b| b.upper_bound).eq(new.buckets.iter().map(|b| b.upper_bound)) {
        for (new, old) in new.buckets.iter_mut().zip(&old.buckets) {
            new.cumulative_count = new.cumulative_count.saturating_add(old.cumulative_count);
        }
        return;
    }
    let mut bounds: Vec<f64> = old.buckets.iter().chain(&new.buckets).map(|b| b.upper_bound).collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    let at = |buckets: &[Bucket], bound: f64| {
        let below = buckets.iter().filter(|b| b.upper_bound <= bound);
        below.map(|b| b.cumulative_count).max().unwrap_or(0)
    };
    let newest = std::mem::take(&mut new.buckets);
    new.buckets = bounds
        .into_iter()
        .map(|bound| Bucket {
            upper_bound: bound,
            cumulative_count: at(&old.buckets, bound).saturating_add(at(&newest, bound)),
            exemplar: newest.iter().find(|b| b.upper_bound == bound).and_then(|b| b.exemplar.clone()),
        })
        .collect();
}

fn as_rich(value: &MetricValue) -> RichHistogram {
    match value {
        MetricValue::Histogram(classic) => RichHistogram { classic: classic.clone(), ..RichHistogram::default() },
        MetricValue::RichHistogram(rich) => (**rich).clone(),
        _ => RichHistogram::default(),
    }
}

/// Becomes one of float counts: whole numbers and fractions have no other sum.
fn add_rich(old: &RichHistogram, mut new: RichHistogram) -> Result<RichHistogram, String> {
    let bounds = |h: &RichHistogram| h.classic.buckets.iter().map(|b| b.upper_bound).collect::<Vec<_>>();
    if bounds(old) != bounds(&new) {
        return Err("histograms with fractions or native buckets add up only when their bounds are the same".to_owned());
    }
    let buckets = old.buckets().zip(new.buckets()).map(|(a, b)| a.1 + b.1).collect();
    new.float_counts = Some(FloatCounts { count: old.count() + new.count(), buckets });
    new.classic.sum += old.classic.sum;
    new.classic.count = 0;
    new.classic.buckets.iter_mut().for_each(|bucket| bucket.cumulative_count = 0);
    new.native = match (&old.native, new.native) {
        (Some(old), Some(newer)) => {
            let mut sum = floats(&newer);
            sum.add(&floats(old)).map_err(|e| e.to_string())?;
            Some(NativeHistogram::Float(Box::new(sum)))
        }
        (None, newer) => newer.map(|newer| NativeHistogram::Float(Box::new(floats(&newer)))),
        (Some(_), None) => None,
    };
    Ok(new)
}

fn floats(h: &NativeHistogram) -> firesteel_model::histogram::FloatHistogram {
    match h {
        NativeHistogram::Int(h) => h.to_float(),
        NativeHistogram::Float(h) => (**h).clone(),
    }
}
