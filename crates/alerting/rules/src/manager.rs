//! The manager: groups in force, their timers, reloads.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use firesteel_base::TimestampNs;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::context::EvalContext;
use crate::load::{LoadOptions, RuleFile, load_files};
use crate::metrics::GroupInstruments;
use crate::{Group, RulesError};

/// Groups evaluated at the same time: more wait for one another.
const EVALUATIONS_PER_CORE: usize = 4;
/// How long an evaluation may go on after the end before its query is cancelled.
const PATIENCE: Duration = Duration::from_secs(5);

/// Evaluates groups at their times. Timers are on tokio, evaluations on threads that may block.
#[derive(Debug)]
pub struct RuleManager {
    cx: Arc<EvalContext>,
    /// For whoever looks, sorted by file and name.
    shown: ArcSwap<Vec<Arc<Group>>>,
    places: Arc<Semaphore>,
    /// Held over a reload.
    running: Mutex<Running>,
    /// Ends the waits of groups that are gone.
    ended: CancellationToken,
}

#[derive(Debug, Default)]
struct Running {
    groups: Vec<RunningGroup>,
    /// Groups that are gone and wait to mark their series.
    retiring: JoinSet<()>,
    /// Whether states were restored, at the first load.
    restored: bool,
}

#[derive(Debug)]
struct RunningGroup {
    group: Arc<Group>,
    wake: CancellationToken,
    task: JoinHandle<()>,
}

impl RunningGroup {
    /// Tells the group to end; [`RunningGroup::ended`] waits for it.
    fn stop(&self) {
        self.group.stop();
        self.wake.cancel();
    }

    async fn ended(&mut self) {
        if timeout(PATIENCE, &mut self.task).await.is_err() {
            self.group.cancel.cancel();
            // A panic in it has been told of by its thread.
            let _ = (&mut self.task).await;
        }
    }
}

impl RuleManager {
    /// Returns a manager without groups.
    pub fn new(cx: EvalContext) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        info!(component = "rule manager", "Starting rule manager...");
        Self {
            cx: Arc::new(cx),
            shown: ArcSwap::default(),
            places: Arc::new(Semaphore::new((EVALUATIONS_PER_CORE * cores).max(8))),
            running: Mutex::default(),
            ended: CancellationToken::new(),
        }
    }

    /// Returns the groups in force, sorted by file and name.
    pub fn groups(&self) -> Arc<Vec<Arc<Group>>> {
        self.shown.load_full()
    }

    /// Returns what rules are evaluated with.
    pub fn context(&self) -> &EvalContext {
        &self.cx
    }

    /// Reads rule files and puts their groups in force; when one file is refused, the groups of before stay.
    ///
    /// Groups that have not changed go on as if nothing had been. `query_offset` is that of the configuration.
    pub async fn update(
        &self,
        files: Vec<RuleFile>,
        options: LoadOptions,
        query_offset: Duration,
    ) -> Result<(), RulesError> {
        let mut running = self.running.lock().await;
        if self.ended.is_cancelled() {
            return Ok(());
        }
        let loading = tokio::task::spawn_blocking(move || load_files(&files, &options)).await;
        let loaded = loading.unwrap_or_else(|e| Err(RulesError::Read { file: PathBuf::new(), why: e.to_string() }))?;
        self.cx.set_query_offset(query_offset);
        let restore = !std::mem::replace(&mut running.restored, true);
        let mut old: Vec<RunningGroup> = std::mem::take(&mut running.groups);
        let mut fresh = Vec::new();
        for group in loaded {
            match old.iter().position(|known| known.group.key() == group.key()) {
                Some(at) if old[at].group.is_same(&group) => running.groups.push(old.swap_remove(at)),
                Some(at) => fresh.push((group, Some(old.swap_remove(at)))),
                None => fresh.push((group, None)),
            }
        }
        // All are told before any is waited for.
        old.iter().chain(fresh.iter().filter_map(|(_, before)| before.as_ref())).for_each(RunningGroup::stop);
        for (group, before) in fresh {
            if let Some(mut before) = before {
                before.ended().await;
                self.cx.metrics.forget_marks(before.group.key());
                group.take_over(&before.group);
            }
            running.groups.push(self.start(Arc::new(group), restore));
        }
        for mut gone in old {
            gone.ended().await;
            self.cx.metrics.remove_group(gone.group.key());
            self.retire(&mut running.retiring, gone.group);
        }
        while running.retiring.try_join_next().is_some() {}
        let mut shown: Vec<Arc<Group>> = running.groups.iter().map(|one| one.group.clone()).collect();
        shown.sort_by(|a, b| (a.file(), a.name()).cmp(&(b.file(), b.name())));
        self.shown.store(Arc::new(shown));
        Ok(())
    }

    /// Ends all evaluations and waits for them.
    pub async fn stop(&self) {
        let mut running = self.running.lock().await;
        info!(component = "rule manager", "Stopping rule manager...");
        self.ended.cancel();
        running.groups.iter().for_each(RunningGroup::stop);
        for mut group in running.groups.drain(..) {
            group.ended().await;
        }
        while running.retiring.join_next().await.is_some() {}
        info!(component = "rule manager", "Rule manager stopped");
    }

    fn start(&self, group: Arc<Group>, restore: bool) -> RunningGroup {
        let wake = CancellationToken::new();
        let timer = Timer {
            instruments: self.cx.metrics.of_group(group.key(), group.rules().len(), group.interval()),
            cx: self.cx.clone(),
            group: group.clone(),
            places: self.places.clone(),
            wake: wake.clone(),
        };
        RunningGroup { group, wake, task: tokio::spawn(timer.run(restore)) }
    }

    /// Marks the series of a group that is gone, after two intervals: a group of another name may write them by then.
    fn retire(&self, retiring: &mut JoinSet<()>, group: Arc<Group>) {
        let (cx, ended) = (self.cx.clone(), self.ended.clone());
        group.retire();
        let at = cx.clock.now_ns().before(group.query_offset(&cx)).to_ms();
        retiring.spawn(async move {
            tokio::select! {
                () = ended.cancelled() => return,
                () = sleep(2 * group.interval()) => {}
            }
            // A panic in it has been told of by its thread.
            let _ = tokio::task::spawn_blocking(move || group.clean_up(&cx, at)).await;
        });
    }
}

