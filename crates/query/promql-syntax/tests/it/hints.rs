//! Our advice beside upstream's words.

use firesteel_promql_syntax::{ParserOptions, parse};

fn check(input: &str, code: &str, suggestion: &str) {
    let errors = parse(input, ParserOptions::default()).expect_err(input);
    let hint = errors.first().hint.as_ref().unwrap_or_else(|| panic!("{input}: no hint on {errors}"));
    assert_eq!(hint.code, code, "{input}");
    assert_eq!(hint.suggestion.as_deref().unwrap_or(""), suggestion, "{input}");
}

#[test]
fn common_slips_get_a_suggestion() {
    check("up{job=“node”}", "FS1001", r#"up{job="node"}"#);
    check("absnt(up)", "FS1002", "absent(up)");
    check("Rate(up[5m])", "FS1002", "rate(up[5m])");
    check("histogram_quantle(0.9, up)", "FS1002", "histogram_quantile(0.9, up)");
    check("frobnicate(up)", "FS1002", "");
    check("up = 0", "FS1003", "up == 0");
    check("up =~ \"a\"", "FS1004", "");
    check("sum(rate(x[5m]) by (job)", "FS1005", "sum(rate(x[5m])) by (job)");
    check("avg(x) by instance", "FS1006", "avg(x) by (instance)");
    check("avg(x) by instance, job", "FS1006", "avg(x) by (instance, job)");
    check("sum by job (x)", "FS1006", "sum by (job) (x)");
    check("sum(up", "FS1007", "sum(up)");
    check("round(up, 1,)", "FS1008", "round(up, 1)");
    check("1 > 2", "FS1009", "1 > bool 2");
    check("rate(http_requests_total) > 5", "FS1010", "rate(http_requests_total[5m]) > 5");
    check("rate(sum(up))", "FS1010", "");
    check("sum(up[5m])", "FS1011", "");
    check(r#"{job=~".*"}"#, "FS1012", r#"{job=~".+"}"#);
    check("{}", "FS1012", "");
}

#[test]
fn the_message_stays_upstreams() {
    let errors = parse("absnt(up)", ParserOptions::default()).expect_err("no such function");
    assert_eq!(errors.to_string(), r#"1:1: parse error: unknown function with name "absnt""#);
    let hint = errors.first().hint.as_ref().expect("a hint");
    assert_eq!(hint.message, "there is no function `absnt`; did you mean `absent`?");
}
