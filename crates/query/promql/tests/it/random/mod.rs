//! Random expressions of the whole language over random series: the engine answers as the naive evaluator does, bit for bit.
//!
//! `FIRESTEEL_EXPRESSIONS=n` asks for more than ten thousand, `FIRESTEEL_SEED=n` for others. A failing expression is made as
//! small as it can be before it is shown.

mod compare;
mod grammar;
mod shrink;
mod world;

use std::sync::Mutex;
use std::time::Duration;

use firesteel_base::TimestampMs;
use firesteel_client::Registry;
use firesteel_promql::{Engine, EngineFeatures, EngineOptions, QueryOptions};
use firesteel_promql_syntax::{AggregateOp, BinaryOp, Expr, FUNCTIONS, ParserOptions, parse};
use firesteel_testkit::Random;

use crate::naive::{Order, Setup, evaluate};
use compare::{Verdict, judge};
use grammar::Grammar;
use world::{LENGTH_MS, World};

const EXPRESSIONS: usize = 10_000;
/// How many expressions are asked of one world.
const PER_WORLD: usize = 250;
const LOOKBACK_MS: i64 = 300_000;
const DEFAULT_STEP_MS: i64 = 60_000;
/// What an expression may cost either side; upstream counts alike (`--query.max-samples`).
const MAX_SAMPLES: usize = 2_000_000;

fn variable(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// An expression, and when and under which rules it is asked.
#[derive(Clone, Debug)]
struct Question {
    text: String,
    setup: Setup,
}

impl Question {
    fn new(text: String, random: &mut Random) -> Self {
        let start =
            [200_000, 600_000, 1_200_000, 1_800_333, 2_345_678][random.below(5)] + random.below(20) as i64 * 1_000;
        let step = [None, Some(30_000), Some(60_000), Some(47_000), Some(300_000)][random.below(5)];
        let end = step.map_or(start, |step| start + step * random.below(7) as i64 + random.below(2) as i64 * 10_000);
        let setup = Setup {
            start,
            end: end.min(LENGTH_MS + 600_000).max(start),
            step,
            lookback: LOOKBACK_MS,
            default_step: DEFAULT_STEP_MS,
            delayed_names: random.chance(20),
            start_timestamps: random.chance(30),
            type_labels: random.chance(10),
            order: Order::Appearance,
        };
        Self { text, setup }
    }
}

/// The engines that a world is asked with, by feature flags.
fn engine(setup: Setup) -> Engine {
    let options = EngineOptions {
        lookback: Duration::from_millis(LOOKBACK_MS as u64),
        subquery_step: Duration::from_millis(DEFAULT_STEP_MS as u64),
        threads: 1,
        max_samples: MAX_SAMPLES,
        features: EngineFeatures {
            delayed_name_removal: setup.delayed_names,
            use_start_timestamps: setup.start_timestamps,
            type_and_unit_labels: setup.type_labels,
            ..EngineFeatures::default()
        },
        ..EngineOptions::default()
    };
    Engine::new(options, &Registry::new()).expect("an engine")
}

/// Asks both and compares.
fn ask(world: &World, engines: &[Engine], question: &Question, expr: &Expr) -> Verdict {
    let setup = question.setup;
    let flags = [setup.delayed_names, setup.start_timestamps, setup.type_labels];
    let engine = &engines[flags.iter().fold(0, |all, flag| all * 2 + usize::from(*flag))];
    let options = QueryOptions { text: question.text.as_str().into(), ..QueryOptions::default() };
    let (start, end) = (TimestampMs(setup.start), TimestampMs(setup.end));
    let got = match setup.step {
        None => engine.instant(&world.storage, expr, start, &options),
        Some(step) => engine.range(&world.storage, expr, start, end, step, &options),
    };
    let want = evaluate(&world.series, expr, setup);
    let verdict = judge(&want, &got, expr);
    let Verdict::Differs(_) = verdict else { return verdict };
    // Upstream leaves the order of many results to chance: what goes by it proves nothing.
    for order in [Order::ByLabels, Order::AgainstLabels] {
        if compare::same_answers(&want, &evaluate(&world.series, expr, Setup { order, ..setup })).is_err() {
            return Verdict::OrderDecides;
        }
    }
    // Of two faults in one expression either may be told.
    if let (Err(_), Err(got)) = (&want, &got) {
        let mut found = false;
        expr.walk(&mut |part| {
            let part = evaluate(&world.series, part, setup);
            found |= part.is_err_and(|fault| compare::same_words(&fault.0, &got.to_string()));
        });
        if found {
            return Verdict::Refused;
        }
    }
    verdict
}

fn engines() -> Vec<Engine> {
    let of = |bits: usize| {
        engine(Setup {
            start: 0,
            end: 0,
            step: None,
            lookback: LOOKBACK_MS,
            default_step: DEFAULT_STEP_MS,
            delayed_names: bits & 4 != 0,
            start_timestamps: bits & 2 != 0,
            type_labels: bits & 1 != 0,
            order: Order::Appearance,
        })
    };
    (0..8).map(of).collect()
}

/// What came of many questions.
#[derive(Default)]
struct Tally {
    answered: usize,
    empty: usize,
    refused: usize,
    by_order: usize,
    seen: std::collections::BTreeSet<&'static str>,
    faults: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.empty += other.empty;
        self.refused += other.refused;
        self.by_order += other.by_order;
        self.seen.extend(other.seen);
        self.faults.extend(other.faults);
    }
}

