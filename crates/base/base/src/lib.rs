//! Stones that know nothing of metrics: time and byte newtypes, clocks, hashing, byte and bit cursors.

pub mod bits;
pub mod bytes;
mod clock;
mod hash;
pub mod kahan;
mod time;
pub mod vfs;

pub use clock::{Clock, ManualClock, SystemClock};
pub use hash::{FastBuildHasher, FastHashMap, FastHashSet};
pub use time::{TimeRange, TimestampMs, TimestampNs};
