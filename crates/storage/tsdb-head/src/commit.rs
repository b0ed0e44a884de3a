//! Writing a batch into the shards, once it is logged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use firesteel_model::SeriesRef;
use firesteel_storage::{AppendError, Committed, HistogramSample};

use super::appender::{HeadAppender, Row};
use super::late::{Inserted, LateSample, LateValue};
use super::log::LogOutcome;
use super::sealed_end::Again;
use super::series::Slot;
use super::shard::{Appended, Shard, WARM};
use super::starts::Starts;
use super::visibility::{BatchNumber, Extent};
use super::{Head, count};

/// What the writing of a batch did.
#[derive(Debug)]
struct Written {
    min_t: i64,
    max_t: i64,
    floats: OfKind,
    histograms: OfKind,
    new_chunks: u64,
    sealed: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct OfKind {
    appended: u64,
    late: u64,
    out_of_order: u64,
    too_old: u64,
    rejected: u64,
}

impl OfKind {
    #[cold]
    fn refuse(&mut self, why: AppendError, takes_late: bool) {
        self.rejected += 1;
        if why == AppendError::OutOfOrder {
            *(if takes_late { &mut self.too_old } else { &mut self.out_of_order }) += 1;
        }
    }
}

impl HeadAppender<'_> {
    /// Writes the rows into the shards and makes them visible. `logged`: the series' records are in the log, or will be
    /// before anything that is logged later.
    pub(super) fn write(&mut self, logged: bool, done: &mut Committed) {
        let head = self.head;
        let number: BatchNumber = Arc::new(AtomicU64::new(0));
        let mut written = Written {
            min_t: i64::MAX,
            max_t: i64::MIN,
            floats: OfKind::default(),
            histograms: OfKind::default(),
            new_chunks: 0,
            sealed: 0,
        };
        for part in std::mem::take(&mut self.buffers.parts) {
            self.write_floats(&part.rows, &part.starts, &number, logged, &mut written);
            self.write_histograms(&part.histograms, &number, logged, &mut written);
        }
        let rows = std::mem::take(&mut self.buffers.rows);
        let starts = std::mem::take(&mut self.buffers.starts);
        self.write_floats(&rows, &starts, &number, logged, &mut written);
        (self.buffers.rows, self.buffers.starts) = (rows, starts);
        if !self.buffers.aside.histograms.is_empty() {
            let histograms = std::mem::take(&mut self.buffers.aside.histograms);
            self.write_histograms(&histograms, &number, logged, &mut written);
            self.buffers.aside.histograms = histograms;
        }
        head.note_sealed(written.sealed);
        for (series, _) in self.buffers.new_series.iter().filter(|_| logged) {
            if let Some(place) = head.place_of(*series)
                && let Some(hot) = head.shards[place.shard as usize].lock().series_mut(place.slot, *series)
            {
                hot.set_logged();
            }
        }
        if written.min_t <= written.max_t {
            head.widen(written.min_t, written.max_t);
        }
        head.visibility.complete(&number);
        done.durable &= matches!(self.buffers.late.log(head), None | Some(LogOutcome::Written));
        written.count(head, done);
    }

    fn write_floats(
        &mut self,
        rows: &[Vec<Row>],
        starts: &Starts,
        number: &BatchNumber,
        logged: bool,
        written: &mut Written,
    ) {
        let head = self.head;
        let rules = head.rules();
        let (min_valid, late_min) = (self.min_valid.unwrap_or(i64::MIN), self.late_min);
        let (mut min_t, mut max_t, mut appended) = (i64::MAX, i64::MIN, 0);
        for (shard, rows) in head.shards.iter().zip(rows) {
            if rows.is_empty() {
                continue;
            }
            let mut shard = shard.lock();
            let mut before = shard.open_batches.begin(head.visibility.floor());
            before.reserve(rows.len());
            let sealed_before = shard.sealed_bytes();
            for (i, row) in rows.iter().enumerate() {
                if i.is_multiple_of(WARM) {
                    shard.warm(rows[i..].iter().take(WARM).map(|row| row.slot));
                }
                let slot = match shard.series_mut(row.slot, row.series) {
                    Some(hot) => {
                        hot.set_written(logged);
                        row.slot
                    }
                    // The shard was compacted since the row came, or the series is gone.
                    None => match head.place_of(row.series) {
                        Some(place) if shard.series(place.slot, row.series).is_some() => {
                            shard.hot_mut(place.slot).set_written(logged);
                            place.slot
                        }
                        _ => {
                            written.floats.rejected += 1;
                            continue;
                        }
                    },
                };
                let outcome = if row.t < min_valid {
                    Err(AppendError::OutOfOrder)
                } else {
                    shard.append(slot, (starts.of(row), row.t), row.v, &rules).or_else(|why| {
                        head.at_sealed_end(&shard, slot, row.t, Again::Float(row.v), why).map(|()| Appended::Same)
                    })
                };
                match outcome {
                    Ok(Appended::After(extent)) => before.push((slot, extent)),
                    Ok(Appended::NewChunk(extent)) => {
                        before.push((slot, extent));
                        written.new_chunks += 1;
                    }
                    Ok(Appended::Same) => continue,
                    Err(AppendError::OutOfOrder) if row.t >= late_min => {
                        let (start, t) = (starts.of(row), row.t);
                        let sample = LateSample { t, start, value: LateValue::Float(row.v) };
                        if insert_late(head, &mut shard, row.series, sample, written) {
                            self.buffers.late.push_float(row.series, (start, t), row.v);
                            written.floats.late += 1;
                        }
                        continue;
                    }
                    Err(why) => {
                        written.floats.refuse(why, late_min != i64::MAX);
                        continue;
                    }
                }
                appended += 1;
                min_t = min_t.min(row.t);
                max_t = max_t.max(row.t);
            }
            shard.open_batches.add(number, before);
            written.sealed += shard.sealed_bytes() - sealed_before;
        }
        written.floats.appended += appended;
        written.min_t = written.min_t.min(min_t);
        written.max_t = written.max_t.max(max_t);
    }

