//! `query analyze`: how many buckets of histograms are in use, series by series over a time and all together.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use firesteel_cli::Matches;
use firesteel_go_compat::{format_go_duration, parse_float, quote};
use serde_json::Value as Json;

use crate::{
    Console,
    app::{FAILURE, SUCCESS},
    http_call::Server,
    query,
    query_time::QueryTime,
};

const HEADER: &str = "Bucket stats for each histogram series over time
------------------------------------------------
First the min, avg, and max number of populated buckets, followed by the total
number of buckets (only if different from the max number of populated buckets
which is typical for classic but not native histograms).
";
const FOOTER: &str = "
Aggregated bucket stats
-----------------------
Each line shows min/avg/max over the series above.";

/// Labels by name.
type Labels = BTreeMap<String, String>;

/// Populated buckets of one histogram over time.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Populated {
    min: usize,
    avg: f64,
    max: usize,
    /// All buckets there are.
    total: usize,
}

impl Populated {
    /// Makes figures of the count at each time; `None` when there are fewer than two.
    fn of(counts: &[usize], total: usize) -> Option<Self> {
        let (min, max) = (*counts.iter().min()?, *counts.iter().max()?);
        let avg = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
        (counts.len() > 1).then_some(Self { min, avg, max, total })
    }
}

impl fmt::Display for Populated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:.3}/{}", self.min, self.avg, self.max)?;
        if self.max == self.total { Ok(()) } else { write!(f, "/{}", self.total) }
    }
}

/// One figure over all series.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Spread {
    min: usize,
    avg: f64,
    max: usize,
}

impl Spread {
    fn of(all: &[Populated], figure: impl Fn(&Populated) -> usize) -> Self {
        let mut spread = Self { min: usize::MAX, avg: 0.0, max: 0 };
        for (n, populated) in all.iter().enumerate() {
            let (value, count) = (figure(populated), (n + 1) as f64);
            spread.min = spread.min.min(value);
            spread.max = spread.max.max(value);
            // Upstream's running mean, whose last digit is its order's.
            spread.avg += value as f64 / count - spread.avg / count;
        }
        spread
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:.3}/{}", self.min, self.avg, self.max)
    }
}

pub(crate) fn run(matches: &Matches, console: &mut Console<'_>) -> u8 {
    match analyze(matches, console) {
        Ok(()) => SUCCESS,
        Err(error) => {
            console.complain(error);
            FAILURE
        }
    }
}

fn analyze(matches: &Matches, console: &mut Console<'_>) -> Result<(), String> {
    let server = Server::of(matches.text("server"), matches)?;
    let kind = matches.text("type");
    if kind != "histogram" {
        return Err(format!("analyze type is {kind}, must be 'histogram'"));
    }
    let given = matches.text_opt("time");
    let time = QueryTime::read(given, "time", QueryTime::now())
        .map_err(|error| format!("error parsing time '{}': {error}", given.unwrap_or_default()))?;
    console.say(HEADER);
    let window: Duration = matches.duration("duration");
    let window = format_go_duration(i64::try_from(window.as_nanos()).unwrap_or(i64::MAX));
    let (mut native, mut classic) = (Vec::new(), Vec::new());
    for selector in matches.texts("match") {
        let matrix = query::matrix_at(&server, &format!("{selector}[{window}]"), time)?;
        let mut buckets: BTreeMap<String, Vec<Bucket>> = BTreeMap::new();
        for series in &matrix {
            let labels = labels(series);
            let points = |key: &str| series.get(key).and_then(Json::as_array).filter(|points| !points.is_empty());
            if let Some(values) = points("values") {
                if let Some((name, bucket)) = Bucket::of(labels, values) {
                    buckets.entry(name).or_default().push(bucket);
                }
            } else if let Some(found) = points("histograms").and_then(|points| native_figures(points)) {
                console.say(format_args!("- {} (native): {found}", metric(&labels)));
                native.push(found);
            }
        }
        for (name, mut buckets) in buckets {
            if let Some(found) = classic_figures(&mut buckets)? {
                console.say(format_args!("- {name} (classic): {found}"));
                classic.push(found);
            }
        }
    }
    console.say(FOOTER);
    for (kind, all) in [("Native", native), ("Classic", classic)] {
        if !all.is_empty() {
            summary(kind, &all, console);
        }
    }
    Ok(())
}

fn summary(kind: &str, all: &[Populated], console: &mut Console<'_>) {
    let (max, total) = (Spread::of(all, |p| p.max), Spread::of(all, |p| p.total));
    console.say(format_args!("\n{kind} histogram series ({} in total):", all.len()));
    console.say(format_args!("- min populated: {}", Spread::of(all, |p| p.min)));
    console.say(format_args!("- avg populated: {}", Spread::of(all, |p| p.avg as usize)));
    console.say(format_args!("- max populated: {max}"));
    if max != total {
        console.say(format_args!("- total: {total}"));
    }
}

/// One `le` of a classic histogram.
struct Bucket {
    le: f64,
    /// Times as the server wrote them, and counts.
    points: Vec<(String, f64)>,
}

