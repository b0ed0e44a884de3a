//! `test rules`: our own suites beside what promtool 3.14 printed, the corpus' suites beside their verdicts, and both
//! beside Debian's promtool 2.42 as far as it knows the format.

use std::fs;
use std::path::Path;
use std::process::Command;

use firesteel_testkit::{corpus, peer};

use crate::{Ran, promtool, write};

fn test_rules(words: &[&str]) -> Ran {
    promtool(&[&["test", "rules"], words].concat())
}

/// What stands before our own pictures of the faults.
fn upstreams(err: &str) -> &str {
    match err.find("\nerror[") {
        Some(at) => &err[..at],
        None => err,
    }
}

/// Times that tests took.
fn without_times(text: &str) -> String {
    let line = |line: &str| match line.split_once(" finished, took ") {
        Some((before, _)) => format!("{before} finished, took TIME"),
        None => line.to_owned(),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn words_are_those_of_the_reference() {
    let golden = ["tests/it/suites/golden.txt", "tests/it/suites/tricky/golden.txt"]
        .map(|file| fs::read_to_string(file).expect("it is beside this file"));
    let golden = golden.concat();
    let mut wrong = Vec::new();
    for case in golden.split("==== ").skip(1) {
        let (words, rest) = case.split_once("\n---- ").expect("words first");
        let (code, rest) = rest.split_once('\n').expect("then the code");
        let (out, err) = rest.split_once("---- stderr\n").expect("then both outputs");
        let ran = test_rules(&words.split(' ').collect::<Vec<_>>());
        let ours = without_times(upstreams(&ran.err));
        if (ran.code.to_string().as_str(), ran.out.as_str(), ours.as_str()) != (code, out, err) {
            wrong.push(format!("{words}\nwant {code}\n{out}{err}\ngot {}\n{}{ours}", ran.code, ran.out));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn reports_are_those_of_the_reference() {
    let dir = tempfile::tempdir().expect("a directory");
    let report = dir.path().join("report.xml");
    let flag = format!("--junit={}", report.display());
    let suite = |name: &str| format!("tests/it/suites/{name}.yml");
    let names = ["failing", "passing", "repeated", "badtime"].map(suite);
    let mut words = vec![flag.as_str()];
    words.extend(names.iter().map(String::as_str));
    assert_eq!(test_rules(&words).code, 1);
    let mut xml = fs::read_to_string(&report).expect("it was written");
    let mut from = 0;
    while let Some(at) = xml[from..].find("timestamp=\"2") {
        let begin = from + at + "timestamp=\"".len();
        let end = begin + xml[begin..].find('"').expect("it ends");
        xml.replace_range(begin..end, "TIME");
        from = begin;
    }
    assert_eq!(xml, include_str!("suites/golden_junit.xml"));
}

const COVERED: &str = "\
groups:
  - name: g
    rules:
      - {record: seen, expr: up * 2}
      - {record: never, expr: down * 2}
      - {alert: Asserted, expr: up == 0}
      - {alert: Unseen, expr: up == 0}
      - {alert: Never, expr: up == 7}
";

const COVERING: &str = "\
rule_files: [rules.yml]
tests:
  - interval: 1m
    input_series: [{series: up, values: 0 0 0}]
    alert_rule_test: [{eval_time: 1m, alertname: Asserted, exp_alerts: [{}]}]
";

#[test]
fn rules_that_no_test_reaches_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let rules = write(dir.path(), "rules.yml", COVERED);
    let suite = write(dir.path(), "suite.yml", COVERING);
    let ran = test_rules(&["--coverage", &suite]);
    let line = |at: usize, rule: &str, what: &str| format!("  {rules}: group \"g\", rule {at}: {rule}: {what}\n");
    let want = [
        "  SUCCESS\n\nCoverage: 2 of 5 rules are reached by a test\n".to_owned(),
        line(2, "record never", "never yields a sample"),
        line(4, "alert Unseen", "becomes active, but no test sees it fire"),
        line(5, "alert Never", "never becomes active"),
    ];
    assert_eq!((ran.code, ran.out, ran.err), (0, want.concat(), String::new()));
    // Two suites are counted together; what one of them reaches is reached.
    let other = COVERING.replace("Asserted", "Unseen");
    let other = write(dir.path(), "other.yml", &other);
    let ran = test_rules(&["--coverage", &suite, &other]);
    assert!(ran.out.contains("Coverage: 3 of 5 rules"), "{}", ran.out);
}

/// A suite of the corpus of three hundred rules runs for a day of their time. Without optimisation that takes minutes, so
/// only tests of up to five minutes are kept then.
fn shortened(corpus: &Path, name: &str, dir: &Path) -> Option<String> {
    let folder = corpus.join(name).parent().expect("it is in a folder").to_path_buf();
    if !cfg!(debug_assertions) || name != "kubernetes-mixin/tests/tests.yaml" {
        return None;
    }
    let text = fs::read_to_string(corpus.join(name)).expect("readable");
    let (head, tests) = text.split_once("\ntests:\n").expect("it has tests");
    let head = head.replace("- ../", &format!("- {}/", folder.parent().expect("it is below another").display()));
    let is_short = |test: &&str| {
        let minutes = |line: &str| line.split("eval_time: ").nth(1)?.split('m').next()?.trim().parse::<u32>().ok();
        test.lines().filter(|line| line.contains("eval_time: ")).all(|line| minutes(line).is_some_and(|m| m <= 5))
    };
    let kept: Vec<&str> = tests.split("\n- ").filter(is_short).collect();
    assert!(kept.len() > 10, "{}", kept.len());
    Some(write(dir, "tests.yaml", &format!("{head}\ntests:\n{}\n", kept.join("\n- "))))
}

#[test]
fn suites_of_the_corpus_get_their_verdict() {
    let Some(corpus) = corpus("promtool-tests") else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let verdicts = fs::read_to_string(corpus.join("verdicts.tsv")).expect("it is there");
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for line in verdicts.lines().skip(1) {
        let mut fields = line.split('\t');
        let (name, verdict) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let path =
            shortened(&corpus, name, dir.path()).unwrap_or_else(|| corpus.join(name).to_string_lossy().into_owned());
        let mut expect = |words: &[&str], code: u8| {
            let ran = test_rules(&[words, &[&path]].concat());
            checked += 1;
            if ran.code != code {
                wrong.push(format!("{words:?} {name}: want {code}, got {}\n{}{}", ran.code, ran.out, ran.err));
            }
        };
        match verdict {
            // Upstream's words for it are those of 3.14: a pattern that finds no file is a warning.
            "fail" if name.ends_with("missing-rulefile.yaml") => expect(&[], 0),
            "pass" => expect(&[], 0),
            "fail" | "(vmalert dialect)" => expect(&[], 1),
            "depends on --run" if name.contains("extrafields") => {
                expect(&[], 1);
                expect(&["--ignore-unknown-fields"], 0);
                expect(&["--run=no such test"], 0);
            }
            "depends on --run" => {
                expect(&[], 1);
                expect(&["--run=correct"], 0);
                expect(&["--run=wrong"], 1);
                expect(&["--run=correct", "--run=wrong"], 1);
            }
            other => panic!("{name}: {other}"),
        }
    }
    assert!(checked > 25, "{checked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Suites of which 3.x thinks otherwise than 2.42, with the reason.
const OTHERWISE: [(&str, &str); 4] = [
    ("kubernetes-mixin/tests/tests.yaml", "ranges are open on the left"),
    ("prometheus-promtool/no-test-group-interval.yml", "a test without an interval has that of the file"),
    ("suites/passing.yml", "keep_firing_for is obeyed at the minute, subqueries are open on the left"),
    ("suites/notation.yml", "it has notations of 3.x"),
];

fn files_below(dir: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml" || ending == "rules") {
            found.push(path.to_string_lossy().into_owned());
        }
    }
}

/// Whether the other program refuses what came later than it.
fn is_too_old(err: &str) -> bool {
    [
        "not found in type",
        "invalid label name",
        "invalid annotation name",
        "unknown function",
        "invalid recording rule name",
    ]
    .iter()
    .any(|words| err.contains(words))
}

#[test]
fn verdicts_are_those_of_debians_promtool() {
    let (Some(suites), Some(rules), Some(program)) = (corpus("promtool-tests"), corpus("rules"), peer("promtool"))
    else {
        return;
    };
    let mut files = Vec::new();
    files_below(Path::new("tests/it/suites"), &mut files);
    files_below(&suites, &mut files);
    let tests = files.iter().map(|file| ("test", file.clone())).collect::<Vec<_>>();
    files_below(&rules, &mut files);
    let checks = files.iter().map(|file| ("check", file.clone()));
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (command, file) in tests.into_iter().chain(checks) {
        if OTHERWISE.iter().any(|(known, _)| file.ends_with(known)) && command == "test" {
            continue;
        }
        let ran = Command::new(&program).args([command, "rules", &file]).output().expect("promtool runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let theirs = (ran.status.success(), text(&ran.stdout), text(&ran.stderr));
        let ours = promtool(&[command, "rules", &file]);
        if !theirs.0 && is_too_old(&(theirs.1.clone() + &theirs.2)) {
            continue;
        }
        compared += 1;
        if theirs.0 != (ours.code == 0) {
            wrong.push(format!(
                "{command} {file}\ntheirs {}\n{}{}\nours {}\n{}",
                theirs.0, theirs.1, theirs.2, ours.code, ours.err
            ));
        }
    }
    assert!(compared > 100, "{compared}");
    assert!(wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong.join("\n\n"));
}
