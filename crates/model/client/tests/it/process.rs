//! Process metrics from a made-up and from the real `/proc`.

use std::fs;
use std::sync::Arc;

use firesteel_client::{ProcessCollector, Registry};
use firesteel_model::MetricValue;

fn values(collector: ProcessCollector) -> Vec<(String, f64)> {
    let registry = Registry::new();
    registry.register(Arc::new(collector));
    let value = |v: &MetricValue| match v {
        MetricValue::Counter { value, .. } | MetricValue::Gauge(value) => *value,
        other => panic!("{other:?}"),
    };
    registry.gather().into_iter().map(|f| (f.name, value(&f.metrics[0].value))).collect()
}

#[test]
fn reads_what_the_kernel_tells() {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("stat", "cpu  1 2 3\nbtime 1000\nprocesses 5\n");
    write("self/stat", "12 (a) b (c)) S 1 12 12 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 4 0 300 1048576 16 99 1 1 0\n");
    write(
        "self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n\
         Max open files            1024                 4096                 files     \n\
         Max address space         unlimited            unlimited            bytes     \n",
    );
    write("self/net/netstat", "TcpExt: A B\nTcpExt: 1 2\nIpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 77 88\n");
    write("self/fd/0", "");
    write("self/fd/1", "");
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let page = rustix::param::page_size() as f64;
    let want = [
        ("process_cpu_seconds_total", 200.0 / ticks),
        ("process_max_fds", 1024.0),
        ("process_network_receive_bytes_total", 77.0),
        ("process_network_transmit_bytes_total", 88.0),
        ("process_open_fds", 2.0),
        ("process_resident_memory_bytes", 16.0 * page),
        ("process_start_time_seconds", 1000.0 + 300.0 / ticks),
        ("process_virtual_memory_bytes", 1_048_576.0),
        ("process_virtual_memory_max_bytes", 18_446_744_073_709_551_615.0),
    ];
    assert_eq!(values(ProcessCollector::at(dir.path())), want.map(|(name, v)| (name.to_owned(), v)));
}

#[test]
fn leaves_out_what_cannot_be_read() {
    assert!(values(ProcessCollector::at("/nonexistent")).is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn this_process_is_alive() {
    let values = values(ProcessCollector::default());
    for name in ["process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
        assert!(values.iter().any(|(n, v)| n == name && *v > 0.0), "{name} in {values:?}");
    }
}
