//! Random PromQL: typed expressions over the series of [`expression_series`], from a seed.

use crate::Random;

/// Which language the expressions are of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// What 2.42 knows and 3.x did not change on purpose.
    Common,
    /// All of 3.14, experimental parts too; floats and classic histograms.
    Whole,
    /// As `Whole`, and native histograms: `spread`, `bounds` (custom buckets) and `shape` (gauges), each by job and
    /// instance.
    Histograms,
}

/// A stream of expressions, each a vector or a scalar.
#[derive(Clone, Debug)]
pub struct Expressions {
    random: Random,
    language: Language,
}

const RANGES: [&str; 7] = ["31s", "1m", "100s", "4m", "5m", "10m", "1h"];
const OFFSETS: [&str; 5] = ["30s", "1m", "7m", "-1m", "1h"];
const STEPS: [&str; 4] = ["10s", "30s", "1m", "3m"];
const NUMBERS: [&str; 14] = ["0", "1", "2", "3", "-1", "0.5", "10", "100", "1e3", "0.1", "NaN", "Inf", "-Inf", "1e-3"];
const ELEMENTWISE: [&str; 19] = [
    "abs", "ceil", "floor", "sqrt", "sgn", "round", "deg", "rad", "exp", "ln", "log2", "log10", "sin", "cos", "atan",
    "tanh", "asinh", "cosh", "sinh",
];
const CALENDAR: [&str; 8] =
    ["day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"];
/// The first ones give the same in 2.x to the last bit; 3.x extrapolates and averages otherwise.
const OVER_RANGES: [&str; 20] = [
    "irate",
    "idelta",
    "resets",
    "changes",
    "min_over_time",
    "max_over_time",
    "count_over_time",
    "last_over_time",
    "present_over_time",
    "absent_over_time",
    "sum_over_time",
    "avg_over_time",
    "deriv",
    "rate",
    "increase",
    "rate",
    "increase",
    "delta",
    "stddev_over_time",
    "stdvar_over_time",
];
const OVER_RANGES_OF_BOTH: usize = 11;
const OVER_RANGES_OF_3: [&str; 6] = [
    "first_over_time",
    "mad_over_time",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
];
/// The first ones give the same in 2.x to the last bit; there a deviation has no NaN.
const AGGREGATIONS: [&str; 9] = ["sum", "min", "max", "count", "group", "sum", "avg", "stddev", "stdvar"];
const AGGREGATIONS_OF_BOTH: usize = 6;
const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
const ARITHMETIC: [&str; 7] = ["+", "-", "*", "/", "%", "^", "atan2"];
const METRICS: [&str; 6] = ["events_total", "level", "level", "events_total", "size_bucket", "about"];
const NATIVE: [&str; 4] = ["spread", "spread", "bounds", "shape"];
const GROUPS: [&str; 8] = [
    "",
    "by (job) ",
    "by (job, instance) ",
    "without (code) ",
    "by (code) ",
    "without (instance) ",
    "by (le) ",
    "by () ",
];

impl Expressions {
    /// Starts a stream at `seed`.
    pub fn new(seed: u64, language: Language) -> Self {
        Self { random: Random::new(seed), language }
    }

    fn whole(&self) -> bool {
        self.language != Language::Common
    }

    fn pick(&mut self, all: &[&'static str]) -> &'static str {
        self.random.pick(all)
    }

    fn fold(&mut self) -> &'static str {
        let all = if self.whole() { ["sum", "avg", "max", "min"] } else { ["sum", "count", "max", "min"] };
        self.pick(&all)
    }

    fn elementwise(&mut self) -> &'static str {
        self.pick(&ELEMENTWISE)
    }

