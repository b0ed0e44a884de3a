//! The Prometheus HTTP API: handlers and JSON shapes.
