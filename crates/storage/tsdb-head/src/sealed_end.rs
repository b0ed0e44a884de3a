//! The last sample of a series whose newest chunk is sealed, as a start finds it: whoever sends that sample again, because he
//! did not hear that it was taken, is to be told what he would have been told before.

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{CounterReset, FloatHistogram, Histogram};
use firesteel_storage::chunkenc::{SampleKind, SampleReader};
use firesteel_storage::{AppendError, HistogramValue};

use super::Head;
use super::found::FoundChunks;
use super::series::Slot;
use super::shard::Shard;

/// A sample that comes again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Again<'a> {
    Float(f64),
    Histogram(&'a HistogramValue),
}

impl Head {
    /// Judges a sample that `why` refuses, when nothing of its series is open: `Ok` when the series ends with the very same.
    #[cold]
    pub(crate) fn at_sealed_end(
        &self,
        shard: &Shard,
        slot: Slot,
        t: i64,
        value: Again<'_>,
        why: AppendError,
    ) -> Result<(), AppendError> {
        let is_last = shard.open_range(slot).is_none() && shard.newest_t(slot) == Some(t);
        if why != AppendError::OutOfOrder || !is_last {
            return Err(why);
        }
        match self.ends_with(shard, slot, t, value) {
            Some(true) => Ok(()),
            Some(false) => Err(AppendError::Duplicate),
            None => Err(why),
        }
    }

    /// Returns whether the newest chunk ends with this value; `None` when it cannot be read.
    fn ends_with(&self, shard: &Shard, slot: Slot, t: i64, value: Again<'_>) -> Option<bool> {
        let mut found = FoundChunks::default();
        let range = TimeRange { min: TimestampMs(t), max: TimestampMs(t) };
        found.add_series(self, shard, slot, shard.extent(slot), range);
        let bytes = found.take_bytes();
        let mut views = Vec::new();
        found.views(0..found.len(), &bytes, self, &mut views).ok()?;
        let mut reader = SampleReader::of(views.last()?).ok()?;
        let (mut h, mut fh) = (Histogram::default(), FloatHistogram::default());
        let mut last = None;
        while let Some((times, kind)) = reader.advance().ok()? {
            last = Some((times.t.0, kind));
            if times.t.0 >= t {
                reader.histogram(&mut h).ok()?;
                if kind == SampleKind::FloatHistogram {
                    reader.float_histogram(&mut fh).ok()?;
                }
                break;
            }
        }
        Some(match (last?, value) {
            ((at, _), _) if at != t => return None,
            ((_, SampleKind::Float(last)), Again::Float(v)) => last.to_bits() == v.to_bits(),
            ((_, SampleKind::Histogram), Again::Histogram(HistogramValue::Int(value))) => {
                let mut value = (**value).clone();
                for of in [&mut h, &mut value] {
                    of.compact(0);
                    of.counter_reset = CounterReset::Unknown;
                }
                h == value
            }
            ((_, SampleKind::FloatHistogram), Again::Histogram(HistogramValue::Float(value))) => {
                let mut value = (**value).clone();
                for of in [&mut fh, &mut value] {
                    of.compact(0);
                    of.counter_reset = CounterReset::Unknown;
                }
                fh == value
            }
            _ => false,
        })
    }
}
