//! Bytes that wait in the queues of UDP sockets, from `/proc/net/udp` and `udp6`.

use crate::host::ProcFile;
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct UdpQueues;

impl Collector for UdpQueues {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let mut found = false;
        for (path, ip) in [("net/udp", "v4"), ("net/udp6", "v6")] {
            let Some(file) = host.proc_opt(path)? else { continue };
            found = true;
            let (transmit, receive) = sum(&file)?;
            let help = "Number of allocated memory in the kernel for UDP datagrams in bytes.";
            out.gauge("udp_queues", help, &[("ip", ip), ("queue", "tx")], transmit as f64);
            out.gauge("udp_queues", help, &[("ip", ip), ("queue", "rx")], receive as f64);
        }
        if found { Ok(()) } else { Err(CollectError::NoData) }
    }
}

/// The fifth column is `tx:rx` in base 16.
fn sum(file: &ProcFile) -> Result<(u64, u64), CollectError> {
    let (mut transmit, mut receive) = (0u64, 0u64);
    for (number, line) in file.lines().skip(1) {
        let queues = line.split_ascii_whitespace().nth(4).and_then(|word| word.split_once(':'));
        let (tx, rx) = queues.ok_or_else(|| file.malformed(number, "no queues in the fifth column"))?;
        transmit = transmit.wrapping_add(file.hex(number, tx)?);
        receive = receive.wrapping_add(file.hex(number, rx)?);
    }
    Ok((transmit, receive))
}
