//! The manager's timers, by a clock that follows the runtime's paused one: an hour takes a moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use firesteel_base::{Clock, TimestampMs, TimestampNs};
use firesteel_promql::{QueryError, QueryOptions, QueryResult};
use firesteel_promql_syntax::Expr;
use firesteel_rules::{EngineQueries, EvalContext, RuleFile, RuleManager, RuleQueries, RuleSettings};
use tokio::time::{Instant, sleep};

use crate::world::{T0, World, options, secs};

/// Shows what the runtime's clock says, and adds what evaluations take that are to be slow.
struct Paused {
    began: Instant,
    taken_secs: AtomicU64,
}

impl Clock for Paused {
    fn now(&self) -> TimestampMs {
        self.now_ns().to_ms()
    }

    fn now_ns(&self) -> TimestampNs {
        T0.after(self.began.elapsed() + Duration::from_secs(self.taken_secs.load(Ordering::Relaxed)))
    }
}

/// Answers, and lets the clock run on when it is this evaluation's turn.
struct Slow {
    queries: EngineQueries,
    clock: Arc<Paused>,
    /// Numbers of evaluations, from 0 on, and the seconds that they take.
    slow: &'static [(u64, u64)],
    asked: AtomicU64,
}

impl RuleQueries for Slow {
    fn instant(&self, expr: &Expr, at: TimestampMs, options: &QueryOptions) -> Result<QueryResult, QueryError> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        if let Some((_, secs)) = self.slow.iter().find(|(n, _)| *n == number) {
            self.clock.taken_secs.fetch_add(*secs, Ordering::Relaxed);
        }
        self.queries.instant(expr, at, options)
    }
}

fn manager(world: &World, slow: &'static [(u64, u64)]) -> RuleManager {
    let clock = Arc::new(Paused { began: Instant::now(), taken_secs: AtomicU64::new(0) });
    let queries = EngineQueries { engine: world.engine.clone(), storage: world.db.clone() };
    let queries = Arc::new(Slow { queries, clock: clock.clone(), slow, asked: AtomicU64::new(0) });
    let settings = RuleSettings::default();
    let cx = EvalContext::new(queries, world.db.clone(), world.db.clone(), settings, &world.registry);
    RuleManager::new(cx.with_clock(clock))
}

fn file(world: &World, groups: &[(&str, &str)]) -> RuleFile {
    let text: String = groups
        .iter()
        .map(|(name, record)| {
            format!("- name: {name}\n  interval: 15s\n  rules:\n  - {{record: {record}, expr: vector(time())}}\n")
        })
        .collect();
    RuleFile::Path(world.write("rules.yml", &format!("groups:\n{text}")))
}

#[tokio::test(start_paused = true)]
async fn groups_are_evaluated_at_their_slots() {
    let world = World::new();
    let manager = manager(&world, &[]);
    let file = file(&world, &[("one", "r1"), ("two", "r2")]);
    manager.update(vec![file], options(), Duration::ZERO).await.expect("good rules");
    sleep(Duration::from_secs(3600)).await;
    manager.stop().await;
    for group in manager.groups().iter() {
        let record = group.rules()[0].core().name();
        let first = group.slot(T0).after(Duration::from_secs(15)).to_ms();
        let text = world.ask(&format!("{record}[2h]"), T0.after(Duration::from_secs(3700))).join("");
        let values: Vec<&str> = text.split_whitespace().skip(1).collect();
        assert_eq!(values.len(), 240, "{text}");
        assert_eq!(values[0].split('@').next(), Some(format!("{}", first.as_secs_f64()).as_str()));
        assert!(group.times().last_evaluation.is_some_and(|at| secs(at) > 3580), "{:?}", group.times());
    }
    assert_eq!(world.metric("prometheus_rule_group_iterations_total"), 240.0);
    assert_eq!(world.metric("prometheus_rule_group_iterations_missed_total"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn slow_evaluations_cost_those_whose_time_passes() {
    let world = World::new();
    // 29 s: the next one is late, but none is missed. 40 s: one. 100 s: five.
    let manager = manager(&world, &[(2, 29), (5, 40), (9, 100)]);
    let file = file(&world, &[("one", "r1")]);
    manager.update(vec![file], options(), Duration::ZERO).await.expect("good rules");
    let slots = 30;
    sleep(Duration::from_secs(15 * slots - 169)).await;
    manager.stop().await;
    let text = world.ask("r1[2h]", T0.after(Duration::from_secs(3600))).join("");
    let first = manager.groups()[0].slot(T0).after(Duration::from_secs(15));
    // What is recorded is the time that each evaluation was for.
    let number = |v: &str| ((v.parse::<f64>().expect("a time") - first.to_ms().as_secs_f64()) / 15.0).round() as u64;
    let numbers = text.split_whitespace().skip(1).filter_map(|p| Some(number(p.split('@').next()?)));
    let want: Vec<u64> = (0..slots).filter(|n| *n != 6 && !(11..16).contains(n)).collect();
    assert_eq!(numbers.collect::<Vec<_>>(), want, "{text}");
    assert_eq!(world.metric("prometheus_rule_group_iterations_missed_total"), 6.0);
    assert_eq!(world.metric("prometheus_rule_group_iterations_total"), slots as f64);
}

#[tokio::test(start_paused = true)]
async fn a_reload_leaves_alone_what_is_the_same_and_ends_what_is_gone() {
    let world = World::new();
    let manager = manager(&world, &[]);
    let update =
        async |groups: &[(&str, &str)]| manager.update(vec![file(&world, groups)], options(), Duration::ZERO).await;
    update(&[("same", "r1"), ("gone", "r2"), ("changed", "r3")]).await.expect("good rules");
    sleep(Duration::from_secs(60)).await;
    let before = manager.groups();
    update(&[("same", "r1"), ("changed", "r4"), ("new", "r5")]).await.expect("good rules");
    let now = manager.groups();
    let names: Vec<&str> = now.iter().map(|group| group.name()).collect();
    assert_eq!(names, ["changed", "new", "same"]);
    assert!(Arc::ptr_eq(&now[2], &before[2]));
    sleep(Duration::from_secs(90)).await;
    let at = T0.after(Duration::from_secs(150));
    assert_eq!(
        world.ask("group by (__name__) ({__name__=~'r.'})", at),
        [r#"{__name__="r1"} 1"#, r#"{__name__="r4"} 1"#, r#"{__name__="r5"} 1"#,]
    );
    // A file that is refused changes nothing.
    let broken = world.write("broken.yml", "groups:\n- name: g\n  rules:\n  - {record: a, expr: 'sum('}\n");
    let refused =
        manager.update(vec![RuleFile::Path(broken.clone())], options(), Duration::ZERO).await.expect_err("no rules");
    assert_eq!(
        refused.to_string(),
        format!(
            "{}: 4:23: group \"g\", rule 1, \"a\": could not parse expression: 1:5: parse error: unclosed left parenthesis",
            broken.display()
        )
    );
    assert!(Arc::ptr_eq(&manager.groups()[2], &before[2]));
    manager.stop().await;
}
