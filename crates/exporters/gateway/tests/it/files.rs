//! The file: upstream's as it wrote it, ours after crashes, and what is no such file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::vfs::{Crash, FaultVfs, Faults, Vfs};
use firesteel_base::{Clock as _, ManualClock, TimestampMs};
use firesteel_gateway::{
    FileError, Gateway, GatewayOptions, Group, PushOptions, Saver, encode_groups, load, read_groups, save,
};

use crate::{Bench, labels};

const FILE: &str = "/d/f";

/// What both releases were pushed: `# TYPE a gauge\na{x="1"} 2\n` at `/metrics/job/j/inst/i`.
const UPSTREAMS: [&[u8]; 2] =
    [include_bytes!("../../testdata/pushgateway-1.11.gob"), include_bytes!("../../testdata/pushgateway-1.5.gob")];

fn same(a: &Group, b: &Group) -> bool {
    a.labels == b.labels && a.families == b.families
}

#[test]
fn upstreams_files_are_read() {
    for bytes in UPSTREAMS {
        let groups = read_groups(bytes).unwrap();
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].labels, labels("j/inst/i"));
        let names: Vec<&str> = groups[0].families.keys().map(String::as_str).collect();
        assert_eq!(names, ["a", "push_failure_time_seconds", "push_time_seconds"]);
        // Nanoseconds of November 2026.
        let pushed = groups[0].families["a"].pushed.0;
        assert!((1_795_278_747_000_000_000..1_795_278_748_000_000_000).contains(&pushed), "{pushed}");
        let again = read_groups(&encode_groups(&[Arc::new(groups[0].clone())])).unwrap();
        assert!(same(&again[0], &groups[0]));
        let clock = Arc::new(ManualClock::new(TimestampMs(0)));
        let gateway = Gateway::new(GatewayOptions::default(), clock, groups);
        let families = gateway.gather(Vec::new()).unwrap();
        assert_eq!(families[0].metrics[0].labels.to_string(), "{inst=\"i\", instance=\"\", job=\"j\", x=\"1\"}");
        // Every cut of it is refused.
        for end in 0..bytes.len() {
            assert!(read_groups(&bytes[..end]).is_err(), "{end}");
        }
    }
}

fn full() -> Bench {
    let bench = Bench::new(GatewayOptions::default());
    bench.put("a", "# HELP c Help.\n# TYPE c counter\nc 1\n").unwrap();
    bench
        .put(
            "b/x/é",
            "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_count 2\nh_sum 3\n# TYPE s summary\ns_count 1\ns_sum 1\n",
        )
        .unwrap();
    bench.put("b/x/", "g -1.5e300\n").unwrap();
    bench
}

#[test]
fn what_is_written_is_read_again_with_its_wishes() {
    let bench = full();
    let hour = Some(Duration::from_secs(3600));
    bench.push("c", false, PushOptions { ttl: hour, expect: hour, sum: false }, "").unwrap();
    let groups = bench.gateway.groups();
    let read = read_groups(&encode_groups(&groups)).unwrap();
    assert!(groups.len() == 4 && groups.iter().zip(&read).all(|(a, b)| same(a, b)));
    assert_eq!(read[3].expires(), groups[3].expires());
    assert!(read[3].expires().is_some() && read[0].expires().is_none());
    assert!(read_groups(&encode_groups(&[])).unwrap().is_empty());
}

#[test]
fn a_crash_leaves_the_old_file_or_the_new_one() {
    let (path, bench) = (Path::new(FILE), full());
    let old = bench.gateway.groups();
    bench.put("d", "x 1\n").unwrap();
    let new = bench.gateway.groups();
    let disk = FaultVfs::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    save(&disk, path, &old).unwrap();
    let base = disk.crash(Crash::LoseNothing);
    save(&base, path, &new).unwrap();
    let n_calls = {
        let counted = disk.crash(Crash::LoseNothing);
        counted.set_faults(Faults::default());
        save(&counted, path, &new).unwrap();
        counted.calls()
    };
    assert!(n_calls >= 4, "{n_calls}");
    for call in 0..=n_calls {
        for seed in 0..20 {
            let disk = disk.crash(Crash::LoseNothing);
            disk.set_faults(Faults { gone_from: Some(call), ..Faults::default() });
            let done = save(&disk, path, &new).is_ok();
            let after = disk.crash(Crash::Dice { seed });
            let groups = load(&after, path).unwrap().unwrap();
            assert!(groups.len() == 3 && !done || groups.len() == 4, "call {call}, seed {seed}");
            // And the next writing is in nobody's way.
            save(&after, path, &new).unwrap();
            assert_eq!(load(&after, path).unwrap().unwrap().len(), 4);
        }
    }
}

#[test]
fn a_foreign_file_is_set_aside() {
    let disk = FaultVfs::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    let path = Path::new(FILE);
    assert!(load(&disk, path).unwrap().is_none());
    disk.create(path).unwrap().write_all_at(b"not ours, and dear to somebody", 0).unwrap();
    let Err(e @ FileError::Format { .. }) = load(&disk, path) else { panic!("it is no such file") };
    assert!(e.to_string().starts_with("/d/f.unreadable: not a file of pushed metrics: "), "{e}");
    assert!(load(&disk, path).unwrap().is_none());
    let kept = (&disk as &dyn Vfs).read(Path::new("/d/f.unreadable")).unwrap();
    assert_eq!(kept, b"not ours, and dear to somebody");
}

#[test]
fn the_saver_writes_after_changes_and_at_the_end() {
    let disk = FaultVfs::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    let (path, bench) = (Path::new(FILE), full());
    let saver = |interval| Saver::start(bench.gateway.clone(), path.into(), interval, Arc::new(disk.clone())).unwrap();
    let eager = saver(Duration::from_millis(1));
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while load(&disk, path).unwrap().is_none() {
        assert!(std::time::Instant::now() < deadline, "nothing was written");
        std::thread::yield_now();
    }
    eager.finish().unwrap();
    let lazy = saver(Duration::MAX);
    bench.put("late", "x 1\n").unwrap();
    lazy.finish().unwrap();
    assert_eq!(load(&disk, path).unwrap().unwrap().len(), 4);
    assert_eq!(bench.clock.now(), TimestampMs(1_700_000_000_000));
}
