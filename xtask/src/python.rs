//! Python with the packages of other people's clients that tests use, in a virtual environment below `target`.

use anyhow::Result;

use crate::shell;

/// Clients that push and applications that are scraped, from PyPI.
const PACKAGES: &[&str] = &["prometheus_client==0.23.1", "Django==5.2.8", "django-prometheus==2.4.1"];

/// Makes the environment where it is missing or was made for other packages.
pub(crate) fn prepare() -> Result<()> {
    let home = shell::target_dir().join("python");
    let (mark, wanted) = (home.join("packages"), PACKAGES.join("\n"));
    if std::fs::read_to_string(&mark).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    let make = || {
        let mut make = shell::command(&["python3", "-m", "venv", "--clear"]);
        make.arg(&home);
        shell::run(make)
    };
    // Debian's Python comes without.
    if make().is_err() {
        shell::install(&["python3-venv"])?;
        make()?;
    }
    let mut install = shell::command(&[&home.join("bin/pip").display().to_string(), "install", "--quiet"]);
    install.args(PACKAGES);
    shell::run(install)?;
    Ok(std::fs::write(mark, wanted)?)
}
