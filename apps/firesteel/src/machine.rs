//! What the first lines of `up` say about this machine.

use std::path::{Path, PathBuf};

/// Returns `linux/amd64, 4 cores, 7.6 GiB`.
pub(crate) fn summary() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cores = if cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") };
    let memory = memory_gib().map(|gib| format!(", {gib:.1} GiB")).unwrap_or_default();
    format!("{}, {cores}{memory}", firesteel_cli::version().platform())
}

fn memory_gib() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0 / 1024.0)
}

/// Returns where data is kept when nobody says: `/data` in a container that has it, `/var/lib/firesteel` for root, else
/// below the user's data directory.
pub(crate) fn default_data_dir() -> PathBuf {
    let in_container = Path::new("/.dockerenv").exists() || Path::new("/run/.containerenv").exists();
    if in_container && Path::new("/data").is_dir() {
        return PathBuf::from("/data");
    }
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/firesteel");
    }
    let set = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("XDG_DATA_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/share")))
        .map_or_else(|| PathBuf::from("firesteel-data"), |base| base.join("firesteel"))
}

/// Why the data directory cannot be used.
pub(crate) struct Unwritable(pub(crate) String);

/// Makes the directory and tries to write there.
pub(crate) fn check_data_dir(dir: &Path) -> Result<(), Unwritable> {
    let probe = dir.join(".firesteel-write-test");
    let tried = std::fs::create_dir_all(dir).and_then(|()| std::fs::write(&probe, b""));
    match tried {
        Ok(()) => {
            // It was there a moment ago; if somebody removed it, all the better.
            let _ = std::fs::remove_file(&probe);
            Ok(())
        }
        Err(e) => Err(Unwritable(explain(dir, &e))),
    }
}

fn explain(dir: &Path, error: &std::io::Error) -> String {
    use std::os::unix::fs::MetadataExt as _;
    // The nearest ancestor that exists is the one whose owner matters.
    let existing = dir.ancestors().find(|d| d.exists()).unwrap_or(dir);
    let uid = rustix::process::geteuid().as_raw();
    let shown = dir.display();
    match std::fs::metadata(existing) {
        Ok(about) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let owner = about.uid();
            let at = existing.display();
            format!(
                "error[FS0301]: cannot write to {shown}: {at} is owned by uid {owner}{}, this process is uid {uid}{}\n  \
                 = fix: chown {uid} {at}\n  = fix: firesteel up --data=DIR with a directory that is yours\n",
                user_name(owner),
                user_name(uid)
            )
        }
        _ => format!(
            "error[FS0301]: cannot write to {shown}: {error}\n  = fix: firesteel up --data=DIR with a directory that can be written\n"
        ),
    }
}

/// Returns ` (name)`, or nothing when the user has none.
fn user_name(uid: u32) -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| format!(" ({name})"))
    });
    found.unwrap_or_default()
}
