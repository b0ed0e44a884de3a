//! A query's answer as JSON, written in pieces while the client takes them.
//!
//! The result stays in columns (8 bytes a point where series have the same times); text exists only for the pieces under
//! way, so that an answer of hundreds of megabytes needs no memory for its text and holds no thread while a slow client
//! reads.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use firesteel_base::TimestampMs;
use firesteel_go_compat::{FloatForm, push_float};
use firesteel_model::FloatHistogram;
use firesteel_promql::{QueryResult, QueryStats, Value};
use http::StatusCode;
use http_body_util::combinators::BoxBody;

use crate::Json;
use crate::explain_json::push_explain;
use crate::pieces::Pieces;
use crate::points::PointWriter;
use crate::respond::{json_response, push_notes};

/// A piece is sent when it has grown to this.
const PIECE_BYTES: usize = 64 << 10;
/// How many points are written between two looks at the piece's size.
const RUN: usize = 256;
/// The same for histograms.
const HISTOGRAM_RUN: usize = 16;

/// Writes one result; `fill` is called until it says that nothing is left.
pub struct ResultBody {
    result: QueryResult,
    with_stats: bool,
    next: Next,
    /// The first piece, written on the query's thread.
    first: Option<Json>,
    points: PointWriter,
    pieces: Pieces,
}

/// What is to be written next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Head,
    /// The `item`-th sample or series, a series from its `point`-th point on.
    Item {
        item: usize,
        point: usize,
    },
    Tail,
    Nothing,
}

impl fmt::Debug for ResultBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultBody").field("next", &self.next).finish_non_exhaustive()
    }
}

impl ResultBody {
    /// Writes the first piece; `with_stats` adds what the query cost.
    pub fn new(result: QueryResult, with_stats: bool) -> Self {
        let (points, pieces) = (PointWriter::default(), Pieces::default());
        let mut body = Self { result, with_stats, next: Next::Head, first: None, points, pieces };
        let mut json = Json(Vec::with_capacity(4096));
        body.fill(&mut json);
        body.first = Some(json);
        body
    }

    /// Returns the response: whole, with its length, if it fits one piece, else streamed.
    pub(crate) fn into_response(mut self) -> Response {
        if self.next == Next::Nothing {
            let whole = self.first.take().unwrap_or_default();
            return json_response(StatusCode::OK, whole.0);
        }
        json_response(StatusCode::OK, Body::new(BoxBody::new(self)))
    }

