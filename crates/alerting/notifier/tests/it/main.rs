//! The notifier against Alertmanagers that answer, fail, hang, come and go.

mod alertmanager;
mod sending;
