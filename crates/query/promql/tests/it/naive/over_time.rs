//! Functions of a range but the rates: `*_over_time`, `deriv`, `predict_linear`, smoothing.

use std::rc::Rc;

use firesteel_model::CounterReset;

use super::Error;
use super::data::{Datum, Window};
use super::histogram::{Histogram, Incompatible, Remarks};
use super::notes::{self, Notes};
use super::sums::{add, line, mean, quantile, variance_over_time};

/// Sums up what is said of many additions.
#[derive(Default)]
pub(crate) struct Heard {
    reset: bool,
    not_reset: bool,
    pub(crate) reconciled: bool,
}

impl Heard {
    pub(crate) fn hint(&mut self, hint: CounterReset) {
        self.reset |= hint == CounterReset::Reset;
        self.not_reset |= hint == CounterReset::NotReset;
    }

    pub(crate) fn remarks(&mut self, remarks: Remarks) {
        self.reconciled |= remarks.reconciled;
    }

    pub(crate) fn tell(&self, notes: &Notes) {
        notes.add_if(self.reset && self.not_reset, notes::COLLISION);
        notes.add_if(self.reconciled, notes::RECONCILED);
    }
}

/// Returns the compensated sum of histograms.
pub(crate) fn histogram_sum(all: &[Rc<Histogram>], heard: &mut Heard) -> Result<Histogram, Incompatible> {
    let (mut sum, mut lost) = (Histogram::clone(&all[0]), None);
    heard.hint(sum.hint);
    for h in &all[1..] {
        heard.hint(h.hint);
        let remarks = sum.add_compensated(h, &mut lost)?;
        heard.remarks(remarks);
    }
    match lost {
        None => Ok(sum),
        Some(lost) => Ok(sum.plus(&lost)?.0),
    }
}

/// Returns the compensated mean of histograms: running from where the sum would overflow.
pub(crate) fn histogram_mean(all: &[Rc<Histogram>], heard: &mut Heard) -> Result<Histogram, Incompatible> {
    let mut sum = Histogram::clone(&all[0]);
    heard.hint(sum.hint);
    let (mut lost, mut running, mut n) = (None::<Histogram>, None::<Histogram>, 1.0);
    for h in &all[1..] {
        heard.hint(h.hint);
        n += 1.0;
        if running.is_none() {
            let (mut next, mut next_lost) = (sum.clone(), lost.clone());
            let remarks = next.add_compensated(h, &mut next_lost)?;
            heard.remarks(remarks);
            if !next.overflows() {
                (sum, lost) = (next, next_lost);
                continue;
            }
            running = Some(sum.divided(n - 1.0));
            lost = lost.map(|lost| lost.divided(n - 1.0));
        }
        let share = (n - 1.0) / n;
        lost = lost.map(|lost| lost.times(share));
        let mut mean = running.take().expect("set above").times(share);
        let remarks = mean.add_compensated(&h.divided(n), &mut lost)?;
        heard.remarks(remarks);
        running = Some(mean);
    }
    match (running, lost) {
        (Some(mean), Some(lost)) => Ok(mean.plus(&lost)?.0),
        (Some(mean), None) => Ok(mean),
        (None, Some(lost)) => Ok(sum.divided(n).plus(&lost.divided(n))?.0),
        (None, None) => Ok(sum.divided(n)),
    }
}

