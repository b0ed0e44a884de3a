//! What the kernel says of each known flaw of the CPU.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct CpuVulnerabilities;

const HELP: &str = "Details of each CPU vulnerability reported by sysfs. The value of the series is an int encoded state of \
    the vulnerability. The same state is stored as a string in the label";

impl Collector for CpuVulnerabilities {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Some(dir) = host.sys_dir("devices/system/cpu/vulnerabilities")? else { return Ok(()) };
        for codename in dir.names() {
            let Some(text) = dir.try_text(&codename)? else { continue };
            let (state, mitigation) = state_of(&text);
            let labels = [("codename", codename.as_str()), ("mitigation", &mitigation), ("state", state)];
            out.info("cpu_vulnerabilities_info", HELP, &labels);
        }
        Ok(())
    }
}

/// Splits the kernel's sentence into a state and what is done about it, its first word left out.
fn state_of(text: &str) -> (&'static str, String) {
    let lower = text.to_ascii_lowercase();
    let behind_first = || text.split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
    for state in ["not affected", "vulnerable", "mitigation", "unknown"] {
        if lower.starts_with(state) {
            return (state, if state == "not affected" { String::new() } else { behind_first() });
        }
    }
    ("unknown", text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::state_of;

    #[test]
    fn sentences_of_the_kernel() {
        let cases = [
            ("Not affected", "not affected", ""),
            ("Vulnerable", "vulnerable", ""),
            (
                "Vulnerable: Clear CPU buffers attempted, no microcode",
                "vulnerable",
                "Clear CPU buffers attempted, no microcode",
            ),
            ("Mitigation: PTE  Inversion", "mitigation", "PTE Inversion"),
            ("Unknown: No mitigations", "unknown", "No mitigations"),
            ("Processor vulnerable", "unknown", "Processor vulnerable"),
        ];
        for (text, state, mitigation) in cases {
            assert_eq!(state_of(text), (state, mitigation.to_owned()), "{text}");
        }
    }
}
