//! The life of one target's scrapes: when, how, and what is left behind at the end (upstream: `scrapeLoop.run`).

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use firesteel_base::TimestampMs;
use firesteel_expfmt::MediaType;
use firesteel_model::stale_nan;
use firesteel_net::client::{Answer, GetError, HttpClient, RepeatedGet};
use http::HeaderMap;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::cache::TargetCache;
use crate::failure_log::FailureLogSlot;
use crate::fetch::{FetchError, fetch};
use crate::ingest::{Counts, IngestError, Page};
use crate::manager::Shared;
use crate::report::PLAIN;
use crate::sample_rules::{RuleError, SampleRules};
use crate::target::{Health, LastScrape, Target};
use crate::unpack::{UnpackError, gunzip};
use crate::workers::Bench;

/// What a loop needs to know; the same for all loops of a pool but for the target.
pub(crate) struct LoopSetup {
    pub(crate) pool: Arc<str>,
    pub(crate) target: Arc<Target>,
    pub(crate) client: Arc<HttpClient>,
    pub(crate) headers: HeaderMap,
    pub(crate) rules: Arc<SampleRules>,
    pub(crate) body_limit: u64,
    pub(crate) fallback: Option<MediaType>,
    pub(crate) extra_metrics: bool,
    /// Set while the pool has too many targets.
    pub(crate) forced_error: Arc<ArcSwapOption<String>>,
    pub(crate) failure_log: FailureLogSlot,
    pub(crate) shared: Arc<Shared>,
}

/// A running loop, held by its pool.
pub(crate) struct LoopHandle {
    pub(crate) target: Arc<Target>,
    stop: CancellationToken,
    /// The cache is wanted by the loop that follows; no markers then.
    hand_over: Arc<AtomicBool>,
    stopped: oneshot::Receiver<TargetCache>,
}

impl LoopHandle {
    /// Starts a loop with what an earlier one left.
    pub(crate) fn start(setup: LoopSetup, cache: TargetCache) -> Self {
        let stop = setup.shared.shutdown.child_token();
        let hand_over = Arc::new(AtomicBool::new(false));
        let (done, stopped) = oneshot::channel();
        let target = Arc::clone(&setup.target);
        let shared = Arc::clone(&setup.shared);
        let get = RepeatedGet::new(Arc::clone(&setup.client), &target.url, setup.headers.clone());
        let one = Loop { setup: Arc::new(setup), get, stop: stop.clone(), hand_over: Arc::clone(&hand_over) };
        shared.workers.spawn(&shared.tasks, one.run(cache, done));
        Self { target, stop, hand_over, stopped }
    }

    /// Tells the loop to end. When it has, it still writes staleness markers after two intervals.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Tells the loop to end because another takes its place. With `hand_over` it writes no markers and leaves its cache.
    pub(crate) fn stop_for_another(&self, hand_over: bool) {
        self.hand_over.store(hand_over, Ordering::Release);
        self.stop.cancel();
    }

    /// Waits until the loop scrapes no more; returns what it leaves, nothing when it writes markers or is gone.
    pub(crate) async fn stopped(self) -> TargetCache {
        self.stopped.await.unwrap_or_default()
    }
}

struct Loop {
    setup: Arc<LoopSetup>,
    get: RepeatedGet,
    stop: CancellationToken,
    hand_over: Arc<AtomicBool>,
}