/// One group's timer.
struct Timer {
    cx: Arc<EvalContext>,
    group: Arc<Group>,
    instruments: GroupInstruments,
    places: Arc<Semaphore>,
    wake: CancellationToken,
}

impl Timer {
    /// Evaluates the group slot by slot until it is stopped.
    async fn run(self, restore: bool) {
        let interval = self.group.interval();
        let mut slot = self.group.slot(self.cx.clock.now_ns()).after(interval);
        let mut restore = restore;
        while self.wait_for(slot).await && self.evaluate(slot, std::mem::take(&mut restore)).await {
            let late = self.cx.clock.now_ns().since(slot);
            let passed = late.as_nanos() / interval.as_nanos().max(1);
            let missed = u64::try_from(passed).unwrap_or(u64::MAX).saturating_sub(1);
            if missed > 0 {
                self.instruments.missed.inc_by(missed);
                self.instruments.iterations.inc_by(missed);
            }
            slot = slot.after(interval.saturating_mul(u32::try_from(missed + 1).unwrap_or(u32::MAX)));
        }
    }

    /// Returns false when the group was stopped meanwhile.
    async fn wait_for(&self, slot: TimestampNs) -> bool {
        tokio::select! {
            biased;
            () = self.wake.cancelled() => false,
            () = sleep(slot.since(self.cx.clock.now_ns())) => true,
        }
    }

    async fn evaluate(&self, slot: TimestampNs, restore: bool) -> bool {
        let place = tokio::select! {
            biased;
            () = self.wake.cancelled() => return false,
            place = self.places.clone().acquire_owned() => place,
        };
        let (group, cx, instruments) = (self.group.clone(), self.cx.clone(), self.instruments.clone());
        let work = move || {
            if restore {
                group.restore(&cx, slot);
            }
            group.iterate(&cx, slot, &instruments);
            if !group.is_stopping() {
                group.watch_nothing(&cx, slot);
            }
            drop(place);
        };
        // A panic ends this evaluation and not the group.
        let _ = tokio::task::spawn_blocking(work).await;
        !self.wake.is_cancelled()
    }
}
