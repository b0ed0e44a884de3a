//! Protocol counters from `/proc/net/netstat`, `snmp` and `snmp6`.

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Text;

use crate::filter::FieldFilter;
use crate::host::ProcFile;
use crate::{CollectError, Collector, FilterError, HostRoots, MetricSink, Settings};

const FIELDS: &str = "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|\
    TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|\
    Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|\
    Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$";

pub(crate) const FLAGS: &[FlagDef] =
    &[FlagDef::new("collector.netstat.fields", Text, "Regexp of fields to return for netstat collector.")
        .default(&[FIELDS])];

#[derive(Debug)]
pub(crate) struct Netstat {
    fields: FieldFilter,
}

impl Netstat {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self { fields: FieldFilter::new(settings.shown("collector.netstat.fields")?) })
    }

    /// `key` is a buffer.
    fn put(&self, out: &mut MetricSink, key: &mut String, protocol: &str, field: &str, value: f64) {
        key.clear();
        key.push_str(protocol);
        key.push('_');
        key.push_str(field);
        if self.fields.shows(key) {
            out.untyped(format_args!("netstat_{key}"), format_args!("Statistic {protocol}{field}."), &[], value);
        }
    }

    /// Lines come in pairs: names, then values, both led by "Protocol:".
    fn read_pairs(&self, file: &ProcFile, out: &mut MetricSink) -> Result<(), CollectError> {
        let mut key = String::new();
        let lines: Vec<(usize, &str)> = file.lines().collect();
        for pair in lines.chunks(2) {
            let [(_, names), (number, values)] = pair else { continue };
            let (mut names, mut values) = (names.split_ascii_whitespace(), values.split_ascii_whitespace());
            let (Some(protocol), Some(second)) = (names.next(), values.next()) else { continue };
            if protocol != second {
                return Err(file.malformed(*number, format!("values of {second} under the names of {protocol}")));
            }
            for (name, value) in names.zip(values) {
                self.put(out, &mut key, protocol.trim_end_matches(':'), name, file.number(*number, value)?);
            }
        }
        Ok(())
    }

    /// `snmp6` has a line for each field, such as `Ip6InOctets 42`.
    fn read_snmp6(&self, file: &ProcFile, out: &mut MetricSink) -> Result<(), CollectError> {
        let mut key = String::new();
        for (number, line) in file.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(name), Some(value)) = (words.next(), words.next()) else { continue };
            // The protocol ends with its 6.
            let Some(end) = name.find('6').map(|at| at + 1) else { continue };
            let (protocol, field) = name.split_at(end);
            self.put(out, &mut key, protocol, field, file.number(number, value)?);
        }
        Ok(())
    }
}

impl Collector for Netstat {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        self.read_pairs(&host.proc("net/netstat")?, out)?;
        self.read_pairs(&host.proc("net/snmp")?, out)?;
        match host.proc("net/snmp6") {
            Ok(file) => self.read_snmp6(&file, out),
            // A kernel without IPv6 has no such file.
            Err(CollectError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}