impl Loop {
    async fn run(mut self, mut cache: TargetCache, done: oneshot::Sender<TargetCache>) {
        let setup = Arc::clone(&self.setup);
        let interval = setup.target.interval;
        let options = &setup.shared.options;
        let tolerance = if options.align_timestamps { Some(options.timestamp_tolerance) } else { None };
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let offset = if options.scrape_at_once {
            Duration::ZERO
        } else {
            setup.target.offset(since_epoch.as_nanos(), setup.shared.offset_seed())
        };
        let mut last: Option<Instant> = None;
        let mut ticker = tokio::time::interval_at(Instant::now() + offset, interval);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut slot: Option<Duration> = None;
        let lengths = {
            let text = firesteel_go_compat::format_go_duration(interval.as_nanos() as i64);
            setup.shared.metrics.intervals(&text)
        };
        let (stop, shutdown) = (self.stop.clone(), setup.shared.shutdown.clone());
        let (mut stopped, mut shut_down) = (pin!(stop.cancelled()), pin!(shutdown.cancelled()));
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => break,
                _ = ticker.tick() => {}
            }
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let scrape_time = aligned(now, &mut slot, interval, tolerance);
            let start = Instant::now();
            if let Some(last) = last {
                lengths.observe(start - last);
            }
            last = Some(start);
            let mut answer = setup.shared.take_buffer();
            let fetched = tokio::select! {
                biased;
                fetched = self.fetch(&mut answer) => fetched,
                () = &mut shut_down => return,
            };
            match self.ingest(fetched, answer, cache, scrape_time, start).await {
                Some(returned) => cache = returned,
                // Shutdown in the middle of a scrape.
                None => return,
            }
        }
        if shutdown.is_cancelled() || self.hand_over.load(Ordering::Acquire) {
            // The pool may be gone as well; nobody wants the cache then.
            let _unwanted = done.send(cache);
            return;
        }
        drop(done);
        if last.is_some() {
            self.end_of_run(cache, ticker, interval).await;
        }
    }

    /// Waits until the target could have come back under another loop, then marks its series stale. If it did come
    /// back, the markers are out of order and dropped by the storage.
    async fn end_of_run(&self, cache: TargetCache, mut ticker: tokio::time::Interval, interval: Duration) {
        let wait = async {
            ticker.tick().await;
            let stale_time = now();
            ticker.tick().await;
            tokio::time::sleep(interval / 10).await;
            stale_time
        };
        let stale_time = tokio::select! {
            () = self.setup.shared.shutdown.cancelled() => return,
            stale_time = wait => stale_time,
        };
        let setup = Arc::clone(&self.setup);
        let mark = move |bench: &mut Bench| {
            let mut cache = cache;
            let mut app = setup.shared.storage.appender();
            bench.ingester.mark_all_stale(&mut cache, stale_time, &mut *app);
            let stale = [stale_nan(); 8];
            let reports = stale.get(..if setup.extra_metrics { 8 } else { PLAIN }).unwrap_or_default();
            let reported =
                bench.ingester.append_reports(reports, stale_time, true, &setup.rules, &mut cache, &mut *app);
            if let Err(err) = reported {
                warn!(scrape_pool = %setup.pool, target = %setup.target.url, %err, "Stale report failed");
            }
            if let Err(err) = app.commit() {
                warn!(scrape_pool = %setup.pool, target = %setup.target.url, %err, "Stale commit failed");
            }
        };
        // Nothing is written when the server ends meanwhile, as above.
        let _ended = self.setup.shared.workers.ingest(0, mark).await;
    }

    async fn fetch(&mut self, answer: &mut Answer) -> Result<(), FetchError> {
        let setup = &self.setup;
        if let Some(error) = &*setup.forced_error.load() {
            return Err(FetchError::TooManyTargets(error.to_string()));
        }
        fetch(&mut self.get, setup.target.timeout, setup.body_limit, answer).await
    }

    /// Returns the cache, or `None` when the server shuts down meanwhile.
    async fn ingest(
        &self,
        fetched: Result<(), FetchError>,
        answer: Answer,
        mut cache: TargetCache,
        scrape_time: TimestampMs,
        start: Instant,
    ) -> Option<TargetCache> {
        let setup = Arc::clone(&self.setup);
        let page_bytes = answer.body().len();
        let ingest = move |bench: &mut Bench| {
            ingest_scrape(&setup, fetched, &answer, scrape_time, start, &mut cache, bench);
            setup.shared.give_buffer(answer);
            cache
        };
        self.setup.shared.workers.ingest(page_bytes, ingest).await
    }
}

