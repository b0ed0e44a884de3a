//! Aggregations.

use std::rc::Rc;

use firesteel_go_compat::{FloatForm, format_float_as};
use firesteel_model::{Labels, METRIC_NAME};
use firesteel_promql_syntax::{AggregateExpr, AggregateOp};

use super::data::{Datum, Sample, filtered, with_label};
use super::histogram::Histogram;
use super::notes::{self, Notes};
use super::over_time::{Heard, histogram_mean, histogram_sum};
use super::sums::{add, mean, quantile, variance_of_group};

/// Returns the labels of the group that a series is in.
pub(crate) fn group_of(labels: &Labels, aggregate: &AggregateExpr) -> Labels {
    let named = |name: &str| aggregate.grouping.iter().any(|label| label == name);
    filtered(labels, |name| if aggregate.without { !named(name) && name != METRIC_NAME } else { named(name) })
}

/// Returns the elements by group, groups in order of appearance.
pub(crate) fn groups(vector: Vec<Sample>, aggregate: &AggregateExpr) -> Vec<(Labels, Vec<Sample>)> {
    let mut groups = Vec::<(Labels, Vec<Sample>)>::new();
    for sample in vector {
        // Upstream's groups go by what is left of the labels; with `without` the name is left out only then.
        let group = group_of(&sample.labels, aggregate);
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, members)) => members.push(sample),
            None => groups.push((group, vec![sample])),
        }
    }
    groups
}

/// Folds one group into a point.
pub(crate) fn fold(op: AggregateOp, members: &[Sample], param: f64, notes: &Notes) -> Option<Datum> {
    use AggregateOp as A;
    let floats: Vec<f64> = members.iter().filter_map(|sample| sample.datum.float()).collect();
    let histograms: Vec<Rc<Histogram>> = members.iter().filter_map(|s| s.datum.histogram().cloned()).collect();
    match op {
        A::Count => return Some(Datum::Float(members.len() as f64)),
        A::Group => return Some(Datum::Float(1.0)),
        A::Sum | A::Avg => return sum_or_mean(op == A::Avg, members, notes),
        _ => {}
    }
    notes.add_if(!histograms.is_empty(), notes::IGNORED_IN_GROUP);
    if floats.is_empty() {
        return None;
    }
    let extreme = |better: &dyn Fn(f64, f64) -> bool| {
        floats[1..].iter().fold(floats[0], |best, v| if better(*v, best) || best.is_nan() { *v } else { best })
    };
    Some(Datum::Float(match op {
        A::Max => extreme(&|a, b| a > b),
        A::Min => extreme(&|a, b| a < b),
        A::Stdvar => variance_of_group(&floats),
        A::Stddev => variance_of_group(&floats).sqrt(),
        _ => quantile(param, &floats),
    }))
}

/// Folds floats, or histograms; a mix of both is nothing. Where buckets do not combine nothing after counts.
fn sum_or_mean(is_mean: bool, members: &[Sample], notes: &Notes) -> Option<Datum> {
    let histogram_first = members[0].datum.histogram();
    let unlike = |sample: &Sample| match (histogram_first, sample.datum.histogram()) {
        (Some(first), Some(h)) => first.is_custom() != h.is_custom(),
        _ => false,
    };
    let end = members.iter().position(unlike);
    let members = &members[..end.unwrap_or(members.len())];
    let floats: Vec<f64> = members.iter().filter_map(|sample| sample.datum.float()).collect();
    let histograms: Vec<Rc<Histogram>> = members.iter().filter_map(|s| s.datum.histogram().cloned()).collect();
    let mut heard = Heard::default();
    let mut result = None;
    if histogram_first.is_some() {
        let fold = if is_mean { histogram_mean } else { histogram_sum };
        result = fold(&histograms, &mut heard).ok();
    }
    notes.add_if(heard.reconciled, notes::RECONCILED);
    notes.add_if(end.is_some(), notes::MIXED_BUCKETS);
    if !floats.is_empty() && !histograms.is_empty() {
        notes.add(notes::MIXED_GROUP);
        return None;
    }
    if end.is_some() {
        return None;
    }
    if let Some(result) = result {
        heard.tell(notes);
        return Some(Datum::Histogram(Rc::new(result.compacted())));
    }
    if is_mean {
        return Some(Datum::Float(mean(&floats)));
    }
    let (sum, lost) = floats[1..].iter().fold((floats[0], 0.0), |(sum, lost), v| add(*v, sum, lost));
    Some(Datum::Float(sum + lost))
}