    fn fill(&mut self, out: &mut Json) {
        while out.0.len() < PIECE_BYTES {
            self.next = match self.next {
                Next::Head => {
                    out.raw(r#"{"status":"success","data":{"resultType":""#)
                        .raw(type_name(&self.result.value))
                        .raw(r#"","result":"#);
                    self.head(out)
                }
                Next::Item { item, point } => self.item(out, item, point),
                Next::Tail => {
                    if self.with_stats {
                        push_stats(out, &self.result.stats);
                    }
                    push_explain(out, &self.result.explain);
                    out.raw("}");
                    push_notes(out, &self.result.warnings, &self.result.infos);
                    out.raw("}");
                    Next::Nothing
                }
                Next::Nothing => return,
            };
        }
    }

    fn head(&self, out: &mut Json) -> Next {
        match &self.result.value {
            // Scalars and strings go through Go's own encoder: the time loses its trailing zeros and the value has no
            // exponent (`promql/value.go`, MarshalJSON).
            Value::Scalar { t, v } => {
                out.raw("[").number(t.0 as f64 / 1000.0).raw(",\"");
                push_float(&mut out.0, *v, FloatForm::Fixed);
                out.raw("\"]");
                Next::Tail
            }
            Value::String { t, s } => {
                out.raw("[").number(t.0 as f64 / 1000.0).raw(",").string(s).raw("]");
                Next::Tail
            }
            Value::Vector(_) | Value::Matrix(_) => {
                out.raw("[");
                Next::Item { item: 0, point: 0 }
            }
        }
    }

    fn item(&mut self, out: &mut Json, item: usize, point: usize) -> Next {
        match &self.result.value {
            Value::Vector(samples) => {
                let Some(sample) = samples.get(item) else {
                    out.raw("]");
                    return Next::Tail;
                };
                out.raw(if item > 0 { r#",{"metric":"# } else { r#"{"metric":"# });
                out.labels(&sample.labels);
                match &sample.histogram {
                    Some(h) => push_histogram(out.raw(r#","histogram":"#), sample.t, h),
                    None => _ = out.raw(r#","value":"#).point(sample.t, sample.v),
                }
                out.raw("}");
                Next::Item { item: item + 1, point: 0 }
            }
            Value::Matrix(all) => {
                let Some(series) = all.get(item) else {
                    out.raw("]");
                    return Next::Tail;
                };
                if point == 0 {
                    out.raw(if item > 0 { r#",{"metric":"# } else { r#"{"metric":"# });
                    out.labels(&series.labels);
                    if !series.t.is_empty() {
                        out.raw(r#","values":["#);
                    }
                }
                if point < series.t.len() {
                    self.points.push(&mut out.0, &series.t, &series.v, point..point + RUN);
                }
                if point + RUN < series.t.len() {
                    return Next::Item { item, point: point + RUN };
                }
                if point < series.t.len() {
                    out.raw("\"]]");
                }
                // Histograms follow the floats; they are large, so that a piece is looked at more often.
                let done = point.saturating_sub(series.t.len().next_multiple_of(RUN));
                if done == 0 && !series.histograms.is_empty() {
                    out.raw(r#","histograms":["#);
                }
                for (i, (t, h)) in series.histograms.iter().enumerate().skip(done).take(HISTOGRAM_RUN) {
                    if i > 0 {
                        out.0.push(b',');
                    }
                    push_histogram(out, *t, h);
                }
                if done + HISTOGRAM_RUN < series.histograms.len() {
                    let floats = series.t.len().next_multiple_of(RUN);
                    return Next::Item { item, point: floats + done + HISTOGRAM_RUN };
                }
                out.raw(if series.histograms.is_empty() { "}" } else { "]}" });
                Next::Item { item: item + 1, point: 0 }
            }
            Value::Scalar { .. } | Value::String { .. } => Next::Tail,
        }
    }
}

impl http_body::Body for ResultBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(http_body::Frame::data(first.0.into()))));
        }
        if this.next == Next::Nothing {
            return Poll::Ready(None);
        }
        let mut json = Json(this.pieces.take(PIECE_BYTES + (PIECE_BYTES >> 2)));
        this.fill(&mut json);
        Poll::Ready(Some(Ok(http_body::Frame::data(this.pieces.send(json.0)))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.next == Next::Nothing
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Scalar { .. } => "scalar",
        Value::String { .. } => "string",
        Value::Vector(_) => "vector",
        Value::Matrix(_) => "matrix",
    }
}

/// Writes a point with its histogram: count, sum, and the buckets that are not empty, each with a number that says which of
/// its bounds belong to it (`util/jsonutil/marshal.go`, 3.14).
fn push_histogram(out: &mut Json, t: TimestampMs, h: &FloatHistogram) {
    out.raw("[").time(t).raw(r#",{"count":"#).value(h.count).raw(r#","sum":"#).value(h.sum);
    let mut any = false;
    for bucket in h.all().filter(|bucket| bucket.count != 0.0) {
        out.raw(if any { ",[" } else { r#","buckets":[["# });
        any = true;
        let bounds = match (bucket.lower_inclusive, bucket.upper_inclusive) {
            (false, true) => "0,",
            (true, false) => "1,",
            (false, false) => "2,",
            (true, true) => "3,",
        };
        out.raw(bounds).value(bucket.lower).raw(",").value(bucket.upper).raw(",").value(bucket.count).raw("]");
    }
    out.raw(if any { "]}]" } else { "}]" });
}

/// Appends a comma and the `stats` member of an answer.
pub fn push_stats(out: &mut Json, stats: &QueryStats) {
    out.raw(r#","stats":{"timings":{"evalTotalTime":"#).number(stats.eval_total.as_secs_f64());
    out.raw(r#","resultSortTime":"#).number(stats.result_sort.as_secs_f64());
    out.raw(r#","queryPreparationTime":"#).number(stats.preparation.as_secs_f64());
    out.raw(r#","innerEvalTime":"#).number(stats.inner_eval.as_secs_f64());
    out.raw(r#","execQueueTime":"#).number(stats.exec_queue.as_secs_f64());
    out.raw(r#","execTotalTime":"#).number(stats.exec_total.as_secs_f64());
    out.raw(r#"},"samples":{"#);
    if let Some(steps) = &stats.per_step {
        out.raw(r#""totalQueryableSamplesPerStep":"#).list(steps, |out, (t, n)| {
            out.raw("[").number(t.0 as f64 / 1000.0).raw(",").int(*n as i64).raw("]");
        });
        out.raw(",");
    }
    out.raw(r#""totalQueryableSamples":"#).int(stats.samples_total as i64);
    out.raw(r#","samplesRead":"#).int(stats.samples_read as i64);
    out.raw(r#","peakSamples":"#).int(stats.samples_peak as i64).raw("}}");
}

#[cfg(test)]
mod tests;
