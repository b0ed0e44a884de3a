//! Slaves of bonded network devices, from `/sys/class/net`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Bonding;

impl Collector for Bonding {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let net = host.sys_dir("class/net")?.ok_or(CollectError::NoData)?;
        // The file is there when the module is loaded.
        let masters = net.try_text("bonding_masters")?.ok_or(CollectError::NoData)?;
        for master in masters.split_ascii_whitespace() {
            let slaves = net.required_text(&format!("{master}/bonding/slaves"))?;
            let (mut configured, mut active) = (0.0, 0.0);
            for slave in slaves.split_ascii_whitespace() {
                let status = format!("{master}/lower_{slave}/bonding_slave/mii_status");
                let state = match net.try_text(&status)? {
                    Some(state) => state,
                    // As kernels before 3.12 name it.
                    None => net.required_text(&format!("{master}/slave_{slave}/bonding_slave/mii_status"))?,
                };
                configured += 1.0;
                if state == "up" {
                    active += 1.0;
                }
            }
            let labels = [("master", master)];
            out.gauge("bonding_slaves", "Number of configured slaves per bonding interface.", &labels, configured);
            out.gauge("bonding_active", "Number of active slaves per bonding interface.", &labels, active);
        }
        Ok(())
    }
}
