//! Random expressions, typed: every function of the language's table, every operator, aggregation, modifier and literal.

use firesteel_promql_syntax::{AggregateOp, BinaryOp, FUNCTIONS, Function, ValueType, Variadic};
use firesteel_testkit::Random;

const METRICS: [&str; 14] = [
    "events_total",
    "events_total",
    "level",
    "strange",
    "noise",
    "target_info",
    "spread",
    "spread",
    "bounds",
    "shape",
    "mixed",
    "typed",
    "size_bucket",
    "nothing",
];
const MATCHERS: [&str; 10] = [
    "job=\"a\"",
    "job!=\"a\"",
    "instance=~\"1|3\"",
    "instance!~\"2.*\"",
    "code=\"500\"",
    "code=\"\"",
    "\"job\"=\"b\"",
    "le!=\"1\"",
    "version=~\"v.*\"",
    "absent=\"\"",
];
const RANGES: [&str; 9] = ["1m", "100s", "2m30s", "4m", "5m", "10m", "step() * 2", "max_of(range(), 3m)", "90"];
const OFFSETS: [&str; 6] = ["30s", "1m", "-1m", "7m", "(step() + 15s)", "min_of(1m, 40)"];
const STEPS: [&str; 5] = ["30s", "1m", "45s", "(1m + step())", ""];
const NUMBERS: [&str; 17] =
    ["0", "1", "2", "3", "-1", "0.5", "10", "1e3", "0x1F", "0.1", "NaN", "Inf", "-Inf", "1e-3", "5m", "1_000", "0.75"];
const LABELS: [&str; 9] = ["job", "instance", "code", "le", "version", "n", "__name__", "\"zone\"", "new"];
const QUOTED: [&str; 7] = ["\"job\"", "\"instance\"", "'code'", "`le`", "\"new\"", "\"n\"", "\"__name__\""];

/// A stream of expressions.
pub(crate) struct Grammar {
    random: Random,
}

