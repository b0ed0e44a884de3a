//! What a new configuration takes over from the one before.

use firesteel_rules::{AlertState, Group};

use crate::world::{World, after};

fn group(world: &World, name: &str, rules: &str) -> Group {
    world.group(&format!("groups:\n- name: {name}\n  interval: 15s\n  rules:\n{rules}"))
}

#[test]
fn alerts_and_series_go_on_in_the_rule_of_the_same_name_and_labels() {
    let world = World::new();
    let before = group(
        &world,
        "g",
        "  - {alert: A, expr: 'm > 0', for: 30s}\n  - {alert: B, expr: 'm > 0'}\n  - {record: r, expr: 'm'}\n  - {record: gone, expr: 'm'}\n",
    );
    for i in 0..3 {
        world.feed("m", after(15 * i), 1.0);
        world.eval(&before, after(15 * i));
    }
    let next = group(
        &world,
        "g",
        "  - {record: r, expr: 'm > 5'}\n  - {alert: A, expr: 'm >= 0', for: 60s}\n  - {alert: B, expr: 'm > 0', labels: {new: yes}}\n",
    );
    next.take_over(&before);
    world.feed("m", after(45), 1.0);
    world.eval(&next, after(45));
    let alert = |i: usize| next.rules()[i].alerting().expect("an alert").active_alerts().remove(0).1;
    assert_eq!((alert(1).state, alert(1).active_at), (AlertState::Pending, after(0)), "`for` has grown");
    assert_eq!((alert(2).state, alert(2).active_at), (AlertState::Firing, after(45)), "another rule");
    // What is yielded no longer, and what is configured no longer, has ended.
    assert_eq!(world.ask(r#"{__name__=~"r|gone"}"#, after(45)), [""; 0]);
    assert_eq!(
        world.ask("count by (alertname, alertstate) (ALERTS)", after(45)),
        [r#"{alertname="A", alertstate="pending"} 1"#, r#"{alertname="B", alertstate="firing"} 1"#,]
    );
    world.feed("m", after(60), 1.0);
    world.eval(&next, after(60));
    assert_eq!(alert(1).state, AlertState::Firing);
}
