//! The part of a replay that looks behind a snapshot: for references that only the older log tells.
//!
//! A series that went and came back has two references in the log. Ours is the newer one, and a snapshot knows no other; a
//! program that read all of the log goes on with the older one, and so does what it logs when it runs on the directory in
//! between. The same holds for a series that is gone here, and that it still knows.

use std::fmt;

use firesteel_base::FastHashMap;
use firesteel_model::{Labels, SeriesRef};
use firesteel_tsdb_wal::records::{RecordError, SeriesRecord};

use super::refs::Place;
use super::replay::Replay;

/// Hands on records, one by one.
type Records<'a> = Box<dyn FnOnce(&mut dyn FnMut(&[u8])) + 'a>;

/// The series records of the log before a snapshot's place.
#[derive(Default)]
pub(super) struct Older<'a> {
    /// Hands them on; gone when that was done.
    read: Option<Records<'a>>,
    /// The series among them that are not known.
    labels: FastHashMap<SeriesRef, Labels>,
}

impl fmt::Debug for Older<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Older").field("labels", &self.labels).finish_non_exhaustive()
    }
}

/// A sample of the log: its series, start and time, value.
pub(super) type Row = (SeriesRef, (i64, i64), f64);

impl<'a> Replay<'a> {
    /// Says how to read the series records (and no others) of the log before the place that a snapshot stands for. That
    /// happens when the log behind it names a series that is not known, once, and not at all in most starts.
    pub fn with_older(&mut self, series_records: impl FnOnce(&mut dyn FnMut(&[u8])) + 'a) {
        self.older.read = Some(Box::new(series_records));
    }

    /// Forgets what a snapshot stands for. The log of late samples names series that are gone, whose deletions nobody knows
    /// any more: it may name those that the main log named, and no others.
    pub fn end_older(&mut self) {
        self.older = Older::default();
    }

    /// Makes a series known that only the older log tells of, if there is one of that reference.
    #[cold]
    fn find_older(&mut self, series: SeriesRef) {
        if let Some(read) = self.older.read.take() {
            read(&mut |record| {
                // What makes no sense is one reference less; a start that reads all of the log tells of it.
                for entry in SeriesRecord::decode(record).into_iter().flatten().flatten() {
                    if self.head.place_of(self.real(entry.series)).is_none()
                        && let Ok(labels) = entry.labels.to_labels(entry.series.0)
                    {
                        self.older.labels.insert(entry.series, labels);
                    }
                }
            });
        }
        if let Some(labels) = self.older.labels.remove(&series) {
            self.series(series, &labels);
        }
    }

    /// Returns where a series is that the log names.
    pub(super) fn place(&mut self, series: SeriesRef) -> Option<Place> {
        let known = self.head.place_of(self.real(series));
        if known.is_some() || self.older.read.is_none() && self.older.labels.is_empty() {
            return known;
        }
        self.find_older(series);
        self.head.place_of(self.real(series))
    }

    /// Takes samples of floats.
    pub(super) fn samples(
        &mut self,
        mut rows: impl Iterator<Item = Result<Row, RecordError>>,
    ) -> Result<(), RecordError> {
        let head = self.head;
        loop {
            let mut unknown = None;
            {
                let places = head.refs.read();
                for row in rows.by_ref() {
                    let row = row?;
                    if !self.sample(&places, row) {
                        unknown = Some(row);
                        break;
                    }
                }
            }
            let Some(row) = unknown else { return Ok(()) };
            if self.place(row.0).is_none() || !self.sample(&head.refs.read(), row) {
                self.stats.unknown_refs += 1;
                self.keep_free(row.0);
            }
        }
    }
}
