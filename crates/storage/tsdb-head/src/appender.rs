//! One batch on its way into the head: checked when it comes, logged, and written shard by shard.

use std::sync::atomic::Ordering;

use firesteel_base::{FastHashSet, TimestampMs};
use firesteel_model::{Labels, Metadata, SeriesRef};
use firesteel_storage::{
    AppendError, AppendOptions, Appender, Committed, Exemplar, HistogramSample, HistogramValue, Rejected, SampleBatch,
    SeriesMeta, StorageError,
};

use super::aside::{Aside, SampleKind};
use super::exemplars::Verdict;
use super::late_rows::LateRows;
use super::log::LogOutcome;
use super::sealed_end::Again;
use super::series::Slot;
use super::starts::{Starts, encode_samples, zero_at_start};
use super::{Head, count};
use firesteel_tsdb_wal::OnFailure;
use firesteel_tsdb_wal::records::SeriesRecord;

/// A sample with its series' place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) series: SeriesRef,
    pub(super) t: i64,
    pub(super) v: f64,
    pub(super) slot: Slot,
    /// Number in the caller's batch while it is checked; from then on where its start timestamp is, see [`Starts`].
    pub(super) row: u32,
}

/// What was appended before a series changed from histograms to floats or from one kind of histograms to another: logged and
/// written before the rest, for a batch is logged kind by kind.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) rows: Vec<Vec<Row>>,
    pub(super) starts: Starts,
    pub(super) histograms: Vec<HistogramSample>,
    records: Vec<Vec<u8>>,
}

/// The memory of a batch; used again by the next one.
#[derive(Debug, Default)]
pub(super) struct AppendBuffers {
    /// Rows by shard.
    pub(super) rows: Vec<Vec<Row>>,
    pub(super) starts: Starts,
    /// Earlier rows, when there are several parts; rare.
    pub(super) parts: Vec<Part>,
    /// Series that this batch asked for and that no committed batch has logged.
    pub(super) new_series: Vec<(SeriesRef, Labels)>,
    /// Series met in rows that nobody has logged: a batch that created them was dropped.
    unlogged: Vec<SeriesRef>,
    series_record: Vec<u8>,
    samples_record: Vec<u8>,
    pub(super) aside: Aside,
    pub(super) late: LateRows,
}

/// Buffers kept for later batches; and how many rows a kept buffer may have room for.
const BUFFERS_MAX: usize = 16;
const KEPT_ROWS_MAX: usize = 64 << 10;

/// Marks, in a row's number, the zero that goes before the row.
const ZERO: u32 = 1 << 31;

impl AppendBuffers {
    fn clear(&mut self) {
        self.rows.iter_mut().for_each(Vec::clear);
        self.starts.clear();
        self.new_series.clear();
        self.unlogged.clear();
        self.series_record.clear();
        self.samples_record.clear();
        self.aside.clear();
        self.parts.clear();
        self.late.clear();
        if self.series_record.capacity() > 1 << 20 {
            self.series_record = Vec::new();
        }
    }
}

/// See [`Appender`]. Dropping it leaves the series it created, without samples.
#[derive(Debug)]
pub struct HeadAppender<'a> {
    pub(super) head: &'a Head,
    pub(super) buffers: AppendBuffers,
    /// Rows before this are out of bounds; taken when the first rows come.
    pub(super) min_valid: Option<i64>,
    /// Out-of-order rows before this are too old; `i64::MAX` when none is taken.
    pub(super) late_min: i64,
    /// What the log is to do with the batch when it cannot write.
    on_failure: OnFailure,
}

impl<'a> HeadAppender<'a> {
    pub(super) fn new(head: &'a Head) -> Self {
        count(&head.counts.appenders_created, 1);
        count(&head.counts.appenders_active, 1);
        let mut buffers = head.buffers.lock().pop().unwrap_or_default();
        buffers.rows.resize_with(head.shards.len(), Vec::new);
        Self { head, buffers, min_valid: None, late_min: i64::MAX, on_failure: OnFailure::Keep }
    }

