//! The scrape manager as the server holds it, and as the API sees it.

use firesteel_api::source::{ActiveTarget, DroppedTarget, TargetMetadata, TargetSource};
use firesteel_client::Registry;
use firesteel_config::Config;
use firesteel_model::Labels;

/// Owns the scrape manager.
#[derive(Debug, Default)]
pub(crate) struct Scraping;

impl Scraping {
    pub(crate) fn new(_: &Registry) -> Self {
        Self
    }

    /// Makes the configuration's jobs the ones in force.
    pub(crate) fn apply(&self, _: &Config) -> Result<(), String> {
        Ok(())
    }

    /// Stops all loops and waits for them.
    pub(crate) async fn stop(&self) {}
}

impl TargetSource for Scraping {
    fn active(&self) -> Vec<ActiveTarget> {
        Vec::new()
    }
    fn dropped(&self) -> Vec<DroppedTarget> {
        Vec::new()
    }
    fn dropped_counts(&self) -> Vec<(String, usize)> {
        Vec::new()
    }
    fn pools(&self) -> Vec<String> {
        Vec::new()
    }
    fn metadata(&self, _: &mut dyn FnMut(&Labels, TargetMetadata<'_>)) {}
}
