//! `check config` beside Debian's promtool 2.42 over real configurations, as far as 2.42 knows what stands in them.

use std::fs;
use std::path::Path;
use std::process::Command;

use firesteel_testkit::{corpus, peer};

use crate::promtool;

/// Files on which 3.x decides otherwise than 2.42 although 2.42 knows each key, with the reason.
const OTHERWISE: [(&str, &str); 13] = [
    ("good/config_with_deprecated_am_api_config.yml", "api_version v1 is gone"),
    ("good/promtool-prometheus-aws-sd-empty-region.good.yml", "3.x asks for the region at use"),
    ("bad/azure_bearertoken_basicauth.bad.yml", "credentials of kinds with a login of their own are refused"),
    ("bad/ec2_token_file.bad.yml", "the same"),
    ("bad/puppetdb_token_file.bad.yml", "the same"),
    ("bad/uyuni_token_file.bad.yml", "the same"),
    ("bad/scrape_config_files_double_import.bad.yml", "the file it imports is not beside it"),
    ("bad/remote_write_queue_capacity_zero.bad.yml", "bounds of the queue are checked"),
    ("bad/remote_write_queue_max_samples_per_send_zero.bad.yml", "the same"),
    ("bad/remote_write_queue_max_shards_zero.bad.yml", "the same"),
    ("bad/remote_write_queue_min_shards_zero.bad.yml", "the same"),
    ("bad/remote_write_queue_min_shards_greater_than_max.bad.yml", "the same"),
    ("bad/remote_write_queue_max_backoff_less_than_min.bad.yml", "the same"),
];

struct Verdict {
    accepted: bool,
    out: String,
    err: String,
}

fn of_peer(program: &Path, words: &[&str]) -> Verdict {
    let ran = Command::new(program).args(words).output().expect("promtool runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Verdict { accepted: ran.status.success(), out: text(&ran.stdout), err: text(&ran.stderr) }
}

#[test]
fn verdicts_are_those_of_debians_promtool() {
    let (Some(corpus), Some(program)) = (corpus("config"), peer("promtool")) else { return };
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for folder in ["good", "bad", "agent"] {
        let mut names: Vec<String> = fs::read_dir(corpus.join(folder))
            .expect("the corpus has it")
            .map(|entry| format!("{folder}/{}", entry.expect("readable").file_name().to_string_lossy()))
            .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "yml"))
            .collect();
        names.sort();
        for name in names {
            let path = corpus.join(&name).to_string_lossy().into_owned();
            let mut words = vec!["check", "config", "--syntax-only"];
            words.extend((folder == "agent").then_some("--agent"));
            words.push(&path);
            let theirs = of_peer(&program, &words);
            // A key that 2.42 does not know came later.
            let is_new = !theirs.accepted && theirs.err.contains("not found in type") && folder != "bad";
            if is_new || OTHERWISE.iter().any(|(known, _)| *known == name) {
                continue;
            }
            compared += 1;
            let ours = promtool(&words);
            let same_words = !theirs.accepted || ours.out == theirs.out;
            if (ours.code == 0) != theirs.accepted || !same_words {
                wrong.push(format!(
                    "{name}: theirs {}\n{}{}ours {}\n{}",
                    theirs.accepted, theirs.out, theirs.err, ours.code, ours.err
                ));
            }
        }
    }
    assert!(compared > 120, "{compared}");
    assert!(wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong.join("\n"));
}
