//! Histograms against answers of prometheus 3.14 to inputs of ours, and what those do not reach.

use firesteel_go_compat::parse_float;

use super::*;

fn floats(text: &str) -> Vec<f64> {
    text.split(',').filter(|t| !t.is_empty()).map(|t| parse_float(t).expect("golden floats parse")).collect()
}

fn spans(text: &str) -> Vec<Span> {
    let span = |t: &str| {
        let (offset, length) = t.split_once(':')?;
        Some(Span { offset: offset.parse().ok()?, length: length.parse().ok()? })
    };
    text.split(',').filter(|t| !t.is_empty()).map(|t| span(t).expect("golden spans parse")).collect()
}

fn parse(text: &str) -> FloatHistogram {
    let fields: Vec<&str> = text.split(';').collect();
    let float = |i: usize| parse_float(fields[i]).expect("golden floats parse");
    let hints = [CounterReset::Unknown, CounterReset::Reset, CounterReset::NotReset, CounterReset::Gauge];
    FloatHistogram {
        counter_reset: hints[fields[0].parse::<usize>().expect("a hint")],
        schema: fields[1].parse().expect("a schema"),
        zero_threshold: float(2),
        zero_count: float(3),
        count: float(4),
        sum: float(5),
        positive_spans: spans(fields[6]),
        positive_buckets: floats(fields[7]),
        negative_spans: spans(fields[8]),
        negative_buckets: floats(fields[9]),
        custom_values: floats(fields[10]),
    }
}

/// Shows a histogram so that layouts that mean the same look the same.
fn show(h: &FloatHistogram) -> String {
    let layout = |spans: &[Span]| span::normal(spans).map(|s| format!("{}:{}", s.offset, s.length)).collect::<Vec<_>>();
    format!(
        "{:?} {} {} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        h.counter_reset,
        h.schema,
        h.zero_threshold,
        h.zero_count,
        h.count,
        h.sum,
        layout(&h.positive_spans),
        h.positive_buckets,
        layout(&h.negative_spans),
        h.negative_buckets,
        h.custom_values
    )
}

