//! Embedded web page and routes to it.
