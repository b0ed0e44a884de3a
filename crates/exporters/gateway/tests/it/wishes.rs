//! Groups that expire, add up, or are known to be quiet.

use std::time::Duration;

use firesteel_gateway::{GatewayOptions, PushOptions};

use crate::Bench;

#[test]
fn groups_expire_when_they_asked_for_it() {
    let bench = Bench::new(GatewayOptions::default());
    let ttl = |secs| PushOptions { ttl: Some(Duration::from_secs(secs)), ..PushOptions::default() };
    bench.push("j", false, ttl(60), "a 1\n").unwrap();
    bench.put("k", "a 1\n").unwrap();
    bench.clock.advance(50_000);
    // A push that does not name it leaves it as it is.
    bench.post("j", "b 1\n").unwrap();
    bench.clock.advance(59_999);
    assert_eq!(bench.gateway.groups().len(), 2);
    bench.clock.advance(1);
    assert_eq!(bench.page(), "a{instance=\"\",job=\"k\"} 1\n");
    // What is gone is in nobody's way.
    bench.put("j", "# TYPE b counter\nb 1\n").unwrap();
    bench.push("j", false, ttl(60), "").unwrap();
    bench.push("j", false, ttl(0), "").unwrap();
    bench.clock.advance(100_000_000);
    assert_eq!(bench.gateway.groups().len(), 2);
}

#[test]
fn counts_add_up_and_gauges_do_not() {
    let bench = Bench::new(GatewayOptions::default());
    let sum = PushOptions { sum: true, ..PushOptions::default() };
    let body = |n: u32| {
        format!(
            "# TYPE c counter\nc{{x=\"1\"}} {n}\n# TYPE g gauge\ng {n}\n\
             # TYPE h histogram\nh_bucket{{le=\"1\"}} {n}\nh_bucket{{le=\"{n}0\"}} {n}\nh_sum {n}\nh_count {n}\n\
             # TYPE s summary\ns{{quantile=\"0.5\"}} {n}\ns_sum {n}\ns_count {n}\n"
        )
    };
    bench.push("j", false, sum, &(body(1) + "# TYPE only counter\nonly 7\n")).unwrap();
    bench.push("j", false, sum, &(body(2) + "c{x=\"2\"} 5\n")).unwrap();
    let l = "instance=\"\",job=\"j\"";
    let want = format!(
        "c{{{l},x=\"1\"}} 3\nc{{{l},x=\"2\"}} 5\ng{{{l}}} 2\nh_bucket{{{l},le=\"1\"}} 3\nh_bucket{{{l},le=\"10\"}} 3\n\
         h_bucket{{{l},le=\"20\"}} 3\nh_bucket{{{l},le=\"+Inf\"}} 3\nh_sum{{{l}}} 3\nh_count{{{l}}} 3\nonly{{{l}}} 7\n\
         s{{{l},quantile=\"0.5\"}} 2\ns_sum{{{l}}} 3\ns_count{{{l}}} 3\n"
    );
    assert_eq!(bench.page(), want);
    // Of fractions too, where the bounds are the same.
    let fraction = |n: f64| format!("# TYPE f histogram\nf_bucket{{le=\"1\"}} {n}\nf_sum {n}\nf_count {n}\n");
    bench.push("f", false, sum, &fraction(0.5)).unwrap();
    bench.push("f", false, sum, &fraction(2.0)).unwrap();
    assert!(bench.page().contains("f_bucket{instance=\"\",job=\"f\",le=\"1\"} 2.5\n"), "{}", bench.page());
    // Without the mode the last push counts, as ever.
    bench.post("j", "# TYPE c counter\nc{x=\"1\"} 1\n").unwrap();
    assert!(bench.page().starts_with(&format!("c{{{l},x=\"1\"}} 1\nf_")), "{}", bench.page());
}

#[test]
fn silence_is_told_by_what_was_stated_or_learned() {
    let bench = Bench::new(GatewayOptions { watch_quiet: true, ..GatewayOptions::default() });
    let expect = PushOptions { expect: Some(Duration::from_secs(30)), ..PushOptions::default() };
    bench.push("stated", false, expect, "").unwrap();
    for _ in 0..3 {
        bench.post("learned", "").unwrap();
        bench.clock.advance(100_000);
    }
    let quiet = |job: &str| {
        let page = bench.page();
        let line = page.lines().find(|l| l.starts_with("firesteel_push_quiet") && l.contains(job)).map(str::to_owned);
        line.and_then(|l| l.rsplit_once(' ').map(|(_, v)| v.to_owned()))
    };
    assert_eq!((quiet("stated").as_deref(), quiet("learned")), (Some("1"), None));
    bench.post("learned", "").unwrap();
    bench.push("stated", false, PushOptions::default(), "").unwrap();
    assert_eq!((quiet("stated").as_deref(), quiet("learned").as_deref()), (Some("0"), Some("0")));
    bench.clock.advance(300_000);
    assert_eq!(quiet("learned").as_deref(), Some("0"));
    bench.clock.advance(1);
    assert_eq!(quiet("learned").as_deref(), Some("1"));
    assert!(bench.page().contains("firesteel_push_allowed_silence_seconds{instance=\"\",job=\"learned\"} 300\n"));
    // Nothing of it without being asked.
    let plain = Bench::new(GatewayOptions::default());
    for _ in 0..9 {
        plain.post("j", "").unwrap();
        plain.clock.advance(100_000);
    }
    assert_eq!(plain.page(), "");
}