fn listed(buckets: impl Iterator<Item = Bucket>) -> String {
    let shown = buckets.map(|b| {
        let (open, close) = (if b.lower_inclusive { '[' } else { '(' }, if b.upper_inclusive { ']' } else { ')' });
        let g = display::general;
        format!("{open}{},{}{close}:{}", g(b.lower), g(b.upper), g(b.count))
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// Returns our answer and the expected one, both in the same notation.
fn answer(operation: &str, args: &[FloatHistogram], expected: &str) -> (String, String) {
    let (name, number) = operation.split_once(' ').unwrap_or((operation, "0"));
    let mut h = args[0].clone();
    let mut with = |f: &dyn Fn(&mut FloatHistogram)| {
        f(&mut h);
        (show(&h), show(&parse(expected)))
    };
    let number = parse_float(number).expect("golden arguments parse");
    match name {
        "compact" => with(&|h| h.compact(number as usize)),
        "reduce" => with(&|h| h.reduce_resolution(number as i32).expect("golden reductions work")),
        "below" => with(&|h| h.trim_buckets(number, true)),
        "above" => with(&|h| h.trim_buckets(number, false)),
        "string" => (h.to_string(), expected.to_owned()),
        "all" => (listed(h.all()), expected.to_owned()),
        "reverse" => (listed(h.all_reverse()), expected.to_owned()),
        "reset" => (args[1].detect_reset(&h).to_string(), expected.to_owned()),
        "validate" => {
            let got = h.validate().err().map(|e| format!("error {e}")).unwrap_or_default();
            (got, expected.to_owned())
        }
        "add" | "sub" => {
            let done = if name == "add" { h.add(&args[1]) } else { h.sub(&args[1]) };
            let done = match done {
                Ok(done) => done,
                Err(why) => return (format!("error {why}"), expected.to_owned()),
            };
            h.compact(0);
            let words: Vec<&str> = expected.split(' ').collect();
            let flags = format!("{} {} ", done.reset_collision, done.bounds_reconciled);
            match words[..] {
                [collision, reconciled, h2] => {
                    (flags + &show(&h), format!("{collision} {reconciled} {}", show(&parse(h2))))
                }
                _ => (show(&h), show(&parse(expected))),
            }
        }
        "kahan" => {
            let mut c = None;
            for other in &args[1..] {
                h.kahan_add(other, &mut c).expect("golden additions work");
            }
            let mut plain = h.clone();
            plain.compact(0);
            h.add(&c.expect("made by the addition")).expect("same schema");
            h.compact(0);
            let (before, after) = expected.split_once(" > ").expect("two answers");
            (format!("{} > {}", show(&plain), show(&h)), format!("{} > {}", show(&parse(before)), show(&parse(after))))
        }
        _ => panic!("unknown operation {operation}"),
    }
}

#[test]
fn answers_as_upstream() {
    let mut seen = 0;
    for line in include_str!("../../testdata/histograms_3_14.txt").lines().filter(|l| !l.starts_with('#')) {
        let fields: Vec<&str> = line.split('|').collect();
        let [operation, args @ .., expected] = &fields[..] else { panic!("a line of three fields or more: {line}") };
        let args: Vec<FloatHistogram> = args.iter().map(|a| parse(a)).collect();
        let (got, expected) = answer(operation, &args, expected);
        assert_eq!(got, expected, "{line}");
        seen += 1;
    }
    assert!(seen > 400);
}

#[test]
fn integer_histograms_validate_convert_and_print() {
    let mut h = Histogram {
        schema: 0,
        zero_threshold: 0.001,
        zero_count: 1,
        count: 7,
        sum: 12.5,
        positive_spans: vec![Span { offset: 0, length: 2 }, Span { offset: 1, length: 1 }],
        positive_buckets: vec![1, 1, -1],
        negative_spans: vec![Span { offset: 0, length: 1 }],
        negative_buckets: vec![2],
        ..Histogram::default()
    };
    assert_eq!(h.validate(), Ok(()));
    assert_eq!(h.to_string(), "{count:7, sum:12.5, [-1,-0.5):2, [-0.001,0.001]:1, (0.5,1]:1, (1,2]:2, (4,8]:1}");
    let float = h.to_float();
    assert_eq!(float.positive_buckets, [1.0, 2.0, 1.0]);
    assert_eq!(float.to_string(), h.to_string());
    assert_eq!(
        float.test_expression(),
        "{{count:7 sum:12.5 z_bucket:1 z_bucket_w:0.001 buckets:[1 2 0 1] n_buckets:[2]}}"
    );
    let mut reduced = h.clone();
    reduced.reduce_resolution(-1).expect("coarser");
    assert_eq!((reduced.to_float().positive_buckets, reduced.positive_buckets), (vec![1.0, 2.0, 1.0], vec![1, 1, -1]));
    h.positive_buckets[1] = -2;
    let text = "positive side: bucket number 2 has observation count of -1: histogram has a bucket whose observation count is negative";
    assert_eq!(h.validate().map_err(|e| e.to_string()), Err(text.to_owned()));
    h.positive_buckets[1] = 1;
    h.count = 8;
    let text = "7 observations found in buckets, but the Count field is 8: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)";
    assert_eq!(h.validate().map_err(|e| e.to_string()), Err(text.to_owned()));
    h.sum = f64::NAN;
    assert_eq!(h.validate(), Ok(()));
}

#[test]
fn compaction_of_deltas_keeps_counts() {
    let mut h = Histogram {
        positive_spans: vec![Span { offset: -1, length: 5 }, Span { offset: 1, length: 1 }],
        positive_buckets: vec![0, 2, -2, 0, 3, 1],
        ..Histogram::default()
    };
    h.compact(0);
    assert_eq!(h.positive_buckets, [2, 1, 1]);
    assert_eq!(
        h.positive_spans,
        [Span { offset: 0, length: 1 }, Span { offset: 2, length: 1 }, Span { offset: 1, length: 1 }]
    );
    h.compact(1);
    assert_eq!(h.positive_buckets, [2, 1, -3, 4]);
    assert_eq!(h.positive_spans, [Span { offset: 0, length: 1 }, Span { offset: 2, length: 3 }]);
}

#[test]
fn equality_is_by_bits_and_by_layout() {
    let a = FloatHistogram {
        sum: f64::NAN,
        positive_spans: vec![Span { offset: 1, length: 0 }, Span { offset: 2, length: 1 }],
        positive_buckets: vec![1.0],
        ..FloatHistogram::default()
    };
    let b = FloatHistogram { positive_spans: vec![Span { offset: 3, length: 1 }], ..a.clone() };
    assert_eq!(a, b);
    assert_ne!(a, FloatHistogram { sum: crate::stale_nan(), ..b.clone() });
    assert_ne!(a, FloatHistogram { zero_count: -0.0, ..b });
    assert!(Histogram::stale().is_stale() && !a.is_stale());
}

#[test]
fn impossible_histograms_do_no_harm() {
    let mut h = FloatHistogram {
        schema: -53,
        positive_spans: vec![Span { offset: i32::MIN, length: u32::MAX }, Span { offset: i32::MIN, length: 7 }],
        positive_buckets: vec![1.0, 2.0],
        custom_values: vec![1.0],
        ..FloatHistogram::default()
    };
    assert!(h.validate().is_err());
    assert_eq!(h.all().count(), 2);
    assert_eq!(h.all_reverse().count(), 2);
    assert!(!h.to_string().is_empty());
    h.trim_buckets(1.0, true);
    h.schema = 3;
    assert!(h.reduce_resolution(1).is_err());
    h.add(&h.clone()).expect("both exponential");
    assert!(!h.detect_reset(&h.clone()));
}

#[test]
fn values_are_in_the_bucket_whose_bounds_hold_them() {
    let values = [2.5e-310, 1e-300, 0.09, 0.1, 0.5, 0.7, 1.0, 1.0000001, 1.09, 2.0, 3.0, 1e10, 1e300, f64::MAX];
    for schema in SCHEMA_MIN..=SCHEMA_MAX {
        for v in values {
            let index = exponential_index(v, schema);
            let (lower, upper) = (bound::exponential_bound(index - 1, schema), bound::exponential_bound(index, schema));
            assert!(lower < v && v <= upper, "{v} in {index} of schema {schema}: ({lower}, {upper}]");
            assert_eq!(exponential_index(-v, schema), index);
        }
        let bounds = -20..20;
        for index in bounds {
            assert_eq!(exponential_index(bound::exponential_bound(index, schema), schema), index, "schema {schema}");
        }
        let above = exponential_index(f64::MAX, schema) + 1;
        assert_eq!(exponential_index(f64::INFINITY, schema), above);
        assert_eq!(exponential_index(f64::NEG_INFINITY, schema), above);
    }
}
