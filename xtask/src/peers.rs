//! Debian's packages of the programs we are held against, unpacked into `target/peers`: downloaded and extracted, not
//! installed, so that no service starts on anybody's machine.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::shell;

/// The packages, and the program by which each is known to be there.
const PACKAGES: &[(&str, &str)] = &[
    ("prometheus", "usr/bin/prometheus"),
    ("prometheus-node-exporter", "usr/bin/prometheus-node-exporter"),
    ("prometheus-pushgateway", "usr/bin/prometheus-pushgateway"),
    ("victoria-metrics", "usr/bin/vmagent"),
    ("etcd-server", "usr/bin/etcd"),
];

/// Unpacks what is missing and returns the folder that holds the programs.
pub(crate) fn unpack() -> Result<PathBuf> {
    let home = shell::target_dir().join("peers");
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|(_, program)| !home.join(program).is_file()).map(|(package, _)| *package).collect();
    let bin = home.join("usr/bin");
    if missing.is_empty() {
        return Ok(bin);
    }
    fs::create_dir_all(&home).with_context(|| format!("create {}", home.display()))?;
    // Old package lists point at versions that are gone; only root can renew them.
    if shell::output(shell::command(&["id", "-u"]))?.trim() == "0" {
        shell::run(shell::command(&["apt-get", "update", "-qq"]))?;
    }
    for package in missing {
        let mut download = shell::command(&["apt-get", "download", "-qq", package]);
        download.current_dir(&home);
        shell::run(download)?;
    }
    for entry in fs::read_dir(&home)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "deb") {
            let mut extract = shell::command(&["dpkg-deb", "-x"]);
            extract.arg(&path).arg(&home);
            shell::run(extract)?;
            fs::remove_file(&path)?;
        }
    }
    for (package, program) in PACKAGES {
        if !home.join(program).is_file() {
            bail!("package {package} does not hold {program}");
        }
    }
    Ok(bin)
}
