//! Memory and load of AMD graphics cards, from `/sys/class/drm`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Drm;

/// File, metric, help.
#[rustfmt::skip]
const FILES: [(&str, &str, &str); 7] = [
    ("gpu_busy_percent", "drm_gpu_busy_percent", "How busy the GPU is as a percentage."),
    ("mem_info_gtt_total", "drm_memory_gtt_size_bytes", "The size of the graphics translation table (GTT) block in bytes."),
    ("mem_info_gtt_used", "drm_memory_gtt_used_bytes", "The used amount of the graphics translation table (GTT) block in bytes."),
    ("mem_info_vram_total", "drm_memory_vram_size_bytes", "The size of VRAM in bytes."),
    ("mem_info_vram_used", "drm_memory_vram_used_bytes", "The used amount of VRAM in bytes."),
    ("mem_info_vis_vram_total", "drm_memory_vis_vram_size_bytes", "The size of visible VRAM in bytes."),
    ("mem_info_vis_vram_used", "drm_memory_vis_vram_used_bytes", "The used amount of visible VRAM in bytes."),
];

impl Collector for Drm {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Some(dir) = host.sys_dir("class/drm")? else { return Ok(()) };
        // upstream: only the first ten cards (procfs, class_drm_amdgpu.go); kept.
        for card in (0..10).map(|n| format!("card{n}")) {
            let Some(device) = dir.dir(&card).and_then(|card| card.dir("device")) else { continue };
            if !device.try_text("uevent")?.is_some_and(|uevent| uevent.contains("DRIVER=amdgpu")) {
                continue;
            }
            let text = |name| device.text(name).unwrap_or_default();
            let labels = [
                ("card", card.as_str()),
                ("memory_vendor", &text("mem_info_vram_vendor")),
                ("power_performance_level", &text("power_dpm_force_performance_level")),
                ("unique_id", &text("unique_id")),
                ("vendor", "amd"),
            ];
            out.info("drm_card_info", "Card information", &labels);
            for (name, metric, help) in FILES {
                let value = device.number(name)?.unwrap_or(0.0);
                out.gauge(metric, help, &[("card", &card)], value);
            }
        }
        Ok(())
    }
}
