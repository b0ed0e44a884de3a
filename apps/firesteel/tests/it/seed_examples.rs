//! A user's first files, copied from tutorials with their typing errors: refused with the right word, or running.

use std::fs;

use firesteel_testkit::{Server, corpus};

use crate::{firesteel, run, text};

#[test]
fn typing_errors_are_refused_with_the_right_word() {
    let Some(seeds) = corpus("seed-examples") else { return };
    for (file, place, wrong, right) in [
        ("docker-prometheus-scarpe_interval-typo.yml", ":3:", "scarpe_interval", "scrape_interval"),
        ("django-dockerswarm-prometheus-sheme-typo.yml", ":12:", "sheme", "scheme"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = seeds.join(file).display().to_string();
        let flag = format!("--config.file={path}");
        let out =
            run(&["prometheus", &flag, "--web.listen-address=127.0.0.1:0", "--storage.tsdb.path=data"], dir.path());
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{file}: {said}");
        assert!(said.contains(&format!("{file}{place}")), "{file}: {said}");
        assert!(
            said.contains(&format!("`{wrong}`")) && said.contains(&format!("did you mean `{right}`?")),
            "{file}: {said}"
        );
        assert!(!dir.path().join("data").exists(), "a refused configuration leaves no data directory");
    }
}

#[test]
fn the_tutorials_configuration_and_flags_run() {
    let Some(seeds) = corpus("seed-examples") else { return };
    let config = fs::read_to_string(seeds.join("docker-install-script-prometheus.yml")).unwrap();
    let flags = [
        "prometheus",
        "--web.enable-lifecycle",
        "--storage.tsdb.retention.time=10d",
        "--web.console.libraries=/usr/share/prometheus/console_libraries",
        "--web.console.templates=/usr/share/prometheus/consoles",
    ];
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(firesteel(), &flags, dir.path(), &config).unwrap();
    assert_eq!(server.get("/-/healthy").unwrap(), (200, "Prometheus Server is Healthy.\n".to_owned()));
    assert_eq!(server.get("/-/ready").unwrap(), (200, "Prometheus Server is Ready.\n".to_owned()));
    let targets = server.json("/api/v1/targets", &[]).unwrap();
    let active = targets["data"]["activeTargets"].as_array().map_or(0, Vec::len);
    assert!(active >= 1, "{targets}");
    assert!(server.stop().unwrap().success());
}
