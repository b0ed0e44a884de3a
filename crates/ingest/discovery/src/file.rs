//! `file_sd_configs`: files are watched and read again now and then; a file that cannot be read keeps its last targets
//! (upstream: `discovery/file/file.go`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use firesteel_config::sd::FileSd;
use firesteel_config::{Diagnostic, load_target_groups, matching_files};
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tracing::error;

use crate::discoverer::{BoxedDiscoverer, BuildContext, Discoverer, Kind, Sink, boxed};
use crate::error::DiscoveryError;
use crate::group::TargetGroup;
use crate::metrics::FileMetrics;

/// How long a changed file is left to its writer.
const SETTLE: Duration = Duration::from_millis(20);

impl Kind for FileSd {
    const NAME: &'static str = "file";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        let (config, metrics) = (self.clone(), context.metrics.file.clone());
        Ok(boxed(Files { config, metrics, known: BTreeMap::new() }))
    }
}

struct Files {
    config: FileSd,
    metrics: FileMetrics,
    /// The number of groups that each file had.
    known: BTreeMap<PathBuf, usize>,
}

impl Discoverer for Files {
    async fn run(mut self, sink: Sink) {
        // One note is enough: whoever finds it reads all files.
        let (changed, mut changes) = mpsc::channel::<()>(1);
        let _watcher = self.watch(changed);
        let mut ticker = tokio::time::interval(self.config.refresh_interval.max(Duration::from_millis(1)));
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = ticker.tick() => {}
                // The channel never closes before the watcher goes; without a watcher only the ticker is left.
                Some(()) = changes.recv() => {
                    // A file is truncated before it is written: what is read between would be a file without targets.
                    tokio::time::sleep(SETTLE).await;
                    let _more_of_the_same = changes.try_recv();
                }
            }
            sink.send(self.refresh());
        }
    }
}

impl Files {
    fn watch(&self, changed: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
        let note = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|e| !e.kind.is_access()) {
                // Full means that a note is waiting already.
                let _waiting = changed.try_send(());
            }
        };
        let mut watcher = match notify::recommended_watcher(note) {
            Ok(watcher) => watcher,
            Err(err) => {
                error!(discovery = "file", %err, "Error adding file watcher");
                self.metrics.watcher_errors.inc();
                return None;
            }
        };
        for pattern in &self.config.files {
            let dir = parent(pattern.as_path());
            if let Err(err) = watcher.watch(dir, RecursiveMode::NonRecursive) {
                error!(discovery = "file", path = %dir.display(), %err, "Error adding file watch");
                self.metrics.watcher_errors.inc();
            }
        }
        Some(watcher)
    }

    /// Reads all files. What cannot be read stays as it was; what is gone goes.
    fn refresh(&mut self) -> Vec<TargetGroup> {
        let began = Instant::now();
        let (mut groups, mut now) = (Vec::new(), BTreeMap::new());
        for path in self.config.files.iter().flat_map(|pattern| matching_files(pattern.as_path())) {
            let before = self.known.get(&path).copied().unwrap_or(0);
            match read(&path) {
                Ok((found, mtime)) => {
                    self.metrics.mtime.with(&[&path.to_string_lossy()]).set(mtime);
                    groups.extend((found.len()..before).map(|at| TargetGroup::gone(source(&path, at))));
                    now.insert(path, found.len());
                    groups.extend(found);
                }
                Err(err) => {
                    error!(discovery = "file", path = %path.display(), err, "Error reading file");
                    self.metrics.read_errors.inc();
                    now.insert(path, before);
                }
            }
        }
        for (path, count) in self.known.iter().filter(|(path, _)| !now.contains_key(*path)) {
            self.metrics.mtime.remove(&[&path.to_string_lossy()]);
            groups.extend((0..*count).map(|at| TargetGroup::gone(source(path, at))));
        }
        self.known = now;
        self.metrics.scan_duration.observe_duration(began.elapsed());
        groups
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for path in self.known.keys() {
            self.metrics.mtime.remove(&[&path.to_string_lossy()]);
        }
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn source(path: &Path, at: usize) -> String {
    format!("{}:{at}", path.display())
}

/// Reads a file of groups, and when it was written.
fn read(path: &Path) -> Result<(Vec<TargetGroup>, f64), String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let written = std::fs::metadata(path).and_then(|about| about.modified()).map_err(|e| e.to_string())?;
    let groups = load_target_groups(path, &text)
        .map_err(|faults| faults.iter().map(Diagnostic::render).collect::<Vec<_>>().join("\n"))?;
    let name = path.to_string_lossy();
    let labelled =
        |(at, group): (usize, _)| TargetGroup::of_config(source(path, at), group, &[("__meta_filepath", &name)]);
    let mtime = written.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Ok((groups.iter().enumerate().map(labelled).collect(), mtime as f64))
}