fn note_parts(expr: &Expr, seen: &mut std::collections::BTreeSet<&'static str>) {
    expr.walk(&mut |node| {
        let name = match node {
            Expr::Call(call) => call.function.name,
            Expr::Aggregate(aggregate) => aggregate.op.as_str(),
            Expr::Binary(binary) => binary.op.as_str(),
            Expr::Subquery(_) => "subquery",
            Expr::Unary(_) => "sign",
            _ => return,
        };
        seen.insert(name);
    });
}

/// Asks a world its share of questions.
fn ask_world(seed: u64, n: usize) -> Tally {
    let engines = engines();
    let world = World::new(seed, &engines[0]);
    let (mut random, grammar) = (Random::new(seed ^ 0x5eed), Grammar::new(seed));
    let mut tally = Tally::default();
    for text in grammar.take(n) {
        let question = Question::new(text, &mut random);
        let expr = match parse(&question.text, ParserOptions::ALL) {
            Ok(expr) => expr,
            Err(e) => {
                tally.faults.push(format!("{}: {e}", question.text));
                continue;
            }
        };
        note_parts(&expr, &mut tally.seen);
        match ask(&world, &engines, &question, &expr) {
            Verdict::Same => tally.answered += 1,
            Verdict::Empty => tally.empty += 1,
            Verdict::Refused => tally.refused += 1,
            Verdict::OrderDecides => tally.by_order += 1,
            Verdict::Differs(difference) => {
                let fault = if tally.faults.len() < 3 {
                    shrink::smallest(&world, &engines, &question, difference)
                } else {
                    format!("{question:?}\n  {difference}")
                };
                tally.faults.push(format!("seed {seed}: {fault}"));
            }
        }
    }
    tally
}

#[test]
fn random_expressions_are_answered_as_the_naive_evaluator() {
    let (n, first) = (variable("FIRESTEEL_EXPRESSIONS", EXPRESSIONS), variable("FIRESTEEL_SEED", 1) as u64);
    let worlds = n.div_ceil(PER_WORLD) as u64;
    let next = Mutex::new(0);
    let total = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = {
                        let mut next = next.lock().expect("no panic while it is held");
                        *next += 1;
                        *next - 1
                    };
                    if seed >= worlds {
                        return;
                    }
                    let tally = ask_world(first * 1_000_000 + seed, PER_WORLD);
                    total.lock().expect("no panic while it is held").add(tally);
                }
            });
        }
    });
    let total = total.into_inner().expect("no panic while it was held");
    let counts = format!(
        "{} alike, {} empty, {} refused, {} by order",
        total.answered, total.empty, total.refused, total.by_order
    );
    assert!(total.faults.is_empty(), "{} differences ({counts}):\n{}", total.faults.len(), total.faults.join("\n"));
    assert!(total.answered > total.refused + total.empty, "too few answers: {counts}");
    assert!(total.by_order * 50 < n, "too many go by the order: {counts}");
    let functions = FUNCTIONS.iter().map(|function| function.name);
    let aggregations = AggregateOp::ALL.iter().map(|op| op.as_str());
    let operators = BinaryOp::ALL.iter().map(|op| op.as_str());
    let missing: Vec<&str> = functions
        .chain(aggregations)
        .chain(operators)
        .chain(["subquery", "sign"])
        .filter(|name| !total.seen.contains(name))
        .collect();
    assert!(missing.is_empty(), "never asked: {missing:?}");
}
