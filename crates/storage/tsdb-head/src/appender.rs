//! One batch on its way into the head: checked when it comes, logged, and written shard by shard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use firesteel_base::{FastHashSet, TimestampMs};
use firesteel_model::{Labels, Metadata, SeriesRef};
use firesteel_storage::{
    AppendError, AppendOptions, Appender, Committed, Exemplar, HistogramSample, Rejected, SampleBatch, SeriesMeta,
    StorageError,
};

use super::aside::Aside;
use super::exemplars::Verdict;
use super::late::{Inserted, LateSample, LateValue};
use super::log::LogOutcome;
use super::series::Slot;
use super::shard::Appended;
use super::{Head, count};
use firesteel_tsdb_wal::OnFailure;
use firesteel_tsdb_wal::records::{SamplesRecord, SeriesRecord};

/// A sample with its series' place.
#[derive(Clone, Copy, Debug)]
struct Row {
    series: SeriesRef,
    t: i64,
    v: f64,
    slot: Slot,
    row: u32,
}

/// The memory of a batch; used again by the next one.
#[derive(Debug, Default)]
pub(super) struct AppendBuffers {
    /// Rows by shard.
    rows: Vec<Vec<Row>>,
    /// Series that this batch asked for and that no committed batch has logged.
    new_series: Vec<(SeriesRef, Labels)>,
    /// Series met in rows that nobody has logged: a batch that created them was dropped.
    unlogged: Vec<SeriesRef>,
    series_record: Vec<u8>,
    samples_record: Vec<u8>,
    aside: Aside,
    /// Out-of-order rows that were taken, for their log.
    late: Vec<(SeriesRef, TimestampMs, f64)>,
    late_record: Vec<u8>,
}

/// Buffers kept for later batches; and how many rows a kept buffer may have room for.
const BUFFERS_MAX: usize = 16;
const KEPT_ROWS_MAX: usize = 64 << 10;

impl AppendBuffers {
    fn clear(&mut self) {
        self.rows.iter_mut().for_each(Vec::clear);
        self.new_series.clear();
        self.unlogged.clear();
        self.series_record.clear();
        self.samples_record.clear();
        self.aside.clear();
        self.late.clear();
        self.late_record.clear();
        if self.series_record.capacity() > 1 << 20 {
            self.series_record = Vec::new();
        }
    }
}

/// See [`Appender`]. Dropping it leaves the series it created, without samples.
#[derive(Debug)]
pub struct HeadAppender<'a> {
    head: &'a Head,
    buffers: AppendBuffers,
    /// Rows before this are out of bounds; taken when the first rows come.
    min_valid: Option<i64>,
    /// Out-of-order rows before this are too old; `i64::MAX` when none is taken.
    late_min: i64,
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
        let before = self.n_rows();
        self.buffers.rows.iter_mut().for_each(|rows| rows.retain(|row| row.t >= min_valid));
        let dropped = before - self.n_rows();
        count(&self.head.counts.out_of_bounds, dropped as u64);
        dropped
    }

    fn n_rows(&self) -> usize {
        self.buffers.rows.iter().map(Vec::len).sum()
    }

    /// Writes the batch's records into the buffers.
    fn encode(&mut self) {
        let AppendBuffers { rows, new_series, unlogged, series_record, samples_record, aside, .. } = &mut self.buffers;
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
        let samples = rows.iter().flatten().map(|row| (row.series, TimestampMs(row.t), row.v));
        SamplesRecord::encode(samples, samples_record);
        if !aside.is_empty() {
            aside.encode();
        }
    }

    /// Logs the out-of-order rows that were taken: only now is it known which they are, as in upstream's.
    fn log_late(&mut self) {
        let AppendBuffers { late, late_record, .. } = &mut self.buffers;
        if late.is_empty() {
            return;
        }
        let times = || late.iter().map(|row| row.1.0);
        self.head.out_of_order.widen(times().min().unwrap_or(i64::MAX), times().max().unwrap_or(i64::MIN));
        SamplesRecord::encode(late.iter().copied(), late_record);
        self.head.late_log.write(&[late_record], OnFailure::Keep);
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

    /// Writes the rows into the shards and makes them visible. `logged`: the series' records are in the log, or will be
    /// before anything that is logged later.
    fn write(&mut self, logged: bool, done: &mut Committed) {
        let head = self.head;
        let number = Arc::new(AtomicU64::new(0));
        let (mut min_t, mut max_t) = (i64::MAX, i64::MIN);
        let (mut appended, mut new_chunks, mut out_of_order, mut too_old, mut sealed) = (0, 0, 0, 0, 0);
        let (min_valid, late_min) = (self.min_valid.unwrap_or(i64::MIN), self.late_min);
        let late_rows = &mut self.buffers.late;
        for (shard, rows) in head.shards.iter().zip(&self.buffers.rows) {
            if rows.is_empty() {
                continue;
            }
            let mut shard = shard.lock();
            let mut before = shard.open_batches.begin(head.visibility.floor());
            before.reserve(rows.len());
            let sealed_before = shard.sealed.chunk_bytes();
            for row in rows {
                let slot = match shard.series_mut(row.slot, row.series) {
                    Some(hot) => {
                        if logged {
                            hot.set_logged();
                        }
                        row.slot
                    }
                    // The shard was compacted since the row came, or the series is gone.
                    None => match head.place_of(row.series) {
                        Some(place) if shard.series(place.slot, row.series).is_some() => place.slot,
                        _ => {
                            done.rejected += 1;
                            continue;
                        }
                    },
                };
                let outcome = if row.t < min_valid {
                    Err(AppendError::OutOfOrder)
                } else {
                    shard.append(slot, row.t, row.v, &head.rules)
                };
                match outcome {
                    Ok(Appended::After(extent)) => before.push((slot, extent)),
                    Ok(Appended::NewChunk(extent)) => {
                        before.push((slot, extent));
                        new_chunks += 1;
                    }
                    Ok(Appended::Same) => continue,
                    Err(AppendError::OutOfOrder) if row.t >= late_min => {
                        let cap = usize::from(head.options.out_of_order_cap.max(1));
                        let sample = LateSample { t: row.t, value: LateValue::Float(row.v) };
                        match shard.late.of(row.series).insert(sample, cap, || head.out_of_order.next_number()) {
                            Inserted::Duplicate => {}
                            inserted => {
                                new_chunks += u64::from(inserted == Inserted::NewChunk);
                                late_rows.push((row.series, TimestampMs(row.t), row.v));
                            }
                        }
                        continue;
                    }
                    Err(why) => {
                        done.rejected += 1;
                        if why == AppendError::OutOfOrder {
                            *(if late_min == i64::MAX { &mut out_of_order } else { &mut too_old }) += 1;
                        }
                        continue;
                    }
                }
                appended += 1;
                min_t = min_t.min(row.t);
                max_t = max_t.max(row.t);
            }
            shard.open_batches.add(&number, before);
            sealed += shard.sealed.chunk_bytes() - sealed_before;
        }
        head.note_sealed(sealed);
        for (series, _) in self.buffers.new_series.iter().filter(|_| logged) {
            if let Some(place) = head.place_of(*series)
                && let Some(hot) = head.shards[place.shard as usize].lock().series_mut(place.slot, *series)
            {
                hot.set_logged();
            }
        }
        if appended > 0 {
            head.widen(min_t, max_t);
        }
        head.visibility.complete(&number);
        self.log_late();
        let late = self.buffers.late.len();
        appended += late;
        done.appended = appended;
        count(&head.counts.late_appended, late as u64);
        count(&head.counts.too_old, too_old);
        count(&head.counts.samples_appended, appended as u64);
        count(&head.counts.chunks_created, new_chunks);
        count(&head.counts.out_of_order, out_of_order);
    }
}

