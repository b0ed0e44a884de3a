//! Running a script.

use std::sync::Arc;
use std::time::Duration;

use firesteel_base::TimestampMs;
use firesteel_client::Registry;

use super::compare::compare;
use super::storage::{TestSample, TestValue};
use super::variants::{Variant, asks_for_query_times, variants};
use super::{
    Command, Eval, EvalReport, Load, LoadedSeries, Point, Report, Script, TestStorage, TextMatch, Verdict, When, nhcb,
};
use crate::{
    Engine, EngineFeatures, EngineOptions, MatrixSeries, MemoryLimits, QueryError, QueryOptions, QueryResult, Value,
    VectorSample,
};

/// Why an eval did not pass.
enum Trouble {
    Failed(String),
    Unsupported(String),
}

impl From<String> for Trouble {
    fn from(message: String) -> Self {
        Self::Failed(message)
    }
}

impl Script {
    /// Returns an engine set up as test scripts expect it: small limits, delayed name removal.
    pub fn engine() -> Result<Engine, QueryError> {
        let options = EngineOptions {
            lookback: Duration::from_mins(5),
            timeout: Duration::from_secs(100),
            max_samples: 10_000,
            memory: MemoryLimits::default(),
            threads: 1,
            max_concurrent: 0,
            subquery_step: Duration::from_mins(1),
            features: EngineFeatures {
                delayed_name_removal: true,
                use_start_timestamps: true,
                ..EngineFeatures::default()
            },
        };
        Engine::new(options, &Registry::new())
    }

    /// Runs the script on an empty storage.
    pub fn run(&self, engine: &Engine) -> Report {
        let mut storage = TestStorage::new();
        let mut report = Report::default();
        for command in &self.commands {
            match command {
                Command::Clear => storage.clear(),
                Command::Load(load) => load.append(&mut storage),
                Command::Eval(eval) => {
                    let outcome = eval.run(engine, &storage);
                    let verdict = match outcome {
                        Ok(()) => Verdict::Passed,
                        Err(Trouble::Failed(message)) => Verdict::Failed(message),
                        Err(Trouble::Unsupported(what)) => Verdict::Unsupported(what),
                    };
                    report.evals.push(EvalReport { line: eval.line, expr: eval.expr.clone(), verdict });
                }
            }
        }
        report
    }
}

impl Load {
    fn append(&self, storage: &mut TestStorage) {
        let gap_ms = self.gap.as_millis() as i64;
        let time = |i: usize| TimestampMs(i as i64 * gap_ms);
        for LoadedSeries { labels, points, starts } in &self.series {
            let samples = points.iter().enumerate().filter_map(|(i, point)| {
                let value = match point {
                    Point::Omitted => return None,
                    Point::Float(v) => TestValue::Float(*v),
                    Point::Histogram { h, .. } => TestValue::Histogram(Arc::clone(h)),
                };
                let start = starts.get(i).copied().flatten().map_or(0, |offset| time(i).0 + offset);
                Some(TestSample { t: time(i), start: TimestampMs(start), value })
            });
            storage.append_samples(labels, samples);
        }
        if self.with_nhcb {
            for (labels, histograms) in nhcb::convert(&self.series) {
                let samples = histograms.into_iter().map(|(i, h)| TestSample {
                    t: time(i),
                    start: TimestampMs(0),
                    value: TestValue::Histogram(Arc::new(h)),
                });
                storage.append_samples(&labels, samples);
            }
        }
    }
}

impl Eval {
    fn run(&self, engine: &Engine, storage: &TestStorage) -> Result<(), Trouble> {
        match self.when {
            When::Range(steps) => {
                let all = variants(&self.expr, TimestampMs(0))?;
                let Some(as_written) = all.first() else { return Ok(()) };
                let options = as_written.options();
                let answer = engine.range(storage, &as_written.expr, steps.start, steps.end, steps.step_ms, &options);
                if let Some(result) = self.check_outcome(answer)? {
                    self.check_notes(&result)?;
                    compare(self, &result.value)?;
                }
                Ok(())
            }
            When::Instant(at) => self.run_variants(engine, storage, at),
            When::RangeVector(steps) => self.run_variants(engine, storage, steps.end),
        }
    }

    fn run_variants(&self, engine: &Engine, storage: &TestStorage, at: TimestampMs) -> Result<(), Trouble> {
        for variant in variants(&self.expr, at)? {
            self.run_instant(engine, storage, &variant).map_err(|trouble| match trouble {
                Trouble::Failed(message) => {
                    Trouble::Failed(format!("{message} (evaluating {} at {:?})", variant.text, variant.at))
                }
                unsupported @ Trouble::Unsupported(_) => unsupported,
            })?;
        }
        Ok(())
    }

