//! The version stamp.

/// What this build is. The compatibility version is that of the upstream release whose behaviour is kept; clients that
/// look at `/api/v1/status/buildinfo` decide by it which functions the server knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    /// Firesteel's own version.
    pub firesteel: &'static str,
    /// The upstream release that is followed.
    pub compatible: &'static str,
    pub revision: &'static str,
    pub branch: &'static str,
    pub build_user: &'static str,
    pub build_date: &'static str,
    /// What stands where upstream names its Go version: the compiler.
    pub compiler: &'static str,
}

/// Returns the stamp of this build. Revision and date come from the environment of the build (`FIRESTEEL_REVISION`,
/// `FIRESTEEL_BRANCH`, `FIRESTEEL_BUILD_USER`, `FIRESTEEL_BUILD_DATE`) and are empty or `unknown` otherwise.
pub const fn version() -> Version {
    const fn or(value: Option<&'static str>, otherwise: &'static str) -> &'static str {
        match value {
            Some(value) => value,
            None => otherwise,
        }
    }
    Version {
        firesteel: env!("CARGO_PKG_VERSION"),
        compatible: "3.14.0",
        revision: or(option_env!("FIRESTEEL_REVISION"), "unknown"),
        branch: or(option_env!("FIRESTEEL_BRANCH"), ""),
        build_user: or(option_env!("FIRESTEEL_BUILD_USER"), ""),
        build_date: or(option_env!("FIRESTEEL_BUILD_DATE"), ""),
        compiler: "rust",
    }
}

impl Version {
    /// Returns the platform as upstream writes it, as `linux/amd64`.
    pub fn platform(&self) -> String {
        format!("{}/{}", std::env::consts::OS, go_arch())
    }

    /// Returns the banner that `--version` prints, without a final line break.
    pub fn banner(&self, program: &str) -> String {
        format!(
            "{program}, version {} (branch: {}, revision: {})\n  build user:       {}\n  build date:       {}\n  \
             go version:       {}\n  platform:         {}\n  tags:             firesteel {}",
            self.compatible,
            self.branch,
            self.revision,
            self.build_user,
            self.build_date,
            self.compiler,
            self.platform(),
            self.firesteel,
        )
    }

    /// Returns the short form of the first log line: `(version=…, branch=…, revision=…)`.
    pub fn info(&self) -> String {
        format!("(version={}, branch={}, revision={})", self.compatible, self.branch, self.revision)
    }

    /// Returns the build's circumstances for the log: `(go=…, platform=…, …)`.
    pub fn build_context(&self) -> String {
        format!(
            "(go={}, platform={}, user={}, date={}, tags=firesteel {})",
            self.compiler,
            self.platform(),
            self.build_user,
            self.build_date,
            self.firesteel
        )
    }
}

/// Returns the machine's architecture in Go's words, which upstream's labels and banners use.
pub(crate) fn go_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}
