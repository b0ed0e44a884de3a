//! Answers that Prometheus 3.14 (amd64) gave to transcendental functions and powers, chosen where glibc's last bit is
//! another: a line a query, a tab, the value. The functions themselves are tested in `firesteel-go-compat`.

use firesteel_base::TimestampMs;
use firesteel_client::Registry;
use firesteel_promql::testscript::TestStorage;
use firesteel_promql::{Engine, EngineOptions, QueryOptions, Value};

use crate::engine::expr;

#[test]
fn powers_and_angles_are_upstreams_to_the_bit() {
    let engine = Engine::new(EngineOptions::default(), &Registry::new()).expect("an engine");
    let storage = TestStorage::new();
    let mut n = 0;
    for line in include_str!("testdata/math_answers_3_14.txt").lines() {
        let (query, want) = line.split_once('\t').expect("a query and its value");
        let want: f64 = want.parse().expect("a float");
        let at = TimestampMs(1_700_000_000_000);
        let answer = engine.instant(&storage, &expr(query), at, &QueryOptions::default()).expect(query);
        let Value::Vector(vector) = answer.value else { panic!("{query}: no vector") };
        assert_eq!(vector.len(), 1, "{query}");
        let got = vector[0].v;
        assert_eq!(got.to_bits(), want.to_bits(), "{query} = {got:?}, upstream says {want:?}");
        n += 1;
    }
    assert!(n >= 38, "the table has lost its rows");
}
