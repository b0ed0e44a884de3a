//! A build without the feature `kubernetes`: such a configuration is a failed one, and says why.

use firesteel_config::sd::KubernetesSd;

use crate::discoverer::{BoxedDiscoverer, BuildContext, Kind};
use crate::error::DiscoveryError;

impl Kind for KubernetesSd {
    const NAME: &'static str = "kubernetes";

    fn discoverer(&self, _: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        Err(DiscoveryError::Other("this program was built without the feature `kubernetes`".to_owned()))
    }
}