/// Picks of one group what `topk`, `bottomk`, `limitk` or `limit_ratio` keeps, in their order.
pub(crate) fn pick(op: AggregateOp, members: Vec<Sample>, param: f64, n_series: usize, notes: &Notes) -> Vec<Sample> {
    use AggregateOp as A;
    match op {
        A::LimitRatio => {
            let ratio = param.clamp(-1.0, 1.0);
            let takes = |sample: &Sample| {
                let place = sample.labels.hash64() as f64 / u64::MAX as f64;
                ratio > 0.0 && place < ratio || ratio < 0.0 && place >= 1.0 + ratio
            };
            members.into_iter().filter(takes).collect()
        }
        A::LimitK => members.into_iter().take(wanted(param, n_series)).collect(),
        _ => {
            let (mut kept, k) = (Vec::<Sample>::new(), wanted(param, n_series));
            let value = |sample: &Sample| sample.datum.float().unwrap_or(f64::NAN);
            // Whether `a` is worse than `b`: NaN is the worst.
            let worse = |a: f64, b: f64| a.is_nan() || if op == A::TopK { a < b } else { a > b };
            for sample in members {
                let Some(v) = sample.datum.float() else {
                    notes.add(notes::IGNORED_IN_GROUP);
                    continue;
                };
                if kept.len() < k {
                    kept.push(sample);
                    let mut at = kept.len() - 1;
                    while at > 0 && worse(value(&kept[at]), value(&kept[(at - 1) / 2])) {
                        kept.swap(at, (at - 1) / 2);
                        at = (at - 1) / 2;
                    }
                } else if k > 0 && !v.is_nan() && worse(value(&kept[0]), v) {
                    kept[0] = sample;
                    sink(&mut kept, |a, b| worse(value(a), value(b)));
                }
            }
            // Go's sort is an insertion sort up to a dozen.
            for i in 1..kept.len() {
                let mut at = i;
                while at > 0 && worse(value(&kept[at - 1]), value(&kept[at])) {
                    kept.swap(at, at - 1);
                    at -= 1;
                }
            }
            kept
        }
    }
}

/// Restores a heap, whose least element may be wrong.
fn sink(heap: &mut [Sample], less: impl Fn(&Sample, &Sample) -> bool) {
    let mut at = 0;
    loop {
        let (left, right) = (2 * at + 1, 2 * at + 2);
        if left >= heap.len() {
            return;
        }
        let child = if right < heap.len() && less(&heap[right], &heap[left]) { right } else { left };
        if !less(&heap[child], &heap[at]) {
            return;
        }
        heap.swap(at, child);
        at = child;
    }
}

/// Returns how many are wanted, at most as many as there are series.
fn wanted(param: f64, n_series: usize) -> usize {
    if param < 1.0 { 0 } else { (param as usize).min(n_series) }
}

/// Counts elements by value: the label `name` of each is its value.
pub(crate) fn count_values(vector: Vec<Sample>, name: &str, aggregate: &AggregateExpr) -> Vec<(Labels, f64)> {
    let mut with_name = aggregate.clone();
    if !aggregate.without {
        with_name.grouping.push(name.to_owned());
    }
    let labelled = vector.into_iter().map(|sample| {
        let text = match &sample.datum {
            Datum::Float(v) => format_float_as(*v, FloatForm::Fixed).to_string(),
            Datum::Histogram(h) => h.to_model().to_string(),
        };
        Sample { labels: with_label(&sample.labels, name, &text), ..sample }
    });
    groups(labelled.collect(), &with_name).into_iter().map(|(labels, all)| (labels, all.len() as f64)).collect()
}
