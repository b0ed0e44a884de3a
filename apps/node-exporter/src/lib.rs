//! node_exporter: host metrics over HTTP.
