//! `tsdb …`: blocks from files and from rules, listed here and by Debian's promtool.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use firesteel_testkit::peer;

use crate::{promtool, server, write};

const BASE: i64 = 1_700_000_000;

/// Two counters over five hours, one of them newest first, and a gauge of one sample with quotes in its label.
fn openmetrics() -> String {
    let mut text = "# TYPE req counter\n".to_owned();
    for i in 0..600 {
        let _ = writeln!(text, "req_total{{code=\"200\"}} {} {}", i * 3, BASE + i * 30);
    }
    for i in (0..600).rev() {
        let _ = writeln!(text, "req_total{{code=\"500\"}} {i} {}.25", BASE + i * 30);
    }
    text + &format!("# TYPE temp gauge\ntemp{{room=\"a \\\"b\\\"\"}} -1.5 {BASE}\n# EOF\n")
}

/// Returns what the reference prints, its lines sorted.
fn reference(program: &Path, command: &str, dir: &Path) -> Vec<String> {
    // It wants a log, which blocks alone do not have.
    std::fs::create_dir_all(dir.join("wal")).expect("a directory");
    let output = Command::new(program).args(["tsdb", command]).arg(dir).output().expect("promtool runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn blocks_from_openmetrics() {
    let dir = tempfile::tempdir().unwrap();
    let input = write(dir.path(), "in.om", &openmetrics());
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    let made = promtool(&["tsdb", "create-blocks-from", "openmetrics", "--label=dc=x", &input, ours.to_str().unwrap()]);
    assert_eq!((made.code, made.err.as_str()), (0, ""), "{}", made.out);
    let listed = promtool(&["tsdb", "list", ours.to_str().unwrap()]);
    assert_eq!(listed.code, 0, "{}", listed.err);
    let rows = |text: &str| text.lines().skip(1).map(|l| l.split_whitespace().map(str::to_owned).collect()).collect();
    let (made, listed): (Vec<Vec<String>>, Vec<Vec<String>>) = (rows(&made.out), rows(&listed.out));
    assert_eq!(made, listed);
    // Two hours each from an even hour on; the range is that of the samples.
    let samples: Vec<&str> = listed.iter().map(|row| row[4].as_str()).collect();
    assert_eq!(samples, ["429", "480", "292"]);
    assert_eq!(listed[0][1..4], ["1700000000000", "1700006390251", "1h46m30.251s"]);

    let Some(program) = peer("promtool") else { return };
    let again = Command::new(&program)
        .args(["tsdb", "create-blocks-from", "openmetrics", &sorted(dir.path())])
        .arg(&theirs)
        .output()
        .unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let mut want = reference(&program, "dump", &theirs);
    // The label that was attached to ours.
    for line in &mut want {
        *line = line.replacen(", ", ", dc=\"x\", ", 1);
    }
    let labels_sorted = |line: &str| {
        let (labels, rest) = line.split_once('}').unwrap();
        let mut labels: Vec<&str> = labels.trim_start_matches('{').split(", ").collect();
        labels.sort_unstable();
        format!("{labels:?}{rest}")
    };
    let got: Vec<String> = reference(&program, "dump", &ours).iter().map(|l| labels_sorted(l)).collect();
    let want: Vec<String> = want.iter().map(|l| labels_sorted(l)).collect();
    assert_eq!(got.len(), 1201);
    assert_eq!(got, want);
    // Sizes are printed alike.
    assert_eq!(reference(&program, "list", &ours), {
        let listed = promtool(&["tsdb", "list", ours.to_str().unwrap()]).out;
        let mut lines: Vec<String> = listed.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    });
}

/// The same samples in the order of time, which the reference insists on.
fn sorted(dir: &Path) -> String {
    let text = openmetrics();
    let (mut newest_first, mut others): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.contains("code=\"500\""));
    newest_first.reverse();
    others.splice(1..1, newest_first);
    write(dir, "sorted.om", &(others.join("\n") + "\n"))
}

