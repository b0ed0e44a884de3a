//! How many TCP connections there are in each state, and what waits in their queues, from the kernel's socket diagnosis.

use crate::netlink::{dump_sockets, u32_at};
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Tcpstat;

/// The states from 1 on, net/tcp_states.h.
const STATES: [&str; 11] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
];

const IPPROTO_TCP: u8 = 6;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// An `inet_diag_req_v2` ends with the numbers of one socket, which a dump leaves 0.
const REQUEST_BYTES: usize = 56;
/// An `inet_diag_msg`: family, state, timer, retransmits, 48 bytes of who, then numbers.
const MESSAGE_BYTES: usize = 72;
const STATE_AT: usize = 1;
const READ_QUEUE_AT: usize = 56;
const WRITE_QUEUE_AT: usize = 60;

impl Collector for Tcpstat {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let mut count = Count::default();
        count.add(AF_INET)?;
        if host.procfs.join("net/tcp6").exists() {
            count.add(AF_INET6)?;
        }
        let mut put = |state: &str, value: f64| {
            out.gauge("tcp_connection_states", "Number of connection states.", &[("state", state)], value);
        };
        for (state, sockets) in STATES.into_iter().zip(count.states).filter(|(_, sockets)| *sockets > 0) {
            put(state, sockets as f64);
        }
        if count.sockets > 0 {
            put("rx_queued_bytes", count.read_queue as f64);
            put("tx_queued_bytes", count.write_queue as f64);
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Count {
    sockets: u64,
    states: [u64; STATES.len()],
    read_queue: u64,
    write_queue: u64,
}

impl Count {
    fn add(&mut self, family: u8) -> Result<(), CollectError> {
        let mut request = [0; REQUEST_BYTES];
        // Family, protocol, no extensions, padding, all states.
        request[..8].copy_from_slice(&[family, IPPROTO_TCP, 0, 0, 0xff, 0x0f, 0, 0]);
        if cfg!(target_endian = "big") {
            request[4..8].reverse();
        }
        for (message, _) in dump_sockets(&request)?.messages(MESSAGE_BYTES) {
            self.sockets += 1;
            let state = message.get(STATE_AT).map_or(0, |state| usize::from(*state));
            if let Some(count) = state.checked_sub(1).and_then(|at| self.states.get_mut(at)) {
                *count += 1;
            }
            self.read_queue += u64::from(u32_at(message, READ_QUEUE_AT).unwrap_or(0));
            self.write_queue += u64::from(u32_at(message, WRITE_QUEUE_AT).unwrap_or(0));
        }
        Ok(())
    }
}
