//! The manager's timers, by a clock that follows the runtime's paused one: an hour takes a moment.

use std::sync::Arc;
use std::time::Duration;

use firesteel_base::{Clock, TimestampMs, TimestampNs};
use firesteel_rules::{EngineQueries, EvalContext, RuleManager, RuleSettings};
use tokio::time::{Instant, sleep};

use crate::world::{T0, World, options, secs};

/// Shows what the runtime's clock says.
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> TimestampMs {
        self.now_ns().to_ms()
    }

    fn now_ns(&self) -> TimestampNs {
        T0.after(self.0.elapsed())
    }
}

fn manager(world: &World) -> RuleManager {
    let queries = Arc::new(EngineQueries { engine: world.engine.clone(), storage: world.db.clone() });
    let settings = RuleSettings::default();
    let cx = EvalContext::new(queries, world.db.clone(), world.db.clone(), settings, &world.registry);
    RuleManager::new(cx.with_clock(Arc::new(Paused(Instant::now()))))
}

fn file(world: &World, groups: &[(&str, &str)]) -> std::path::PathBuf {
    let text: String = groups
        .iter()
        .map(|(name, record)| {
            format!("- name: {name}\n  interval: 15s\n  rules:\n  - {{record: {record}, expr: vector(time())}}\n")
        })
        .collect();
    world.write("rules.yml", &format!("groups:\n{text}"))
}

#[tokio::test(start_paused = true)]
async fn groups_are_evaluated_at_their_slots() {
    let world = World::new();
    let manager = manager(&world);
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
async fn a_reload_leaves_alone_what_is_the_same_and_ends_what_is_gone() {
    let world = World::new();
    let manager = manager(&world);
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
    let refused = manager.update(vec![broken.clone()], options(), Duration::ZERO).await.expect_err("no rules");
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
