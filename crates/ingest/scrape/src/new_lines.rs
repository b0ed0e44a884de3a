//! Lines that were read anew: known ones out of order, second ones, and those that become series.

use std::iter;

use firesteel_base::TimestampMs;
use firesteel_expfmt::Sample;
use firesteel_model::{Labels, METRIC_NAME, SeriesRef};
use firesteel_storage::{AppendError, Exemplar, SeriesMeta};

use crate::cache::{Entry, Kind, LINE_MAX};
use crate::family::is_part_of_family;
use crate::ingest::{IngestError, Ingester, Run};
use crate::page_order::NEW;
use crate::rows::AHEAD_MS;
use crate::source::Source;

impl<'b, S: Source<'b>> Run<'_, 'b, S> {
    pub(crate) fn sample(&mut self, sample: Sample<'b>) -> Result<(), IngestError> {
        let len = sample.series.len();
        let fingerprint = self.source.fingerprint(&sample, self.cache) ^ self.salt;
        if S::RICH {
            self.histogram = self.source.histogram();
            self.is_stepped_over = false;
        }
        let is_histogram = self.histogram.is_some();
        let found = if len > LINE_MAX { None } else { self.find(fingerprint) };
        let timestamp = sample.timestamp.filter(|_| self.rules.honor_timestamps);
        let series = match found {
            Some(at) if at < NEW && !self.afresh => match self.cache.entries.get(at as usize).copied() {
                Some(entry) => self.known(at as usize, entry, sample.value, timestamp)?.then_some(entry.series()),
                None => None,
            },
            Some(at) if at >= NEW => self.again(at & !NEW, sample.value, timestamp)?,
            known => {
                let series = self.new_line(&sample, fingerprint, timestamp, known.is_some())?;
                self.note_metadata(series)?;
                series
            }
        };
        if self.changed && found.is_some_and(|at| at < NEW) {
            self.source.labels(&mut self.s.labels)?;
            self.note_metadata(series)?;
        }
        if let Some(series) = series
            && self.rules.exemplars
        {
            let default_t = timestamp.unwrap_or(self.page.scrape_time);
            let from = self.s.exemplars.len();
            let Ingester { exemplars, exemplar_labels, .. } = &mut *self.s;
            self.source.each_exemplar(exemplar_labels, |exemplar, labels| {
                let t = exemplar.timestamp.unwrap_or(default_t);
                let labels = Labels::from_pairs(labels.iter());
                let timestamped = exemplar.timestamp.is_some();
                exemplars.push(Exemplar { series, labels, t, v: exemplar.value, timestamped });
            });
            if is_histogram {
                // In order of time, as the store wants them.
                exemplars[from..].sort_by(|a, b| a.t.cmp(&b.t).then(a.v.total_cmp(&b.v)));
            }
        }
        Ok(())
    }

    /// Takes a line that stands on this page for the second time.
    fn again(
        &mut self,
        first: u32,
        value: f64,
        timestamp: Option<TimestampMs>,
    ) -> Result<Option<SeriesRef>, IngestError> {
        self.counts.scraped += 1;
        let Some(&entry) = self.s.rebuild.next.get(first as usize) else { return Ok(None) };
        if entry.kind() == Kind::Dropped {
            self.s.rebuild.next.push(entry);
            return Ok(None);
        }
        self.counts.post_relabel += 1;
        if timestamp.is_none() {
            self.counts.duplicates += 1;
            let copy = Entry::new(entry.fingerprint, entry.len(), Kind::Duplicate, entry.series(), false);
            self.s.rebuild.next.push(copy);
            return Ok(None);
        }
        let line = self.s.rebuild.next.len() as u32;
        self.s.rebuild.next.push(entry);
        self.row(entry.series(), timestamp, value, line)?;
        Ok(Some(entry.series()))
    }

    /// Takes a line that was not on the last page: parses its labels and finds or creates its series.
    #[cold]
    fn new_line(
        &mut self,
        sample: &Sample<'b>,
        fingerprint: u64,
        timestamp: Option<TimestampMs>,
        was_known: bool,
    ) -> Result<Option<SeriesRef>, IngestError> {
        let len = sample.series.len();
        let keep = len <= LINE_MAX;
        self.counts.scraped += 1;
        let Some(labels) = self.series_labels()? else {
            if keep {
                self.push_new(Entry::new(fingerprint, len, Kind::Dropped, SeriesRef(0), false));
            }
            return Ok(None);
        };
        self.counts.post_relabel += 1;
        if self.rules.sample_limit > 0 && self.attempts >= self.rules.sample_limit {
            self.attempts += 1;
            return Ok(None);
        }
        if timestamp.is_some_and(|t| t.0 > self.page.now.0.saturating_add(AHEAD_MS)) {
            self.attempts += 1;
            self.counts.out_of_bounds += 1;
            return Ok(None);
        }
        let series = match self.app.series(&labels, &SeriesMeta { job: &self.rules.job }) {
            // The job grows beyond the store's bound: what it has goes on, and this line is tried again at the next scrape.
            Err(AppendError::SeriesLimit) => return Ok(None),
            series => series?,
        };
        let mut line = u32::MAX;
        if keep {
            let tracked = timestamp.is_none() || self.rules.track_timestamps_staleness;
            line = self.push_new(Entry::new(fingerprint, len, Kind::Sample, series, tracked));
            if !was_known {
                self.counts.series_added += 1;
                self.s.rebuild.fresh.push(line);
            }
        }
        self.row(series, timestamp, sample.value, line)?;
        Ok(Some(series))
    }

    /// Returns the labels of the present sample's series, `None` if relabelling drops it.
    fn series_labels(&mut self) -> Result<Option<Labels>, IngestError> {
        let s = &mut *self.s;
        // Who hands metadata to the storage looks at the labels of the line afterwards.
        if !self.rules.append_metadata
            && let Some((name, line)) = self.source.plain_labels()
        {
            let plain = self.rules.plain(iter::once((METRIC_NAME, name)).chain(line), &mut s.packed);
            if plain.is_some() {
                return Ok(plain);
            }
        }
        self.source.labels(&mut s.labels)?;
        match self.rules.plain(s.labels.iter(), &mut s.packed) {
            None => Ok(self.rules.apply(&s.labels, &mut s.builder)?),
            plain => Ok(plain),
        }
    }

    /// Hands the family's metadata to the storage, if it is wanted and the series belongs to the family.
    fn note_metadata(&mut self, series: Option<SeriesRef>) -> Result<(), IngestError> {
        if self.rules.append_metadata
            && let Some(series) = series
            && let Some((family, about)) = self.family.and_then(|at| self.store.family(at))
            && is_part_of_family(self.s.labels.get(METRIC_NAME).unwrap_or_default(), family, about.metric_type)
        {
            self.app.metadata(series, about);
        }
        Ok(())
    }
}
