//! Discovery through its public face.

mod manager;
