//! HTTP server kit and client kit.
