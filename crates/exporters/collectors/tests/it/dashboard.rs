//! What the dashboard "Node Exporter Full" (id 1860) asks for and a default collector gives, on this machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use firesteel_client::Collect;
use firesteel_collectors::{NodeCollector, NodeOptions};

/// Without `node_`. Those of interrupts, processes, systemd and tcpstat belong to collectors that are off by default.
const ASKED: &str = "arp_entries boot_time_seconds context_switches_total cooling_device_cur_state
    cooling_device_max_state cpu_guest_seconds_total cpu_scaling_frequency_hertz cpu_scaling_frequency_max_hertz
    cpu_scaling_frequency_min_hertz cpu_seconds_total disk_discard_time_seconds_total disk_discarded_sectors_total
    disk_discards_completed_total disk_discards_merged_total disk_flush_requests_time_seconds_total
    disk_flush_requests_total disk_io_now disk_io_time_seconds_total disk_io_time_weighted_seconds_total
    disk_read_bytes_total disk_read_time_seconds_total disk_reads_completed_total disk_reads_merged_total
    disk_write_time_seconds_total disk_writes_completed_total disk_writes_merged_total disk_written_bytes_total
    entropy_available_bits entropy_pool_size_bits filefd_allocated filefd_maximum filesystem_avail_bytes
    filesystem_device_error filesystem_files filesystem_files_free filesystem_free_bytes filesystem_readonly
    filesystem_size_bytes forks_total hwmon_chip_names hwmon_fan_min_rpm hwmon_fan_rpm hwmon_temp_celsius
    hwmon_temp_crit_alarm_celsius hwmon_temp_crit_celsius hwmon_temp_crit_hyst_celsius hwmon_temp_max_celsius intr_total
    kernel_hung_tasks load1 load15 load5 memory_Active_anon_bytes memory_Active_bytes memory_Active_file_bytes
    memory_AnonHugePages_bytes memory_AnonPages_bytes memory_Buffers_bytes memory_Cached_bytes memory_CommitLimit_bytes
    memory_Committed_AS_bytes memory_DirectMap1G_bytes memory_DirectMap2M_bytes memory_DirectMap4k_bytes
    memory_Dirty_bytes memory_HardwareCorrupted_bytes memory_HugePages_Free memory_HugePages_Rsvd memory_HugePages_Surp
    memory_HugePages_Total memory_Hugepagesize_bytes memory_Inactive_anon_bytes memory_Inactive_bytes
    memory_Inactive_file_bytes memory_KernelStack_bytes memory_Mapped_bytes memory_MemAvailable_bytes
    memory_MemFree_bytes memory_MemTotal_bytes memory_Mlocked_bytes memory_NFS_Unstable_bytes memory_PageTables_bytes
    memory_Percpu_bytes memory_SReclaimable_bytes memory_SUnreclaim_bytes memory_ShmemHugePages_bytes
    memory_ShmemPmdMapped_bytes memory_Shmem_bytes memory_Slab_bytes memory_SwapCached_bytes memory_SwapFree_bytes
    memory_SwapTotal_bytes memory_Unevictable_bytes memory_VmallocChunk_bytes memory_VmallocTotal_bytes
    memory_VmallocUsed_bytes memory_WritebackTmp_bytes memory_Writeback_bytes memory_Zswap_bytes memory_Zswapped_bytes
    netstat_Icmp_InErrors netstat_Icmp_InMsgs netstat_Icmp_OutMsgs netstat_IpExt_InOctets netstat_IpExt_OutOctets
    netstat_TcpExt_ListenDrops netstat_TcpExt_ListenOverflows netstat_TcpExt_SyncookiesFailed
    netstat_TcpExt_SyncookiesRecv netstat_TcpExt_SyncookiesSent netstat_TcpExt_TCPOFOQueue netstat_TcpExt_TCPRcvQDrop
    netstat_TcpExt_TCPSynRetrans netstat_TcpExt_TCPTimeouts netstat_Tcp_ActiveOpens netstat_Tcp_CurrEstab
    netstat_Tcp_InErrs netstat_Tcp_InSegs netstat_Tcp_MaxConn netstat_Tcp_OutRsts netstat_Tcp_OutSegs
    netstat_Tcp_PassiveOpens netstat_Tcp_RetransSegs netstat_UdpLite_InErrors netstat_Udp_InDatagrams
    netstat_Udp_InErrors netstat_Udp_NoPorts netstat_Udp_OutDatagrams netstat_Udp_RcvbufErrors
    netstat_Udp_SndbufErrors network_carrier network_mtu_bytes network_receive_bytes_total
    network_receive_compressed_total network_receive_drop_total network_receive_errs_total network_receive_fifo_total
    network_receive_frame_total network_receive_multicast_total network_receive_nohandler_total
    network_receive_packets_total network_speed_bytes network_transmit_bytes_total network_transmit_carrier_total
    network_transmit_colls_total network_transmit_compressed_total network_transmit_drop_total
    network_transmit_errs_total network_transmit_fifo_total network_transmit_packets_total network_up
    nf_conntrack_entries nf_conntrack_entries_limit power_supply_online pressure_cpu_waiting_seconds_total
    pressure_io_stalled_seconds_total pressure_io_waiting_seconds_total pressure_irq_stalled_seconds_total
    pressure_memory_stalled_seconds_total pressure_memory_waiting_seconds_total procs_blocked procs_running
    schedstat_running_seconds_total schedstat_timeslices_total schedstat_waiting_seconds_total
    scrape_collector_duration_seconds scrape_collector_success sockstat_FRAG_inuse sockstat_FRAG_memory
    sockstat_RAW_inuse sockstat_TCP_alloc sockstat_TCP_inuse sockstat_TCP_mem sockstat_TCP_mem_bytes
    sockstat_TCP_orphan sockstat_TCP_tw sockstat_UDPLITE_inuse sockstat_UDP_inuse sockstat_UDP_mem
    sockstat_UDP_mem_bytes sockstat_sockets_used softnet_dropped_total softnet_flow_limit_count_total
    softnet_processed_total softnet_received_rps_total softnet_times_squeezed_total time_seconds
    timex_estimated_error_seconds timex_frequency_adjustment_ratio timex_loop_time_constant timex_maxerror_seconds
    timex_offset_seconds timex_pps_calibration_total timex_pps_error_total timex_pps_frequency_hertz
    timex_pps_jitter_seconds timex_pps_jitter_total timex_pps_shift_seconds timex_pps_stability_exceeded_total
    timex_pps_stability_hertz timex_sync_status timex_tai_offset_seconds timex_tick_seconds udp_queues uname_info
    vmstat_oom_kill vmstat_pgfault vmstat_pgmajfault vmstat_pgpgin vmstat_pgpgout vmstat_pswpin vmstat_pswpout";

