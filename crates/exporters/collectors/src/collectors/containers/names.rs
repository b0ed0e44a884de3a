//! Which control groups are containers, by the names that runtimes give them.

/// A container as the path of its group tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Container {
    /// Below the root of the hierarchy.
    pub(super) path: String,
    /// `docker`, `containerd`, `crio`, `podman`, `systemd-nspawn`, `machine` or `lxc`.
    pub(super) runtime: &'static str,
    /// Its name, or the first twelve digits of its number, as the runtimes' own lists show it.
    pub(super) name: String,
    /// The number of the Kubernetes pod that it belongs to, or empty.
    pub(super) pod: String,
}

/// Scopes that systemd keeps for runtimes: what is before the number, and the runtime.
const SCOPES: [(&str, &str); 5] = [
    ("docker-", "docker"),
    ("cri-containerd-", "containerd"),
    ("nerdctl-", "containerd"),
    ("crio-", "crio"),
    ("libpod-", "podman"),
];

impl Container {
    /// Returns the container that a group is; `None` for one that is none.
    pub(super) fn of(path: &str) -> Option<Self> {
        let (parents, last) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = parents.rsplit('/').next().unwrap_or_default();
        let (runtime, name) = named(parent, last)?;
        let pod = parents.rsplit('/').find_map(pod_of).unwrap_or_default();
        Some(Self { path: path.to_owned(), runtime, name, pod })
    }
}

fn named(parent: &str, last: &str) -> Option<(&'static str, String)> {
    if let Some(scope) = last.strip_suffix(".scope") {
        for (prefix, runtime) in SCOPES {
            if let Some(id) = scope.strip_prefix(prefix).and_then(short_id) {
                return Some((runtime, id));
            }
        }
        return Some(("machine", unescaped(scope.strip_prefix("machine-")?)));
    }
    if let Some(name) = last.strip_prefix("systemd-nspawn@").and_then(|rest| rest.strip_suffix(".service")) {
        return Some(("systemd-nspawn", unescaped(name)));
    }
    if let Some(name) = last.strip_prefix("lxc.payload.") {
        return Some(("lxc", name.to_owned()));
    }
    // cgroupfs: the runtime is the group above, or the pod is. podman and cri-o repeat their prefix there.
    let id = || short_id(last);
    match parent {
        "docker" => Some(("docker", id()?)),
        "lxc" => Some(("lxc", last.to_owned())),
        "libpod_parent" => Some(("podman", short_id(last.strip_prefix("libpod-")?)?)),
        _ if pod_of(parent).is_some() => match last.strip_prefix("crio-") {
            Some(rest) => Some(("crio", short_id(rest)?)),
            None => Some(("containerd", id()?)),
        },
        // containerd's own client: a namespace, then the number.
        "default" | "moby" | "k8s.io" => Some(("containerd", id()?)),
        _ => None,
    }
}

/// Returns the pod of `pod<uid>` and `kubepods-<class>-pod<uid>.slice`, with the dashes that systemd wants as underscores.
fn pod_of(group: &str) -> Option<String> {
    let bare = group.strip_suffix(".slice").unwrap_or(group);
    let uid = match bare.strip_prefix("kubepods") {
        Some(rest) => rest.rsplit_once("-pod")?.1,
        None => bare.strip_prefix("pod")?,
    };
    let is_uid = uid.len() >= 32 && uid.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'-' | b'_'));
    is_uid.then(|| uid.replace('_', "-"))
}

/// Returns the front of a number of 64 hexadecimal digits.
fn short_id(text: &str) -> Option<String> {
    let is_id = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then(|| text.chars().take(12).collect())
}

/// Undoes systemd's escapes of names: `\x2d` is a dash.
fn unescaped(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((front, behind)) = rest.split_once("\\x") {
        bytes.extend_from_slice(front.as_bytes());
        match behind.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.extend_from_slice(b"\\x");
                rest = behind;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns whether it is worth while to look into a group. Services and scopes of systemd hold processes; only a user's own
/// manager starts containers below itself.
pub(super) fn may_hold_containers(group: &str) -> bool {
    let kind = group.rsplit('.').next();
    !matches!(kind, Some("scope" | "service")) || group.starts_with("user@")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const POD: &str = "6c5a1e9e-1f0b-4a6c-9a0e-0d8f5a3c2b1d";

    #[test]
    fn groups_of_runtimes() {
        let escaped = POD.replace('-', "_");
        let cases = [
            (format!("docker/{ID}"), Some(("docker", "0123456789ab", ""))),
            (format!("system.slice/docker-{ID}.scope"), Some(("docker", "0123456789ab", ""))),
            (format!("kubepods/burstable/pod{POD}/{ID}"), Some(("containerd", "0123456789ab", POD))),
            (
                format!(
                    "kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{escaped}.slice/cri-containerd-{ID}.scope"
                ),
                Some(("containerd", "0123456789ab", POD)),
            ),
            (
                format!("kubepods.slice/kubepods-pod{escaped}.slice/crio-{ID}.scope"),
                Some(("crio", "0123456789ab", POD)),
            ),
            (format!("kubepods/pod{POD}/crio-{ID}"), Some(("crio", "0123456789ab", POD))),
            (format!("machine.slice/libpod-{ID}.scope"), Some(("podman", "0123456789ab", ""))),
            (
                format!("user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope"),
                Some(("podman", "0123456789ab", "")),
            ),
            (format!("libpod_parent/libpod-{ID}"), Some(("podman", "0123456789ab", ""))),
            (format!("machine.slice/libpod-conmon-{ID}.scope"), None),
            (format!("default/{ID}"), Some(("containerd", "0123456789ab", ""))),
            ("machine.slice/systemd-nspawn@my\\x2dbox.service".to_owned(), Some(("systemd-nspawn", "my-box", ""))),
            ("machine.slice/machine-qemu\\x2d1\\x2dvm.scope".to_owned(), Some(("machine", "qemu-1-vm", ""))),
            ("lxc.payload.web".to_owned(), Some(("lxc", "web", ""))),
            ("lxc/web".to_owned(), Some(("lxc", "web", ""))),
            ("docker/buildx".to_owned(), None),
            ("system.slice/ssh.service".to_owned(), None),
            ("system.slice".to_owned(), None),
            ("init.scope".to_owned(), None),
        ];
        for (path, want) in cases {
            let got = Container::of(&path);
            let got = got.as_ref().map(|c| (c.runtime, c.name.as_str(), c.pod.as_str()));
            assert_eq!(got, want, "{path}");
        }
    }

    #[test]
    fn escapes_that_are_none_stay() {
        for (name, want) in [("a\\x2db", "a-b"), ("a\\xzz", "a\\xzz"), ("a\\x2", "a\\x2"), ("\\x", "\\x")] {
            assert_eq!(unescaped(name), want);
        }
    }
}