impl Bucket {
    /// Returns the histogram's name and the bucket, if it is one.
    fn of(mut labels: Labels, values: &[Json]) -> Option<(String, Self)> {
        let le = labels.remove("le")?;
        let name = labels.remove("__name__").filter(|name| name.ends_with("_bucket"))?;
        let point = |pair: &Json| {
            let value = parse_float(pair.get(1)?.as_str()?).ok()?;
            Some((pair.get(0)?.to_string(), value))
        };
        let points = values.iter().filter_map(point).collect();
        let rest: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={}", quote(value))).collect();
        Some((format!("{name}{{{}}}", rest.join(", ")), Self { le: parse_float(&le).unwrap_or(0.0), points }))
    }
}

/// Returns `None` when there are not enough samples. Errors when buckets have other times.
fn classic_figures(buckets: &mut [Bucket]) -> Result<Option<Populated>, String> {
    buckets.sort_by(|a, b| a.le.total_cmp(&b.le));
    let Some(first) = buckets.first() else { return Ok(None) };
    let mut counts = Vec::with_capacity(first.points.len());
    for i in 0..first.points.len() {
        let (mut populated, mut below) = (0, None::<(&String, f64)>);
        for bucket in buckets.iter() {
            // A bucket that began later ends the count, as upstream's partial results do.
            let Some((at, count)) = bucket.points.get(i) else { break };
            match below {
                Some((other, _)) if other != at => return Err("matrix result is not time aligned".to_owned()),
                Some((_, lower)) => populated += usize::from((count - lower).trunc() != 0.0),
                None => populated += usize::from(count.trunc() != 0.0),
            }
            below = Some((at, *count));
        }
        counts.push(populated);
    }
    Ok(Populated::of(&counts, buckets.len()))
}

fn native_figures(points: &[Json]) -> Option<Populated> {
    let mut all = std::collections::BTreeSet::new();
    let mut counts = Vec::with_capacity(points.len());
    for point in points {
        let buckets = point.get(1)?.get("buckets").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        for bucket in buckets {
            let bound = |i: usize| bucket.get(i).map(ToString::to_string).unwrap_or_default();
            all.insert((bound(0), bound(1), bound(2)));
        }
        counts.push(buckets.len());
    }
    Populated::of(&counts, all.len())
}

fn labels(series: &Json) -> Labels {
    let metric = series.get("metric").and_then(Json::as_object);
    let text = |(name, value): (&String, &Json)| Some((name.clone(), value.as_str()?.to_owned()));
    metric.into_iter().flatten().filter_map(text).collect()
}

/// Returns `name{a="b", c="d"}`.
fn metric(labels: &Labels) -> String {
    let rest = labels.iter().filter(|(name, _)| *name != "__name__");
    let rest: Vec<String> = rest.map(|(name, value)| format!("{name}={}", quote(value))).collect();
    let name = labels.get("__name__").map_or("", String::as_str);
    if rest.is_empty() && !name.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", rest.join(", ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bucket(le: &str, counts: &[u32]) -> Bucket {
        let labels =
            Labels::from([("__name__", "x_bucket"), ("le", le), ("a", "b")].map(|(n, v)| (n.into(), v.into())));
        let values: Vec<Json> = counts.iter().enumerate().map(|(i, n)| json!([i, n.to_string()])).collect();
        let (name, bucket) = Bucket::of(labels, &values).expect("a bucket");
        assert_eq!(name, "x_bucket{a=\"b\"}");
        bucket
    }

    #[test]
    fn classic_buckets_are_counted_by_what_they_hold_alone() {
        let mut buckets =
            [bucket("+Inf", &[4, 7]), bucket("0.1", &[0, 1]), bucket("10", &[4, 6]), bucket("1", &[4, 6])];
        let found = classic_figures(&mut buckets).expect("aligned").expect("enough");
        assert_eq!(found.to_string(), "1/2.000/3/4");
        assert_eq!(classic_figures(&mut [bucket("1", &[1])]), Ok(None), "one sample is not enough");
        let mut apart = [bucket("1", &[1, 2]), bucket("2", &[1, 2])];
        apart[1].points[1].0 = "7".to_owned();
        assert!(classic_figures(&mut apart).is_err());
    }

    #[test]
    fn native_buckets_are_told_apart_by_their_bounds() {
        let at = |t: i32, buckets: &[(&str, &str)]| {
            let buckets: Vec<Json> = buckets.iter().map(|(from, to)| json!([0, from, to, "1"])).collect();
            json!([t, {"count": "1", "sum": "1", "buckets": buckets}])
        };
        let points = [at(0, &[("1", "2")]), at(1, &[("2", "4"), ("4", "8")])];
        let found = native_figures(&points).expect("enough");
        assert_eq!(found.to_string(), "1/1.500/2/3");
        assert_eq!(native_figures(&points[..1]), None);
        let all = [found, Populated { min: 3, avg: 3.5, max: 4, total: 4 }];
        assert_eq!(Spread::of(&all, |p| p.max).to_string(), "2/3.000/4");
        assert_eq!(Spread::of(&all, |p| p.total).to_string(), "3/3.500/4");
    }
}
