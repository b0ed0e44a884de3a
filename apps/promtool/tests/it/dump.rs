//! `tsdb dump` and `tsdb dump-openmetrics` over a block and a log that goes on behind it, beside a reference's.

use std::fs;
use std::path::Path;
use std::process::Command;

use firesteel_base::TimestampMs;
use firesteel_model::Labels;
use firesteel_storage::{AppendOptions, Appendable, SampleBatch, SeriesMeta};
use firesteel_testkit::peer;
use firesteel_tsdb::{Db, DbOptions};

use crate::analyze::place_block;
use crate::promtool;

/// Puts samples behind the block into a log: one series that the block has, one that it has not.
fn place_log(dir: &Path) {
    let db = Db::open(DbOptions::new(dir)).expect("a database");
    let mut appender = db.appender();
    let mut batch = SampleBatch::default();
    for labels in [
        Labels::from_pairs([("__name__", "temperature"), ("room", "hall")]),
        Labels::from_pairs([("__name__", "new"), ("a", "<&>")]),
    ] {
        let series = appender.series(&labels, &SeriesMeta::default()).expect("valid labels");
        for k in 0..5 {
            batch.push(series, TimestampMs(1_700_100_000_000 + k * 15_000), k as f64 * 1e6 + 0.5);
        }
    }
    let mut rejected = Vec::new();
    appender.append(&batch, AppendOptions::default(), &mut rejected);
    assert!(rejected.is_empty());
    appender.commit().expect("a commit");
    db.close().expect("a clean end");
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn dumps_say_what_a_references_say() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    fs::create_dir_all(&data).expect("a directory");
    place_log(&data);
    place_block(&data);
    let before: Vec<_> =
        fs::read_dir(data.join("wal")).expect("a log").map(|e| e.expect("an entry").file_name()).collect();
    let data = data.to_str().expect("UTF-8");
    let dump = promtool(&["tsdb", "dump", data]);
    assert_eq!((dump.code, dump.err.as_str()), (0, ""));
    assert_eq!(dump.out.lines().count(), 312 + 10);
    assert!(dump.out.contains("{__name__=\"new\", a=\"<&>\"} 1.0000005e+06 1700100015000\n"), "{}", dump.out);
    if let Some(program) = peer("promtool") {
        let theirs = Command::new(program).args(["tsdb", "dump", data]).output().expect("it runs");
        assert!(theirs.status.success(), "{}", String::from_utf8_lossy(&theirs.stderr));
        assert!(sorted(&dump.out) == sorted(&String::from_utf8_lossy(&theirs.stdout)));
    }

    let words =
        ["tsdb", "dump", "--min-time=1700000000000", "--max-time=1700000015000", "--match={code=\"500\"}", data];
    let labels = "{__name__=\"requests_total\", code=\"500\", path=\"/a \\\"b\\\"\"}";
    assert_eq!(promtool(&words).out, format!("{labels} 7 1700000000000\n{labels} 10 1700000015000\n"));

    // Two selectors that share a series show it once.
    let words = ["tsdb", "dump", "--format=seriesjson", "--match={__name__=\"new\"}", "--match={a=~\".+\"}", data];
    assert_eq!(promtool(&words).out, "{\"__name__\":\"new\",\"a\":\"\\u003c\\u0026\\u003e\"}\n");

    let words = ["tsdb", "dump-openmetrics", "--max-time=1700100000000", "--match=new", "--match={code=\"200\"}", data];
    let open = promtool(&words);
    let lines: Vec<&str> = open.out.lines().collect();
    assert_eq!(lines.len(), 8, "{}", open.out);
    assert_eq!(lines[0], "new{a=\"<&>\"} 0.5 1700100000.000");
    assert_eq!(lines[2], "requests_total{code=\"200\",path=\"/a \\\"b\\\"\"} 3 1700000015.000");
    assert_eq!(lines[7], "# EOF");

    let missing = promtool(&["tsdb", "dump", "/nowhere"]);
    assert_eq!(
        (missing.code, missing.err.as_str()),
        (1, "opening the db dir: stat /nowhere: no such file or directory\n")
    );
    let after: Vec<_> =
        fs::read_dir(Path::new(data).join("wal")).expect("a log").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(before, after, "nothing was written");
}
