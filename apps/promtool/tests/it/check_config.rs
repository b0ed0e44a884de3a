//! `check config` with all its flags: what upstream prints, and reports for machines.

use std::fs;
use std::path::Path;

use crate::{RULES, check, promtool, write};

/// Writes a configuration with a job whose files are not there, and rules with a key of their own.
fn case(dir: &Path, job: &str) -> String {
    write(dir, "rules.yml", &RULES.replace("        for: 5m", "        for: 5m\n        owner: me"));
    write(dir, "prometheus.yml", &format!("rule_files: [rules.yml]\nscrape_configs:\n- job_name: a\n{job}"))
}

#[test]
fn unknown_fields_of_rules_can_be_passed_over() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = case(dir.path(), "");
    let rules = dir.path().join("rules.yml").to_string_lossy().into_owned();
    let head = format!(
        "Checking {file}\n  SUCCESS: 1 rule files found\n SUCCESS: {file} is valid prometheus config file syntax\n\n\
         Checking {rules}\n"
    );
    let ran = promtool(&["check", "config", &file]);
    assert_eq!((ran.code, ran.out.as_str()), (1, head.as_str()));
    let said =
        format!("  FAILED:\n{rules}: yaml: unmarshal errors:\n  line 9: field owner not found in type rulefmt.Rule\n");
    assert!(ran.err.starts_with(&said), "{}", ran.err);
    let fine = format!("{head}  SUCCESS: 2 rules found\n\n");
    check(&["check", "config", "--ignore-unknown-fields", &file], 0, &fine, "");
    assert_eq!(promtool(&["check", "rules", &rules]).code, 1);
    let fine = format!("Checking {rules}\n  SUCCESS: 2 rules found\n\n");
    check(&["check", "rules", "--ignore-unknown-fields", &rules], 0, &fine, "");
}

/// The words are those of promtool 3.14.
#[test]
fn files_that_a_job_names_are_looked_at() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let refused = |job: &str, want: String| {
        let file = case(dir.path(), job);
        let ran = promtool(&["check", "config", &file]);
        assert_eq!((ran.code, ran.out), (1, format!("Checking {file}\n\n")), "{job}");
        let said = ran.err.lines().find(|line| line.starts_with("  FAILED: ")).unwrap_or_default().to_owned();
        assert_eq!(said, format!("  FAILED: {want}"), "{}", ran.err);
        assert!(ran.err.contains(&format!("--> {file}:")), "{}", ran.err);
        assert_eq!(promtool(&["check", "config", "--syntax-only", &file]).code, 0, "{job}");
    };
    let token = path("absent");
    refused(
        "  authorization: {credentials_file: absent}\n",
        format!(
            "error checking authorization credentials or bearer token file \"{token}\": stat {token}: no such file or \
             directory"
        ),
    );
    write(dir.path(), "cert.pem", "");
    refused(
        "  tls_config: {cert_file: cert.pem, key_file: absent}\n",
        format!("error checking client key file \"{token}\": stat {token}: no such file or directory"),
    );
    write(dir.path(), "bad.json", "[{\"targets\": \"a:1\"}]");
    let files = "  file_sd_configs: [{files: [bad.json]}]\n";
    let file = case(dir.path(), files);
    let ran = promtool(&["check", "config", &file]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with(&format!("  FAILED: checking SD file \"{}\": ", path("bad.json"))), "{}", ran.err);
    write(dir.path(), "url.json", "[{\"targets\": [\"http://a:1\"]}]");
    refused_target(dir.path());
    let lost = case(dir.path(), "  file_sd_configs: [{files: [nowhere.json]}]\n");
    let ran = promtool(&["check", "config", "--ignore-unknown-fields", &lost]);
    let warning =
        format!("  WARNING: file \"{}\" for file_sd in scrape job \"a\" does not exist\n", path("nowhere.json"));
    assert_eq!((ran.code, ran.out.contains(&warning)), (0, true), "{}{}", ran.out, ran.err);
}

fn refused_target(dir: &Path) {
    let relabelled = "  static_configs: [{targets: ['a:1']}]\n  relabel_configs: [{target_label: __address__, replacement: \
                      'http://b'}]\n";
    let ran = promtool(&["check", "config", "--syntax-only", &case(dir, relabelled)]);
    assert_eq!(ran.code, 1);
    let said = "  FAILED: instance 0 in group 0: \"http://b\" is not a valid hostname\n";
    assert!(ran.err.starts_with(said), "{}", ran.err);
    let ran = promtool(&["check", "config", &case(dir, "  file_sd_configs: [{files: [url.json]}]\n")]);
    assert!(
        ran.err.starts_with("  FAILED: instance 0 in group : \"http://a:1\" is not a valid hostname\n"),
        "{}",
        ran.err
    );
    let text = "alerting:\n  alertmanagers:\n  - static_configs: [{targets: ['a:1']}]\n    relabel_configs: \
                [{target_label: __address__, replacement: 'http://b'}]\nscrape_configs: [{job_name: a}]\n";
    let ran = promtool(&["check", "config", &write(dir, "am.yml", text)]);
    assert!(ran.err.starts_with("  FAILED: \"http://b\" is not a valid hostname\n"), "{}", ran.err);
}

#[test]
fn agents_have_no_rules() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = case(dir.path(), "");
    let ran = promtool(&["check", "config", "--agent", &file]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("  FAILED: field rule_files is not allowed in agent mode\n"), "{}", ran.err);
    assert!(ran.err.contains(":1:1\n"), "{}", ran.err);
}

#[test]
fn machines_get_one_report() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), "typo.yml", "global:\n  scarpe_interval: 15s\n");
    let ran = promtool(&["check", "config", "--format=github", &file]);
    let want = format!(
        "::error file={file},line=2,col=3,endColumn=18,title=FS0102::`scarpe_interval` is not a setting of `global`: did \
         you mean `scrape_interval`?\n"
    );
    assert_eq!((ran.code, ran.out, ran.err), (1, want, String::new()));
    let ran = promtool(&["check", "config", "--format=json", &file]);
    let value: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((ran.code, &value["errors"]), (1, &serde_json::json!(1)));
    let ran = promtool(&["check", "config", "--format=sarif", &file]);
    let value: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(value["runs"][0]["results"][0]["ruleId"], "FS0102");

    let twice = format!("{RULES}{}", "      - {record: a, expr: b}\n".repeat(2));
    let rules = write(dir.path(), "rules.yml", &twice);
    let ran = promtool(&["check", "rules", "--format=github", "--lint-fatal", &rules]);
    assert_eq!(ran.code, 3);
    assert!(ran.out.starts_with("::warning ") && ran.out.contains("title=FS0216"), "{}", ran.out);
    let ran = promtool(&["check", "rules", "--format=json", &rules]);
    let value: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((ran.code, &value["warnings"]), (0, &serde_json::json!(1)));
    fs::remove_file(&rules).expect("it is there");
}
