//! Rules of a group share what they read, and none can tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use firesteel_base::TimeRange;
use firesteel_promql::{Engine, EngineOptions};
use firesteel_rules::{EngineQueries, EvalContext, RuleSettings};
use firesteel_storage::{Querier, Queryable, Selected, Selection, StorageError};
use firesteel_tsdb::Db;

use crate::world::{World, after};

/// A database that counts how often it is searched.
struct Counted {
    db: Arc<Db>,
    searches: Arc<AtomicUsize>,
}

struct CountedQuerier(Box<dyn Querier>, Arc<AtomicUsize>);

impl Queryable for Counted {
    fn querier(&self, range: TimeRange) -> Result<Box<dyn Querier>, StorageError> {
        Ok(Box::new(CountedQuerier(self.db.querier(range)?, Arc::clone(&self.searches))))
    }
}

impl Querier for CountedQuerier {
    fn select(&self, what: &Selection<'_>) -> Result<Box<dyn Selected>, StorageError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.select(what)
    }

    fn label_values(&self, name: &str, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        self.0.label_values(name, what)
    }

    fn label_names(&self, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        self.0.label_names(what)
    }
}

const EXPRESSIONS: [&str; 18] = [
    "sum by (j) (rate(m[1m]))",
    "avg by (j) (rate(m[1m]))",
    "sum(rate(m[1m]))",
    "rate(m[1m])",
    "rate(m[45s])",
    "rate(m[10m])",
    "m",
    "m > 12",
    "count(m)",
    "m offset 30s",
    "m offset 15s",
    "m @ 1700000070",
    "sum(m) / count(m)",
    "sum(rate(m[1m])) / sum(rate(m[1m]))",
    "max_over_time(m[1m])",
    "max_over_time(rate(m[30s])[1m:15s])",
    "absent(n)",
    "n or topk(1, m)",
];

fn rules() -> String {
    let rule = |(i, expr): (usize, &&str)| format!("  - {{record: 'r:{i}', expr: '{expr}'}}\n");
    // Twice: the second of each finds what the first has read.
    let all = EXPRESSIONS.iter().chain(&EXPRESSIONS).enumerate().map(rule).collect::<String>();
    format!("groups:\n- name: g\n  interval: 15s\n  rules:\n{all}")
}

fn filled() -> World {
    let world = World::new();
    for step in 0..5 {
        for i in 0..70 {
            let series = format!("m{{i=\"{i}\", j=\"{}\"}}", i % 3);
            world.feed(&series, after(15 * step), (step * (i % 7 + 1)) as f64);
        }
    }
    world
}

#[test]
fn answers_are_those_of_rules_alone() {
    let world = filled();
    let group = world.group(&rules());
    world.eval(&group, after(60));
    for (i, expr) in EXPRESSIONS.iter().chain(&EXPRESSIONS).enumerate() {
        let core = group.rules()[i].core();
        assert_eq!(&*core.status().last_error, "", "{expr}");
        let named = format!("label_replace({expr}, \"__name__\", \"r:{i}\", \"\", \"\")");
        assert_eq!(world.ask(&format!("r:{i}"), after(60)), world.ask(&named, after(60)), "{expr}");
    }
}

#[test]
fn what_is_asked_for_again_is_not_searched_again() {
    let check = |rules: &str, want: usize| {
        let world = filled();
        let searches = Arc::<AtomicUsize>::default();
        let storage = Arc::new(Counted { db: world.db.clone(), searches: searches.clone() });
        let engine = Engine::new(EngineOptions { threads: 1, ..EngineOptions::default() }, &world.registry);
        let queries = EngineQueries { engine: Arc::new(engine.expect("an engine")), storage: storage.clone() };
        let settings = RuleSettings::default();
        let cx = EvalContext::new(Arc::new(queries), storage, world.db.clone(), settings, &world.registry);
        // A view lasts a second of this clock, which stands still.
        let cx = cx.with_clock(world.clock.clone());
        let group = world.group(&format!("groups:\n- name: g\n  rules:\n{rules}"));
        let summary = group.eval(&cx, after(60));
        assert_eq!((summary.failures, searches.load(Ordering::Relaxed)), (0, want), "{rules}");
    };
    let rule = |name: &str, expr: &str| format!("  - {{record: {name}, expr: '{expr}'}}\n");
    check(&(rule("a", "sum(m)") + &rule("b", "sum(m)") + &rule("c", "sum(m) * 2")), 1);
    check(&(rule("a", "sum(rate(m[1m]))") + &rule("b", "avg(rate(m[1m]))")), 1);
    // Another range is read of the same series.
    check(&(rule("a", "sum(rate(m[1m]))") + &rule("b", "sum(rate(m[45s]))")), 1);
    // What an earlier rule wrote must be seen: all is looked for anew.
    check(&(rule("a", "sum(m)") + &rule("b", "a") + &rule("c", "sum(m)")), 3);
}
