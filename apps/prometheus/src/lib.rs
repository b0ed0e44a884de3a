//! The server: options, wiring, reload, shutdown.
