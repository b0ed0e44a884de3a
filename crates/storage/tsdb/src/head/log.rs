//! Between the head and the write-ahead log.

/// What became of a batch's records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogOutcome {
    /// With the operating system.
    Written,
    /// In memory, to be written before anything new.
    Kept,
    /// Neither: the series of the batch count as not logged.
    Lost,
}

/// The log as the head sees it.
#[derive(Debug, Default)]
pub(crate) struct Log {}

impl Log {
    /// Writes a batch's records, either of which may be empty.
    pub(crate) fn write(&self, _series: &[u8], _samples: &[u8]) -> LogOutcome {
        LogOutcome::Written
    }
}