/// What follows the fetch: unpack, ingest, report, commit.
fn ingest_scrape(
    setup: &LoopSetup,
    fetched: Result<(), FetchError>,
    answer: &Answer,
    scrape_time: TimestampMs,
    start: Instant,
    cache: &mut TargetCache,
    bench: &mut Bench,
) {
    let shared = &*setup.shared;
    let metrics = &shared.metrics;
    let Bench { ingester, unpacked, inflate, formats } = bench;
    let mut error: Option<String> = None;
    let mut counts = Counts::default();
    let mut size = 0.0;
    let page = fetched.and_then(|()| {
        if !answer.is_gzip() {
            return Ok(answer.body());
        }
        match gunzip(answer.body(), unpacked, inflate, setup.body_limit) {
            Ok(()) => Ok(&unpacked[..]),
            Err(UnpackError::Limit) => Err(GetError::BodyLimit.into()),
            Err(e) => Err(GetError::Body(e.to_string()).into()),
        }
    });
    let mut store = setup.target.metadata.lock();
    let mut taken = None;
    match page {
        Err(e) => {
            if matches!(e, FetchError::Get(GetError::BodyLimit)) {
                metrics.exceeded_body_size.inc();
                size = -1.0;
            }
            debug!(scrape_pool = %setup.pool, target = %setup.target.url, err = %e, "Scrape failed");
            let text = e.to_string();
            // upstream: a target that is not asked at all is not in the log.
            if !matches!(e, FetchError::TooManyTargets(_))
                && let Some(log) = &*setup.failure_log.load()
            {
                log.note(&setup.pool, &setup.target.url, &text);
            }
            error = Some(text);
        }
        // upstream: an empty body is a scrape without samples, whatever its content type.
        Ok([]) => {}
        Ok(body) => {
            size = body.len() as f64;
            match formats.of(answer.content_type(), setup.fallback) {
                Err(e) => {
                    tracing::error!(
                        scrape_pool = %setup.pool, target = %setup.target.url, content_type = %answer.content_type(),
                        fallback_media_type = setup.fallback.map_or("", MediaType::as_str), err = %e,
                        "Failed to determine correct type of scrape target."
                    );
                    error = Some(e);
                }
                Ok(format) => {
                    let page = Page { body, format, scrape_time, now: now() };
                    let (found, result) = ingester.ingest(page, &setup.rules, cache, &mut store, &*shared.storage);
                    counts = found;
                    match result {
                        Ok(app) => taken = Some(app),
                        Err(e) => {
                            debug!(scrape_pool = %setup.pool, target = %setup.target.url, err = %e, "Append failed");
                            match e {
                                IngestError::BucketLimit => metrics.exceeded_bucket_limit.inc(),
                                IngestError::SampleLimit => metrics.exceeded_sample_limit.inc(),
                                IngestError::Rules(RuleError::Limit(_)) => metrics.exceeded_label_limits.inc(),
                                _ => {}
                            }
                            error = Some(e.to_string());
                        }
                    }
                }
            }
        }
    }
    drop(store);
    count(setup, &counts);
    let mut app = taken.unwrap_or_else(|| {
        let mut app = shared.storage.appender();
        ingester.mark_all_stale(cache, scrape_time, &mut *app);
        app
    });
    let duration = start.elapsed();
    let health = if error.is_none() { Health::Up } else { Health::Down };
    let values = [
        f64::from(u8::from(error.is_none())),
        duration.as_secs_f64(),
        counts.scraped as f64,
        counts.post_relabel as f64,
        counts.series_added as f64,
        setup.target.timeout.as_secs_f64(),
        setup.rules.sample_limit as f64,
        size,
    ];
    let values = values.get(..if setup.extra_metrics { 8 } else { PLAIN }).unwrap_or_default();
    let error = error.unwrap_or_default();
    *setup.target.last.lock() = LastScrape { health, error, at: Some(scrape_time), duration };
    let reported = ingester.append_reports(values, scrape_time, false, &setup.rules, cache, &mut *app);
    if let Err(err) = reported {
        warn!(scrape_pool = %setup.pool, target = %setup.target.url, %err, "Appending scrape report failed");
    }
    if let Err(err) = app.commit() {
        tracing::error!(scrape_pool = %setup.pool, target = %setup.target.url, %err, "Scrape commit failed");
    }
    if setup.extra_metrics {
        metrics.scrape_duration.observe_duration(start.elapsed());
    }
}

