//! Discovery through its public face, against servers that keep state.

mod consul;
mod dns;
mod docker;
mod etcd;
mod follow;
mod http;
mod manager;