    fn min_valid(&mut self, first: Option<TimestampMs>) -> i64 {
        if let Some(min_valid) = self.min_valid {
            return min_valid;
        }
        // The very first sample sets the bounds of an empty head, whether it is committed or not, as upstream's does.
        let head = self.head;
        if let Some(first) = first
            && head.max_time.compare_exchange(i64::MIN, first.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            head.min_time.fetch_min(first.0, Ordering::Relaxed);
        }
        let window = head.out_of_order.window_ms();
        if window > 0 {
            self.late_min = head.max_time.load(Ordering::Relaxed).saturating_sub(window);
        }
        *self.min_valid.insert(head.min_acceptable())
    }

    /// Drops the rows that a truncation or a block in the making has overtaken since they were checked.
    fn drop_frozen(&mut self) -> usize {
        let min_valid = self.head.min_valid.load(Ordering::Relaxed);
        if self.min_valid.is_none_or(|checked| checked >= min_valid) {
            return 0;
        }
        self.min_valid = Some(min_valid);
        if self.late_min != i64::MAX {
            // They come late now.
            return 0;
        }
        let (mut floats, mut histograms) = (0, 0);
        let AppendBuffers { rows, parts, aside, .. } = &mut self.buffers;
        for rows in rows.iter_mut().chain(parts.iter_mut().flat_map(|part| &mut part.rows)) {
            let before = rows.len();
            rows.retain(|row| row.t >= min_valid);
            floats += before - rows.len();
        }
        for rows in parts.iter_mut().map(|part| &mut part.histograms).chain([&mut aside.histograms]) {
            let before = rows.len();
            rows.retain(|row| row.t.0 >= min_valid);
            histograms += before - rows.len();
        }
        count(&self.head.counts.out_of_bounds, floats as u64);
        count(&self.head.counts.histograms.out_of_bounds, histograms as u64);
        floats + histograms
    }

    fn is_empty(&self) -> bool {
        let AppendBuffers { rows, parts, aside, new_series, .. } = &self.buffers;
        rows.iter().all(Vec::is_empty) && new_series.is_empty() && aside.is_empty() && parts.is_empty()
    }

    /// Ends a part of the batch: what comes now is logged and written after all that came before.
    #[cold]
    fn split(&mut self) {
        let keeps_starts = self.head.options.starts;
        let AppendBuffers { rows, starts, parts, aside, .. } = &mut self.buffers;
        let n = rows.len();
        let starts = std::mem::take(starts);
        let rows = std::mem::replace(rows, vec![Vec::new(); n]);
        let mut samples = Vec::new();
        encode_samples(rows.iter().flatten().map(|row| starts.sample(row)), keeps_starts, &mut samples);
        let mut records = vec![samples];
        records.extend(aside.take_histogram_records(keeps_starts));
        aside.kinds.clear();
        parts.push(Part { rows, starts, histograms: std::mem::take(&mut aside.histograms), records });
    }

    /// Checks a histogram and takes it into the batch.
    fn take_histogram(&mut self, sample: &HistogramSample, how: AppendOptions) -> Result<(), AppendError> {
        let head = self.head;
        let min_valid = self.min_valid(Some(sample.t));
        let takes_late = self.late_min != i64::MAX;
        if sample.t.0 < min_valid && !takes_late {
            return Err(AppendError::OutOfBounds);
        }
        match &sample.value {
            HistogramValue::Int(h) => h.validate()?,
            HistogramValue::Float(h) => h.validate()?,
        }
        let place = head.place_of(sample.series).ok_or(AppendError::UnknownSeries)?;
        let mut shard = head.shards[place.shard as usize].lock();
        let hot = shard.series(place.slot, sample.series).ok_or(AppendError::UnknownSeries)?;
        let in_order = if sample.t.0 < min_valid {
            Err(AppendError::OutOfOrder)
        } else {
            let again = Again::Histogram(&sample.value);
            let refused = |why| head.at_sealed_end(&shard, place.slot, sample.t.0, again, why);
            shard.histogram_follows(place.slot, sample.t.0, &sample.value).map(|_| ()).or_else(refused)
        };
        if in_order == Err(AppendError::OutOfOrder) {
            head.counts.late_by.note(head.max_time.load(Ordering::Relaxed).saturating_sub(sample.t.0));
        }
        match in_order {
            Err(AppendError::OutOfOrder) if takes_late && sample.t.0 < self.late_min => {
                return Err(AppendError::TooOld);
            }
            Err(AppendError::OutOfOrder) if takes_late && !how.refuse_out_of_order => {}
            in_order => in_order?,
        }
        if !hot.is_logged() {
            self.buffers.unlogged.push(sample.series);
        }
        shard.hot_mut(place.slot).set_pending();
        drop(shard);
        let kind = SampleKind::of(&sample.value);
        if self.buffers.aside.kinds.get(&sample.series).is_some_and(|known| *known != kind) {
            self.split();
        }
        self.buffers.aside.kinds.insert(sample.series, kind);
        self.buffers.aside.histograms.push(sample.clone());
        Ok(())
    }

