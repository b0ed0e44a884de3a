//! Exposition formats: zero-copy readers and writers.
