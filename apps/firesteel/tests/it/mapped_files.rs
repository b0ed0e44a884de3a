//! A device that fails under a mapped file: the process ends, as the reference does, and nothing on disk is harmed by it.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::time::Duration;

const SERIES: usize = 2_000;
const SIGBUS: i32 = 7;

/// Makes a block of many chunks with the tool; returns the file they lie in.
fn block(dir: &std::path::Path) -> PathBuf {
    let mut text = "# TYPE m gauge\n".to_owned();
    for series in 0..SERIES {
        for step in 0..20 {
            let v = (series * 7919 + step * 104_729) % 65_521;
            writeln!(text, "m{{series=\"{series}\"}} {v}.{step} {}", 1_700_000_000 + step * 60).unwrap();
        }
    }
    text.push_str("# EOF\n");
    fs::write(dir.join("input.om"), text).unwrap();
    let made = crate::run(&["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q", "input.om", "data"], dir);
    assert!(made.status.success(), "{}", crate::text(&made.stderr));
    let mut blocks = fs::read_dir(dir.join("data")).unwrap().map(|e| e.unwrap().path().join("chunks/000001"));
    let chunks = blocks.find(|p| p.is_file()).expect("a block");
    assert!(blocks.all(|p| !p.is_file()), "one block");
    chunks
}

#[test]
fn a_file_that_cannot_be_read_ends_the_process_and_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let chunks = block(dir.path());
    let expr = "sum(count_over_time(m[1h] @ 1700002000))";
    let flags = ["--storage.tsdb.retention.time=100y"];
    let whole = (SERIES * 20).to_string();
    let server = crate::server(dir.path(), &flags, "");
    assert_eq!(server.query(expr).unwrap()[0]["value"][1], whole.as_str());
    let bytes = fs::read(&chunks).unwrap();
    // The pages behind the map are gone, as they are for a device that answers with errors.
    fs::File::options().write(true).open(&chunks).unwrap().set_len(0).unwrap();
    let answer = server.query(expr);
    assert!(answer.is_err(), "{answer:?} was made up");
    let ended = server.ended(Duration::from_secs(60)).unwrap();
    assert_eq!(ended.signal(), Some(SIGBUS), "{ended}");

    fs::write(&chunks, bytes).unwrap();
    let server = crate::server(dir.path(), &flags, "");
    assert_eq!(server.query(expr).unwrap()[0]["value"][1], whole.as_str());
    assert!(server.stop().unwrap().success());
}
