//! `check service-discovery`: beside what promtool 3.14 printed for the same file.

use crate::promtool;

const CONFIG: &str = r#"scrape_configs:
- job_name: web
  static_configs:
  - targets: ['a:80', 'a:80', 'b:80', 'drop:1', 'bad']
    labels: {env: "<prod>", a: "x&y"}
  relabel_configs:
  - {source_labels: [__address__], regex: 'drop:1', action: drop}
  - {source_labels: [__address__], regex: 'bad', target_label: __address__, replacement: ''}
  - {source_labels: [env], target_label: stage}
- job_name: other
- job_name: cloud
  vultr_sd_configs: [{}]
- job_name: faulty
  docker_sd_configs: [{host: "nowhere"}]
"#;

#[test]
fn says_what_upstream_says() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("p.yml");
    std::fs::write(&file, CONFIG).expect("write");
    let file = file.to_str().expect("UTF-8");
    let run = |job: &str| promtool(&["check", "service-discovery", "--timeout=1ms", file, job]);
    let ran = run("web");
    // Upstream prints errors as `{}`.
    let want = include_str!("service_discovery.json").replace("\"error\": {}", "\"error\": \"no address\"");
    assert_eq!((ran.code, ran.out), (0, want));
    assert!(ran.err.contains("`vultr_sd_configs` is known, but does not act in this version"), "{}", ran.err);
    assert_eq!((run("other").code, run("other").out.as_str()), (0, "[]"));
    let ran = run("nope");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    let end = "Job nope not found. Select one of:\n\tweb\n\tother\n\tcloud\n\tfaulty\n";
    assert!(ran.err.ends_with(end), "{}", ran.err);
    let ran = run("faulty");
    let end =
        "Could not create new discoverer error setting up docker client: unable to parse docker host \"nowhere\"\n";
    assert!(ran.code == 1 && ran.err.ends_with(end), "{}", ran.err);
    let ran = promtool(&["check", "service-discovery", "/does/not/exist", "web"]);
    assert!(ran.code == 1 && ran.err.starts_with("Cannot load config"), "{}", ran.err);
}
