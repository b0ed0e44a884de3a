//! What ends the process before it has begun: texts and exit codes.

use crate::{run, text};

#[test]
fn programs_and_their_absence() {
    let dir = tempfile::tempdir().expect("temp dir");
    for name in ["alertmanager", "amtool"] {
        let out = run(&[name], dir.path());
        assert_eq!((out.status.code(), text(&out.stderr)), (Some(2), format!("firesteel: {name} is not built yet\n")));
    }
    let out = run(&["--help"], dir.path());
    assert!(out.status.success() && !text(&out.stdout).contains("alertmanager"));
    let out = run(&["prometheus", "--version"], dir.path());
    assert!(text(&out.stdout).starts_with("prometheus, version 3.14.0"));
}

#[test]
fn bad_command_lines_and_files() {
    let dir = tempfile::tempdir().expect("temp dir");
    std::fs::write(dir.path().join("typo.yml"), "global:\n  scarpe_interval: 15s\n").expect("temp file");
    std::fs::write(dir.path().join("idle.yml"), "remote_write:\n- url: http://127.0.0.1:1/w\n").expect("temp file");
    let share = "storage: {tsdb: {retention: {percentage: 50}}}\n";
    std::fs::write(dir.path().join("share.yml"), share).expect("temp file");
    let contradiction = "--enable-feature=otlp-deltatocumulative,otlp-native-delta-ingestion";
    let cases: [(&[&str], i32, &str); 8] = [
        (
            &["--config.file=share.yml", "--storage.tsdb.path=/proc/data"],
            2,
            "unable to detect total capacity of metric storage at /proc/data, please disable retention percentage (50%)",
        ),
        (
            &["--config.file=idle.yml", contradiction],
            1,
            "cannot enable otlp-deltatocumulative and otlp-native-delta-ingestion features at the same time",
        ),
        (&["--web.user-assets=assets", "--config.file=idle.yml"], 2, "error[FS0310]: --web.user-assets"),
        (&["--nope"], 2, "Error parsing command line arguments: unknown long flag '--nope'"),
        (&["--config.file=gone.yml"], 2, "open gone.yml: no such file or directory"),
        (&["--config.file=typo.yml"], 2, "did you mean `scrape_interval`?"),
        (&["--config.file=idle.yml", "--web.listen-address=127.0.0.1:0"], 2, "remote_write"),
        (&["--agent", "--config.file=idle.yml"], 2, "agent mode is not built yet"),
    ];
    for (args, code, says) in cases {
        let out = run(args, dir.path());
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
    }
    assert!(!dir.path().join("data").exists(), "nothing was started");
}
