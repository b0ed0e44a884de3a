//! Containers by control group, over trees of version 2 and version 1.

use std::fs;
use std::path::Path;

use firesteel_collectors::Settings;

use crate::tree::{assert_page, node, page, unpack};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

const VERSION_2: &str = "\
@@ sys/fs/cgroup/cgroup.controllers
cpu io memory pids
@@ sys/fs/cgroup/memory.stat
inactive_file 1
@@ sys/fs/cgroup/system.slice/ssh.service/memory.current
5
@@ sys/fs/cgroup/system.slice/docker-ID.scope/cpu.stat
usage_usec 2500000
user_usec 1
nr_throttled 3
throttled_usec 500000
@@ sys/fs/cgroup/system.slice/docker-ID.scope/memory.current
1000
@@ sys/fs/cgroup/system.slice/docker-ID.scope/memory.stat
anon 5
file 7
inactive_file 400
@@ sys/fs/cgroup/system.slice/docker-ID.scope/memory.max
4096
@@ sys/fs/cgroup/system.slice/docker-ID.scope/memory.events
oom 3
oom_kill 2
@@ sys/fs/cgroup/system.slice/docker-ID.scope/io.stat
8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0
8:16 rbytes=1 wbytes=2 rios=3 wios=4
@@ sys/fs/cgroup/system.slice/docker-ID.scope/pids.current
7
@@ sys/fs/cgroup/system.slice/docker-ID.scope/pids.max
max
@@ sys/fs/cgroup/system.slice/docker-ID.scope/inner/memory.current
9
@@ sys/fs/cgroup/machine.slice/systemd-nspawn@my\\x2dbox.service/memory.current
50
@@ sys/fs/cgroup/machine.slice/systemd-nspawn@my\\x2dbox.service/pids.max
99
";

const PAGE_2: &str = "\
node_container_cpu_seconds_total{DOCKER} 2.5
node_container_cpu_throttled_seconds_total{DOCKER} 0.5
node_container_memory_bytes{DOCKER} 1000
node_container_memory_bytes{NSPAWN} 50
node_container_memory_limit_bytes{DOCKER} 4096
node_container_memory_working_set_bytes{DOCKER} 600
node_container_oom_kills_total{DOCKER} 2
node_container_pids{DOCKER} 7
node_container_pids_limit{NSPAWN} 99
node_container_read_bytes_total{DOCKER} 11
node_container_reads_total{DOCKER} 4
node_container_writes_total{DOCKER} 6
node_container_written_bytes_total{DOCKER} 22
node_containers 2
";

const VERSION_1: &str = "\
@@ sys/fs/cgroup/memory/docker/ID/memory.usage_in_bytes
1000
@@ sys/fs/cgroup/memory/docker/ID/memory.stat
inactive_file 1
total_inactive_file 400
@@ sys/fs/cgroup/memory/docker/ID/memory.limit_in_bytes
9223372036854771712
@@ sys/fs/cgroup/memory/docker/ID/memory.oom_control
oom_kill_disable 0
under_oom 0
oom_kill 2
@@ sys/fs/cgroup/memory/user.slice/memory.usage_in_bytes
5
@@ sys/fs/cgroup/cpu,cpuacct/docker/ID/cpuacct.usage
2500000000
@@ sys/fs/cgroup/cpu,cpuacct/docker/ID/cpu.stat
nr_periods 1
throttled_time 500000000
@@ sys/fs/cgroup/blkio/docker/ID/blkio.throttle.io_service_bytes
8:0 Read 10
8:0 Write 20
8:0 Total 30
8:16 Read 1
8:16 Write 2
Total 33
@@ sys/fs/cgroup/blkio/docker/ID/blkio.throttle.io_serviced
8:0 Read 4
8:0 Write 6
@@ sys/fs/cgroup/pids/docker/ID/pids.current
7
@@ sys/fs/cgroup/pids/docker/ID/pids.max
12
@@ sys/fs/cgroup/unified/cgroup.procs
1
";

const PAGE_1: &str = "\
node_container_cpu_seconds_total{DOCKER} 2.5
node_container_cpu_throttled_seconds_total{DOCKER} 0.5
node_container_memory_bytes{DOCKER} 1000
node_container_memory_working_set_bytes{DOCKER} 600
node_container_oom_kills_total{DOCKER} 2
node_container_pids{DOCKER} 7
node_container_pids_limit{DOCKER} 12
node_container_read_bytes_total{DOCKER} 11
node_container_reads_total{DOCKER} 4
node_container_writes_total{DOCKER} 6
node_container_written_bytes_total{DOCKER} 22
node_containers 1
";

fn samples(dir: &Path, settings: Settings) -> String {
    let (page, failed) = page(dir, &node(dir, &["containers"], settings));
    assert!(failed.is_empty(), "{failed:?}");
    page.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}

#[test]
fn both_versions_show_what_a_container_uses() {
    let cases = [(VERSION_2, PAGE_2, "system.slice/docker-ID.scope"), (VERSION_1, PAGE_1, "docker/ID")];
    for (tree, want, path) in cases {
        let dir = unpack(&tree.replace("ID", ID));
        let docker = format!("container=\"0123456789ab\",id=\"{path}\",pod=\"\",runtime=\"docker\"").replace("ID", ID);
        let nspawn = "container=\"my-box\",id=\"machine.slice/systemd-nspawn@my\\\\x2dbox.service\",pod=\"\",runtime=\"systemd-nspawn\"";
        let want = want.replace("DOCKER", &docker).replace("NSPAWN", nspawn);
        assert_page(&samples(dir.path(), Settings::default()), &want);
    }
}

#[test]
fn those_with_most_memory_are_shown_and_all_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("sys/fs/cgroup");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("cgroup.controllers"), "memory\n").unwrap();
    for n in 0..20 {
        let group = root.join(format!("docker/{n:064x}"));
        fs::create_dir_all(&group).unwrap();
        fs::write(group.join("memory.current"), format!("{}\n", n % 7)).unwrap();
    }
    let got = samples(dir.path(), Settings::default().with("collector.containers.max", "5"));
    let shown = got.lines().filter(|line| line.starts_with("node_container_memory_bytes{"));
    let mut values: Vec<&str> = shown.map(|line| line.rsplit(' ').next().unwrap()).collect();
    values.sort_unstable();
    assert_eq!(values, ["5", "5", "5", "6", "6"], "{got}");
    assert!(got.ends_with("node_containers 20\n"), "{got}");
}

#[test]
fn a_machine_without_control_groups_has_no_data() {
    let dir = tempfile::tempdir().unwrap();
    let (got, failed) = page(dir.path(), &node(dir.path(), &["containers"], Settings::default()));
    assert_eq!((got.as_str(), failed.as_slice()), ("", &["containers".to_owned()][..]));
}
