//! What is mounted, from `mountinfo`.

use crate::host::ProcFile;
use crate::{CollectError, HostRoots};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mount {
    pub(crate) device: String,
    /// As the host sees it, the moved root stripped.
    pub(crate) mount_point: String,
    /// As this process can reach it.
    pub(crate) path: String,
    pub(crate) fs_type: String,
    pub(crate) read_only: bool,
    pub(crate) major: String,
    pub(crate) minor: String,
}

/// Reads the mounts of process 1, or our own where that is not allowed.
pub(crate) fn mounts(host: &HostRoots) -> Result<Vec<Mount>, CollectError> {
    let file = host.proc("1/mountinfo").or_else(|_| host.proc("self/mountinfo"))?;
    parse(&file, &host.rootfs.to_string_lossy())
}

/// Format: proc_pid_mountinfo(5): id, parent, major:minor, root, mount point, options, tags…, "-", type, source, super
/// options.
fn parse(file: &ProcFile, rootfs: &str) -> Result<Vec<Mount>, CollectError> {
    let mut mounts = Vec::new();
    for (number, line) in file.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let dash = words.iter().skip(6).position(|w| *w == "-").map(|at| at + 6);
        let (Some(dash), Some((major, minor))) = (dash, words.get(2).and_then(|w| w.split_once(':'))) else {
            return Err(file.malformed(number, "not a line of mountinfo"));
        };
        let field = |at: usize| words.get(at).copied().unwrap_or_default();
        // Mount points of process 1 are the host's own; ours lie below the moved root.
        let root = rootfs.trim_end_matches('/');
        let seen = unescape(field(4));
        let mount_point = match seen.strip_prefix(root) {
            Some("") => "/".to_owned(),
            Some(below) => below.to_owned(),
            None => seen,
        };
        let read_only = field(5).split(',').any(|option| option == "ro")
            || field(dash + 3).split(',').any(|option| option == "ro" || option == "emergency_ro");
        mounts.push(Mount {
            device: unescape(field(dash + 2)),
            path: format!("{root}{mount_point}"),
            mount_point,
            fs_type: field(dash + 1).to_owned(),
            read_only,
            major: major.to_owned(),
            minor: minor.to_owned(),
        });
    }
    Ok(mounts)
}

/// The kernel writes blank, tab, newline and backslash as octal escapes.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_root_is_stripped_and_escapes_are_read() {
        let text = "22 27 0:21 / /host/root/my\\040disk rw,noatime shared:7 master:1 - ext4 /dev/sda1 ro,errors=x\n\
                    23 27 8:1 / /host/root rw - xfs /dev/sda2 rw\n\
                    24 27 8:2 / /srv rw - ext4 /dev/sda3 rw,emergency_ro\n";
        let file = ProcFile { path: "mountinfo".into(), text: text.into() };
        let mounts = parse(&file, "/host/root").unwrap();
        assert_eq!(mounts[0].mount_point, "/my disk");
        assert_eq!(mounts[0].path, "/host/root/my disk");
        assert!(mounts[0].read_only);
        assert_eq!((mounts[1].mount_point.as_str(), mounts[1].read_only), ("/", false));
        assert_eq!((mounts[2].path.as_str(), mounts[2].read_only), ("/host/root/srv", true));
        let bad = ProcFile { path: "mountinfo".into(), text: "22 27 x / /\n".into() };
        assert_eq!(parse(&bad, "/").unwrap_err().to_string(), "mountinfo:1: not a line of mountinfo");
    }
}
