//! One directory, two programs: what Prometheus wrote opens here with equal answers, and the other way round.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use firesteel_model::{STALE_NAN_BITS, stale_nan};
use firesteel_testkit::{Server, peer};
use firesteel_tsdb::{Db, DbOptions};

use crate::database::{Answer, Model, answer, append};

const QUIET: &str = "global: {scrape_interval: 1h}\n";

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64
}

/// What the server answers for all series that `selector` finds, in the shape of [`answer`].
fn ask(server: &Server, selector: &str, at_ms: i64) -> Answer {
    let at = format!("{}.{:03}", at_ms / 1000, at_ms % 1000);
    let reply =
        server.json("/api/v1/query", &[("query", &format!("{selector}[100h]")), ("time", &at)]).expect("answers");
    assert_eq!(reply["status"], "success", "{reply}");
    let mut out = Answer::new();
    for series in reply["data"]["result"].as_array().expect("a matrix") {
        let labels: BTreeMap<String, String> =
            serde_json::from_value(series["metric"].clone()).expect("labels are texts");
        let samples = series["values"].as_array().expect("values").iter().map(|pair| {
            let t = (pair[0].as_f64().expect("a time") * 1000.0).round() as i64;
            (t, pair[1].as_str().expect("a text").parse::<f64>().expect("a number").to_bits())
        });
        out.insert(format!("{labels:?}"), samples.collect());
    }
    out
}

/// Queries leave staleness markers out, and NaNs lose their payload on the way through JSON.
fn as_queried(answer: &Answer, until: i64) -> Answer {
    let plain = |samples: &[(i64, u64)]| -> Vec<(i64, u64)> {
        let real = samples.iter().filter(|s| s.1 != STALE_NAN_BITS && s.0 <= until);
        real.map(|s| (s.0, if f64::from_bits(s.1).is_nan() { f64::NAN.to_bits() } else { s.1 })).collect()
    };
    answer.iter().map(|(l, s)| (l.clone(), plain(s))).filter(|(_, s): &(String, Vec<_>)| !s.is_empty()).collect()
}

fn open(dir: &Path) -> std::sync::Arc<Db> {
    Db::open(DbOptions::new(dir.join("data"))).expect("opens")
}

#[test]
fn what_prometheus_wrote_opens_here() {
    let Some(program) = peer("prometheus") else { return };
    for killed in [true, false] {
        let dir = tempfile::tempdir().expect("a directory");
        // A target that is the server itself: its address is known only once it runs.
        let server = Server::start(&program, &["--web.enable-lifecycle"], dir.path(), QUIET).expect("starts");
        let address = server.address().to_owned();
        let config = format!(
            "global: {{scrape_interval: 20ms, scrape_timeout: 20ms}}\nscrape_configs: [{{job_name: self, static_configs: [{{targets: ['{address}']}}]}}]\n"
        );
        server.write_config(&config).expect("writes");
        server.signal("HUP").expect("signals");
        let enough = |server: &Server| {
            let count = server.query("count_over_time(up[10m])").ok();
            count.and_then(|c| c[0]["value"][1].as_str()?.parse::<f64>().ok()).is_some_and(|n| n >= 150.0)
        };
        // More than a chunk, so that there are full ones in `chunks_head`.
        server.wait_for("150 scrapes", Duration::from_secs(30), enough);
        // What a scrape that is still under way will bring is later than that.
        let until = now_ms() - 300;
        let want = ask(&server, "{__name__=~\".+\"}", until);
        assert!(want.len() > 300 && want.values().map(Vec::len).max() >= Some(125));
        if killed {
            server.kill_9().expect("is killed");
        } else {
            assert!(server.stop().expect("stops").success());
        }
        let db = open(dir.path());
        let got = as_queried(&answer(&db), until);
        assert_eq!(got.len(), want.len());
        for (labels, samples) in &as_queried(&want, until) {
            assert_eq!(got.get(labels), Some(samples), "{labels}");
        }
        let replay = db.replay_stats();
        assert_eq!((replay.unknown_refs, replay.undecodable_records), (0, 0));
        // A process that is killed takes what it had not handed to the system along; the log has it.
        assert!(killed || replay.mmap_chunks > 300, "{replay:?}");
    }
}