impl Grammar {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed) }
    }

    fn pick(&mut self, all: &[&'static str]) -> &'static str {
        self.random.pick(all)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.random.chance(percent)
    }

    fn modifiers(&mut self) -> String {
        let offset = if self.chance(10) { format!(" offset {}", self.pick(&OFFSETS)) } else { String::new() };
        let at = if self.chance(9) {
            format!(" @ {}", self.pick(&["start()", "end()", "600", "1200.5", "1e3"]))
        } else {
            String::new()
        };
        if self.chance(50) { offset + &at } else { at + &offset }
    }

    /// A selector with modifiers; an offset in parentheses would take what follows for its own.
    fn modified(&mut self, selector: String) -> String {
        let modifiers = self.modifiers();
        if modifiers.contains('(') { format!("({selector}{modifiers})") } else { selector + &modifiers }
    }

    fn selector(&mut self) -> String {
        let mut matchers = Vec::new();
        for _ in 0..[0, 0, 0, 1, 2][self.random.below(5)] {
            matchers.push(self.pick(&MATCHERS));
        }
        let matchers = matchers.join(", ");
        match self.random.below(14) {
            0 => format!("{{\"{}\", {matchers}}}", self.pick(&METRICS)),
            1 => format!("{{__name__=~\"{}\", {matchers}}}", self.pick(&["size_.*", "level|noise", "spread|bounds"])),
            _ if matchers.is_empty() => self.pick(&METRICS).to_owned(),
            _ => format!("{}{{{matchers}}}", self.pick(&METRICS)),
        }
    }

    fn matrix(&mut self, depth: usize) -> String {
        if depth > 0 && self.chance(25) {
            let inner = self.vector(depth - 1);
            return format!("({inner})[{}:{}]{}", self.pick(&RANGES), self.pick(&STEPS), self.modifiers());
        }
        format!("{}[{}]{}", self.selector(), self.pick(&RANGES), self.modifiers())
    }

    fn extended(&mut self) -> String {
        let mode = self.pick(&["anchored", "smoothed"]);
        let names: &[&str] = match mode {
            "anchored" => &["rate", "increase", "delta", "resets", "changes"],
            _ => &["rate", "increase", "delta"],
        };
        // Now and then one that does not take it.
        let name = if self.chance(3) { "sum_over_time" } else { self.pick(names) };
        format!("{name}({}[{}] {mode}{})", self.selector(), self.pick(&RANGES), self.modifiers())
    }

    fn call_of(&mut self, function: &'static Function, depth: usize) -> String {
        let name = function.name;
        let of = |list: Vec<String>| format!("{name}({})", list.join(", "));
        match name {
            "label_replace" => {
                let inner = self.vector(depth);
                let (dst, src) = (self.pick(&QUOTED), self.pick(&QUOTED));
                let pattern = self.pick(&["(.*)", "(.)(.*)", "a", "(?P<x>[0-9]+)", ""]);
                let to = self.pick(&["$1", "x$1", "", "${x}y", "c"]);
                return format!("{name}({inner}, {dst}, \"{to}\", {src}, \"{pattern}\")");
            }
            "label_join" => {
                let inner = self.vector(depth);
                let (dst, a, b) = (self.pick(&QUOTED), self.pick(&QUOTED), self.pick(&QUOTED));
                return format!("{name}({inner}, {dst}, \"-\", {a}, {b})");
            }
            "sort_by_label" | "sort_by_label_desc" => {
                return format!("{name}({}, {}, {})", self.vector(depth), self.pick(&QUOTED), self.pick(&QUOTED));
            }
            "histogram_quantiles" => {
                let (a, b) = (self.pick(&NUMBERS), self.pick(&["0.1", "0.5", "0.9", "1"]));
                return format!("{name}({}, \"q\", {b}, {a})", self.histograms(depth));
            }
            "histogram_quantile" => return format!("{name}({}, {})", self.share(), self.histograms(depth)),
            "histogram_fraction" => {
                return format!("{name}({}, {}, {})", self.scalar(0), self.scalar(0), self.histograms(depth));
            }
            "double_exponential_smoothing" => {
                let (a, b) = (self.pick(&["0.1", "0.5", "0.9", "1"]), self.pick(&["0.2", "0.7"]));
                return format!("{name}({}, {a}, {b})", self.matrix(depth));
            }
            "info" => {
                let inner = self.vector(depth);
                let more = self.pick(&[
                    "",
                    ", {version=~\".+\"}",
                    ", {zone=\"x\"}",
                    ", {__name__=\"build_info\"}",
                    ", {__name__=~\".+_info\", version=\"v1\"}",
                    ", {__name__!=\"build_info\"}",
                    ", {nothing=\"x\"}",
                ]);
                return format!("{name}({inner}{more})");
            }
            "timestamp" | "start_timestamp" if self.chance(60) => {
                return format!("{name}({}{})", self.selector(), self.modifiers());
            }
            "quantile_over_time" => return format!("{name}({}, {})", self.share(), self.matrix(depth)),
            _ => {}
        }
        let mut args = Vec::new();
        for (i, kind) in function.args.iter().enumerate() {
            let optional = function.variadic != Variadic::No && i + 1 == function.args.len();
            if optional && self.chance(40) {
                break;
            }
            args.push(match kind {
                ValueType::Scalar => self.scalar(depth.min(1)),
                ValueType::Vector => self.vector(depth),
                ValueType::Matrix => self.matrix(depth),
                ValueType::String => self.pick(&QUOTED).to_owned(),
            });
        }
        of(args)
    }

    fn share(&mut self) -> String {
        if self.chance(15) {
            self.scalar(0)
        } else {
            self.pick(&["0", "0.1", "0.5", "0.9", "0.99", "1", "-1"]).to_owned()
        }
    }

    /// What histogram functions make most of.
    fn histograms(&mut self, depth: usize) -> String {
        let range = self.pick(&RANGES);
        match self.random.below(8) {
            0 => format!("sum by (le) (rate(size_bucket[{range}]))"),
            1 => format!("rate(size_bucket[{range}])"),
            2 => "size_bucket".to_owned(),
            3 => format!("rate(spread[{range}])"),
            4 => format!("sum({})", self.pick(&["spread", "bounds", "shape", "mixed"])),
            5 => self.pick(&["spread", "bounds", "shape", "mixed"]).to_owned(),
            _ => self.vector(depth),
        }
    }

    pub(crate) fn scalar(&mut self, depth: usize) -> String {
        match self.random.below(if depth == 0 { 5 } else { 10 }) {
            0..=2 => self.pick(&NUMBERS).to_owned(),
            3 => self.pick(&["time()", "pi()", "start()", "end()", "range()", "step()", "(time() % 7)"]).to_owned(),
            4 => self.pick(&["1", "0.3", "2"]).to_owned(),
            5 => format!("scalar({})", self.vector(depth - 1)),
            6 => format!("-({})", self.scalar(depth - 1)),
            7 => {
                let name = self.pick(&["min_of", "max_of"]);
                format!("{name}({}, {})", self.scalar(depth - 1), self.scalar(depth - 1))
            }
            8 => {
                let op = self.operator(BinaryOp::is_comparison);
                format!("({} {op} bool {})", self.scalar(depth - 1), self.scalar(depth - 1))
            }
            _ => {
                let op = self.operator(is_arithmetic);
                format!("({} {op} {})", self.scalar(depth - 1), self.scalar(depth - 1))
            }
        }
    }

    fn operator(&mut self, wanted: fn(BinaryOp) -> bool) -> &'static str {
        let all: Vec<&str> = BinaryOp::ALL.iter().filter(|op| wanted(**op)).map(|op| op.as_str()).collect();
        all[self.random.below(all.len())]
    }

    fn labels(&mut self) -> String {
        let n = self.random.below(4);
        let list: Vec<&str> = (0..n).map(|_| self.pick(&LABELS)).collect();
        list.join(", ")
    }

    fn aggregation(&mut self, depth: usize) -> String {
        let op = AggregateOp::ALL[self.random.below(AggregateOp::ALL.len())];
        let group = match self.random.below(3) {
            0 => String::new(),
            1 => format!(" by ({})", self.labels()),
            _ => format!(" without ({})", self.labels()),
        };
        let inner = self.vector(depth);
        let inside = match op {
            AggregateOp::CountValues => format!("{}, {inner}", self.pick(&["\"value\"", "\"job\"", "'n'"])),
            AggregateOp::Quantile => format!("{}, {inner}", self.share()),
            AggregateOp::LimitRatio => {
                format!("{}, {inner}", self.pick(&["0.5", "-0.3", "1", "0", "2", "scalar(level)"]))
            }
            AggregateOp::TopK | AggregateOp::BottomK | AggregateOp::LimitK => {
                let k = self.pick(&["0", "1", "2", "3", "5", "100", "time() % 3", "NaN"]);
                format!("{k}, {inner}")
            }
            _ => inner,
        };
        if self.chance(30) { format!("{op}({inside}){group}") } else { format!("{op}{group} ({inside})") }
    }

    fn binary(&mut self, depth: usize) -> String {
        let (op, comparison) = match self.random.below(10) {
            0..=5 => (self.operator(is_arithmetic), false),
            6..=8 => (self.operator(BinaryOp::is_comparison), true),
            _ => (self.operator(|op| matches!(op, BinaryOp::TrimLower | BinaryOp::TrimUpper)), false),
        };
        let op = if comparison && self.chance(35) { format!("{op} bool") } else { op.to_owned() };
        match self.random.below(9) {
            0 | 1 => format!("({} {op} {})", self.vector(depth), self.scalar(depth.min(1))),
            2 => format!("({} {op} {})", self.scalar(depth.min(1)), self.vector(depth)),
            3 | 4 => {
                let set = self.operator(BinaryOp::is_set);
                let matching = match self.random.below(3) {
                    0 => String::new(),
                    1 => format!(" on ({})", self.labels()),
                    _ => format!(" ignoring ({})", self.labels()),
                };
                format!("({} {set}{matching} {})", self.vector(depth), self.vector(depth))
            }
            5 => {
                let include = self.pick(&["", "()", "(version)", "(version, zone)"]);
                let info = self.pick(&["target_info", "build_info"]);
                if self.chance(50) {
                    format!("({} {op} on (job, instance) group_left {include} {info})", self.vector(depth))
                } else {
                    // A bare `group_right` would take the parenthesis of what follows for its labels.
                    let include = if include.is_empty() { "()" } else { include };
                    format!("({info} {op} on (job, instance) group_right {include} {})", self.vector(depth))
                }
            }
            6 => {
                let fill =
                    self.pick(&["fill (0)", "fill_left (1)", "fill_right (2)", "fill_left (1) fill_right (NaN)"]);
                let by = self.pick(&["(job, code)", "(job)", "(instance, n)"]);
                let (a, b) = (self.fold(), self.fold());
                format!("({a} by {by} ({}) {op} {fill} {b} by {by} ({}))", self.vector(depth), self.vector(depth))
            }
            _ => {
                let matching = self.pick(&["", "on (job, instance) ", "on (job) ", "ignoring (code, le, n) "]);
                let by = self.pick(&["by (job) ", "by (job, instance) ", "without (code) ", ""]);
                if self.chance(40) {
                    return format!("({} {op} {matching}{})", self.vector(depth), self.vector(depth));
                }
                let (a, b) = (self.fold(), self.fold());
                format!("({a} {by}({}) {op} {matching}{b} {by}({}))", self.vector(depth), self.vector(depth))
            }
        }
    }

    fn fold(&mut self) -> &'static str {
        self.pick(&["sum", "avg", "max", "min", "count"])
    }

    pub(crate) fn vector(&mut self, depth: usize) -> String {
        if depth == 0 {
            let smoothed = if self.chance(4) { " smoothed" } else { "" };
            let selector = self.selector();
            return self.modified(format!("{selector}{smoothed}"));
        }
        let depth = depth - 1;
        match self.random.below(20) {
            0 | 1 => {
                let selector = self.selector();
                self.modified(selector)
            }
            2 => self.extended(),
            3 => format!("{}({})", self.pick(&["-", "+", ""]), self.vector(depth)),
            4..=7 => self.aggregation(depth),
            8..=11 => self.binary(depth),
            _ => {
                let all: Vec<_> = FUNCTIONS.iter().filter(|f| f.returns == ValueType::Vector).collect();
                let function = all[self.random.below(all.len())];
                self.call_of(function, depth)
            }
        }
    }
}

fn is_arithmetic(op: BinaryOp) -> bool {
    use BinaryOp as B;
    matches!(op, B::Add | B::Sub | B::Mul | B::Div | B::Mod | B::Pow | B::Atan2)
}

impl Iterator for Grammar {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let depth = 1 + self.random.below(4);
        Some(match self.random.below(40) {
            0 => self.scalar(depth),
            1 => self.matrix(depth.min(2)),
            2 => "\"text\"".to_owned(),
            _ => self.vector(depth),
        })
    }
}