/// Adds up refusals and logs them once a scrape, in upstream's words.
fn count(setup: &LoopSetup, counts: &Counts) {
    let metrics = &setup.shared.metrics;
    let (pool, target) = (&setup.pool, &setup.target.url);
    if counts.out_of_order > 0 {
        metrics.out_of_order.inc_by(counts.out_of_order);
        warn!(scrape_pool = %pool, %target, num_dropped = counts.out_of_order, "Error on ingesting out-of-order samples");
    }
    if counts.duplicates > 0 {
        metrics.duplicates.inc_by(counts.duplicates);
        warn!(
            scrape_pool = %pool, %target, num_dropped = counts.duplicates,
            "Error on ingesting samples with different value but same timestamp"
        );
    }
    if counts.out_of_bounds > 0 {
        metrics.out_of_bounds.inc_by(counts.out_of_bounds);
        warn!(
            scrape_pool = %pool, %target, num_dropped = counts.out_of_bounds,
            "Error on ingesting samples that are too old or are too far into the future"
        );
    }
    if counts.exemplars_out_of_order > 0 {
        metrics.exemplars_out_of_order.inc_by(counts.exemplars_out_of_order);
        warn!(
            scrape_pool = %pool, %target, num_dropped = counts.exemplars_out_of_order,
            "Error on ingesting out-of-order exemplars"
        );
    }
}

fn now() -> TimestampMs {
    use firesteel_base::Clock as _;
    firesteel_base::SystemClock.now()
}

/// Returns the scrape's time: that of its slot if it is within `tolerance` of it, but at most 1 % of the interval away:
/// equal distances compress better (upstream: `getScrapeOffset` and `ScrapeTimestampTolerance` in scrape.go, 3.14).
fn aligned(now: Duration, slot: &mut Option<Duration>, interval: Duration, tolerance: Option<Duration>) -> TimestampMs {
    let mut due = slot.unwrap_or(now);
    if now >= due {
        let behind = now.saturating_sub(due).as_nanos() / interval.as_nanos().max(1);
        due += interval * u32::try_from(behind).unwrap_or(0);
    }
    *slot = Some(due);
    let near = tolerance.is_some_and(|t| now.saturating_sub(due) <= t.min(interval / 100));
    let at = if near { due } else { now };
    TimestampMs(i64::try_from(at.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_snap_to_their_slots() {
        let ms = Duration::from_millis;
        let mut slot = None;
        let cases = [(1000, 1000), (2001, 2000), (3003, 3003), (6002, 6000), (6999, 6999), (8000, 8000)];
        for (now, want) in cases {
            assert_eq!(aligned(ms(now), &mut slot, ms(1000), Some(ms(2))).0, want, "at {now}");
        }
        assert_eq!(aligned(ms(9001), &mut slot, ms(1000), None).0, 9001);
        assert_eq!(aligned(ms(10_009), &mut slot, ms(1000), Some(ms(9))).0, 10_000);
        // One per cent of the interval is the most.
        assert_eq!(aligned(ms(101), &mut Some(ms(100)), ms(50), Some(ms(2))).0, 101);
    }
}