    /// 2.x keeps the name of a metric after `atan2`.
    fn arithmetic(&mut self) -> &'static str {
        let n = if self.whole() { ARITHMETIC.len() } else { ARITHMETIC.len() - 1 };
        self.pick(&ARITHMETIC[..n])
    }

    fn matchers(&mut self) -> String {
        let all = [
            "job=\"a\"",
            "job!=\"a\"",
            "job=~\"a|b\"",
            "instance=\"1\"",
            "instance=~\"[12]\"",
            "instance!~\"2|3\"",
            "code=\"500\"",
            "code=~\".+\"",
            "code=\"\"",
            "code!=\"\"",
            "version=~\"v.*\"",
            "absent=\"\"",
            "job=~\"x.*\"",
        ];
        match self.random.below(4) {
            0 | 1 => String::new(),
            2 => format!("{{{}}}", self.pick(&all)),
            _ => {
                // Of two matchers for one label the reference's store may change the order, and `absent` goes by that.
                let label = |matcher: &str| matcher.split(['=', '!']).next().unwrap_or_default().to_owned();
                let (a, b) = (self.pick(&all), self.pick(&all));
                if label(a) == label(b) { format!("{{{a}}}") } else { format!("{{{a},{b}}}") }
            }
        }
    }

    fn modifiers(&mut self) -> String {
        let mut out = String::new();
        if self.random.chance(10) {
            out += &format!(" offset {}", self.pick(&OFFSETS));
        }
        if self.random.chance(8) {
            out += [" @ end()", " @ start()"][self.random.below(2)];
        }
        out
    }

    fn selector(&mut self) -> String {
        if self.language == Language::Histograms && self.random.chance(65) {
            let name = self.pick(&NATIVE);
            return if name.starts_with('{') { name.to_owned() } else { format!("{name}{}", self.matchers()) };
        }
        format!("{}{}", self.pick(&METRICS), self.matchers())
    }

    fn scalar(&mut self, depth: usize) -> String {
        match self.random.below(if depth == 0 { 5 } else { 9 }) {
            0..=3 => self.pick(&NUMBERS).to_owned(),
            4 if self.random.chance(30) => "pi()".to_owned(),
            4 => "time()".to_owned(),
            5 => format!("scalar({})", self.vector(depth - 1)),
            6 => format!("-({})", self.scalar(depth - 1)),
            7 if self.whole() => {
                let name = self.pick(&["min_of", "max_of"]);
                format!("{name}({}, {})", self.scalar(depth - 1), self.scalar(depth - 1))
            }
            8 if self.random.chance(30) => {
                let op = self.pick(&COMPARISONS);
                format!("({} {op} bool {})", self.scalar(depth - 1), self.scalar(depth - 1))
            }
            _ => {
                let op = self.arithmetic();
                format!("({} {op} {})", self.scalar(depth - 1), self.scalar(depth - 1))
            }
        }
    }

    fn matrix(&mut self, depth: usize) -> String {
        if depth > 0 && self.whole() && self.random.chance(25) {
            let inner = self.vector(depth - 1);
            let step = if self.random.chance(75) { self.pick(&STEPS) } else { "" };
            return format!("({inner})[{}:{step}]{}", self.pick(&RANGES), self.modifiers());
        }
        format!("{}[{}]{}", self.selector(), self.pick(&RANGES), self.modifiers())
    }

    fn over_range(&mut self, depth: usize) -> String {
        match self.random.below(20) {
            0 if self.whole() => format!("quantile_over_time({}, {})", self.scalar(depth.min(1)), self.matrix(depth)),
            1 if self.whole() => format!("predict_linear({}, {})", self.matrix(depth), self.scalar(depth.min(1))),
            2 if self.whole() => {
                format!(
                    "double_exponential_smoothing({}, 0.{}, 0.{})",
                    self.matrix(depth),
                    1 + self.random.below(9),
                    1 + self.random.below(9)
                )
            }
            3 | 4 if self.whole() => format!("{}({})", self.pick(&OVER_RANGES_OF_3), self.matrix(depth)),
            5 if self.whole() => {
                let mode = self.pick(&["anchored", "smoothed"]);
                let name = if mode == "anchored" {
                    self.pick(&["rate", "increase", "delta", "resets", "changes"])
                } else {
                    self.pick(&["rate", "increase", "delta"])
                };
                format!("{name}({}[{}] {mode}{})", self.selector(), self.pick(&RANGES), self.modifiers())
            }
            _ => {
                let all = if self.whole() { &OVER_RANGES[..] } else { &OVER_RANGES[..OVER_RANGES_OF_BOTH] };
                format!("{}({})", self.pick(all), self.matrix(depth))
            }
        }
    }

    fn native_call(&mut self, depth: usize) -> String {
        let inner = self.vector(depth);
        match self.random.below(8) {
            0 => format!("histogram_count({inner})"),
            1 => format!("histogram_sum({inner})"),
            2 => format!("histogram_avg({inner})"),
            3 => format!("histogram_stddev({inner})"),
            4 => format!("histogram_stdvar({inner})"),
            5 => format!("histogram_quantile({}, {inner})", self.pick(&["0", "0.1", "0.5", "0.99", "1", "-1", "NaN"])),
            6 => format!("histogram_fraction({}, {}, {inner})", self.scalar(0), self.scalar(0)),
            _ => format!("({inner} {} {})", self.pick(&["</", ">/"]), self.pick(&["0.5", "1", "0", "-2", "10", "Inf"])),
        }
    }

    fn call(&mut self, depth: usize) -> String {
        if self.language == Language::Histograms && self.random.chance(50) {
            return self.native_call(depth);
        }
        match self.random.below(16) {
            0..=4 => format!("{}({})", self.elementwise(), self.vector(depth)),
            5 => format!("{}({})", self.pick(&CALENDAR), self.vector(depth)),
            6 => format!("clamp({}, {}, {})", self.vector(depth), self.scalar(0), self.scalar(0)),
            7 => format!(
                "{}({}, {})",
                self.pick(&["clamp_min", "clamp_max", "round"]),
                self.vector(depth),
                self.scalar(0)
            ),
            8 if self.whole() => format!("timestamp({})", self.vector(depth)),
            9 => format!("{}({})", self.pick(&["sort", "sort_desc", "absent"]), self.vector(depth)),
            10 => format!("vector({})", self.scalar(depth)),
            11 => format!("histogram_quantile({}, {})", self.scalar(0), self.buckets()),
            12 => format!(
                "label_replace({}, \"{}\", \"x$1\", \"{}\", \"(.*)\")",
                self.vector(depth),
                self.pick(&["new", "job", "instance"]),
                self.pick(&["job", "code", "le"])
            ),
            13 => format!(
                "label_join({}, \"{}\", \"-\", \"job\", \"instance\")",
                self.vector(depth),
                self.pick(&["new", "job"])
            ),
            14 if self.whole() => {
                format!("histogram_fraction({}, {}, {})", self.scalar(0), self.scalar(0), self.buckets())
            }
            _ => format!("{}({})", self.elementwise(), self.vector(depth)),
        }
    }

    fn buckets(&mut self) -> String {
        let by = self.pick(&["", "sum by (le) ", "sum by (job, le) ", "sum without (instance) "]);
        let range = self.pick(&RANGES);
        format!("{by}(rate(size_bucket{}[{range}]))", self.matchers())
    }

    fn aggregation(&mut self, depth: usize) -> String {
        let group = self.pick(&GROUPS);
        // Which of equals is kept goes by the order of series, which most of the reference's functions leave to chance.
        let ordered = if self.random.chance(60) { self.selector() } else { self.over_range(0) };
        match self.random.below(16) {
            0 | 1 if self.whole() => {
                format!("{} {group}({}, {})", self.pick(&["topk", "bottomk"]), self.random.below(4), ordered)
            }
            2 => format!("quantile {group}({}, {})", self.scalar(0), self.vector(depth)),
            3 => format!("count_values {group}(\"value\", {ordered})"),
            4 if self.whole() => format!("limitk {group}({}, {ordered})", self.random.below(4)),
            5 if self.whole() => {
                format!("limit_ratio {group}({}, {})", self.pick(&["0.5", "-0.3", "1", "0.1"]), self.vector(depth))
            }
            _ => {
                let all = if self.whole() { &AGGREGATIONS[..] } else { &AGGREGATIONS[..AGGREGATIONS_OF_BOTH] };
                format!("{} {group}({})", self.pick(all), self.vector(depth))
            }
        }
    }

    fn binary(&mut self, depth: usize) -> String {
        let comparison = self.random.chance(30);
        let op = if comparison { self.pick(&COMPARISONS) } else { self.arithmetic() };
        // 2.x lets what a comparison filters out match again.
        let modifier = if comparison && (!self.whole() || self.random.chance(40)) { " bool" } else { "" };
        match self.random.below(8) {
            0 | 1 => format!("({} {op}{modifier} {})", self.vector(depth), self.scalar(depth.min(1))),
            2 => format!("({} {op}{modifier} {})", self.scalar(depth.min(1)), self.vector(depth)),
            3 => {
                let set = self.pick(&["and", "or", "unless"]);
                let matching = self.pick(&["", " on (job)", " on (job, instance)", " ignoring (code)", " on ()"]);
                format!("({} {set}{matching} {})", self.vector(depth), self.vector(depth))
            }
            4 => {
                let group = self.pick(&["group_left", "group_left (version)", "group_left ()"]);
                format!("({} {op}{modifier} on (job, instance) {group} about)", self.selector())
            }
            5 => {
                let one = self.aggregation(depth.saturating_sub(1)).replacen("quantile ", "sum ", 0);
                format!("({} {op}{modifier} ignoring (code, le) group_left {one})", self.vector(depth))
            }
            6 if self.whole() => {
                let fill =
                    self.pick(&["fill (0)", "fill_left (1)", "fill_right (2)", "fill_left (1) fill_right (NaN)"]);
                let (l, r) = (self.fold(), self.fold());
                format!(
                    "({l} by (job, code) ({}) {op}{modifier} on (job, code) {fill} {r} by (job, code) ({}))",
                    self.vector(depth),
                    self.vector(depth)
                )
            }
            _ => {
                let (l, r) = (self.fold(), self.fold());
                let by = self.pick(&["by (job) ", "by (job, instance) ", "by (code) ", ""]);
                let on = self.pick(&["", "on (job, instance) ", "on (job) ", "ignoring (code) "]);
                format!("({l} {by}({}) {op}{modifier} {on}{r} {by}({}))", self.vector(depth), self.vector(depth))
            }
        }
    }

    fn vector(&mut self, depth: usize) -> String {
        if depth == 0 {
            return format!("{}{}", self.selector(), self.modifiers());
        }
        let depth = depth - 1;
        match self.random.below(20) {
            0..=2 => format!("{}{}", self.selector(), self.modifiers()),
            3..=8 => self.over_range(depth),
            9..=12 => self.aggregation(depth),
            13..=15 => self.call(depth),
            16 => format!("-({})", self.vector(depth)),
            _ => self.binary(depth),
        }
    }
}