    /// Writes the batch's records into the buffers.
    fn encode(&mut self) {
        let keeps_starts = self.head.options.starts;
        let AppendBuffers { rows, starts, new_series, unlogged, series_record, samples_record, aside, .. } =
            &mut self.buffers;
        if !unlogged.is_empty() {
            unlogged.sort_unstable();
            unlogged.dedup();
            let mine: FastHashSet<SeriesRef> = new_series.iter().map(|s| s.0).collect();
            for &series in unlogged.iter().filter(|s| !mine.contains(*s)) {
                if let Some(labels) = self.head.labels_of(series) {
                    new_series.push((series, labels));
                }
            }
        }
        SeriesRecord::encode(new_series.iter().map(|(series, labels)| (*series, labels)), series_record);
        encode_samples(rows.iter().flatten().map(|row| starts.sample(row)), keeps_starts, samples_record);
        if !aside.is_empty() {
            aside.encode(keeps_starts);
        }
    }

    /// Notes that the batch logs something of the series, which must be declared before. False: there is no such series.
    fn declare(&mut self, series: SeriesRef) -> bool {
        let head = self.head;
        let Some(place) = head.place_of(series) else { return false };
        let shard = head.shards[place.shard as usize].lock();
        let Some(hot) = shard.series(place.slot, series) else { return false };
        if !hot.is_logged() {
            self.buffers.unlogged.push(series);
        }
        true
    }
}

