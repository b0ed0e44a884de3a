//! Bodies of the four result types, in one piece and in many.

use firesteel_base::TimestampMs;
use firesteel_model::Labels;
use firesteel_promql::{MatrixSeries, VectorSample};

use super::*;

fn written(value: Value) -> String {
    let result = QueryResult { value, warnings: vec![], infos: vec![], stats: QueryStats::default() };
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
                VectorSample { labels: up.clone(), t, v: 1.0 },
                VectorSample { labels: Labels::empty(), t, v: f64::NAN },
            ]),
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a<b"},"value":[1795226055.040,"1"]},{"metric":{},"value":[1795226055.040,"NaN"]}]}"#,
        ),
        (
            Value::Matrix(vec![
                MatrixSeries { labels: Labels::empty(), t: vec![t, TimestampMs(t.0 + 960)], v: vec![1.0, 1e21] },
                MatrixSeries { labels: up, t: vec![t], v: vec![0.5] },
            ]),
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1795226055.040,"1"],[1795226056,"1e+21"]]},{"metric":{"__name__":"up","job":"a<b"},"values":[[1795226055.040,"0.5"]]}]}"#,
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
        value: Value::Vector(vec![]),
        warnings: vec!["w<".into()],
        infos: vec!["i".into()],
        stats: QueryStats { samples_total: 3, samples_read: 2, samples_peak: 1, ..QueryStats::default() },
    };
    let mut body = ResultBody::new(result, true);
    let text = String::from_utf8(body.first.take().expect("a piece").0).expect("JSON is UTF-8");
    assert_eq!(
        text,
        r#"{"status":"success","data":{"resultType":"vector","result":[],"stats":{"timings":{"evalTotalTime":0,"resultSortTime":0,"queryPreparationTime":0,"innerEvalTime":0,"execQueueTime":0,"execTotalTime":0},"samples":{"totalQueryableSamples":3,"samplesRead":2,"peakSamples":1}}},"warnings":["w\u003c"],"infos":["i"]}"#
    );
}
