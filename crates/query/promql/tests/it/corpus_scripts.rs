//! Upstream's test scripts, from the directory that FIRESTEEL_CORPUS names. How many evals of each file pass is kept in
//! `testdata/floor.tsv` and may only rise.

use std::fmt::Write;

use firesteel_promql::testscript::{Report, Script, Verdict};
use firesteel_testkit::corpus;

const FLOOR: &str = include_str!("testdata/floor.tsv");

fn floor(file: &str) -> usize {
    FLOOR
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .find(|(name, _)| *name == file)
        .map_or(0, |(_, count)| count.trim().parse().expect("a count in floor.tsv"))
}

#[test]
fn upstream_scripts_pass_at_least_as_often_as_before() {
    let Some(dir) = corpus("promqltest") else { return };
    let engine = Script::engine().expect("an engine");
    let mut paths: Vec<_> = std::fs::read_dir(&dir)
        .expect("the corpus has promqltest/")
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "test"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no scripts in {}", dir.display());
    let mut table = format!("{:<26} {:>6} {:>6} {:>6} {:>12}\n", "file", "evals", "pass", "fail", "unsupported");
    let mut details = String::new();
    let mut fallen = Vec::new();
    for path in paths {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a readable script");
        let report = match Script::parse(&text) {
            Ok(script) => script.run(&engine),
            Err(e) => {
                writeln!(details, "{name}: {e}").expect("a string");
                Report::default()
            }
        };
        let (all, passed, unsupported) = (report.evals.len(), report.n_passed(), report.n_unsupported());
        writeln!(table, "{name:<26} {all:>6} {passed:>6} {:>6} {unsupported:>12}", all - passed - unsupported)
            .expect("a string");
        for eval in &report.evals {
            let why = match &eval.verdict {
                Verdict::Passed => continue,
                Verdict::Failed(why) => why.clone(),
                Verdict::Unsupported(what) => format!("needs {what}"),
            };
            writeln!(details, "{name}:{}: {}: {why}", eval.line, eval.expr).expect("a string");
        }
        if passed < floor(&name) {
            fallen.push(format!("{name}: {passed} pass, {} did before", floor(&name)));
        }
    }
    println!("{table}\n{details}");
    assert!(fallen.is_empty(), "{fallen:#?}\n{table}\n{details}");
}
