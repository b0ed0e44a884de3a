//! `--config.auto-reload`: what changes on disk comes into force by itself, and what is faulty does not.

use std::fs;
use std::time::Duration;

use firesteel_testkit::Server;

const LIMIT: Duration = Duration::from_secs(60);

fn rules(expr: &str) -> String {
    format!("groups:\n- name: g\n  rules:\n  - {{record: watched, expr: '{expr}'}}\n")
}

/// Returns the expressions of the rules in force.
fn exprs(server: &Server) -> Vec<String> {
    let answer = server.json("/api/v1/rules", &[]).unwrap();
    let groups = answer["data"]["groups"].as_array().unwrap().clone();
    let rules = groups.iter().flat_map(|g| g["rules"].as_array().unwrap());
    rules.map(|r| r["query"].as_str().unwrap().to_owned()).collect()
}

fn says(server: &Server, line: &str) -> bool {
    server.get("/metrics").is_ok_and(|(_, page)| page.contains(line))
}

#[test]
fn changed_files_come_into_force_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let config = |interval: &str| format!("global: {{scrape_interval: {interval}}}\nrule_files: ['rules/*.yml']\n");
    fs::create_dir(dir.path().join("rules")).unwrap();
    fs::write(dir.path().join("rules/a.yml"), rules("1")).unwrap();
    // Less than a second is raised to one.
    let flags = ["--config.auto-reload", "--config.auto-reload-interval=10ms"];
    let server = crate::server(dir.path(), &flags, &config("15s"));
    assert_eq!(exprs(&server), ["1"]);

    fs::write(dir.path().join("rules/a.yml"), rules("2")).unwrap();
    server.wait_for("a changed rule file", LIMIT, |s| exprs(s) == ["2"]);
    fs::write(dir.path().join("rules/b.yml"), rules("3")).unwrap();
    server.wait_for("a new rule file", LIMIT, |s| exprs(s) == ["2", "3"]);

    let failed = "\nprometheus_config_last_reload_successful 0\n";
    server.write_config(&config("soon")).unwrap();
    server.wait_for("a refused file", LIMIT, |s| says(s, failed));
    assert_eq!(exprs(&server), ["2", "3"], "what was in force stays");

    server.write_config(&config("7s")).unwrap();
    server.wait_for("a corrected file", LIMIT, |s| {
        let shown = s.json("/api/v1/status/config", &[]).unwrap();
        shown["data"]["yaml"].as_str().unwrap().contains("scrape_interval: 7s") && !says(s, failed)
    });
    assert!(server.stop().unwrap().success());
}