impl Iterator for Expressions {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let depth = 1 + self.random.below(4);
        Some(if self.random.chance(5) { self.scalar(depth) } else { self.vector(depth) })
    }
}

/// One series: its name with labels as the text format writes them, and its samples by offset in milliseconds.
#[derive(Clone, Debug)]
pub struct ExpressionSeries {
    pub name: String,
    pub samples: Vec<(i64, f64)>,
}

/// Milliseconds between the samples of a series.
const EVERY_MS: i64 = 15_000;
/// Samples a series, gaps included: three quarters of an hour.
const SAMPLES: i64 = 180;

/// Returns the series that the expressions ask for. Times lie within 45 minutes from 0, a third of a second off every
/// whole one, so that no window of whole seconds has a sample on its edge. Values are multiples of 1/8, so that sums are
/// exact in any order.
pub fn expression_series(seed: u64) -> Vec<ExpressionSeries> {
    let mut random = Random::new(seed);
    let mut all = Vec::new();
    for job in ["a", "b"] {
        for instance in ["1", "2", "3"] {
            let place = format!("job=\"{job}\",instance=\"{instance}\"");
            for code in ["200", "500"] {
                let samples = counter(&mut random, 40);
                all.push(ExpressionSeries { name: format!("events_total{{{place},code=\"{code}\"}}"), samples });
            }
            let strange = instance == "3";
            let samples = times(&mut random)
                .into_iter()
                .map(|t| {
                    let usual = random.below(1200) as f64 / 8.0 - 50.0;
                    let odd = [f64::NAN, f64::INFINITY, 0.0, usual, usual, usual];
                    (t, if strange { odd[random.below(odd.len())] } else { usual })
                })
                .collect();
            all.push(ExpressionSeries { name: format!("level{{{place}}}"), samples });
            let version = ["v1", "v2"][random.below(2)];
            let samples = times(&mut random).into_iter().map(|t| (t, 1.0)).collect();
            all.push(ExpressionSeries { name: format!("about{{{place},version=\"{version}\"}}"), samples });
            buckets(&mut random, &place, &mut all);
        }
    }
    all
}