#[test]
fn bad_openmetrics_makes_no_block() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("data");
    for (text, want) in [
        ("x 1\n# EOF\n", "getting min and max timestamp: expected timestamp for series got none: "),
        ("x 1 1\n", "getting min and max timestamp: next: data does not end with # EOF"),
        ("x{ 1 1\n# EOF\n", "getting min and max timestamp: next: "),
        (
            "x{a=\"1\",a=\"2\"} 1 1\n# EOF\n",
            "block creation: process blocks: add sample: label name \"a\" is not unique",
        ),
    ] {
        let input = write(dir.path(), "bad.om", text);
        let ran = promtool(&["tsdb", "create-blocks-from", "openmetrics", &input, out.to_str().unwrap()]);
        assert_eq!(ran.code, 1, "{text}");
        assert!(ran.err.starts_with(want), "{}", ran.err);
        assert!(!out.exists(), "{text}");
    }
    let ran = promtool(&["tsdb", "list", out.to_str().unwrap()]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.err, format!("opening the db dir: stat {}: no such file or directory\n", out.display()));
}

#[test]
fn labels_ranges_and_files_are_taken_as_the_reference_takes_them() {
    let dir = tempfile::tempdir().unwrap();
    let input = write(dir.path(), "in.om", "x 1 1700000000\nx 2 1700020000\n# EOF\n");
    let (out, file) = (dir.path().join("data"), write(dir.path(), "file", ""));
    let run = |more: &[&str]| promtool(&[&["tsdb", "create-blocks-from", "openmetrics"], more].concat());
    // Its flags know weeks, and a label may be given with a colon. In blocks of two hours it would be two.
    let made = run(&["--max-block-duration=1w", "--label=env:prod", &input, out.to_str().unwrap()]);
    assert_eq!((made.code, made.out.lines().count()), (0, 2), "{}{}", made.out, made.err);
    let dumped = promtool(&["tsdb", "dump", out.to_str().unwrap(), "--max-time=1700000000000"]);
    assert_eq!((dumped.code, dumped.out.as_str()), (0, "{__name__=\"x\", env=\"prod\"} 1 1700000000000\n"));
    let check = |words: &[&str], want: &str| {
        let ran = promtool(words);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (1, "", want), "{words:?}");
    };
    let made =
        |more: &[&str], want: &str| check(&[&["tsdb", "create-blocks-from", "openmetrics"], more].concat(), want);
    made(&["--label=a", &input], "promtool: error: expected KEY=VALUE got 'a', try --help\n");
    made(&["/nowhere"], "stat /nowhere: no such file or directory\n");
    made(&[&input, &file], &format!("create output dir: mkdir {file}: not a directory\n"));
    made(&[&input, &format!("{file}/data")], &format!("create output dir: mkdir {file}: not a directory\n"));
    let bad = "promtool: error: strconv.ParseInt: parsing \"1h\": invalid syntax, try --help\n";
    check(&["tsdb", "dump", "--min-time=1h", out.to_str().unwrap()], bad);
    let nothing = promtool(&["tsdb", "dump", "--match={}", out.to_str().unwrap()]);
    assert_eq!((nothing.code, nothing.out.as_str(), nothing.err.as_str()), (0, "", ""));
}

#[test]
fn blocks_from_rules() {
    let dir = tempfile::tempdir().unwrap();
    let rules = write(
        dir.path(),
        "rules.yml",
        "groups:\n- name: g\n  interval: 30s\n  labels: {of: group}\n  rules:\n  - record: job:up:sum\n    expr: sum by (job) (up)\n    \
         labels: {env: prod}\n  - alert: Down\n    expr: up == 0\n",
    );
    let answer = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"job":"a","env":"dev"},"values":[[1700000000,"1"],[1700000030,"+Inf"]]}]}}"#;
    let (address, asked) = server("200 OK", answer);
    let out = dir.path().join("data");
    let words = ["tsdb", "create-blocks-from", "rules", "--start=1700000000", "--end=1700000100", "--url"];

    let ran = promtool(&[&words[..], &[&address, "--output-dir", out.to_str().unwrap(), &rules]].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    let asked = asked.join().unwrap();
    assert!(asked.contains("query=sum+by+%28job%29+%28up%29&start=17000000"), "{asked}");
    assert!(asked.contains("&end=1700000100&step=30"), "{asked}");
    let listed = promtool(&["tsdb", "list", out.to_str().unwrap()]);
    assert_eq!(listed.out.lines().count(), 2, "one block of the one recording rule:\n{}", listed.out);
    let Some(program) = peer("promtool") else { return };
    let name = "__name__=\"job:up:sum\", env=\"prod\", job=\"a\", of=\"group\"";
    let want = [format!("{{{name}}} +Inf 1700000030000"), format!("{{{name}}} 1 1700000000000")];
    assert_eq!(reference(&program, "dump", &out), want);
}
