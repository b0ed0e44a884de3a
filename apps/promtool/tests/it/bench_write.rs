//! `tsdb bench write`: what it prints, and that the samples are really there.

use crate::{promtool, write};

/// Stages in order, with their durations and figures left out.
fn shape(out: &str) -> Vec<String> {
    out.lines().map(|line| line.split_once("duration=").map_or(line, |(stage, _)| stage).to_owned()).collect()
}

#[test]
fn samples_are_appended_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let lines: String =
        (0..1500).map(|i| format!("{{\"job\":\"a\",\"__name__\":\"m\",\"i\":\"{}\"}}\n", i % 1200)).collect();
    let input = write(dir.path(), "series.json", &lines);
    let out = dir.path().join("out").to_str().unwrap().to_owned();
    let out_flag = format!("--out={out}");
    let flags = ["tsdb", "bench", "write", &out_flag, "--metrics=1100", "--scrapes=150", &input];
    // The second run clears away what the first one left.
    for _ in 0..2 {
        let run = promtool(&flags);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
        let mut lines = shape(&run.out);
        let rate = lines.remove(6);
        assert!(rate.strip_prefix(" > samples/sec: ").unwrap().parse::<f64>().unwrap() > 0.0, "{rate}");
        assert_eq!(
            lines,
            [
                ">> start stage=readData",
                ">> completed stage=readData ",
                ">> start stage=ingestScrapes",
                "ingestion completed",
                ">> completed stage=ingestScrapes ",
                // Scrapes come in hundreds.
                " > total samples: 220000",
                ">> start stage=stopStorage",
                ">> completed stage=stopStorage ",
            ]
        );
    }
    let dumped = promtool(&["tsdb", "dump", "--match={i=\"1099\"}", &format!("{out}/storage")]);
    assert_eq!((dumped.code, dumped.out.lines().count()), (0, 200), "{}", dumped.err);
    assert!(
        dumped.out.starts_with("{__name__=\"m\", i=\"1099\", job=\"a\"} 1.23457789e+08 30000\n"),
        "{}",
        &dumped.out[..200]
    );
    assert!(dumped.out.ends_with(" 1.23556789e+08 6000000\n"));
}

#[test]
fn faults() {
    let dir = tempfile::tempdir().unwrap();
    let out = format!("--out={}", dir.path().join("out").display());
    let missing = dir.path().join("none").to_str().unwrap().to_owned();
    let run = promtool(&["tsdb", "bench", "write", &out, &missing]);
    assert_eq!((run.code, run.err), (1, format!("open {missing}: no such file or directory\n")));
    let bad = write(dir.path(), "bad.json", "{\"a\":\"b\"}\n{\"a\"}\n");
    let run = promtool(&["tsdb", "bench", "write", &out, &bad]);
    assert_eq!((run.code, run.err), (1, format!("{bad}:2: expected \"name\":\"value\", got \"a\"\n")));
    let run = promtool(&["tsdb", "bench", "write", &out, "--metrics=x"]);
    assert_eq!(run.code, 1);
}
