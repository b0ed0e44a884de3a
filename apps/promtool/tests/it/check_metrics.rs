//! `check metrics`: our inputs, and what promtool 3.14 said to them.

use firesteel_testkit::corpus;

use crate::promtool_fed;

/// Words, input, exit code, standard output, standard error.
type Case = (&'static [&'static str], &'static str, u8, &'static str, &'static str);

const CASES: &[Case] = &[
    (
        &["check", "metrics"],
        "# HELP requests_total How many.\n# TYPE requests_total counter\nrequests_total 1\n",
        0,
        "",
        "",
    ),
    (
        &["check", "metrics"],
        "# TYPE queueLen_kilobytes_ms gauge\nqueueLen_kilobytes_ms{someKey=\"e\",le=\"1\",quantile=\"2\"} 1\nqueueLen_kilobytes_ms{someKey=\"e\",le=\"1\",quantile=\"2\"} 1\n",
        3,
        "",
        "queueLen_kilobytes_ms label names should be written in 'snake_case' not 'camelCase'\nqueueLen_kilobytes_ms label names should be written in 'snake_case' not 'camelCase'\nqueueLen_kilobytes_ms metric names should be written in 'snake_case' not 'camelCase'\nqueueLen_kilobytes_ms metric names should not contain abbreviated units\nqueueLen_kilobytes_ms metric not unique\nqueueLen_kilobytes_ms no help text\nqueueLen_kilobytes_ms non-histogram metrics should not have \"le\" label\nqueueLen_kilobytes_ms non-histogram metrics should not have \"le\" label\nqueueLen_kilobytes_ms non-summary metrics should not have \"quantile\" label\nqueueLen_kilobytes_ms non-summary metrics should not have \"quantile\" label\nqueueLen_kilobytes_ms use base unit \"bytes\" instead of \"kilobytes\"\n",
    ),
    (
        &["check", "metrics"],
        "# TYPE a_gauge_total gauge\na_gauge_total 1\n# TYPE b:c_bucket counter\nb:c_bucket 1\n# TYPE d_count gauge\nd_count 1\n",
        3,
        "",
        "a_gauge_total metric name should not include type 'gauge'\na_gauge_total no help text\na_gauge_total non-counter metrics should not have \"_total\" suffix\nb:c_bucket counter metrics should have \"_total\" suffix\nb:c_bucket metric names should not contain ':'\nb:c_bucket no help text\nb:c_bucket non-histogram metrics should not have \"_bucket\" suffix\nd_count no help text\nd_count non-histogram and non-summary metrics should not have \"_count\" suffix\n",
    ),
    (
        &["check", "metrics"],
        "a_minutes_days 1\na_s_h_total 1\n",
        3,
        "",
        "a_minutes_days no help text\na_minutes_days use base unit \"seconds\" instead of \"minutes\"\na_s_h_total metric names should not contain abbreviated units\na_s_h_total metric names should not contain abbreviated units\na_s_h_total no help text\n",
    ),
    (
        &["check", "metrics", "--extended"],
        "# HELP wait_seconds h\n# TYPE wait_seconds histogram\nwait_seconds_bucket{le=\"1\",x=\"y\"} 1\nwait_seconds_bucket{x=\"y\",le=\"+Inf\"} 1\nwait_seconds_count{x=\"y\"} 1\nwait_seconds_sum{x=\"y\"} 1\nwait_seconds_bucket{le=\"1\",x=\"z\"} 1\n# HELP up h\n# TYPE up gauge\nup 1\n",
        0,
        "Metric          Cardinality    Percentage    \nwait_seconds    8              88.89%        \nup              1              11.11%        \nTotal           9              100%          \n",
        "",
    ),
    (
        &["check", "metrics", "--extended", "--lint=none"],
        "{\"a.b\",c=\"d\"} 1\n",
        0,
        "Metric    Cardinality    Percentage    \na.b       1              100.00%       \nTotal     1              100%          \n",
        "",
    ),
    (
        &["check", "metrics", "--lint=none"],
        "a 1\n",
        1,
        "",
        "error: at least one of --extended or linting must be enabled\nUse --extended for cardinality analysis, or remove --lint=none to enable linting\n",
    ),
    (
        &["check", "metrics"],
        "a 1",
        1,
        "",
        "error while linting: text format parsing error in line 1: unexpected end of input stream\n",
    ),
    (
        &["check", "metrics"],
        "a x\n",
        1,
        "",
        "error while linting: text format parsing error in line 1: expected float as value, got \"x\"\n",
    ),
    (
        &["check", "metrics"],
        "a 1 2 3\n",
        1,
        "",
        "error while linting: text format parsing error in line 1: spurious string after timestamp: \" 3\"\n",
    ),
    (
        &["check", "metrics"],
        "a 1 x\n",
        1,
        "",
        "error while linting: text format parsing error in line 1: expected integer as timestamp, got \"x\"\n",
    ),
    (
        &["check", "metrics"],
        "a{b=\"c\n\"} 1\n",
        1,
        "",
        "error while linting: text format parsing error in line 1: label value \"c\" contains unescaped new-line\n",
    ),
    (
        &["check", "metrics"],
        "a{b=c} 1\n",
        1,
        "",
        "error while linting: text format parsing error in line 1: expected '\"' at start of label value, found 'c'\n",
    ),
    (
        &["check", "metrics"],
        "a{b;\"c\"} 1\n",
        1,
        "",
        "error while linting: text format parsing error in line 1: expected '=' after label name, found ';'\n",
    ),
    (
        &["check", "metrics"],
        "a{b=\"c\",b=\"d\"} 1\n",
        1,
        "",
        "error while linting: text format parsing error in line 1: duplicate label names for metric \"a\"\n",
    ),
    (
        &["check", "metrics"],
        "a{__name__=\"c\"} 1\n",
        1,
        "",
        "error while linting: text format parsing error in line 1: label name \"__name__\" is reserved\n",
    ),
    (
        &["check", "metrics"],
        "a{b=\"\\x\"} 1\n",
        1,
        "",
        "error while linting: text format parsing error in line 1: invalid escape sequence '\\x'\n",
    ),
    (
        &["check", "metrics"],
        "{\"a.b\"} 1\n",
        1,
        "",
        "error while linting: text format parsing error in line 1: invalid metric name \"a.b\"\n",
    ),
    (
        &["check", "metrics"],
        "{} 1\n",
        1,
        "",
        "error while linting: text format parsing error in line 1: invalid metric name\n",
    ),
    (
        &["check", "metrics"],
        "1a 1\n",
        1,
        "",
        "error while linting: text format parsing error in line 1: invalid metric name\n",
    ),
    (
        &["check", "metrics"],
        "# HELP a b\n# HELP a c\na 1\n",
        1,
        "",
        "error while linting: text format parsing error in line 2: second HELP line for metric name \"a\"\n",
    ),
    (
        &["check", "metrics"],
        "a 1\n# TYPE a gauge\n",
        1,
        "",
        "error while linting: text format parsing error in line 2: second TYPE line for metric name \"a\", or TYPE reported after samples\n",
    ),
    (
        &["check", "metrics"],
        "# TYPE a foo\na 1\n",
        1,
        "",
        "error while linting: text format parsing error in line 1: unknown metric type \"foo\"\n",
    ),
    (
        &["check", "metrics"],
        "# TYPE a histogram\na_bucket{le=\"x\"} 1\n",
        1,
        "",
        "error while linting: text format parsing error in line 2: expected float as value for 'le' label, got \"x\"\n",
    ),
    (
        &["check", "metrics"],
        "# TYPE a histogram\na_bucket{le=\"1\"} -1\n",
        1,
        "",
        "error while linting: text format parsing error in line 2: negative bucket population for histogram \"a\"\n",
    ),
];

#[test]
fn says_what_upstream_says() {
    for (words, input, code, out, err) in CASES {
        let ran = promtool_fed(words, input);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (*code, *out, *err), "{words:?} {input:?}");
    }
}

/// The verdicts are of 2.42: 3.14 remarks on other things in places, so only whether a body can be read is compared.
#[test]
fn corpus_bodies_are_read() {
    let Some(folder) = corpus("exposition") else { return };
    let index = std::fs::read_to_string(folder.join("index.tsv")).expect("an index");
    let mut n = 0;
    for line in index.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [file, _, _, _, _, verdict, ..] = columns[..] else { panic!("a row of the index: {line}") };
        if !verdict.starts_with("parses") {
            continue;
        }
        let body = std::fs::read_to_string(folder.join(file)).expect("a body");
        let ran = promtool_fed(&["check", "metrics"], &body);
        assert_ne!(ran.code, 1, "{file}: {}", ran.err);
        n += 1;
    }
    assert!(n > 0, "the index names no body that parses");
}
