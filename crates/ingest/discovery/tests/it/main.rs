//! Discovery through its public face, against servers that keep state.

mod consul;
mod dns;
mod docker;
mod etcd;
mod exchanges;
mod follow;
mod http;
mod kubernetes;
mod kubernetes_api;
mod manager;
mod zookeeper;
