//! The series that every scrape leaves about itself.

use firesteel_base::TimestampMs;
use firesteel_model::SeriesRef;
use firesteel_storage::{AppendError, AppendOptions, Appender, SeriesMeta};

use crate::cache::TargetCache;
use crate::ingest::Ingester;
use crate::sample_rules::SampleRules;

/// Names in upstream's order; the last three only with `extra_scrape_metrics`.
const NAMES: [&str; 8] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
];

/// How many there are without the extra ones.
pub(crate) const PLAIN: usize = 5;

impl Ingester {
    /// Appends the first `values.len()` report series. A series that the storage forgot is made again. With `stale`,
    /// series that are not known are not made.
    pub(crate) fn append_reports(
        &mut self,
        values: &[f64],
        t: TimestampMs,
        stale: bool,
        rules: &SampleRules,
        cache: &mut TargetCache,
        app: &mut dyn Appender,
    ) -> Result<(), AppendError> {
        for _second_try in [false, true] {
            self.batch.clear();
            self.row_lines.clear();
            for (at, (name, value)) in NAMES.iter().zip(values).enumerate() {
                let Some(known) = cache.reports.get_mut(at) else { continue };
                if *known == SeriesRef(0) {
                    if stale {
                        continue;
                    }
                    let labels = rules.report_labels(name, &mut self.builder);
                    // A job that grew beyond the store's bound gets no reports of new targets either.
                    *known = match app.series(&labels, &SeriesMeta { job: &rules.job }) {
                        Err(AppendError::SeriesLimit) => continue,
                        found => found?,
                    };
                }
                self.batch.push(*known, t, *value);
                self.row_lines.push(at as u32);
            }
            self.rejected.clear();
            let how = AppendOptions { refuse_out_of_order: stale, stale_marker: stale, durable: false };
            app.append(&self.batch, how, &mut self.rejected);
            let mut again = false;
            for rejected in &self.rejected {
                match rejected.why {
                    // The target went away and came back under a new loop.
                    AppendError::OutOfOrder | AppendError::Duplicate => {}
                    AppendError::UnknownSeries => {
                        let at = self.row_lines.get(rejected.row as usize);
                        if let Some(known) = at.and_then(|&at| cache.reports.get_mut(at as usize)) {
                            *known = SeriesRef(0);
                            again = true;
                        }
                    }
                    why => return Err(why),
                }
            }
            self.batch.clear();
            if !again || stale {
                return Ok(());
            }
        }
        Ok(())
    }
}
