//! Go's accents: float, duration, quote and URL formatting.
