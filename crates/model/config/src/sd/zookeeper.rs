//! ZooKeeper: `serverset_sd_configs` and `nerve_sd_configs`.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::rules_of_choice::{require, wrong};
use crate::section::section;

section! {
    /// Members kept under ZooKeeper paths by Serverset.
    pub struct ServersetSd("`serverset_sd_configs`", "*zookeeper.ServersetSDConfig", "zookeeper.plain") check check_serverset {
        servers: Vec<String> [keep],
        paths: Vec<String> [keep],
        timeout: Duration = Duration::from_secs(10),
    }
}

fn check_serverset(sd: &mut ServersetSd, node: &Node, reader: &mut Reader<'_>) {
    check_paths("serverset", &sd.servers, &sd.paths, node, reader);
}

section! {
    /// Members kept under ZooKeeper paths by Nerve.
    pub struct NerveSd("`nerve_sd_configs`", "*zookeeper.NerveSDConfig", "zookeeper.plain") check check_nerve {
        servers: Vec<String> [keep],
        paths: Vec<String> [keep],
        timeout: Duration = Duration::from_secs(10),
    }
}

fn check_nerve(sd: &mut NerveSd, node: &Node, reader: &mut Reader<'_>) {
    check_paths("nerve", &sd.servers, &sd.paths, node, reader);
}

fn check_paths(kind: &str, servers: &[String], paths: &[String], node: &Node, reader: &mut Reader<'_>) {
    let upstream = format!("{kind} SD config must contain at least one Zookeeper server");
    require(node, reader, "servers", !servers.is_empty(), &upstream);
    require(node, reader, "paths", !paths.is_empty(), &format!("{kind} SD config must contain at least one path"));
    if let Some(path) = paths.iter().find(|path| !path.starts_with('/')) {
        let upstream = format!("{kind} SD config paths must begin with '/': {path}");
        wrong(node, reader, "paths", "FS0168", format!("the path `{path}` must begin with /"), upstream);
    }
}
