//! A float that many threads add to.

use std::sync::atomic::{AtomicU64, Ordering};

/// A float in an atomic word. Relaxed ordering is enough everywhere: a value stands for itself and publishes nothing.
#[derive(Debug, Default)]
pub(crate) struct AtomicFloat(AtomicU64);

impl AtomicFloat {
    pub(crate) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn set(&self, v: f64) {
        self.0.store(v.to_bits(), Ordering::Relaxed);
    }

    pub(crate) fn add(&self, v: f64) {
        let added = |bits| Some((f64::from_bits(bits) + v).to_bits());
        // The closure never declines, so the update cannot fail.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
    }
}