impl Appender for HeadAppender<'_> {
    fn series(&mut self, labels: &Labels, _about: &SeriesMeta<'_>) -> Result<SeriesRef, AppendError> {
        let (series, logged) = self.head.find_or_create(labels, None)?;
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
        let hot = shard.series(place.slot, series)?;
        hot.open().map(|_| hot.xor.last_value())
    }

    fn append(&mut self, batch: &SampleBatch, how: AppendOptions, rejected: &mut Vec<Rejected>) {
        let min_valid = self.min_valid(batch.t.first().copied());
        if how.durable {
            self.on_failure = OnFailure::Refuse;
        }
        let head = self.head;
        let AppendBuffers { rows, unlogged, .. } = &mut self.buffers;
        let starts: Vec<usize> = rows.iter().map(Vec::len).collect();
        let mut refuse = |row: u32, why: AppendError| {
            if !how.stale_marker {
                rejected.push(Rejected { row, why });
            }
        };
        let (mut not_found, mut out_of_bounds, mut out_of_order, mut too_old) = (0, 0, 0, 0);
        let late_min = self.late_min;
        let takes_late = late_min != i64::MAX;
        let places = head.refs.read();
        for (i, ((&series, &t), &v)) in batch.refs.iter().zip(&batch.t).zip(&batch.v).enumerate() {
            let row = i as u32;
            if t.0 < min_valid && !takes_late {
                out_of_bounds += 1;
                refuse(row, AppendError::OutOfBounds);
                continue;
            }
            match places.get(series) {
                Some(place) => rows[place.shard as usize].push(Row { series, t: t.0, v, slot: place.slot, row }),
                None => {
                    not_found += 1;
                    refuse(row, AppendError::UnknownSeries);
                }
            }
        }
        drop(places);
        for ((shard, rows), start) in head.shards.iter().zip(rows).zip(starts) {
            if rows.len() == start {
                continue;
            }
            let shard = shard.lock();
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
                } else {
                    hot.follows(row.t, row.v).map(|_| ())
                };
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

    /// Histograms are refused until the head has columns for them.
    fn append_histograms(&mut self, rows: &[HistogramSample], _how: AppendOptions, rejected: &mut Vec<Rejected>) {
        rejected.extend((0..rows.len() as u32).map(|row| Rejected { row, why: AppendError::NativeHistogramsDisabled }));
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
        if self.n_rows() == 0 && self.buffers.new_series.is_empty() && self.buffers.aside.is_empty() {
            return Ok(done);
        }
        self.encode();
        let AppendBuffers { series_record, samples_record, aside, .. } = &self.buffers;
        let records: [&[u8]; 4] = [series_record, &aside.metadata_record, samples_record, &aside.exemplars_record];
        let logged = self.head.log.write(&records, self.on_failure);
        match logged {
            LogOutcome::Closed => return Err(StorageError::Closed),
            LogOutcome::Refused(why) => return Err(StorageError::NotDurable { why }),
            LogOutcome::Written | LogOutcome::Kept | LogOutcome::Lost => {}
        }
        done.durable = logged == LogOutcome::Written;
        self.write(matches!(logged, LogOutcome::Written | LogOutcome::Kept), &mut done);
        if !self.buffers.aside.is_empty() {
            self.buffers.aside.write(self.head);
        }
        if !done.durable {
            count(&self.head.counts.not_durable, done.appended as u64);
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
