//! Functions of instant vectors, one step at a time.

use firesteel_go_compat::{FloatForm, format_float_as, math, parse_float};
use firesteel_model::{BUCKET_LABEL, Labels, METRIC_NAME};

use super::data::{Datum, Sample, filtered, with_label, without_metadata};
use super::notes::{self, Notes};
use super::quantiles::{
    Classic, NanNote, classic_fraction, classic_quantile, native_fraction, native_quantile, native_variance,
};

/// Returns what a function of one number makes of it, `None` if `name` is no such function.
pub(crate) fn elementwise(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => math::exp,
        "sqrt" => f64::sqrt,
        "ln" => math::ln,
        "log2" => math::log2,
        "log10" => math::log10,
        "sin" => math::sin,
        "cos" => math::cos,
        "tan" => math::tan,
        "asin" => math::asin,
        "acos" => math::acos,
        "atan" => math::atan,
        "sinh" => math::sinh,
        "cosh" => math::cosh,
        "tanh" => math::tanh,
        "asinh" => math::asinh,
        "acosh" => math::acosh,
        "atanh" => math::atanh,
        "rad" => |v| v * std::f64::consts::PI / 180.0,
        "deg" => |v| v * 180.0 / std::f64::consts::PI,
        "sgn" => |v| {
            if v < 0.0 {
                -1.0
            } else if v > 0.0 {
                1.0
            } else {
                v
            }
        },
        "day_of_month" => |v| Date::of(v).day,
        "day_of_week" => |v| Date::of(v).weekday,
        "day_of_year" => |v| Date::of(v).day_of_year,
        "days_in_month" => |v| Date::of(v).days_in_month,
        "hour" => |v| Date::of(v).hour,
        "minute" => |v| Date::of(v).minute,
        "month" => |v| Date::of(v).month,
        "year" => |v| Date::of(v).year,
        _ => return None,
    })
}

/// A moment in the calendar, UTC.
struct Date {
    year: f64,
    month: f64,
    day: f64,
    weekday: f64,
    day_of_year: f64,
    days_in_month: f64,
    hour: f64,
    minute: f64,
}

impl Date {
    /// Seconds since 1970 as a float, cut as Go does on amd64.
    fn of(seconds: f64) -> Self {
        // Go counts in 64 bits from the beginning of its own time; what lies before comes out at the end.
        const BEGINNING: i128 = -9_223_372_028_715_321_600;
        let mut seconds = i128::from(firesteel_go_compat::go_i64(seconds));
        if seconds < BEGINNING {
            seconds += 1 << 64;
        }
        let (mut days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let weekday = (days + 4).rem_euclid(7);
        let is_leap = |year: i128| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let mut year = 1970 + days.div_euclid(146_097) * 400;
        days = days.rem_euclid(146_097);
        loop {
            let length = if is_leap(year) { 366 } else { 365 };
            if days < length {
                break;
            }
            days -= length;
            year += 1;
        }
        let day_of_year = days + 1;
        let february = if is_leap(year) { 29 } else { 28 };
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while days >= lengths[month] {
            days -= lengths[month];
            month += 1;
        }
        Self {
            year: year as f64,
            month: (month + 1) as f64,
            day: (days + 1) as f64,
            weekday: weekday as f64,
            day_of_year: day_of_year as f64,
            days_in_month: lengths[month] as f64,
            hour: (of_day / 3600) as f64,
            minute: (of_day % 3600 / 60) as f64,
        }
    }
}

/// Returns the floats with new values and without their names.
pub(crate) fn map_floats(vector: Vec<Sample>, delayed: bool, f: impl Fn(f64) -> f64) -> Vec<Sample> {
    let floats = vector.into_iter().filter_map(|sample| {
        let v = sample.datum.float()?;
        Some(renamed(Sample { datum: Datum::Float(f(v)), ..sample }, delayed))
    });
    floats.collect()
}

/// Returns a sample that is no longer what its metric measured.
pub(crate) fn renamed(sample: Sample, delayed: bool) -> Sample {
    let labels = if delayed { sample.labels } else { without_metadata(&sample.labels) };
    Sample { labels, drop_name: true, ..sample }
}

/// Go's `math.Min` and `math.Max` for `clamp`, `min_of` and `max_of`.
pub(crate) fn go_min(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { a } else { b }
    } else if a < b {
        a
    } else {
        b
    }
}

pub(crate) fn go_max(a: f64, b: f64) -> f64 {
    -go_min(-a, -b)
}

/// `histogram_count` and its like: histograms become floats, floats vanish.
pub(crate) fn of_histograms(name: &str, vector: Vec<Sample>, delayed: bool) -> Vec<Sample> {
    let floats = vector.into_iter().filter_map(|sample| {
        let h = sample.datum.histogram()?;
        let v = match name {
            "histogram_count" => h.count,
            "histogram_sum" => h.sum,
            "histogram_avg" => h.sum / h.count,
            "histogram_stdvar" => native_variance(h),
            _ => native_variance(h).sqrt(),
        };
        // Unlike other functions these drop the name only, not type and unit.
        let labels = if delayed { sample.labels } else { filtered(&sample.labels, |name| name != METRIC_NAME) };
        Some(Sample { labels, drop_name: true, datum: Datum::Float(v), t: sample.t })
    });
    floats.collect()
}

/// The histograms of a vector: native ones, and classic ones by labels without `le`.
pub(crate) struct Histograms {
    native: Vec<Sample>,
    classic: Vec<(Labels, bool, Vec<Classic>)>,
}

