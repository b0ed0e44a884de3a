//! Compensated summation, where the kernels look for it.

pub(crate) use firesteel_base::kahan::inc;
