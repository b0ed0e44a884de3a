//! Which build this is, as a metric.

use crate::Registry;

/// What `<program>_build_info` tells.
#[derive(Clone, Copy, Debug)]
pub struct BuildInfo<'a> {
    pub version: &'a str,
    pub revision: &'a str,
    pub branch: &'a str,
    /// The label is called `goversion`, which dashboards show; the honest value names our own compiler.
    pub goversion: &'a str,
    pub tags: &'a str,
}

impl BuildInfo<'_> {
    /// Shows `<program>_build_info`, which is 1.
    pub fn register(&self, registry: &Registry, program: &str) {
        let help = format!(
            "A metric with a constant '1' value labeled by version, revision, branch, goversion from which {program} \
             was built, and the goos and goarch for the build."
        );
        let names = ["branch", "goarch", "goos", "goversion", "revision", "tags", "version"];
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let values = [self.branch, arch, std::env::consts::OS, self.goversion, self.revision, self.tags, self.version];
        registry.gauge_vec(&format!("{program}_build_info"), &help, &names).with(&values).set(1.0);
    }
}
