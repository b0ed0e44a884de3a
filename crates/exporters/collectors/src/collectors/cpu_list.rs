//! CPUs as `/sys/devices/system/cpu` names them.

use crate::CollectError;
use crate::dir::Dir;
use crate::host::ProcFile;

/// More than any Linux can have; a bound for ranges in foreign text.
const MOST_CPUS: u32 = 1 << 16;

/// Reads a list such as `0-3,8`.
pub(crate) fn parse_cpu_list(file: &ProcFile) -> Result<Vec<u32>, CollectError> {
    let number = |text: &str| {
        let cpu = text.parse::<u32>().ok().filter(|cpu| *cpu < MOST_CPUS);
        cpu.ok_or_else(|| file.malformed(1, format!("{text:?} is not a CPU")))
    };
    let mut cpus = Vec::new();
    for part in file.text.trim().split(',').filter(|part| !part.is_empty()) {
        match part.split_once('-') {
            Some((first, last)) => cpus.extend(number(first)?..=number(last)?),
            None => cpus.push(number(part)?),
        }
    }
    Ok(cpus)
}

/// Returns the directories of CPUs with their numbers, by number.
pub(crate) fn cpu_dirs(system: &Dir) -> Vec<(u32, String)> {
    let named = |name: String| Some((name.strip_prefix("cpu")?.parse().ok()?, name));
    let mut dirs: Vec<(u32, String)> = system.names().into_iter().filter_map(named).collect();
    dirs.sort_unstable();
    dirs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_single_cpus_and_ranges() {
        let parse = |text: &str| parse_cpu_list(&ProcFile { path: "isolated".into(), text: text.into() });
        assert_eq!(parse("\n").unwrap(), [0u32; 0]);
        assert_eq!(parse("1,3-5,9\n").unwrap(), [1, 3, 4, 5, 9]);
        for bad in ["x", "1-", "-3", "1-2-3", "99999999", "0-4294967295"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
