//! From a 1.0 request to a batch.

use firesteel_proto::WireError;
use firesteel_proto::histogram::Histogram;
use firesteel_proto::write_v1::{self, Item, LABEL_KEY, label_run, only_sample};
use firesteel_storage::Appender;

use crate::batch::{Batch, Begun, Why};
use crate::label_set::LabelSet;
use crate::series_cache::{Follower, Learned, SeriesCache};

/// Reads the whole request into the batch; series that the cache does not know are looked up or created.
pub(crate) fn read(
    request: &[u8],
    batch: &mut Batch,
    cache: &SeriesCache,
    follower: &mut Follower<'_>,
    appender: &mut dyn Appender,
    max_t: i64,
) -> Result<(), WireError> {
    let start = request.as_ptr() as usize;
    write_v1::walk(request, |series| {
        let begun = batch.begin(series.as_ptr() as usize - start, series.len());
        let found = follower.next_spelled(series, |byte| byte == LABEL_KEY);
        let (found, run, fingerprint) = match found {
            Some((found, run)) => (Some(found), run, 0),
            None => {
                let run = label_run(series);
                let fingerprint = cache.fingerprint(&series[..run]);
                (follower.series(fingerprint).filter(|_| run > 0), run, fingerprint)
            }
        };
        if let (Some(found), Some((t, v))) = (found, only_sample(&series[run..])) {
            batch.sample(begun, t, v, max_t);
            batch.end(begun, found);
            return Ok(());
        }
        let mut rest = Rest::default();
        rest.read(&series[run..], batch, begun, max_t)?;
        let found = match found {
            Some(found) if !rest.labels_follow => found,
            _ => {
                batch.labels.clear();
                spell(series, &mut batch.labels)?;
                if rest.exemplars.is_empty() && batch.holds_nothing(begun) {
                    if let Err(bad) = batch.labels.series() {
                        batch.refuse(begun, Why::Labels(bad));
                    }
                    return Ok(());
                }
                match batch.look_up(appender) {
                    Ok(found) => {
                        if !rest.labels_follow {
                            batch.learned.push(Learned { fingerprint, len: run, series: found });
                        }
                        found
                    }
                    Err(why) => {
                        batch.refuse(begun, why);
                        return Ok(());
                    }
                }
            }
        };
        batch.end(begun, found);
        for bytes in rest.exemplars {
            batch.labels.clear();
            let labels = &mut batch.labels;
            let (t, v) = write_v1::exemplar(bytes, |name, value| labels.push(name, value))?;
            if let Some(labels) = labels.exemplar() {
                batch.exemplar(begun, found, labels, t, v, max_t);
            }
        }
        Ok(())
    })
}

/// What stands behind a series' run of labels, samples and histograms aside.
#[derive(Default)]
struct Rest<'a> {
    exemplars: Vec<&'a [u8]>,
    /// There are more labels: the run in front does not spell the series.
    labels_follow: bool,
}

impl<'a> Rest<'a> {
    fn read(&mut self, bytes: &'a [u8], batch: &mut Batch, begun: Begun, max_t: i64) -> Result<(), WireError> {
        write_v1::items(bytes, |item| {
            match item {
                Item::Label(..) => self.labels_follow = true,
                Item::Sample { t_ms, v } => batch.sample(begun, t_ms, v, max_t),
                Item::Exemplar(bytes) => self.exemplars.push(bytes),
                Item::Histogram(bytes) => batch.histogram(begun, Histogram::decode(bytes)?, max_t),
            }
            Ok(())
        })
    }
}

/// Adds the labels of a series to the set.
fn spell(series: &[u8], labels: &mut LabelSet) -> Result<(), WireError> {
    write_v1::items(series, |item| {
        if let Item::Label(name, value) = item {
            labels.push(name, value);
        }
        Ok(())
    })
}

/// Adds the labels of a series that was read without a fault, and tells what to learn from them.
pub(crate) fn spell_again(series: &[u8], labels: &mut LabelSet, cache: &SeriesCache) -> Option<Learned> {
    spell(series, labels).ok()?;
    let run = label_run(series);
    let fingerprint = cache.fingerprint(&series[..run]);
    Some(Learned { fingerprint, len: run, series: firesteel_model::SeriesRef(0) })
}

/// What the sender of a 1.0 request may know of why a batch is refused: faults of labels and bounds do not refuse it.
pub(crate) fn refuses_all(why: &Why) -> bool {
    !matches!(why, Why::Labels(_) | Why::Bound(_))
}