#[test]
fn what_was_written_here_opens_in_prometheus_and_comes_back() {
    let Some(program) = peer("prometheus") else { return };
    for killed in [true, false] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut model = Model::default();
        let mut t = now_ms() - 3_000_000;
        let mut write = |rounds: i64, model: &mut Model| {
            let db = open(dir.path());
            for round in 0..rounds {
                t += 2000;
                let rows: Vec<_> = (0..30)
                    .map(|i| {
                        let v = match (i as i64 + round) % 40 {
                            0 => f64::NAN,
                            1 => f64::NEG_INFINITY,
                            2 => stale_nan(),
                            3 => f64::from_bits(round as u64 * 0x0123_4567_89ab + 1),
                            _ => (round * i as i64) as f64 / 3.0,
                        };
                        (i, t + i as i64, v)
                    })
                    .collect();
                append(&db, &rows);
                model.add(&rows);
            }
            // Other programs must pass over it, and what they add must fit behind it.
            db.roll_snapshot().expect("writes");
            if killed {
                // Neither closed nor synced: the process is gone and the lock file stays.
                db.compact().expect("compacts");
                let (data, copy) = (dir.path().join("data"), dir.path().join("data.killed"));
                for part in ["wal", "chunks_head"] {
                    std::fs::create_dir_all(copy.join(part)).expect("creates");
                    for file in std::fs::read_dir(data.join(part)).expect("lists").flatten() {
                        if file.path().is_file() {
                            std::fs::copy(file.path(), copy.join(part).join(file.file_name())).expect("copies");
                        }
                    }
                }
                drop(db);
                for part in ["wal", "chunks_head"] {
                    std::fs::remove_dir_all(data.join(part)).expect("removes");
                    std::fs::rename(copy.join(part), data.join(part)).expect("renames");
                }
            } else {
                db.close().expect("closes");
            }
        };
        write(300, &mut model);
        for back in 0..2 {
            let server = Server::start(&program, &[], dir.path(), QUIET).expect("starts");
            let want = as_queried(&model.0, i64::MAX);
            let got = ask(&server, "{__name__=\"m\"}", now_ms());
            assert_eq!(as_queried(&got, i64::MAX), want, "{}", server.log());
            assert!(!server.log().contains("Loading on-disk chunks failed"), "{}", server.log());
            if killed {
                server.kill_9().expect("is killed");
            } else {
                assert!(server.stop().expect("stops").success());
            }
            let db = open(dir.path());
            assert_eq!(as_queried(&answer(&db), i64::MAX), want, "back {back}");
            // At least one of each series: where a chunk ends in the second is for the time of the day to say.
            assert!(db.replay_stats().mmap_chunks >= 30, "{:?}", db.replay_stats());
            drop(db);
            write(100, &mut model);
        }
    }
}

fn blocks_in(dir: &Path) -> usize {
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.file_name());
    names.filter(|n| n.len() == 26).count()
}

#[test]
fn blocks_written_here_open_in_prometheus_and_come_back() {
    let (Some(program), Some(tool)) = (peer("prometheus"), peer("promtool")) else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let mut model = Model::default();
    let start = now_ms() / 120_000 * 120_000 - 1_800_000;
    for part in 0..2 {
        let db = Db::open(crate::blocks::options(&data)).expect("opens");
        assert_eq!(answer(&db), model.0);
        let from = start + part * 900_000;
        crate::blocks::fill(&db, &mut model, from, from + 900_000);
        db.compact().expect("compacts");
        db.close().expect("closes");
        assert!(blocks_in(&data) > 0);
        let listed = std::process::Command::new(&tool).args(["tsdb", "list"]).arg(&data).output().expect("runs");
        let lines = String::from_utf8_lossy(&listed.stdout).lines().count();
        assert_eq!(lines, blocks_in(&data) + 1, "{listed:?}");
        let flags = ["--storage.tsdb.min-block-duration=2m", "--storage.tsdb.max-block-duration=18m"];
        let server = Server::start(&program, &flags, dir.path(), QUIET).expect("starts");
        assert_eq!(ask(&server, "{__name__=\"m\"}", now_ms()), model.0, "{}", server.log());
        if part == 0 {
            server.kill_9().expect("is killed");
        } else {
            assert!(server.stop().expect("stops").success());
        }
    }
    let db = Db::open(crate::blocks::options(&data)).expect("opens");
    assert_eq!(answer(&db), model.0);
}

#[test]
fn blocks_that_prometheus_wrote_open_here() {
    let Some(program) = peer("prometheus") else { return };
    for killed in [true, false] {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().join("data");
        let flags =
            ["--web.enable-lifecycle", "--storage.tsdb.min-block-duration=2s", "--storage.tsdb.max-block-duration=6s"];
        let server = Server::start(&program, &flags, dir.path(), QUIET).expect("starts");
        let config = format!(
            "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}\nscrape_configs: [{{job_name: self, static_configs: [{{targets: ['{}']}}]}}]\n",
            server.address()
        );
        server.write_config(&config).expect("writes");
        server.signal("HUP").expect("signals");
        server.wait_for("two blocks", Duration::from_secs(60), |_| blocks_in(&data) >= 2);
        let until = now_ms() - 1;
        let want = ask(&server, "{__name__=~\".+\"}", until);
        if killed {
            server.kill_9().expect("is killed");
        } else {
            assert!(server.stop().expect("stops").success());
        }
        let db = Db::open(DbOptions { min_block_duration: Duration::from_secs(2), ..DbOptions::new(&data) });
        let got = as_queried(&answer(&db.expect("opens")), until);
        for (labels, samples) in &as_queried(&want, until) {
            // A scrape that began before the question may have been committed after it.
            let asked = samples.last().map_or(until, |last| last.0);
            let found: Vec<_> = got.get(labels).into_iter().flatten().copied().filter(|s| s.0 <= asked).collect();
            assert_eq!(found, *samples, "{labels}");
        }
    }
}
