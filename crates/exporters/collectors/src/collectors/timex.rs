//! How well the clock is disciplined: adjtimex(2).

use crate::clock::adjtimex;
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Timex;

/// The state of a clock that nobody synchronizes.
const TIME_ERROR: i32 = 5;
/// Offsets are in nanoseconds, else in microseconds.
const STA_NANO: i32 = 0x2000;
/// Frequencies are in millionths with 16 bits behind the point (adjtimex(2), NOTES).
const PPM_16_BITS: f64 = 1e6 * 65536.0;
const MICROSECONDS: f64 = 1e6;

impl Collector for Timex {
    fn collect(&self, _host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let (state, t) = match adjtimex() {
            Ok(answer) => answer,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Err(CollectError::NoData),
            Err(source) => return Err(CollectError::System { what: "adjtimex", source }),
        };
        let unit = if t.status & STA_NANO == 0 { MICROSECONDS } else { 1e9 };
        let synchronized = f64::from(u8::from(state != TIME_ERROR));
        for (name, help, value) in [
            ("sync_status", "Is clock synchronized to a reliable server (1 = yes, 0 = no).", synchronized),
            ("offset_seconds", "Time offset in between local system and reference clock.", t.offset as f64 / unit),
            ("frequency_adjustment_ratio", "Local clock frequency adjustment.", 1.0 + t.freq as f64 / PPM_16_BITS),
            ("maxerror_seconds", "Maximum error in seconds.", t.maxerror as f64 / MICROSECONDS),
            ("estimated_error_seconds", "Estimated error in seconds.", t.esterror as f64 / MICROSECONDS),
            ("status", "Value of the status array bits.", f64::from(t.status)),
            ("loop_time_constant", "Phase-locked loop time constant.", t.constant as f64),
            ("tick_seconds", "Seconds between clock ticks.", t.tick as f64 / MICROSECONDS),
            ("pps_frequency_hertz", "Pulse per second frequency.", t.ppsfreq as f64 / PPM_16_BITS),
            ("pps_jitter_seconds", "Pulse per second jitter.", t.jitter as f64 / unit),
            ("pps_shift_seconds", "Pulse per second interval duration.", f64::from(t.shift)),
            (
                "pps_stability_hertz",
                "Pulse per second stability, average of recent frequency changes.",
                t.stabil as f64 / PPM_16_BITS,
            ),
            ("tai_offset_seconds", "International Atomic Time (TAI) offset.", f64::from(t.tai)),
        ] {
            out.gauge(format_args!("timex_{name}"), help, &[], value);
        }
        for (name, help, value) in [
            ("pps_jitter_total", "Pulse per second count of jitter limit exceeded events.", t.jitcnt),
            ("pps_calibration_total", "Pulse per second count of calibration intervals.", t.calcnt),
            ("pps_error_total", "Pulse per second count of calibration errors.", t.errcnt),
            ("pps_stability_exceeded_total", "Pulse per second count of stability limit exceeded events.", t.stbcnt),
        ] {
            out.counter(format_args!("timex_{name}"), help, &[], value as f64);
        }
        Ok(())
    }
}
