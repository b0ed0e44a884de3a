//! The states of an alert, step by step, beside a naive model that looks at a whole history at once.

use super::*;

const STEP: i64 = 15_000_000_000;

fn at(i: usize) -> TimestampNs {
    TimestampNs(1_000_000_000_000_000_000 + i as i64 * STEP)
}

fn holds(hold_secs: u64, keep_secs: u64) -> Holds {
    Holds { hold: Duration::from_secs(hold_secs), keep_firing_for: Duration::from_secs(keep_secs) }
}

/// Runs a history through the states: for each evaluation the state, and since when it fires and was resolved.
fn stepped(history: &[bool], holds: Holds) -> Vec<(AlertState, Option<usize>, Option<usize>)> {
    let place = |t: Option<TimestampNs>| t.map(|t| ((t.0 - at(0).0) / STEP) as usize);
    let mut alert: Option<ActiveAlert> = None;
    let mut out = Vec::new();
    for (i, &is_there) in history.iter().enumerate() {
        if is_there && alert.as_ref().is_none_or(|alert| alert.state == AlertState::Inactive) {
            alert = Some(ActiveAlert::new(at(i), 1.0, Labels::empty()));
        }
        if let Some(one) = &mut alert
            && one.step(at(i), is_there, holds) == Fate::Gone
        {
            alert = None;
        }
        out.push(alert.as_ref().map_or((AlertState::Unknown, None, None), |alert| {
            (alert.state, place(alert.fired_at), place(alert.resolved_at))
        }));
    }
    out
}

/// The same by definition: lives of an alert, one after the other, each found in the whole history.
fn lived(history: &[bool], holds: Holds) -> Vec<(AlertState, Option<usize>, Option<usize>)> {
    let secs = |from: usize, to: usize| (to - from) as u64 * 15;
    let mut out = vec![(AlertState::Unknown, None, None); history.len()];
    let mut from = 0;
    while let Some(begin) = (from..history.len()).find(|&i| history[i]) {
        let absent = |from: usize| (from..history.len()).find(|&i| !history[i]).unwrap_or(history.len());
        let fires = (begin..history.len()).find(|&i| secs(begin, i) >= holds.hold.as_secs());
        let gone = absent(begin);
        let fires = fires.filter(|&i| i < gone);
        let Some(fires) = fires else {
            out[begin..gone].fill((AlertState::Pending, None, None));
            from = gone;
            continue;
        };
        // Absences one after the other, until one lasts.
        let mut resolved = history.len();
        let mut look = fires;
        while look < history.len() {
            let gone = absent(look);
            let back = (gone..history.len()).find(|&i| history[i]).unwrap_or(history.len());
            if let Some(end) = (gone..back).find(|&i| secs(gone, i) >= holds.keep_firing_for.as_secs()) {
                resolved = end;
                break;
            }
            look = back;
        }
        out[begin..fires].fill((AlertState::Pending, None, None));
        out[fires..resolved].fill((AlertState::Firing, Some(fires), None));
        let again = (resolved..history.len()).find(|&i| history[i]).unwrap_or(history.len());
        let kept = (resolved..again).take_while(|&i| secs(resolved, i) <= 15 * 60).count();
        out[resolved..resolved + kept].fill((AlertState::Inactive, Some(fires), Some(resolved)));
        from = again;
    }
    out
}

#[test]
fn an_hour_of_evaluations_is_as_the_definition_says() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    for round in 0..400 {
        let holds = holds([0, 15, 40, 60, 300][random(5) as usize], [0, 15, 50, 120, 600][random(5) as usize]);
        let longest = [2, 10, 40, 120][random(4) as usize];
        let mut history = Vec::with_capacity(240);
        while history.len() < 240 {
            let is_there = history.last().is_some_and(|last: &bool| !last);
            history.extend(std::iter::repeat_n(is_there, 1 + random(longest) as usize));
        }
        let (got, want) = (stepped(&history, holds), lived(&history, holds));
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_eq!(got, want, "round {round}, {holds:?}, evaluation {i} of {history:?}");
        }
    }
}

#[test]
fn a_longer_for_takes_firing_back() {
    let mut alert = ActiveAlert::new(at(0), 1.0, Labels::empty());
    for i in 0..=4 {
        assert_eq!(alert.step(at(i), true, holds(60, 0)), Fate::Counts);
    }
    alert.last_sent_at = Some(at(4));
    assert_eq!((alert.state, alert.fired_at), (AlertState::Firing, Some(at(4))));
    assert_eq!(alert.step(at(5), true, holds(90, 0)), Fate::Counts);
    assert_eq!((alert.state, alert.fired_at, alert.last_sent_at), (AlertState::Pending, None, None));
    alert.step(at(6), true, holds(90, 0));
    assert_eq!((alert.state, alert.fired_at), (AlertState::Firing, Some(at(6))));
}

#[test]
fn sending_waits_for_the_delay_but_not_with_a_resolution() {
    let delay = Duration::from_mins(1);
    let mut alert = ActiveAlert::new(at(0), 1.0, Labels::empty());
    assert!(!alert.needs_sending(at(0), delay), "pending");
    alert.step(at(0), true, holds(0, 0));
    assert!(alert.needs_sending(at(0), delay), "it has just begun");
    alert.last_sent_at = Some(at(0));
    let due: Vec<bool> = (1..=6).map(|i| alert.needs_sending(at(i), delay)).collect();
    assert_eq!(due, [false, false, false, false, true, true], "after more than the delay");
    alert.step(at(1), false, holds(0, 0));
    assert!(alert.needs_sending(at(1), delay), "resolved since");
    alert.last_sent_at = Some(at(1));
    assert!(!alert.needs_sending(at(2), delay));
    assert!(alert.needs_sending(at(6), delay), "resolved alerts are sent again");
}

#[test]
fn a_restored_alert_is_not_resolved_before_it_was_looked_for_twice() {
    let mut alert = ActiveAlert::new(at(0), 1.0, Labels::empty());
    alert.step(at(0), true, holds(0, 0));
    alert.awaits_targets = true;
    assert_eq!(alert.step(at(1), false, holds(0, 0)), Fate::Counts);
    assert_eq!(alert.state, AlertState::Firing);
    assert_eq!(alert.step(at(2), false, holds(0, 0)), Fate::Rests);
    assert_eq!(alert.resolved_at, Some(at(2)));
}