    fn run_instant(&self, engine: &Engine, storage: &TestStorage, variant: &Variant) -> Result<(), Trouble> {
        let options = variant.options();
        let Some(result) = self.check_outcome(engine.instant(storage, &variant.expr, variant.at, &options))? else {
            return Ok(());
        };
        self.check_notes(&result)?;
        compare(self, &result.value)?;
        let only_instant = self.expected_string.is_some() || matches!(self.when, When::RangeVector(_));
        if only_instant || asks_for_query_times(&variant.expr, &variant.text) {
            return Ok(());
        }
        // The same must come out of a range query around that time.
        const MINUTE_MS: i64 = 60_000;
        let (start, end) = (variant.at.saturating_sub(MINUTE_MS), variant.at.saturating_add(MINUTE_MS));
        let range = match engine.range(storage, &variant.expr, start, end, MINUTE_MS, &options) {
            Ok(range) => range,
            Err(QueryError::Unsupported(what)) => return Err(Trouble::Unsupported(what)),
            Err(e) => return Err(format!("in range mode: {e}").into()),
        };
        if self.ordered {
            return Ok(());
        }
        let Value::Matrix(matrix) = range.value else { return Err("a range query gave no matrix".to_owned().into()) };
        let middle = middle_step(matrix, variant.at);
        let middle = match result.value {
            Value::Scalar { t, .. } => Value::Scalar { t, v: middle.first().map_or(f64::NAN, |sample| sample.v) },
            _ => Value::Vector(middle),
        };
        compare(self, &middle).map_err(|message| format!("{message} in range mode").into())
    }

    /// Returns the answer, or `None` if the query failed as expected.
    fn check_outcome(&self, answer: Result<QueryResult, QueryError>) -> Result<Option<QueryResult>, Trouble> {
        match answer {
            Err(QueryError::Unsupported(what)) => Err(Trouble::Unsupported(what)),
            Err(e) if !self.fail => Err(format!("error evaluating query: {e}").into()),
            Err(e) => {
                let text = e.to_string();
                match self.fail_message.iter().find(|expected| !expected.matches(&text)) {
                    Some(expected) => {
                        Err(format!("expected error matching \"{}\", but got: {text}", expected.text()).into())
                    }
                    None => Ok(None),
                }
            }
            Ok(_) if self.fail => Err("expected error evaluating query but got none".to_owned().into()),
            Ok(result) => Ok(Some(result)),
        }
    }

    fn check_notes(&self, result: &QueryResult) -> Result<(), Trouble> {
        if self.warn && result.warnings.is_empty() {
            return Err("expected warnings but got none".to_owned().into());
        }
        if self.info && result.infos.is_empty() {
            return Err("expected info annotations but got none".to_owned().into());
        }
        check_notes("warn", &self.warnings, self.no_warn, &result.warnings)?;
        check_notes("info", &self.infos, self.no_info, &result.infos)?;
        Ok(())
    }
}

fn check_notes(kind: &str, expected: &[TextMatch], none: bool, actual: &[String]) -> Result<(), String> {
    if none && !actual.is_empty() {
        return Err(format!("unexpected {kind} annotations: {actual:?}"));
    }
    if expected.is_empty() {
        return Ok(());
    }
    for want in expected {
        if !actual.iter().any(|text| want.matches(text)) {
            return Err(format!("expected {kind} annotation matching \"{}\", found: {actual:?}", want.text()));
        }
    }
    match actual.iter().find(|text| !expected.iter().any(|want| want.matches(text))) {
        Some(text) => Err(format!("unexpected {kind} annotation \"{text}\"")),
        None => Ok(()),
    }
}

fn middle_step(matrix: Vec<MatrixSeries>, at: TimestampMs) -> Vec<VectorSample> {
    let point = |series: MatrixSeries| {
        if let Some(i) = series.t.iter().position(|t| *t == at) {
            return Some(VectorSample::float(series.labels, at, series.v[i]));
        }
        let (_, h) = series.histograms.into_iter().find(|(t, _)| *t == at)?;
        Some(VectorSample { labels: series.labels, t: at, v: 0.0, histogram: Some(h) })
    };
    matrix.into_iter().filter_map(point).collect()
}

impl Variant {
    fn options(&self) -> QueryOptions {
        QueryOptions { text: self.text.as_str().into(), ..QueryOptions::default() }
    }
}
