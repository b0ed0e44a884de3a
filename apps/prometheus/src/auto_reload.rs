//! `--config.auto-reload`: notices that the configuration, its rule files or its files of jobs changed.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use firesteel_base::FastBuildHasher;
use firesteel_config::{Config, FilePath, matching_files};
use tracing::{error, info, warn};

use crate::ConfigSource;

/// Shorter intervals are raised to this one, as upstream's.
const SHORTEST: Duration = Duration::from_secs(1);

/// A digest of all bytes that a reload would read; comparable within one process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fingerprint(u64);

/// Looks at the files of the configuration at an interval.
#[derive(Debug)]
pub(crate) struct AutoReload {
    /// `None`: switched off, or a configuration that is not in a file.
    watched: Option<Watched>,
}

#[derive(Debug)]
struct Watched {
    file: PathBuf,
    every: Duration,
    hasher: FastBuildHasher,
    /// Of what is in force; `None` when it could not be read.
    in_force: Option<Fingerprint>,
}

impl AutoReload {
    /// Takes what is on disk now for what is in force.
    pub(crate) fn new(every: Option<Duration>, source: &ConfigSource, config: &Config) -> Self {
        let (Some(every), ConfigSource::File(file)) = (every, source) else { return Self { watched: None } };
        let every = every.max(SHORTEST);
        info!(interval = ?every, "Automatic configuration file reloading enabled");
        let mut watched = Watched { file: file.clone(), every, hasher: FastBuildHasher::default(), in_force: None };
        watched.in_force = watched
            .look(config)
            .inspect_err(|err| error!(%err, "Failed to generate initial checksum for configuration file"))
            .ok();
        Self { watched: Some(watched) }
    }

    /// Waits until a look at the files finds something else than what is in force, and returns what is to be told to
    /// [`Self::applied`] if it is taken. What is refused is found again at the next look, as upstream's. Never returns
    /// while switched off; may be dropped at any time.
    pub(crate) async fn changed(&mut self, config: impl Fn() -> std::sync::Arc<Config>) -> Option<Fingerprint> {
        let Some(watched) = &mut self.watched else { return std::future::pending().await };
        loop {
            tokio::time::sleep(watched.every).await;
            // A few small files, in the page cache: less than a thread hand-over costs.
            match watched.look(&config()) {
                Ok(found) if Some(found) == watched.in_force => {}
                Ok(found) => {
                    info!("Configuration file change detected, reloading the configuration.");
                    return Some(found);
                }
                Err(err) => {
                    error!(%err, "Failed to generate checksum during configuration reload");
                    return None;
                }
            }
        }
    }

    /// Returns what is on disk now, before somebody else's reload reads it.
    pub(crate) fn now(&self, config: &Config) -> Option<Fingerprint> {
        let watched = self.watched.as_ref()?;
        watched
            .look(config)
            .inspect_err(|err| warn!(%err, "Failed to generate checksum during configuration reload"))
            .ok()
    }

    /// Notes what is in force from now on.
    pub(crate) fn applied(&mut self, found: Option<Fingerprint>) {
        if let Some(watched) = &mut self.watched {
            watched.in_force = found;
        }
    }
}

impl Watched {
    /// Reads the file of the configuration and those that `config`, which is in force, names. A new name in the file
    /// changes its own bytes.
    fn look(&self, config: &Config) -> io::Result<Fingerprint> {
        let mut digest = self.hasher.build_hasher();
        read(&self.file)?.hash(&mut digest);
        for (kind, patterns) in [(0u8, &config.rule_files), (1, &config.scrape_config_files)] {
            for file in patterns.iter().map(FilePath::as_path).flat_map(matching_files) {
                (kind, &file, read(&file)?).hash(&mut digest);
            }
        }
        Ok(Fingerprint(digest.finish()))
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))
}