/// Times with now and then a gap, some longer than the lookback.
fn times(random: &mut Random) -> Vec<i64> {
    let mut out = Vec::new();
    let mut i = random.below(20) as i64;
    while i < SAMPLES {
        out.push(i * EVERY_MS + 333);
        i += if random.chance(3) { 4 + random.below(30) as i64 } else { 1 };
    }
    out
}

fn counter(random: &mut Random, step: usize) -> Vec<(i64, f64)> {
    let mut v = random.below(100) as f64;
    times(random)
        .into_iter()
        .map(|t| {
            v = if random.chance(2) { 0.0 } else { v + random.below(step) as f64 };
            (t, v)
        })
        .collect()
}

fn buckets(random: &mut Random, place: &str, all: &mut Vec<ExpressionSeries>) {
    let bounds = ["0.1", "0.5", "2.5", "10", "+Inf"];
    let times = times(random);
    let mut counts = [0.0; 5];
    let mut columns = vec![Vec::new(); bounds.len()];
    for t in times {
        for from in 0..bounds.len() {
            let more = random.below(4) as f64;
            counts[from..].iter_mut().for_each(|count| *count += more);
        }
        for (column, count) in columns.iter_mut().zip(counts) {
            column.push((t, count));
        }
    }
    for (bound, samples) in bounds.iter().zip(columns) {
        all.push(ExpressionSeries { name: format!("size_bucket{{{place},le=\"{bound}\"}}"), samples });
    }
}
