//! Discovery through its public face, against servers that keep state.

mod clouds;
mod consul;
mod dns;
mod docker;
mod etcd;
mod exchanges;
mod follow;
mod http;
#[cfg(feature = "kubernetes")]
mod kubernetes;
#[cfg(feature = "kubernetes")]
mod kubernetes_api;
mod manager;
mod zookeeper;