impl Appender for HeadAppender<'_> {
    fn series(&mut self, labels: &Labels, about: &SeriesMeta<'_>) -> Result<SeriesRef, AppendError> {
        let (series, logged) = self.head.find_or_create(labels, None, about.job)?;
        if !logged {
            self.buffers.new_series.push((series, labels.clone()));
        }
        Ok(series)
    }

    fn known(&self, labels: &Labels) -> Option<SeriesRef> {
        self.head.find(labels).map(|found| found.0)
    }

    fn last_float(&self, series: SeriesRef) -> Option<f64> {
        let place = self.head.place_of(series)?;
        let shard = self.head.shards[place.shard as usize].lock();
        shard.series(place.slot, series)?;
        shard.last_float(place.slot)
    }

    fn append(&mut self, batch: &SampleBatch, how: AppendOptions, rejected: &mut Vec<Rejected>) {
        if how.durable {
            self.on_failure = OnFailure::Refuse;
        }
        if batch.is_empty() {
            // The first sample sets the bounds, and this brings none.
            return;
        }
        let min_valid = self.min_valid(batch.t.first().copied());
        let kinds = &self.buffers.aside.kinds;
        if !kinds.is_empty() && batch.refs.iter().any(|series| kinds.contains_key(series)) {
            self.split();
        }
        let head = self.head;
        let AppendBuffers { rows, starts, unlogged, .. } = &mut self.buffers;
        let has_starts = starts.add(batch);
        let zeros = has_starts.is_some() && head.options.zero_at_start;
        let before: Vec<usize> = rows.iter().map(Vec::len).collect();
        let mut refuse = |row: u32, why: AppendError| {
            if !how.stale_marker && row & ZERO == 0 {
                rejected.push(Rejected { row, why });
            }
        };
        let (mut not_found, mut out_of_bounds, mut out_of_order, mut too_old) = (0, 0, 0, 0);
        let late_min = self.late_min;
        let takes_late = late_min != i64::MAX;
        let newest = head.max_time.load(Ordering::Relaxed);
        let places = head.refs.read();
        for (i, ((&series, &t), &v)) in batch.refs.iter().zip(&batch.t).zip(&batch.v).enumerate() {
            let row = i as u32;
            if t.0 < min_valid && !takes_late {
                out_of_bounds += 1;
                refuse(row, AppendError::OutOfBounds);
                continue;
            }
            match places.get(series) {
                Some(place) => {
                    let rows = &mut rows[place.shard as usize];
                    let start = if zeros { batch.start(i).0 } else { 0 };
                    if start != 0 && start < t.0 && start >= min_valid {
                        rows.push(Row { series, t: start, v: 0.0, slot: place.slot, row: row | ZERO });
                    }
                    rows.push(Row { series, t: t.0, v, slot: place.slot, row });
                }
                None => {
                    not_found += 1;
                    refuse(row, AppendError::UnknownSeries);
                }
            }
        }
        drop(places);
        for ((shard, rows), start) in head.shards.iter().zip(rows).zip(before) {
            if rows.len() == start {
                continue;
            }
            let mut shard = shard.lock();
            let mut kept = start;
            for i in start..rows.len() {
                let mut row = rows[i];
                let hot = match shard.series(row.slot, row.series) {
                    Some(hot) => hot,
                    None => {
                        let again = head.place_of(row.series).filter(|p| shard.series(p.slot, row.series).is_some());
                        let Some(place) = again else {
                            not_found += 1;
                            refuse(row.row, AppendError::UnknownSeries);
                            continue;
                        };
                        row.slot = place.slot;
                        shard.hot(place.slot)
                    }
                };
                let outcome = if row.t < min_valid {
                    Err(AppendError::OutOfOrder)
                } else if hot.open().is_none() {
                    let refused = |why| head.at_sealed_end(&shard, row.slot, row.t, Again::Float(row.v), why);
                    shard.float_follows(row.slot, row.t, row.v).or_else(refused)
                } else {
                    hot.follows(row.t, row.v).map(|_| ())
                };
                if row.row & ZERO != 0 && outcome.is_err() {
                    // Nearly always: the zero was taken when the counter began.
                    continue;
                }
                if outcome == Err(AppendError::OutOfOrder) {
                    head.counts.late_by.note(newest.saturating_sub(row.t));
                }
                let outcome = match outcome {
                    Err(AppendError::OutOfOrder) if takes_late && row.t < late_min => Err(AppendError::TooOld),
                    Err(AppendError::OutOfOrder) if takes_late && !how.refuse_out_of_order => Ok(()),
                    outcome => outcome,
                };
                match outcome {
                    Ok(()) => {
                        if !hot.is_logged() {
                            unlogged.push(row.series);
                        }
                        row.row = match has_starts {
                            Some(from) if row.row & ZERO == 0 => from + row.row,
                            _ => 0,
                        };
                        shard.hot_mut(row.slot).set_pending();
                        rows[kept] = row;
                        kept += 1;
                    }
                    Err(why) => {
                        out_of_order += u64::from(why == AppendError::OutOfOrder);
                        too_old += u64::from(why == AppendError::TooOld);
                        refuse(row.row, why);
                    }
                }
            }
            rows.truncate(kept);
        }
        if not_found + out_of_bounds + out_of_order + too_old > 0 {
            count(&head.counts.series_not_found, not_found);
            count(&head.counts.out_of_bounds, out_of_bounds);
            count(&head.counts.out_of_order, out_of_order);
            count(&head.counts.too_old, too_old);
            rejected.sort_unstable_by_key(|r| r.row);
        }
    }

    fn append_histograms(&mut self, rows: &[HistogramSample], how: AppendOptions, rejected: &mut Vec<Rejected>) {
        if how.durable {
            self.on_failure = OnFailure::Refuse;
        }
        for (row, sample) in rows.iter().enumerate() {
            if self.head.options.zero_at_start && sample.start_t.0 != 0 && sample.start_t < sample.t {
                // Refused nearly always: the zero was taken when the histogram began.
                let alone = AppendOptions { refuse_out_of_order: true, ..how };
                let _ = self.take_histogram(&zero_at_start(sample), alone);
            }
            let Err(why) = self.take_histogram(sample, how) else { continue };
            let counts = &self.head.counts;
            match why {
                AppendError::OutOfBounds => count(&counts.histograms.out_of_bounds, 1),
                AppendError::OutOfOrder => count(&counts.histograms.out_of_order, 1),
                AppendError::TooOld => count(&counts.histograms.too_old, 1),
                AppendError::UnknownSeries => count(&counts.series_not_found, 1),
                _ => {}
            }
            if !how.stale_marker {
                rejected.push(Rejected { row: row as u32, why });
            }
        }
    }

    fn append_exemplars(&mut self, rows: &[Exemplar], rejected: &mut Vec<Rejected>) {
        let head = self.head;
        if !head.exemplars.lock().is_on() {
            return;
        }
        for (row, e) in rows.iter().enumerate() {
            let why = if self.declare(e.series) {
                match head.exemplars.lock().judge(e, || head.labels_of(e.series)) {
                    Verdict::Take => {
                        self.buffers.aside.exemplars.push(e.clone());
                        continue;
                    }
                    Verdict::Same => continue,
                    Verdict::Refuse(why) => why,
                }
            } else {
                AppendError::UnknownSeries
            };
            rejected.push(Rejected { row: row as u32, why });
        }
    }

    fn metadata(&mut self, series: SeriesRef, about: &Metadata) {
        let head = self.head;
        if head.options.metadata_records
            && head.metadata.read().get(series).is_none_or(|known| **known != *about)
            && self.declare(series)
        {
            self.buffers.aside.metadata.push((series, about.clone()));
        }
    }

    fn commit(mut self: Box<Self>) -> Result<Committed, StorageError> {
        let mut done = Committed { durable: true, ..Committed::default() };
        let head = self.head;
        let _gate = head.gate.read();
        done.rejected = self.drop_frozen();
        if self.is_empty() {
            return Ok(done);
        }
        self.encode();
        let AppendBuffers { series_record, samples_record, aside, parts, .. } = &self.buffers;
        let [ints, floats, custom_ints, custom_floats] = &aside.histogram_records;
        // A commit's order is upstream's: integer histograms before float ones, custom buckets behind their kind.
        let last: [&[u8]; 7] =
            [&aside.metadata_record, samples_record, ints, custom_ints, floats, custom_floats, &aside.exemplars_record];
        let logged = if parts.is_empty() {
            let [a, b, c, d, e, f, g] = last;
            self.head.log.write(&[series_record, a, b, c, d, e, f, g], self.on_failure)
        } else {
            let earlier = parts.iter().flat_map(|part| part.records.iter().map(Vec::as_slice));
            let records: Vec<&[u8]> = [series_record.as_slice()].into_iter().chain(earlier).chain(last).collect();
            self.head.log.write(&records, self.on_failure)
        };
        match logged {
            LogOutcome::Closed => return Err(StorageError::Closed),
            LogOutcome::Refused(why) => return Err(StorageError::NotDurable { why }),
            LogOutcome::Written | LogOutcome::Kept | LogOutcome::Lost => {}
        }
        self.head.note_logged(series_record.len() + last.iter().map(|record| record.len()).sum::<usize>());
        done.durable = logged == LogOutcome::Written;
        self.write(matches!(logged, LogOutcome::Written | LogOutcome::Kept), &mut done);
        if !self.buffers.aside.is_empty() {
            self.buffers.aside.write(self.head);
        }
        if !done.durable {
            count(&self.head.counts.not_durable, done.appended as u64);
            if self.on_failure == OnFailure::Refuse {
                // Late samples that only memory has: who sends them again does no harm.
                return Err(StorageError::NotDurable { why: "the log of late samples cannot be written".to_owned() });
            }
        }
        Ok(done)
    }
}

impl Drop for HeadAppender<'_> {
    fn drop(&mut self) {
        self.head.counts.appenders_active.fetch_sub(1, Ordering::Relaxed);
        let mut buffers = std::mem::take(&mut self.buffers);
        buffers.clear();
        let mut kept = self.head.buffers.lock();
        if kept.len() < BUFFERS_MAX && buffers.rows.iter().all(|rows| rows.capacity() <= KEPT_ROWS_MAX) {
            kept.push(buffers);
        }
    }
}
