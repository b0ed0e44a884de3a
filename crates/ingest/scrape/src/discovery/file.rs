//! `file_sd_configs`: files are watched and read again now and then; a file that cannot be read keeps its last targets
//! (upstream: `discovery/file/file.go`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use firesteel_config::sd::FileSd;
use firesteel_config::{Decode as _, TargetGroup};
use firesteel_yaml::{Reader, Source, parse};
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{Group, Update};
use crate::metrics::ScrapeMetrics;

/// How long a changed file is left to its writer.
const SETTLE: Duration = Duration::from_millis(20);

/// Sends the targets of the files whenever something about them changes, until told to stop.
pub(crate) async fn run_file_sd(
    config: FileSd,
    provider: usize,
    updates: mpsc::Sender<Update>,
    metrics: ScrapeMetrics,
    stop: CancellationToken,
) {
    // One note is enough: whoever finds it reads all files.
    let (changed, mut changes) = mpsc::channel::<()>(1);
    let _watcher = watch(&config, changed, &metrics);
    let mut ticker = tokio::time::interval(config.refresh_interval);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut files: BTreeMap<PathBuf, Vec<Group>> = BTreeMap::new();
    let mut sent: Option<Vec<Group>> = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticker.tick() => {}
            // The channel never closes before the watcher goes; without a watcher only the ticker is left.
            Some(()) = changes.recv() => {
                // A file is truncated before it is written: what is read between would be a file without targets.
                tokio::time::sleep(SETTLE).await;
                let _more_of_the_same = changes.try_recv();
            }
        }
        refresh(&config, &mut files, &metrics);
        let groups: Vec<Group> = files.values().flatten().cloned().collect();
        if sent.as_ref() != Some(&groups) {
            sent = Some(groups.clone());
            if updates.send(Update { provider, groups }).await.is_err() {
                return;
            }
        }
    }
}

fn watch(config: &FileSd, changed: mpsc::Sender<()>, metrics: &ScrapeMetrics) -> Option<notify::RecommendedWatcher> {
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
            metrics.file_watcher_errors.inc();
            return None;
        }
    };
    for pattern in &config.files {
        let dir = parent(pattern.as_path());
        if let Err(err) = watcher.watch(dir, RecursiveMode::NonRecursive) {
            error!(discovery = "file", path = %dir.display(), %err, "Error adding file watch");
            metrics.file_watcher_errors.inc();
        }
    }
    Some(watcher)
}

/// Reads all files. What cannot be read stays as it was; what is gone goes.
fn refresh(config: &FileSd, files: &mut BTreeMap<PathBuf, Vec<Group>>, metrics: &ScrapeMetrics) {
    let mut present = Vec::new();
    for pattern in &config.files {
        matching(pattern.as_path(), &mut present);
    }
    files.retain(|path, _| present.contains(path));
    for path in present {
        match read(&path) {
            Ok(groups) => {
                files.insert(path, groups);
            }
            Err(err) => {
                error!(discovery = "file", path = %path.display(), err, "Error reading file");
                metrics.file_read_errors.inc();
            }
        }
    }
}

/// Adds the files that a pattern names; a `*` stands for any text within the last element.
fn matching(pattern: &Path, out: &mut Vec<PathBuf>) {
    let name = pattern.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let Some((before, after)) = name.split_once('*') else {
        if pattern.is_file() {
            out.push(pattern.to_owned());
        }
        return;
    };
    let Ok(entries) = std::fs::read_dir(parent(pattern)) else { return };
    let fits =
        |name: &str| name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after);
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().and_then(|n| n.to_str()).is_some_and(fits))
        .collect();
    found.sort();
    out.append(&mut found);
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Reads a file of groups. JSON is read by the YAML reader, of which it is a part.
fn read(path: &Path) -> Result<Vec<Group>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let name = path.to_string_lossy();
    let source = Source::new(name.clone(), text);
    let mut reader = Reader::new(&source);
    let mut groups: Vec<TargetGroup> = Vec::new();
    match parse(&source) {
        Err(fault) => return Err(fault.render()),
        Ok(None) => {}
        Ok(Some(node)) => groups.decode(&node, &mut reader),
    }
    if reader.error_count() > 0 {
        let faults = reader.into_diagnostics();
        return Err(faults.iter().map(firesteel_config::Diagnostic::render).collect::<Vec<_>>().join("\n"));
    }
    let labelled =
        |(at, group): (usize, &TargetGroup)| Group::new(format!("{name}:{at}"), group, &[("__meta_filepath", &name)]);
    Ok(groups.iter().enumerate().map(labelled).collect())
}
