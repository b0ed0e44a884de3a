//! How many processes and threads there are, and in which state.

use std::collections::BTreeMap;

use super::proc_stat::{ProcStat, pids};
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Processes;

impl Collector for Processes {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let (mut states, mut thread_states) = (BTreeMap::new(), BTreeMap::new());
        let (mut pid_count, mut threads) = (0_u64, 0_u64);
        let Some(proc) = host.proc_dir("")? else { return Err(CollectError::NoData) };
        for pid in pids(&proc) {
            // A process may end between the list and its file.
            let Some(file) = proc.file(&format!("{pid}/stat"))? else { continue };
            let stat = ProcStat::parse(&file)?;
            pid_count += 1;
            threads = threads.saturating_add(stat.threads);
            *states.entry(stat.state).or_insert(0_u64) += 1;
            if stat.threads <= 1 {
                *thread_states.entry(stat.state).or_insert(0) += 1;
                continue;
            }
            let Some(tasks) = proc.dir(&format!("{pid}/task")) else { continue };
            for task in pids(&tasks) {
                let state = if task == pid {
                    stat.state
                } else {
                    let Some(file) = tasks.file(&format!("{task}/stat"))? else { continue };
                    ProcStat::parse(&file)?.state
                };
                *thread_states.entry(state).or_insert(0) += 1;
            }
        }
        out.gauge("processes_threads", "Allocated threads in system", &[], threads as f64);
        let limit = |name: &str| {
            let file = host.proc(&format!("sys/kernel/{name}"))?;
            file.number(1, file.text.trim())
        };
        out.gauge("processes_max_threads", "Limit of threads in the system", &[], limit("threads-max")?);
        let mut by_state = |name, label, help, states: &BTreeMap<char, u64>| {
            for (state, count) in states {
                out.gauge(name, help, &[(label, state.encode_utf8(&mut [0; 4]))], *count as f64);
            }
        };
        by_state("processes_state", "state", "Number of processes in each state.", &states);
        by_state("processes_threads_state", "thread_state", "Number of threads in each state.", &thread_states);
        out.gauge("processes_pids", "Number of PIDs", &[], pid_count as f64);
        out.gauge("processes_max_processes", "Number of max PIDs limit", &[], limit("pid_max")?);
        Ok(())
    }
}