/// What the reference does not show without other flags, or at all: its dashboard asks in vain.
const NOT_THE_REFERENCES: &[&str] = &["kernel_hung_tasks", "netstat_Tcp_MaxConn", "netstat_UdpLite_InErrors"];

/// Returns whether the kernel or the hardware of this machine has what the metric is made of.
fn is_given_here(metric: &str) -> bool {
    let holds = |file: &str, text: &str| fs::read_to_string(file).is_ok_and(|content| content.contains(text));
    let any = |directory: &str, file: &str| {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.path().join(file)).any(|path| fs::read(path).is_ok())
    };
    let psi = |resource: &str, kind: &str| holds(&format!("/proc/pressure/{resource}"), kind);
    if let Some(field) = metric.strip_prefix("memory_") {
        let key = field.strip_suffix("_bytes").unwrap_or(field);
        let key = ["anon", "file"].iter().fold(key.to_owned(), |key, pool| {
            key.strip_suffix(&format!("_{pool}")).map(|stem| format!("{stem}({pool})")).unwrap_or(key)
        });
        return holds("/proc/meminfo", &format!("{key}:"));
    }
    if let Some(sensor) = metric.strip_prefix("hwmon_") {
        let file = match sensor {
            "chip_names" => "name",
            "fan_min_rpm" => "fan1_min",
            "fan_rpm" => "fan1_input",
            "temp_celsius" => "temp1_input",
            "temp_crit_alarm_celsius" => "temp1_crit_alarm",
            "temp_crit_celsius" => "temp1_crit",
            "temp_crit_hyst_celsius" => "temp1_crit_hyst",
            _ => "temp1_max",
        };
        return any("/sys/class/hwmon", file);
    }
    match metric {
        "arp_entries" => fs::read_to_string("/proc/net/arp").is_ok_and(|text| text.lines().count() > 1),
        name if name.starts_with("cooling_device") => any("/sys/class/thermal", "cur_state"),
        name if name.starts_with("cpu_scaling") => any("/sys/devices/system/cpu", "cpufreq/scaling_cur_freq"),
        name if name.starts_with("nf_conntrack") => Path::new("/proc/sys/net/netfilter/nf_conntrack_count").exists(),
        name if name.starts_with("disk_discard") || name.starts_with("disk_flush") => {
            let columns = fs::read_to_string("/proc/diskstats").unwrap_or_default();
            columns.lines().any(|line| line.split_whitespace().count() >= 20)
        }
        name if name.starts_with("disk_") => fs::read_to_string("/proc/diskstats").is_ok_and(|text| !text.is_empty()),
        "network_speed_bytes" => any("/sys/class/net", "speed"),
        "network_carrier" => any("/sys/class/net", "carrier"),
        "power_supply_online" => any("/sys/class/power_supply", "online"),
        "pressure_cpu_waiting_seconds_total" => psi("cpu", "some"),
        "pressure_io_stalled_seconds_total" => psi("io", "full"),
        "pressure_io_waiting_seconds_total" => psi("io", "some"),
        "pressure_irq_stalled_seconds_total" => psi("irq", "full"),
        "pressure_memory_stalled_seconds_total" => psi("memory", "full"),
        "pressure_memory_waiting_seconds_total" => psi("memory", "some"),
        name if name.starts_with("schedstat_") => holds("/proc/schedstat", "cpu0"),
        name if name.starts_with("vmstat_") => {
            holds("/proc/vmstat", &format!("{} ", name.trim_start_matches("vmstat_")))
        }
        name if name.starts_with("netstat_") => {
            let (protocol, field) = name.trim_start_matches("netstat_").split_once('_').unwrap();
            let protocol = format!("{protocol}:");
            let names = |file: &str| fs::read_to_string(file).unwrap_or_default();
            [names("/proc/net/netstat"), names("/proc/net/snmp")]
                .iter()
                .flat_map(|text| text.lines())
                .any(|line| line.starts_with(&protocol) && line.split_whitespace().any(|word| word == field))
        }
        name if name.starts_with("sockstat_") => {
            let protocol = name.trim_start_matches("sockstat_").split('_').next().unwrap();
            holds("/proc/net/sockstat", &format!("{protocol}:"))
        }
        "filesystem_avail_bytes"
        | "filesystem_files"
        | "filesystem_files_free"
        | "filesystem_free_bytes"
        | "filesystem_size_bytes"
        | "filesystem_device_error"
        | "filesystem_readonly" => {
            holds("/proc/self/mountinfo", " / ") && !holds("/proc/self/mountinfo", " - overlay ")
        }
        _ => true,
    }
}

#[test]
fn every_metric_that_this_machine_can_give_is_there() {
    let mut families = Vec::new();
    NodeCollector::new(&NodeOptions::default()).unwrap().collect(&mut families);
    let there: BTreeSet<&str> = families.iter().map(|family| family.name.as_str()).collect();
    let asked: Vec<&str> = ASKED.split_ascii_whitespace().collect();
    assert_eq!(asked.len(), 212);
    let lacking: Vec<&&str> = asked
        .iter()
        .filter(|name| !there.contains(format!("node_{name}").as_str()))
        .filter(|name| !NOT_THE_REFERENCES.contains(name) && is_given_here(name))
        .collect();
    assert!(lacking.is_empty(), "{lacking:?}");
    let given = asked.iter().filter(|name| there.contains(format!("node_{name}").as_str())).count();
    // A bare Linux without sensors, frequencies and power supplies gives these; more is better.
    assert!(given > 120, "only {given} are given");
}