impl Histograms {
    pub(crate) fn of(vector: Vec<Sample>, notes: &Notes) -> Self {
        let mut classic = Vec::<(Labels, bool, Vec<Classic>)>::new();
        let mut native = Vec::new();
        for sample in vector {
            let Some(count) = sample.datum.float() else {
                native.push(sample);
                continue;
            };
            let Ok(bound) = parse_float(sample.labels.value(BUCKET_LABEL)) else {
                notes.add(notes::BAD_BUCKET);
                continue;
            };
            let labels = filtered(&sample.labels, |name| name != BUCKET_LABEL);
            match classic.iter_mut().find(|(known, ..)| *known == labels) {
                Some((_, _, buckets)) => buckets.push((bound, count)),
                None => classic.push((labels, sample.drop_name, vec![(bound, count)])),
            }
        }
        native.retain(|sample: &Sample| {
            let twin = classic.iter().position(|(labels, ..)| *labels == sample.labels);
            if let Some(twin) = twin {
                notes.add(notes::MIXED_CLASSIC);
                classic.remove(twin);
            }
            twin.is_none()
        });
        Self { native, classic }
    }

    fn each(
        &self,
        delayed: bool,
        of_native: impl Fn(&super::histogram::Histogram) -> (f64, Option<NanNote>),
        of_classic: impl Fn(&[Classic]) -> f64,
        notes: &Notes,
    ) -> Vec<Sample> {
        let native = self.native.iter().map(|sample| {
            let (v, note) = of_native(sample.datum.histogram().expect("it is native"));
            match note {
                None => {}
                Some(NanNote::Result) => notes.add(notes::NAN_RESULT),
                Some(NanNote::Skew) => notes.add(notes::NAN_SKEW),
                Some(NanNote::Fractions) => notes.add(notes::NAN_FRACTIONS),
            }
            Sample { datum: Datum::Float(v), ..sample.clone() }
        });
        let classic = self.classic.iter().map(|(labels, drop_name, buckets)| Sample {
            labels: labels.clone(),
            drop_name: *drop_name,
            datum: Datum::Float(of_classic(buckets)),
            t: 0,
        });
        native.chain(classic).map(|sample| renamed(sample, delayed)).collect()
    }

    pub(crate) fn quantile(&self, q: f64, delayed: bool, notes: &Notes) -> Vec<Sample> {
        let of_classic = |buckets: &[Classic]| {
            let (v, forced) = classic_quantile(q, buckets);
            notes.add_if(forced, notes::MONOTONICITY);
            v
        };
        self.each(delayed, |h| native_quantile(q, h), of_classic, notes)
    }

    pub(crate) fn fraction(&self, lower: f64, upper: f64, delayed: bool, notes: &Notes) -> Vec<Sample> {
        let of_native = |h: &super::histogram::Histogram| native_fraction(lower, upper, h);
        self.each(delayed, of_native, |buckets| classic_fraction(lower, upper, buckets), notes)
    }

    /// Returns one element for each quantile, told apart by a label.
    pub(crate) fn quantiles(&self, label: &str, all: &[f64], delayed: bool, notes: &Notes) -> Vec<Sample> {
        let mut out = Vec::new();
        for q in all {
            notes.add_if(!(0.0..=1.0).contains(q), notes::QUANTILE);
            for sample in self.quantile(*q, delayed, notes) {
                out.push(Sample { labels: with_label(&sample.labels, label, &open_metrics(*q)), ..sample });
            }
        }
        out
    }
}

/// Formats a float as OpenMetrics does: whole numbers with `.0`.
fn open_metrics(v: f64) -> String {
    if v.is_nan() {
        return "NaN".to_owned();
    }
    if v.is_infinite() {
        return if v > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = format_float_as(v, FloatForm::General).to_string();
    if text.contains(['e', '.']) { text } else { text + ".0" }
}

/// Sorts for `sort` and `sort_desc`: NaN comes last in both.
pub(crate) fn sorted(vector: Vec<Sample>, descending: bool) -> Vec<Sample> {
    let mut floats: Vec<Sample> = vector.into_iter().filter(|sample| sample.datum.float().is_some()).collect();
    let value = |sample: &Sample| sample.datum.float().unwrap_or(f64::NAN);
    floats.sort_by(|a, b| {
        let (a, b) = (value(a), value(b));
        match (a.is_nan(), b.is_nan()) {
            (false, false) if descending => b.partial_cmp(&a).expect("neither is NaN"),
            (false, false) => a.partial_cmp(&b).expect("neither is NaN"),
            (a, b) => a.cmp(&b),
        }
    });
    floats
}

/// Compares values of labels: runs of digits as numbers.
fn natural(a: &str, b: &str) -> std::cmp::Ordering {
    let runs = |text: &str| -> Vec<String> {
        let mut out = Vec::<String>::new();
        for c in text.chars() {
            match out.last_mut() {
                Some(run) if run.ends_with(|last: char| last.is_ascii_digit() == c.is_ascii_digit()) => run.push(c),
                _ => out.push(c.to_string()),
            }
        }
        out
    };
    let (a, b) = (runs(a), runs(b));
    for (a, b) in a.iter().zip(&b) {
        let order = match (a.parse::<i64>(), b.parse::<i64>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            _ => a.cmp(b),
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// Sorts by labels, then by all of them.
pub(crate) fn sorted_by_label(mut vector: Vec<Sample>, labels: &[String], descending: bool) -> Vec<Sample> {
    vector.sort_by(|a, b| {
        let different = labels.iter().find(|name| a.labels.value(name) != b.labels.value(name));
        let order = match different {
            Some(name) => natural(a.labels.value(name), b.labels.value(name)),
            None => a.labels.cmp(&b.labels),
        };
        if descending { order.reverse() } else { order }
    });
    vector
}
