//! The notifier as the API sees it.

use firesteel_api::source::AlertmanagerSource;
use firesteel_notifier::Notifier;

/// Sends alerts from the start on; until there is a configuration, to nobody.
#[derive(Debug)]
pub(crate) struct Notifying(pub(crate) Notifier);

impl AlertmanagerSource for Notifying {
    fn alertmanagers(&self) -> (Vec<String>, Vec<String>) {
        self.0.alertmanagers()
    }
}