/// Computes `name` over a window that is not empty.
pub(crate) fn over_time(
    name: &str,
    window: &Window,
    params: &[f64],
    t: i64,
    notes: &Notes,
) -> Result<Option<Datum>, Error> {
    let (floats, histograms) = (&window.floats, &window.histograms);
    let values: Vec<f64> = floats.iter().map(|sample| sample.v).collect();
    let float = |v: f64| Ok(Some(Datum::Float(v)));
    let seconds = |ms: i64| ms as f64 / 1000.0;
    let first_is_float = || match (floats.first(), histograms.first()) {
        (Some(float), Some(histogram)) => float.t < histogram.t,
        (float, _) => float.is_some(),
    };
    let last_is_float = || match (floats.last(), histograms.last()) {
        (Some(float), Some(histogram)) => float.t > histogram.t,
        (float, _) => float.is_some(),
    };
    let first_t = || floats.first().map(|s| s.t).into_iter().chain(histograms.first().map(|s| s.t)).min();
    let last_t = || floats.last().map(|s| s.t).into_iter().chain(histograms.last().map(|s| s.t)).max();
    match name {
        "count_over_time" => return float((floats.len() + histograms.len()) as f64),
        "present_over_time" | "absent_over_time" => return float(1.0),
        "first_over_time" if first_is_float() => return float(values[0]),
        "first_over_time" => return Ok(Some(Datum::Histogram(Rc::clone(&histograms[0].v)))),
        "last_over_time" if last_is_float() => return float(values[values.len() - 1]),
        "last_over_time" => return Ok(Some(Datum::Histogram(Rc::clone(&histograms[histograms.len() - 1].v)))),
        "ts_of_first_over_time" => return float(seconds(first_t().unwrap_or_default())),
        "ts_of_last_over_time" => return float(seconds(last_t().unwrap_or_default())),
        "sum_over_time" | "avg_over_time" => {
            if window.is_mixed() {
                notes.add(notes::MIXED_RANGE);
                return Ok(None);
            }
            if histograms.is_empty() {
                if name == "avg_over_time" {
                    return float(mean(&values));
                }
                let (sum, lost) = values.iter().fold((0.0, 0.0), |(sum, lost), v| add(*v, sum, lost));
                return float(if sum.is_infinite() { sum } else { sum + lost });
            }
            let all: Vec<_> = histograms.iter().map(|sample| Rc::clone(&sample.v)).collect();
            let mut heard = Heard::default();
            let fold = if name == "sum_over_time" { histogram_sum } else { histogram_mean };
            let Ok(result) = fold(&all, &mut heard) else {
                notes.add(notes::MIXED_BUCKETS);
                return Ok(None);
            };
            heard.tell(notes);
            return Ok(Some(Datum::Histogram(Rc::new(result))));
        }
        "double_exponential_smoothing" => {
            for (what, factor) in [("smoothing", params[0]), ("trend", params[1])] {
                if factor <= 0.0 || factor >= 1.0 {
                    let (short, one) = (if what == "smoothing" { "sf" } else { "tf" }, 1);
                    return Err(Error(format!(
                        "invalid {what} factor. Expected: 0 < {short} < {one}, got: {factor:.6}"
                    )));
                }
            }
        }
        _ => {}
    }
    let needed = if matches!(name, "deriv" | "predict_linear" | "double_exponential_smoothing") { 2 } else { 1 };
    if floats.len() < needed {
        notes.add_if(floats.len() == 1 && !histograms.is_empty(), notes::IGNORED_IN_RANGE);
        return Ok(None);
    }
    notes.add_if(!histograms.is_empty(), notes::IGNORED_IN_RANGE);
    // The extreme sample: the first of equals for `min` and `max`, the last of them for its time.
    let extreme = |better: &dyn Fn(f64, f64) -> bool| {
        floats.iter().fold(&floats[0], |best, s| if better(s.v, best.v) || best.v.is_nan() { s } else { best })
    };
    float(match name {
        "max_over_time" => extreme(&|a, b| a > b).v,
        "min_over_time" => extreme(&|a, b| a < b).v,
        "ts_of_max_over_time" => seconds(extreme(&|a, b| a >= b).t),
        "ts_of_min_over_time" => seconds(extreme(&|a, b| a <= b).t),
        "stdvar_over_time" => variance_over_time(&values),
        "stddev_over_time" => variance_over_time(&values).sqrt(),
        "quantile_over_time" => {
            notes.add_if(!(0.0..=1.0).contains(&params[0]), notes::QUANTILE);
            quantile(params[0], &values)
        }
        "mad_over_time" if values.iter().any(|v| v.is_nan()) => f64::NAN,
        "mad_over_time" => {
            // The median sorts the values in place; which order that is does not matter to the next one.
            let median = quantile(0.5, &values);
            let distances: Vec<f64> = values.iter().map(|v| (v - median).abs()).collect();
            quantile(0.5, &distances)
        }
        "deriv" => line(floats, floats[0].t).0,
        "predict_linear" => {
            let (slope, intercept) = line(floats, t);
            slope * params[0] + intercept
        }
        "double_exponential_smoothing" => smoothed(&values, params[0], params[1]),
        _ => return Err(Error(format!("the naive evaluator knows no {name}"))),
    })
}

/// Holt's linear method with factors for level and trend.
fn smoothed(values: &[f64], level: f64, trend: f64) -> f64 {
    let (mut before, mut now, mut slope) = (0.0, values[0], values[1] - values[0]);
    for (i, v) in values.iter().enumerate().skip(1) {
        if i > 1 {
            slope = trend * (now - before) + (1.0 - trend) * slope;
        }
        let next = level * v + (1.0 - level) * (now + slope);
        (before, now) = (now, next);
    }
    now
}