    #[cold]
    fn write_histograms(
        &mut self,
        histograms: &[HistogramSample],
        number: &BatchNumber,
        logged: bool,
        written: &mut Written,
    ) {
        let head = self.head;
        let rules = head.rules();
        let (min_valid, late_min) = (self.min_valid.unwrap_or(i64::MIN), self.late_min);
        let mut by_shard: Vec<(u32, u32)> = Vec::with_capacity(histograms.len());
        for (i, sample) in histograms.iter().enumerate() {
            match head.place_of(sample.series) {
                Some(place) => by_shard.push((place.shard, i as u32)),
                None => written.histograms.rejected += 1,
            }
        }
        // A series stays in its shard, so its samples stay in order.
        by_shard.sort_by_key(|&(shard, _)| shard);
        for group in by_shard.chunk_by(|a, b| a.0 == b.0) {
            let mut shard = head.shards[group[0].0 as usize].lock();
            let mut before: Vec<(Slot, Extent)> = shard.open_batches.begin(head.visibility.floor());
            let sealed_before = shard.sealed_bytes();
            for &(_, i) in group {
                let sample = &histograms[i as usize];
                let (series, t) = (sample.series, sample.t.0);
                let slot = head.place_of(series).map(|place| place.slot);
                let Some(slot) = slot.filter(|&slot| shard.series(slot, series).is_some()) else {
                    written.histograms.rejected += 1;
                    continue;
                };
                shard.hot_mut(slot).set_written(logged);
                let outcome = if t < min_valid {
                    Err(AppendError::OutOfOrder)
                } else {
                    shard.append_histogram(slot, (sample.start_t.0, t), &sample.value, &rules).or_else(|why| {
                        let again = Again::Histogram(&sample.value);
                        head.at_sealed_end(&shard, slot, t, again, why).map(|()| Appended::Same)
                    })
                };
                match outcome {
                    Ok(Appended::After(extent)) => before.push((slot, extent)),
                    Ok(Appended::NewChunk(extent)) => {
                        before.push((slot, extent));
                        written.new_chunks += 1;
                    }
                    Ok(Appended::Same) => continue,
                    Err(AppendError::OutOfOrder) if t >= late_min => {
                        let value = LateValue::Histogram(sample.value.clone());
                        let late = LateSample { t, start: sample.start_t.0, value };
                        if insert_late(head, &mut shard, series, late, written) {
                            self.buffers.late.push_histogram(sample.clone());
                            written.histograms.late += 1;
                        }
                        continue;
                    }
                    Err(why) => {
                        written.histograms.refuse(why, late_min != i64::MAX);
                        continue;
                    }
                }
                written.histograms.appended += 1;
                written.min_t = written.min_t.min(t);
                written.max_t = written.max_t.max(t);
            }
            shard.open_batches.add(number, before);
            written.sealed += shard.sealed_bytes() - sealed_before;
        }
    }
}

/// Adds an out-of-order sample; returns whether it was taken.
#[cold]
fn insert_late(head: &Head, shard: &mut Shard, series: SeriesRef, sample: LateSample, written: &mut Written) -> bool {
    match shard.late.insert(series, sample, head.late_cap(), &head.rules()) {
        Inserted::Duplicate => false,
        inserted => {
            written.new_chunks += u64::from(inserted == Inserted::NewChunk);
            true
        }
    }
}

impl Written {
    fn count(&self, head: &Head, done: &mut Committed) {
        let counts = &head.counts;
        let Self { floats, histograms, .. } = self;
        let appended = |kind: &OfKind| kind.appended + kind.late;
        done.appended = (appended(floats) + appended(histograms)) as usize;
        done.rejected += (floats.rejected + histograms.rejected) as usize;
        count(&counts.samples_appended, appended(floats));
        count(&counts.chunks_created, self.new_chunks);
        count(&counts.out_of_order, floats.out_of_order);
        count(&counts.too_old, floats.too_old);
        count(&counts.late_appended, floats.late);
        if appended(histograms) + histograms.rejected > 0 {
            let counts = &counts.histograms;
            counts.appended.fetch_add(appended(histograms), Ordering::Relaxed);
            count(&counts.out_of_order, histograms.out_of_order);
            count(&counts.too_old, histograms.too_old);
            count(&counts.late_appended, histograms.late);
        }
    }
}
