//! The instrumentation library: counters, gauges, histograms, registry.
