//! Node collectors over /proc and /sys.
