//! The end of a server, as a written list with a deadline for each step.

use std::sync::Arc;
use std::time::Duration;

use firesteel_api::{Notice, Notifications, Readiness, Ready};
use firesteel_tsdb::Db;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::notifying::Notifying;
use crate::ruling::Ruling;
use crate::scraping::Scraping;

/// Scrapes under way are cut off rather than waited for; this is for their last commit.
const SCRAPE_DEADLINE: Duration = Duration::from_secs(10);
/// Queues are drained where they can be; an Alertmanager that gives no answer costs one timeout.
const NOTIFY_DEADLINE: Duration = Duration::from_secs(30);
/// A rule under way goes to its end, or is cancelled.
const RULES_DEADLINE: Duration = Duration::from_secs(15);
/// Requests under way may finish.
const WEB_DEADLINE: Duration = Duration::from_secs(5);

/// What has to end, in this order.
pub(crate) struct Ending {
    pub(crate) readiness: Readiness,
    pub(crate) rules: Arc<Ruling>,
    pub(crate) scraping: Arc<Scraping>,
    pub(crate) notifying: Arc<Notifying>,
    pub(crate) notifications: Notifications,
    pub(crate) db: Option<Arc<Db>>,
    pub(crate) stop_web: CancellationToken,
    pub(crate) web: JoinHandle<std::io::Result<()>>,
}

impl Ending {
    /// Ends everything; returns whether all of it ended well.
    pub(crate) async fn run(self) -> bool {
        let mut well = true;
        // 1. Endpoints answer 503 from here on.
        self.readiness.set(Ready::Stopping);
        self.notifications.add(Notice::ShuttingDown);
        // 2. No rule is evaluated any more: what is not scraped from here on must not look absent.
        if timeout(RULES_DEADLINE, self.rules.stop()).await.is_err() {
            warn!("Rule manager did not stop in time");
            well = false;
        }
        // 3. Nothing is discovered or scraped any more. No staleness markers: the data ends where it ends.
        info!("Stopping scrape manager...");
        if timeout(SCRAPE_DEADLINE, self.scraping.stop()).await.is_err() {
            warn!("Scrape manager did not stop in time");
            well = false;
        }
        info!("Scrape manager stopped");
        // 4. Alerts that wait are sent.
        if timeout(NOTIFY_DEADLINE, self.notifying.0.stop()).await.is_err() {
            warn!("Notification manager did not stop in time");
            well = false;
        }
        info!("Notification manager stopped");
        // 5. Storage: the log is synced and closed.
        info!("Stopping storage...");
        if let Some(db) = self.db {
            match tokio::task::spawn_blocking(move || db.close()).await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => {
                    error!(err = %e, "Error stopping storage");
                    well = false;
                }
                Err(e) => {
                    error!(err = %e, "Error stopping storage");
                    well = false;
                }
            }
        }
        // 6. The listeners, last: until now they could say what is going on.
        info!("Stopping web handler...");
        self.notifications.close();
        self.stop_web.cancel();
        let mut web = self.web;
        if timeout(WEB_DEADLINE, &mut web).await.is_err() {
            // Clients that keep a request open do not hold the process.
            web.abort();
        }
        well
    }
}
