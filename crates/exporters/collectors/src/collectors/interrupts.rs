//! Interrupts by kind and CPU, from `/proc/interrupts`.

use firesteel_cli::{FlagDef, FlagKind};

use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

pub(super) const FLAGS: &[FlagDef] = &[
    FlagDef::new(
        "collector.interrupts.name-include",
        FlagKind::Text,
        "Regexp of interrupts name to include (mutually exclusive to --collector.interrupts.name-exclude).",
    ),
    FlagDef::new(
        "collector.interrupts.name-exclude",
        FlagKind::Text,
        "Regexp of interrupts name to exclude (mutually exclusive to --collector.interrupts.name-include).",
    ),
    FlagDef::new("collector.interrupts.include-zeros", FlagKind::Bool, "Include interrupts that have a zero value")
        .default(&["true"]),
];

#[derive(Debug)]
pub(crate) struct Interrupts {
    names: DeviceFilter,
    zeros: bool,
}

impl Interrupts {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self {
            names: settings.filter("collector.interrupts.name")?,
            zeros: settings.bool("collector.interrupts.include-zeros"),
        })
    }
}

impl Collector for Interrupts {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("interrupts")?;
        let mut lines = file.lines();
        let Some((_, header)) = lines.next() else { return Err(file.malformed(1, "no line of CPUs")) };
        let cpus: Vec<String> = (0..header.split_ascii_whitespace().count()).map(|cpu| cpu.to_string()).collect();
        for (number, line) in lines {
            // Some machines write no blank behind the colon.
            let Some((name, rest)) = line.split_once(':') else { continue };
            let words: Vec<&str> = rest.split_ascii_whitespace().collect();
            // ERR and MIS have no count for each CPU.
            let Some((counts, words)) = words.split_at_checked(cpus.len()).filter(|(_, words)| !words.is_empty())
            else {
                continue;
            };
            let name = name.trim_start_matches(' ');
            let (info, devices) = match words {
                [first, rest @ ..] if is_integer(name) => ((*first).to_owned(), rest.join(" ")),
                words => (words.join(" "), String::new()),
            };
            if self.names.ignores(&format!("{name};{info};{devices}")) {
                continue;
            }
            for (cpu, count) in cpus.iter().zip(counts) {
                let value = file.number(number, count)?;
                if value == 0.0 && !self.zeros {
                    continue;
                }
                let labels = [("cpu", cpu.as_str()), ("devices", &devices), ("info", &info), ("type", name)];
                out.counter("interrupts_total", "Interrupt details.", &labels, value);
            }
        }
        Ok(())
    }
}

fn is_integer(text: &str) -> bool {
    text.parse::<i64>().is_ok()
}
