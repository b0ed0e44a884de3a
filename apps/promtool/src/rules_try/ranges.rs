//! Answers of many evaluations at once: an expression that reads nothing the rules write is evaluated over a range.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use firesteel_base::TimestampMs;
use firesteel_model::Matcher;
use firesteel_promql::{
    Engine, Explain, HeldMemory, MatrixSeries, QueryError, QueryOptions, QueryResult, QueryStats, Value, VectorSample,
};
use firesteel_promql_syntax::{Expr, ValueType};
use firesteel_rules::{Group, RuleQueries};
use firesteel_storage::Queryable;

/// Evaluations of one range.
const STEPS: usize = 1_000;

/// How the evaluations of an expression lie in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Slots {
    step_ms: i64,
    phase_ms: i64,
}

/// Answers rules from ranges where it can, else at each time.
pub(super) struct RangeQueries {
    pub(super) engine: Arc<Engine>,
    pub(super) storage: Arc<dyn Queryable>,
    slots: HashMap<Arc<str>, Slots>,
    chunks: Mutex<HashMap<Arc<str>, Chunk>>,
    end: TimestampMs,
}

/// What a range gave.
struct Chunk {
    start: i64,
    /// Empty: the range failed, and each time is asked for alone.
    steps: Vec<Vec<(u32, Point)>>,
    length: i64,
    series: Vec<MatrixSeries>,
}

#[derive(Clone, Copy)]
enum Point {
    Float(u32),
    Histogram(u32),
}

impl RangeQueries {
    /// `hides` matches the names that no rule writes. `end` is the last evaluation.
    pub(super) fn new(
        engine: Arc<Engine>,
        storage: Arc<dyn Queryable>,
        groups: &[(Group, i64)],
        hides: &Matcher,
        end: TimestampMs,
    ) -> Self {
        let mut slots: HashMap<Arc<str>, Option<Slots>> = HashMap::new();
        for (group, first_ms) in groups {
            let step_ms = (group.interval().as_millis() as i64).max(1);
            let own = Slots { step_ms, phase_ms: first_ms.rem_euclid(step_ms) };
            for rule in group.rules() {
                let core = rule.core();
                let ok = is_steady(core.expr(), core.query(), hides);
                let known = slots.entry(Arc::clone(core.query())).or_insert(ok.then_some(own));
                if *known != Some(own) {
                    *known = None;
                }
            }
        }
        let slots = slots.into_iter().filter_map(|(text, slots)| Some((text, slots?))).collect();
        Self { engine, storage, slots, chunks: Mutex::default(), end }
    }

    fn chunk(&self, expr: &Expr, at: i64, step_ms: i64, options: &QueryOptions) -> Chunk {
        let length = STEPS as i64 * step_ms;
        let end = (at + length - step_ms).min(self.end.0.max(at));
        let count = usize::try_from((end - at) / step_ms + 1).unwrap_or(1);
        let answer = self.engine.range(&*self.storage, expr, TimestampMs(at), TimestampMs(end), step_ms, options);
        let Ok(QueryResult { value: Value::Matrix(series), .. }) = answer else {
            return Chunk { start: at, steps: Vec::new(), length, series: Vec::new() };
        };
        let mut steps = vec![Vec::new(); count];
        for (number, one) in series.iter().enumerate() {
            let mut add = |t: TimestampMs, point: Point| {
                let step = usize::try_from((t.0 - at) / step_ms).ok().and_then(|step| steps.get_mut(step));
                if let Some(step) = step {
                    step.push((number as u32, point));
                }
            };
            for (i, t) in one.t.iter().enumerate() {
                add(*t, Point::Float(i as u32));
            }
            for (i, (t, _)) in one.histograms.iter().enumerate() {
                add(*t, Point::Histogram(i as u32));
            }
        }
        Chunk { start: at, steps, length, series }
    }
}

/// Whether a range gives at each time what an instant query gives there.
fn is_steady(expr: &Expr, text: &str, hides: &Matcher) -> bool {
    let reads_stored = |matchers: &[Matcher]| {
        let name =
            matchers.iter().find(|m| m.name() == "__name__" && m.match_type() == firesteel_model::MatchType::Equal);
        name.is_some_and(|name| hides.matches(name.value()))
    };
    // `@ start()` is another time in a range, and so is the order that sorting makes.
    let by_range = ["start()", "end()", "step()", "range()", "sort"].iter().any(|word| text.contains(word));
    expr.value_type() == ValueType::Vector && !by_range && expr.selectors().into_iter().all(reads_stored)
}

impl Chunk {
    fn at(&self, at: i64, step_ms: i64) -> Option<Vec<VectorSample>> {
        let step = self.steps.get(usize::try_from((at - self.start) / step_ms).ok()?)?;
        let t = TimestampMs(at);
        let sample = |(series, point): &(u32, Point)| {
            let series = self.series.get(*series as usize)?;
            let labels = series.labels.clone();
            Some(match point {
                Point::Float(i) => VectorSample::float(labels, t, *series.v.get(*i as usize)?),
                Point::Histogram(i) => {
                    let histogram = Arc::clone(&series.histograms.get(*i as usize)?.1);
                    VectorSample { labels, t, v: 0.0, histogram: Some(histogram) }
                }
            })
        };
        step.iter().map(sample).collect()
    }
}

impl RuleQueries for RangeQueries {
    fn instant(&self, expr: &Expr, at: TimestampMs, options: &QueryOptions) -> Result<QueryResult, QueryError> {
        let slots = self.slots.get(&options.text).filter(|slots| at.0.rem_euclid(slots.step_ms) == slots.phase_ms);
        if let Some(slots) = slots {
            let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
            let known = chunks.get(&options.text).is_some_and(|c| (c.start..c.start + c.length).contains(&at.0));
            if !known {
                chunks.insert(Arc::clone(&options.text), self.chunk(expr, at.0, slots.step_ms, options));
            }
            if let Some(samples) = chunks.get(&options.text).and_then(|chunk| chunk.at(at.0, slots.step_ms)) {
                return Ok(QueryResult {
                    value: Value::Vector(samples),
                    warnings: Vec::new(),
                    infos: Vec::new(),
                    stats: QueryStats::default(),
                    explain: Explain::default(),
                    held: HeldMemory::default(),
                });
            }
        }
        self.engine.instant(&*self.storage, expr, at, options)
    }
}
