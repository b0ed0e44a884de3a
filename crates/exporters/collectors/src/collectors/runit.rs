//! Services under runit, from the files that its supervisors keep.

use std::fs;
use std::path::{Path, PathBuf};

use firesteel_cli::{FlagDef, FlagKind};
use tracing::debug;

use crate::host::read_at_most;
use crate::{CollectError, Collector, HostRoots, MetricSink, Settings};

const DIRECTORY: &str = "collector.runit.servicedir";

pub(super) const FLAGS: &[FlagDef] =
    &[FlagDef::new(DIRECTORY, FlagKind::Text, "Path to runit service directory.").default(&["/etc/service"])];

/// Length of `supervise/status`.
const STATUS_BYTES: usize = 20;
/// What 1970 is in TAI64, in the reference's reckoning: ten seconds early, as runit writes it (go-runit, runit.go).
const EPOCH: i64 = 4_611_686_018_427_387_914;

#[derive(Debug)]
pub(crate) struct Runit {
    directory: PathBuf,
}

/// What a supervisor has written: the time of the last change (8 bytes, TAI64), nanoseconds (4), the process (4, the least
/// byte first), whether it is paused, what is wanted (`u` or `d`), whether it was told to end, and the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Status {
    changed_secs: i64,
    state: u8,
    wants_up: bool,
}

impl Runit {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { directory: settings.text(DIRECTORY).into() }
    }
}

impl Collector for Runit {
    fn collect(&self, _: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        for service in services(&self.directory)? {
            let supervise = self.directory.join(&service).join("supervise");
            let status = match read_at_most(&supervise.join("status"), STATUS_BYTES) {
                Ok(bytes) if !bytes.is_empty() => Status::parse(&bytes),
                Ok(_) => continue,
                Err(err) => {
                    debug!(service, %err, "Couldn't get status");
                    continue;
                }
            };
            let labels = [("service", service.as_str()), ("supervisor", "runit")];
            out.gauge("service_state", "State of runit service.", &labels, f64::from(status.state));
            let wanted = f64::from(u8::from(status.wants_up));
            out.gauge("service_desired_state", "Desired state of runit service.", &labels, wanted);
            let help = "Unix timestamp of the last runit service state change.";
            out.gauge("service_state_last_change_timestamp_seconds", help, &labels, status.changed_secs as f64);
            // upstream looks below `supervise`, where runit puts no such file (go-runit, runit.go); kept.
            let normally_up = f64::from(u8::from(fs::metadata(supervise.join("down")).is_err()));
            out.gauge("service_normal_state", "Normal state of runit service.", &labels, normally_up);
        }
        Ok(())
    }
}

/// Returns the names of directories and links in a directory, sorted.
fn services(directory: &Path) -> Result<Vec<String>, CollectError> {
    let failed = |source| CollectError::Io { path: directory.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir() || kind.is_symlink()) {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

impl Status {
    /// What a file lacks at its end is 0, as with the reference.
    fn parse(bytes: &[u8]) -> Self {
        let mut whole = [0; STATUS_BYTES];
        for (to, from) in whole.iter_mut().zip(bytes) {
            *to = *from;
        }
        let [time @ .., _, _, _, _, _, _, _, _, _, wanted, _, state] = whole;
        let label = time.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes));
        Self { changed_secs: label.wrapping_sub(EPOCH), state, wants_up: wanted == b'u' }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_byte_by_byte() {
        let mut bytes = (EPOCH + 1_700_000_000).to_be_bytes().to_vec();
        bytes.extend_from_slice(&[0, 0, 0, 1, 210, 4, 0, 0, 0, b'u', 0, 1]);
        assert_eq!(Status::parse(&bytes), Status { changed_secs: 1_700_000_000, state: 1, wants_up: true });
        for end in 0..bytes.len() {
            assert_eq!(Status::parse(&bytes[..end]).state, 0);
        }
        assert_eq!(Status::parse(&[0xff; 20]).changed_secs, (-1_i64).wrapping_sub(EPOCH));
    }
}
