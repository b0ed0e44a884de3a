//! Bodies of the four result types, in one piece and in many.

use firesteel_base::TimestampMs;
use std::sync::Arc;

use firesteel_model::{FloatHistogram, Labels, Span};
use firesteel_promql::{Explain, HeldMemory, MatrixSeries, VectorSample};

use super::*;

fn result(value: Value) -> QueryResult {
    let stats = QueryStats::default();
    QueryResult {
        value,
        warnings: vec![],
        infos: vec![],
        stats,
        explain: Explain::default(),
        held: HeldMemory::default(),
    }
}

fn written(value: Value) -> String {
    let result = result(value);
    let mut body = ResultBody::new(result, false);
    let mut out = body.first.take().expect("a first piece").0;
    while body.next != Next::Nothing {
        let mut json = Json::default();
        body.fill(&mut json);
        out.extend(json.0);
    }
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn success(data: &str) -> String {
    format!(r#"{{"status":"success","data":{data}}}"#)
}

#[test]
fn shapes_of_the_four_types() {
    let t = TimestampMs(1_795_226_055_040);
    let up = Labels::from_pairs([("__name__", "up"), ("job", "a<b")]);
    let cases = [
        (Value::Scalar { t, v: 1e21 }, r#"{"resultType":"scalar","result":[1795226055.04,"1000000000000000000000"]}"#),
        (Value::String { t, s: "a<b".into() }, r#"{"resultType":"string","result":[1795226055.04,"a\u003cb"]}"#),
        (Value::Vector(vec![]), r#"{"resultType":"vector","result":[]}"#),
        (Value::Matrix(vec![]), r#"{"resultType":"matrix","result":[]}"#),
        (
            Value::Vector(vec![
                VectorSample::float(up.clone(), t, 1.0),
                VectorSample::float(Labels::empty(), t, f64::NAN),
            ]),
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a<b"},"value":[1795226055.040,"1"]},{"metric":{},"value":[1795226055.040,"NaN"]}]}"#,
        ),
        (
            Value::Matrix(vec![
                MatrixSeries::floats(Labels::empty(), [t, TimestampMs(t.0 + 960)], vec![1.0, 1e21]),
                MatrixSeries::floats(up, [t], vec![0.5]),
                MatrixSeries::floats(Labels::empty(), [TimestampMs(1), t, TimestampMs(t.0 + 960)], vec![2.0; 3]),
            ]),
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1795226055.040,"1"],[1795226056,"1e+21"]]},{"metric":{"__name__":"up","job":"a<b"},"values":[[1795226055.040,"0.5"]]},{"metric":{},"values":[[0.001,"2"],[1795226055.040,"2"],[1795226056,"2"]]}]}"#,
        ),
    ];
    for (value, want) in cases {
        assert_eq!(written(value), success(want));
    }
}

#[test]
fn large_answers_come_in_pieces_that_join() {
    let n = 20_000;
    let series = |name: &str| MatrixSeries {
        labels: Labels::from_pairs([("name", name)]),
        t: (0..n).map(|i| TimestampMs(i * 1000)).collect(),
        v: (0..n).map(|i| i as f64).collect(),
        histograms: Vec::new(),
    };
    let text = written(Value::Matrix(vec![series("a"), series("b")]));
    let points: Vec<String> = (0..n).map(|i| format!("[{i},\"{i}\"]")).collect();
    let points = points.join(",");
    let want = format!(
        r#"{{"resultType":"matrix","result":[{{"metric":{{"name":"a"}},"values":[{points}]}},{{"metric":{{"name":"b"}},"values":[{points}]}}]}}"#
    );
    assert!(text == success(&want), "pieces do not join");
}

#[test]
fn notes_and_stats() {
    let result = QueryResult {
        warnings: vec!["w<".into()],
        infos: vec!["i".into()],
        stats: QueryStats { samples_total: 3, samples_read: 2, samples_peak: 1, ..QueryStats::default() },
        ..result(Value::Vector(vec![]))
    };
    let mut body = ResultBody::new(result, true);
    let text = String::from_utf8(body.first.take().expect("a piece").0).expect("JSON is UTF-8");
    assert_eq!(
        text,
        r#"{"status":"success","data":{"resultType":"vector","result":[],"stats":{"timings":{"evalTotalTime":0,"resultSortTime":0,"queryPreparationTime":0,"innerEvalTime":0,"execQueueTime":0,"execTotalTime":0},"samples":{"totalQueryableSamples":3,"samplesRead":2,"peakSamples":1}}},"warnings":["w\u003c"],"infos":["i"]}"#
    );
}

#[test]
fn histograms_beside_floats_in_pieces() {
    let h = Arc::new(FloatHistogram {
        count: 7.0,
        sum: 12.5,
        zero_count: 1.0,
        zero_threshold: 0.25,
        positive_spans: vec![Span { offset: 0, length: 3 }],
        positive_buckets: vec![1.0, 0.0, 3.0],
        negative_spans: vec![Span { offset: 1, length: 1 }],
        negative_buckets: vec![2.0],
        ..FloatHistogram::default()
    });
    let json = r#"{"count":"7","sum":"12.5","buckets":[[1,"-2","-1","2"],[3,"-0.25","0.25","1"],[0,"0.5","1","1"],[0,"2","4","3"]]}"#;
    let t = TimestampMs(1500);
    let sample = VectorSample { labels: Labels::empty(), t, v: 0.0, histogram: Some(Arc::clone(&h)) };
    let want = format!(r#"{{"resultType":"vector","result":[{{"metric":{{}},"histogram":[1.500,{json}]}}]}}"#);
    assert_eq!(written(Value::Vector(vec![sample])), success(&want));
    for n in [1, 16, 17, 1000] {
        for floats in [0, 1, 511, 512, 513] {
            let series = MatrixSeries {
                labels: Labels::empty(),
                t: vec![t; floats].into(),
                v: vec![1.0; floats],
                histograms: vec![(t, Arc::clone(&h)); n],
            };
            let values = vec![r#"[1.500,"1"]"#; floats].join(",");
            let values = if floats == 0 { String::new() } else { format!(r#","values":[{values}]"#) };
            let points = vec![format!("[1.500,{json}]"); n].join(",");
            let one = format!(r#"{{"metric":{{}}{values},"histograms":[{points}]}}"#);
            let want = format!(r#"{{"resultType":"matrix","result":[{one},{one}]}}"#);
            assert!(written(Value::Matrix(vec![series.clone(), series])) == success(&want), "{n} beside {floats}");
        }
    }
    let empty = FloatHistogram { sum: f64::NAN, ..FloatHistogram::default() };
    let sample = VectorSample { labels: Labels::empty(), t, v: 0.0, histogram: Some(Arc::new(empty)) };
    let want = r#"{"resultType":"vector","result":[{"metric":{},"histogram":[1.500,{"count":"0","sum":"NaN"}]}]}"#;
    assert_eq!(written(Value::Vector(vec![sample])), success(want));
}
